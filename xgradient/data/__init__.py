"""External data: a table of files, and their verified fetching and reading.

What needs more than files is imported from its own module: data sets of labelled images from
`xgradient.data.images`. Fetching thus starts without torch.
"""

from xgradient.data.fetch import FetchedFile, FetchError, fetch_dataset
from xgradient.data.idx import read_idx
from xgradient.data.table import (
    DataFile,
    DigestError,
    ExternalDataset,
    ImageLayout,
    Source,
    Split,
    load_table,
    read_verified,
)

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
