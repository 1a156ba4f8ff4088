"""List the image files of a data set, split by split, and check them against the catalogue."""

from experiments.data.catalogue import load_dataset
from experiments.data.fetch_again import fetch_again
from experiments.data.image_files import list_images
from experiments.data.index import write_index
from experiments.job import Job

with Job(snakemake) as job, fetch_again(snakemake.input.get("fetched")):
    params = snakemake.params
    dataset = load_dataset(snakemake.input.dataset)
    for split, path in snakemake.output.items():
        root, rows, facts = list_images(
            dataset,
            params.folder,
            split,
            **params.settings,
            seed=job.seed,
        )
        write_index(path, rows, root, facts)
        job.log.info("%s: %d images in %s", split, len(rows), root)
