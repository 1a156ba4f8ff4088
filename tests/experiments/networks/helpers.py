"""A small net on digits or on random photographs, for trainings in this process and in others."""

from __future__ import annotations

import functools
import logging
import os
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from experiments.data.augmentation import AugmentedImages
from experiments.data.preprocessing import Preprocessing
from experiments.data.tensors import ImageTensors
from experiments.networks.evaluation import evaluate
from experiments.networks.objective import CLASSIFICATION
from experiments.networks.settings import TrainingSettings
from experiments.networks.training import TrainingResult, train
from tests.experiments.data.helpers import mnist_subset
from tests.experiments.helpers import signal_at_end_of_parent

QUICK = {"batch_size": 64, "learning_rate": 2e-3, "horizontal_flip": False}


@functools.cache  # reading them takes seconds
def shuffled_digits():
    images, labels = map(torch.from_numpy, mnist_subset())
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(5))
    return images[order].unsqueeze(1), labels[order]


def digits(start, stop):
    images, labels = shuffled_digits()
    return ImageTensors(images[start:stop], labels[start:stop], [0.13], [0.31])


def noise(n_images, seed=0):
    """Images of random bytes, which are read faster than digits."""
    draws = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (n_images, 1, 28, 28), generator=draws, dtype=torch.uint8)
    labels = torch.randint(10, (n_images,), generator=draws)
    return ImageTensors(images, labels, [0.5], [0.3])


def small_net(dropout=0.2, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(512, 10),
    )


def equal_parameters(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def without_speed(history):
    return [{k: v for k, v in row.items() if k != "images_per_second"} for row in history]


class Photographs:
    """Images of different sizes, made up from their index when they are read."""

    def __init__(self, n_images):
        self.labels = torch.arange(n_images) % 10
        self.reads: list[int] = []

    def __len__(self):
        return len(self.labels)

    def read(self, index):
        self.reads.append(index)
        draws = torch.Generator().manual_seed(index)
        shape = (1, 30 + index % 7, 40 - index % 5)
        return torch.randint(256, shape, generator=draws, dtype=torch.uint8)


def augmented(n_images):
    grey = Preprocessing(mean=(0.5,), std=(0.3,), order="grey")
    return AugmentedImages(Photographs(n_images), grey, 28)


# ---- run in several processes -------------------------------------------------------------------


REPORTED = ("loss", "top1", "turn")


class Rising:
    """The usual numbers, with one by which every epoch is better than the one before."""

    def __init__(self):
        self.turn = 0

    def __call__(self, *arguments):
        self.turn += 1
        return evaluate(*arguments) | {"turn": self.turn}


def train_each(variants, n_images, n_validation, fabric) -> list[tuple[dict, list]]:
    """Train the same net without dropout in several ways; return states and histories."""
    # Fabric returns logits in this type even where the net computes in another.
    torch.set_default_dtype(torch.float64)
    try:
        return _train_each(variants, n_images, n_validation, fabric)
    finally:
        torch.set_default_dtype(torch.float32)


def _train_each(variants, n_images, n_validation, fabric):
    outcomes = []
    for settings in variants:
        net = small_net(dropout=0.0)
        validation = noise(n_validation, seed=1)
        own = replace(CLASSIFICATION, evaluate=Rising(), chooses="turn", reported=REPORTED)
        result = train(net, noise(n_images), validation, settings, 1, fabric, objective=own)
        outcomes.append((net.state_dict(), result.history))
    return outcomes


def store_each(fabric, variants, n_images, n_validation, path):
    outcomes = train_each(variants, n_images, n_validation, fabric)
    fabric.save(path, {"outcomes": outcomes})


class Stopped(Exception):
    pass


class StopAfter:
    """Cross-entropy that fails after a number of calls."""

    def __init__(self, calls):
        self.left = calls

    def __call__(self, logits, labels):
        self.left -= 1
        if self.left < 0:
            raise Stopped
        return functional.cross_entropy(logits, labels)


def signal_and_resume(fabric, folder) -> tuple[int, bool]:
    """Return by which signal this process ends with its parent, and `interrupt_and_resume`."""
    return signal_at_end_of_parent(), interrupt_and_resume(fabric, folder)


def interrupt_and_resume(fabric, folder) -> bool:
    """Whether an interrupted training ends as one that was not, in this process."""
    settings = TrainingSettings(epochs=2, **QUICK | {"batch_size": 8})

    def run(path, calls):
        net = small_net()
        own = replace(CLASSIFICATION, loss=StopAfter(calls))
        data = noise(240), noise(25, seed=1)
        result = train(net, *data, settings, 1, fabric, path, objective=own, checkpoint_minutes=0.0)
        return net, without_speed(result.history)[1:]

    expected, history = run(None, 1000)
    path = Path(folder) / "training.ckpt"
    for calls in (17, 28):  # in the first epoch of 30 steps; in the second
        try:
            run(path, calls)
        except Stopped:
            continue
        return False
    resumed, again = run(path, 1000)
    return equal_parameters(resumed, expected) and history == again


def train_in_environment(folder: str) -> None:
    """Train as one of the processes that the environment describes."""
    from experiments.networks.parallel_training import train_network

    torch.set_num_threads(1)
    net = small_net(dropout=0.0)
    settings = TrainingSettings(epochs=1, **QUICK)
    result: TrainingResult = train_network(
        net, noise(256), None, settings, 1, torch.device("cpu"), "64-true", devices=1, nodes=2
    )
    torch.save(net.state_dict(), Path(folder) / f"{result.rank}-{os.environ['NODE']}.pt")


def train_on_photographs(checkpoint: Path | None = None) -> nn.Module:
    """Train with all that is drawn at random: dropout, parts of images, mirroring, mixup."""
    torch.set_num_threads(1)
    net = small_net(dropout=0.3)
    settings = TrainingSettings(epochs=3, batch_size=8, mixup=0.7, workers=2)
    options = {"checkpoint": checkpoint, "checkpoint_minutes": 0.0}
    train(net, augmented(8 * 120), noise(20), settings, 1, **options)
    return net


def train_and_store(folder: Path) -> None:
    logging.basicConfig(filename=folder / "job.log", level=logging.INFO)
    net = train_on_photographs(folder / "training.ckpt")
    torch.save(net.state_dict(), folder / "net.pt")
