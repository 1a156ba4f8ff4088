"""Split a data set of idx files into stores, and measure the normalisation on its training part.

Rule prepare_dataset.
"""

from pathlib import Path

import torch

from experiments.data.catalogue import load_dataset
from experiments.data.fetch_again import fetch_again
from experiments.data.images import load_image_dataset, normalisation, split_train_validation
from experiments.data.stores import StoreWriter
from experiments.job import Job

with Job(snakemake) as job, fetch_again(snakemake.input.get("fetched")):
    params = snakemake.params
    dataset = load_dataset(snakemake.input.dataset)
    folder = Path(params.data) / dataset.name
    limit = params.settings["limit_images"]
    official = {split: load_image_dataset(folder, dataset, split) for split in ("train", "test")}
    training = official["train"]
    chosen, held_out = split_train_validation(
        training.labels, params.settings["validation_images"], params.seed
    )
    mean, std = normalisation(training.images[chosen])
    parts = {
        "train": (training, chosen[:limit]),
        "validation": (training, held_out),
        "test": (official["test"], range(len(official["test"].labels))[:limit]),
    }
    for split, (source, indices) in parts.items():
        facts = {
            "dataset": dataset.name,
            "label_space": dataset.name,
            "split": split,
            "class_names": source.class_names,
            "digests": source.digests,
            "split_seed": params.seed,
            "mean": mean,
            "std": std,
        }
        with StoreWriter(snakemake.output[split], facts) as store:
            store.append(
                torch.from_numpy(source.images[list(indices)]).unsqueeze(1),
                torch.from_numpy(source.labels[list(indices)]),
            )
        job.log.info("%s: %d images, mean %s, std %s", split, len(indices), mean, std)
