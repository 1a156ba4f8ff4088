"""A user's own weights and images."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from experiments.config import ConfigError, check_config
from experiments.networks.checkpoints import load_model, read_header
from experiments.networks.origin import released
from experiments.networks.released import read_network
from tests.workflow.image_trees import add_images, make_classes
from tests.workflow.runs import copy_project, overlay, run, snakemake
from xgradient.homogeneous import check_homogeneous, remove_biases

TORCHVISION = "experiments.networks.torchvision_nets:torchvision_net"


def save_npz(state, path):
    np.savez(path, **{name: value.numpy() for name, value in state.items()})


SAVED = {
    "net.pth": torch.save,
    "net.npz": save_npz,
    "net.safetensors": lambda state, path: save_file(state, str(path)),
}
SQUEEZENET = {
    "architecture": "torchvision/squeezenet1_1",
    "dataset": "imagenet",
    "outputs": "imagenet",
    "regular": None,
    "x": None,
}


def configured(weights, **more):
    networks = {"use": ["mine"], "mine": {**SQUEEZENET, "weights": str(weights), **more}}
    config = check_config({"networks": networks, "experiments": ["accuracy"]})
    return config.networks.used["mine"]


def read_own(path):
    """Read a user's file as the workflow does; return the network."""
    found = released(configured(path), "regular")
    arguments = {"name": "squeezenet1_1", "num_classes": found["num_classes"]}
    return read_network(path, found["format"], TORCHVISION, arguments)[0]


@pytest.fixture(scope="module")
def squeezenet():
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1(weights=None).eval()


@pytest.mark.parametrize("name", SAVED)
def test_a_file_of_any_format_is_the_network(tmp_path, squeezenet, name):
    SAVED[name](squeezenet.state_dict(), tmp_path / name)
    model = read_own(tmp_path / name)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(images), squeezenet(images))
    source = released(configured(tmp_path / name), "regular")
    assert source["outputs"] == "imagenet" and source["num_classes"] == 1000


def test_what_does_not_fit_is_named_in_one_message(tmp_path, squeezenet):
    state = dict(squeezenet.state_dict())
    state["extra.weight"] = torch.ones(1)
    del state["features.0.bias"]
    state["classifier.1.weight"] = state["classifier.1.weight"][:10].clone()
    path = tmp_path / "net.safetensors"
    save_file(state, str(path))
    with pytest.raises(ValueError) as caught:
        read_own(path)
    said = str(caught.value)
    for needed in (
        f"{path} does not fit SqueezeNet",
        "missing: features.0.bias",
        "superfluous: extra.weight",
        "classifier.1.weight is (10, 512, 1, 1) instead of (1000, 512, 1, 1)",
    ):
        assert needed in said


class Opener:
    """What pickle runs when it reads one."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_file_that_would_run_something_is_refused(tmp_path):
    path = tmp_path / "net.pth"
    torch.save({"weight": Opener(tmp_path / "opened")}, path)
    with pytest.raises(ValueError, match=r"net.pth cannot be read as weights .*only tensors"):
        read_own(path)
    assert not (tmp_path / "opened").exists()


def test_files_that_are_missing_stop_before_any_job(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = tmp_path / "there.pth"
    there.touch()
    for given, key, name in (
        (
            {"weights": "missing.pth"},
            "weights",
            f"'missing.pth', but there is no such file in {tmp_path}",
        ),
        ({"weights": "/missing.npz"}, "weights", "'/missing.npz', but there is no such file"),
        ({"weights": "there.pth", "x_weights": "x.pth"}, "x_weights", "'x.pth', but there is no"),
        (
            {"weights": "there.pth", "x_weights": "xdnn_weights"},
            "x_weights",
            "'xdnn_weights', but must be a file",
        ),
    ):
        with pytest.raises(ConfigError, match=re.escape(f"networks.mine.{key} is {name}")):
            configured(**given)
    assert configured("there.pth", x_weights=str(there)).has_x_weights
    with pytest.raises(ConfigError, match="x_weights is given, but the X-DNN is trained"):
        configured("there.pth", x_weights=str(there), x={"epochs": 1})
    networks = {"use": ["mine"], "mine": {**SQUEEZENET, "weights": "missing.pth"}}
    path = overlay(tmp_path / "own.yaml", {"networks": networks})
    finished = snakemake(root, "--dry-run", "--configfile", path, cwd=tmp_path)
    said = finished.stdout + finished.stderr
    assert finished.returncode and "config: networks.mine.weights is 'missing.pth'" in said
    assert "Traceback" not in said


# A user's file with BatchNorm, on an image folder of the user's.
SQUARES = {
    "title": "Coloured squares",
    "homepage": "https://example.org/squares",
    "licence": "CC0-1.0",
    "citation": "Made by a test.",
    "sources": [],
    "files": [],
    "images": {
        "splits": {"train": "train", "test": "val"},
        "classes": {"a": "amber", "b": "blue", "c": "cyan"},
    },
}


def test_a_net_with_batchnorm_becomes_an_x_net_and_is_trained(root, tmp_path):
    project = copy_project(root, tmp_path / "project")
    overlay(project / "workflow/datasets/squares.yaml", SQUARES)
    for split in ("train", "val"):
        make_classes(tmp_path / "squares" / split, "abc")
        add_images(tmp_path / "squares" / split, "abc", 15)
    original = torchvision.models.resnet18(weights=None, num_classes=3)
    for value in original.buffers():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
    for value in original.parameters():
        if value.ndim == 1:
            value.data.uniform_(-0.5, 0.5)
    original.eval()
    torch.save(original.state_dict(), tmp_path / "resnet.pth")
    entry = {
        "architecture": "torchvision/resnet18",
        "dataset": "squares",
        "weights": "resnet.pth",
        "regular": None,
        "x": {"epochs": 1},
        "preprocessing": {"resize": 40, "crop": 32, "mean": [0.5] * 3, "std": [0.25] * 3},
    }
    settings = {
        "networks": {"use": ["resnet"], "resnet": entry},
        "validation_images": 10,
        "limit_images": 20,
        "training": {"settings": {"batch_size": 10}},
        "experiments": ["accuracy"],
        "folders": {"squares": str(tmp_path / "squares")},
    }
    folder = tmp_path / "results/squares"
    path = overlay(tmp_path / "own.yaml", settings)
    target = "results/squares/resnet-x/model.safetensors"
    run(project, [target], "--configfile", path, cwd=tmp_path)
    paths = [
        folder / f"resnet-{variant}/model.safetensors" for variant in ("regular", "stripped", "x")
    ]
    regular, stripped, x = map(load_model, paths)
    inputs = torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(regular(inputs), original(inputs), rtol=1e-4, atol=1e-4)
    for model, path in zip((regular, stripped, x), paths, strict=True):
        assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in model.modules())
        header = read_header(path)
        assert header["outputs"] == "squares" and header["preprocessing"].crop == 32
        assert header["arguments"]["folded"]
        assert header["arguments"]["bias"] == (model is regular)
    expected = remove_biases(load_model(paths[0])).state_dict()
    assert stripped.state_dict().keys() == expected.keys() == x.state_dict().keys()
    assert all(torch.equal(v, expected[name]) for name, v in stripped.state_dict().items())
    for model in (stripped, x):
        check_homogeneous(model.double(), inputs.double())
    # The start, and one epoch of twenty images in batches of ten; the better one is kept.
    history = pd.read_csv(folder / "resnet-x/history.csv")
    assert len(history) == 2 and np.isfinite(history["validation_top1"]).all()
