"""List the image files of a data set, split by split, and check them against the catalogue."""

from pathlib import Path

from experiments.data.catalogue import load_dataset
from experiments.data.image_files import list_images
from experiments.data.index import write_index
from experiments.job import Job

with Job(snakemake) as job:
    params = snakemake.params
    dataset = load_dataset(snakemake.input.dataset)
    folder = Path(params.folder or Path(params.data) / dataset.name)
    for split, path in snakemake.output.items():
        root, rows, facts = list_images(
            dataset,
            folder,
            split,
            validation_images=params.validation_images,
            limit_images=params.limit_images,
            seed=job.seed,
        )
        write_index(path, rows, root, facts)
        job.log.info("%s: %d images in %s", split, len(rows), root)
