"""External data: a table of files, and their verified fetching and reading.

What needs more than files is imported from its own module: data sets of labelled images from
`experiments.data.images`. Fetching thus starts without torch.
"""

from experiments.data.catalogue import (
    DataFile,
    DigestError,
    ExternalDataset,
    ImageLayout,
    Source,
    Split,
    load_table,
    read_verified,
)
from experiments.data.fetch import FetchedFile, FetchError, fetch_dataset
from experiments.data.idx import read_idx

__all__ = [
    "DataFile",
    "DigestError",
    "ExternalDataset",
    "FetchError",
    "FetchedFile",
    "ImageLayout",
    "Source",
    "Split",
    "fetch_dataset",
    "load_table",
    "read_idx",
    "read_verified",
]
