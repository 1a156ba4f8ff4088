"""Decode, resize and crop the images of one split, into a store of bytes."""

from experiments.data.file_images import FileImages, build_store
from experiments.data.index import read_index
from experiments.data.preprocessing import Preprocessing
from experiments.job import Job

with Job(snakemake) as job:
    # The store holds bytes: only the size matters here.
    size = Preprocessing((0.0,) * 3, (1.0,) * 3, **snakemake.params.size)
    files = FileImages(read_index(snakemake.input.index), size)
    store = build_store(
        files,
        snakemake.output[0],
        {},
        # One worker would only take the place of this process.
        workers=snakemake.threads if snakemake.threads > 1 else 0,
        progress=lambda batches: job.progress(batches, "batches"),
    )
    job.log.info("%d images of shape %s", len(store), store.shape)
