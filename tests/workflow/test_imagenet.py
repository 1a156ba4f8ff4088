"""ImageNet and its published networks, both made up: from the settings in config/ to tables."""

from __future__ import annotations

import json
import os
import re

import pandas as pd
import pytest
import torch
import torchvision
import yaml
from safetensors.torch import load_file

from experiments.config import check_config
from experiments.networks.checkpoints import build_network, read_header
from experiments.networks.released import read_network
from experiments.settings import merge
from tests.workflow.image_trees import CLASSES, add_images, link_images, make_classes
from tests.workflow.runs import copy_project, overlay, run, snakemake
from xgradient.models.alexnet import AlexNet
from xgradient.models.fixup_resnet import FixupResNet50

CHECKPOINTS = [
    f"{x}{name}_model_best.pth.tar"
    for name in ("alexnet", "vgg16", "fixup_resnet50")
    for x in ("", "x")
]


# --- planning -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ilsvrc(tmp_path_factory):
    """Make a tree of as many validation images as ILSVRC2012 has, of one byte each."""
    folder = tmp_path_factory.mktemp("ilsvrc")
    for split, per_class in (("train", 1), ("val", 50)):
        make_classes(folder / split)
        original = folder / f"{split}.JPEG"
        original.write_bytes(b"x")
        link_images(folder / split, CLASSES, per_class, [original])
    return folder


@pytest.mark.parametrize("shards", [1, 64])
def test_the_published_experiment_is_planned_for_all_its_images(root, tmp_path, ilsvrc, shards):
    assert sum(len(files) for *_, files in os.walk(ilsvrc / "val")) == 50_000
    arguments = ["--dry-run", "--quiet", "reason", "--configfile", root / "config/imagenet.yaml"]
    arguments += ["--config", f"folders={{imagenet: {ilsvrc}}}"]
    if shards != 1:
        arguments += ["--set-scatter", f"masking={shards}", f"mean_relative_difference={shards}"]
    finished = snakemake(root, *arguments, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    lines = (line.split() for line in finished.stdout.splitlines())
    jobs = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdecimal()}
    # Three regular nets and three X-DNNs; masking measures one of each.
    assert jobs["read_weights"] == jobs["measure_accuracy"] == 6 and "train" not in jobs
    assert jobs["measure_mean_relative_difference"] == 6 * shards
    settings = yaml.safe_load((root / "config/imagenet.yaml").read_text())["masking"]
    masking = 2 * (settings["shards"] if shards == 1 else shards)
    assert jobs["attribute_masking"] == jobs["evaluate_masking"] == masking
    assert jobs["index_images"] == jobs["prepare_images"] == jobs["report"] == 1


def test_the_published_trainings_are_planned_on_eight_gpus(root, tmp_path):
    overlays = [root / "config/imagenet.yaml", root / "config/imagenet_training.yaml"]
    finished = snakemake(root, "--dry-run", "--configfile", *overlays, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    jobs = re.split(r"\n(?=(?:local)?rule )", finished.stdout)
    trainings = [job for job in jobs if job.startswith("rule train:")]
    assert len(trainings) == 6
    assert all("gpu=8" in job for job in trainings)
    assert all("gpu=1" in job for job in jobs if job.startswith("rule measure_accuracy:"))
    assert "rule read_weights:" not in finished.stdout


def test_the_published_trainings_have_the_published_settings(root):
    """The values are the defaults of the authors' scripts imagenet/train_alexnet_vgg.py and
    imagenet/train_resnet.py."""
    config = {}
    for name in ("imagenet", "imagenet_training"):
        config = merge(config, yaml.safe_load((root / f"config/{name}.yaml").read_text()))
    checked = check_config(config)
    settings = checked.training.settings
    assert (settings.optimizer, settings.weight_decay) == ("sgd", 1e-4)
    assert (settings.batch_size, settings.schedule, settings.step_epochs) == (256, "step", 30)
    assert settings.clip_norm is None and settings.horizontal_flip
    rates = {"alexnet": 0.01, "vgg16": 0.01, "fixup_resnet50": 0.1}
    assert list(checked.networks.used) == list(rates)
    for name, net in checked.networks.used.items():
        is_resnet = name == "fixup_resnet50"
        assert net.weights is None and net.x.init == "scratch"
        for schedule in (net.regular, net.x):
            assert (schedule.epochs, schedule.learning_rate) == (100, rates[name])
            assert schedule.mixup == (0.7 if is_resnet else None)
        assert net.regular.scalar_learning_rate == (0.01 if is_resnet else None)
        assert (net.geometry, net.dropout) == ("imagenet", 0.5)
        assert (net.space.resize, net.space.crop) == (256, 224)


# --- the authors' files -------------------------------------------------------------------------


def save_checkpoint(path, state):
    """Write a checkpoint as PyTorch's example for ImageNet does."""
    momentum = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.01}]}
    content = {
        "epoch": 100,
        "arch": "net",
        "state_dict": {f"module.{name}": value for name, value in state.items()},
        "best_acc1": torch.tensor(56.5),
        "optimizer": momentum,
    }
    torch.save(content, path)


def fixup_names(x):
    """Names and shapes of the published ResNet-50, and of its X-DNN, in the authors' definition."""
    shapes = {"conv1.weight": (64, 3, 7, 7)} | ({} if x else {"bias1": (1,)})
    inputs = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 * 2**stage
        for block in range(blocks):
            own = {"conv1.weight": (width, inputs, 1, 1), "conv2.weight": (width, width, 3, 3)}
            own["conv3.weight"] = (4 * width, width, 1, 1)
            if not x:
                scalars = ("bias1a", "bias1b", "bias2a", "bias2b", "bias3a", "bias3b", "scale")
                own |= dict.fromkeys(scalars, (1,))
            if not block:
                own["downsample.weight"] = (4 * width, inputs, 1, 1)
            shapes |= {f"layer{stage + 1}.{block}.{name}": shape for name, shape in own.items()}
            inputs = 4 * width
    shapes["fc.weight"] = (1000, 2048)
    return shapes if x else shapes | {"bias2": (1,), "fc.bias": (1000,)}


@pytest.mark.parametrize("x", [False, True])
def test_a_published_resnet_is_read_in_full(tmp_path, x):
    state = {name: torch.randn(shape) for name, shape in fixup_names(x).items()}
    path = tmp_path / "fixup_resnet50_model_best.pth.tar"
    save_checkpoint(path, state)
    arguments = {"geometry": "imagenet", "in_channels": 3, "num_classes": 1000, "bias": not x}
    builder = "xgradient.models.fixup_resnet:FixupResNet50"
    model, final = read_network(path, "torch", builder, arguments)
    found = model.state_dict()
    assert isinstance(model, FixupResNet50) and final == arguments and not model.training
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], value) for name, value in state.items())


@pytest.mark.parametrize(
    ("builder", "original"),
    [
        ("xgradient.models.vgg:VGG16", torchvision.models.vgg16),
        ("xgradient.models.alexnet:AlexNet", torchvision.models.alexnet),
    ],
)
@pytest.mark.parametrize("x", [False, True])
def test_the_other_published_nets_have_the_names_of_torchvision(builder, original, x):
    """The authors took both from torchvision; those of the older AlexNet are the same."""
    arguments = {"geometry": "imagenet", "dropout": 0.5, "in_channels": 3, "num_classes": 1000}
    with torch.device("meta"):
        expected = original(weights=None).state_dict()
        found = build_network(builder, {**arguments, "bias": not x}).state_dict()
    wanted = {k: v.shape for k, v in expected.items() if not (x and k.endswith("bias"))}
    assert {name: value.shape for name, value in found.items()} == wanted


# The authors' pair of AlexNets, from the mirror to tables.
TINY = {
    "device": "cpu",
    "validation_images": 12,
    "limit_images": 200,
    "networks": {"use": ["alexnet"]},
    "accuracy": {"n_images": 20, "batch_size": 10},
    "mean_relative_difference": {
        "n_steps": 2,
        "n_images": dict.fromkeys(("float32", "float64", "bfloat16", "tf32"), 1),
        "mantissa_images": {"x": 0},
    },
    "contrast": {"variants": ["x"], "n_images": 10, "batch_size": 10, "alphas": [1.0, 0.5]},
    "attribution_maps": {"n_images": 1, "n_steps": 2, "alphas": [1.0]},
    "masking": {
        "variants": ["x"],
        "n_images": 2,
        "batch_size": 2,
        "shards": 1,
        "n_steps": 2,
        "methods": ["ig", "x_gradient", "expected_gradients"],
        "fractions": {"count": 2},
        "insertion_deletion": None,
        "bootstrap": {"resamples": 10},
    },
}


def test_the_published_alexnets_are_measured(root, workplace):
    project = copy_project(root, workplace / "project")
    entry = project / "workflow/datasets/xdnn_weights.yaml"
    # Nothing but the mirror: a test opens no connection.
    overlay(entry, {**yaml.safe_load(entry.read_text()), "sources": []})
    mirror = workplace / "mirror"
    (mirror / "xdnn_weights").mkdir(parents=True)
    # The other four are not there: a run fetches the files of its own nets.
    states = {name: AlexNet(bias=name.startswith("a")).state_dict() for name in CHECKPOINTS[:2]}
    for name, state in states.items():
        save_checkpoint(mirror / "xdnn_weights" / name, state)
    folder = workplace / "ilsvrc"
    for split in ("train", "val"):
        make_classes(folder / split)
    add_images(folder / "train", CLASSES[::100], 4)
    add_images(folder / "val", CLASSES[1::4], 1)

    overlays = [project / "config/imagenet.yaml", overlay(workplace / "tiny.yaml", TINY)]
    given = ["--configfile", *overlays, "--config", f"folders={{imagenet: {folder}}}"]
    results = workplace / "results/imagenet"
    experiments = ("accuracy", "mean_relative_difference", "contrast", "masking")
    targets = [f"results/imagenet/tables/{name}.csv" for name in experiments]
    targets.append("results/imagenet/imagenet/alexnet-attribution_maps/1-of-1.safetensors")
    run(project, targets, *given, cwd=workplace, mirror=mirror)

    tables = {name: pd.read_csv(results / f"tables/{name}.csv") for name in experiments}
    for name, table in tables.items():
        assert set(table["network"]) == {"alexnet"} and set(table["dataset"]) == {"imagenet"}
        both = name in ("accuracy", "mean_relative_difference")
        assert set(table["variant"]) == ({"regular", "x"} if both else {"x"}), name
    mard = tables["mean_relative_difference"].set_index(["variant", "dtype"])["mard_percent"]
    # In float32 a single near-tie makes a percent: no bound for one image on any processor.
    assert mard["x", "float64"] < 1e-9 and mard["regular", "float64"] > 1
    scores = tables["masking"].set_index("method")
    scores = scores[["KPM", "KNM", "KAM", "RAM"]]
    assert scores.loc["ig"].equals(scores.loc["x_gradient"])
    assert not scores.loc["ig"].equals(scores.loc["expected_gradients"])
    maps = results / "imagenet/alexnet-attribution_maps/1-of-1.safetensors"
    assert any("x_gradient" in name for name in load_file(str(maps)))

    for variant, file in (("regular", CHECKPOINTS[0]), ("x", CHECKPOINTS[1])):
        path = results / f"imagenet/alexnet-{variant}/model.safetensors"
        header = read_header(path)
        assert header["builder"] == "xgradient.models.alexnet:AlexNet"
        assert header["arguments"]["bias"] == (variant == "regular")
        assert header["arguments"]["geometry"] == "imagenet" and header["outputs"] == "imagenet"
        assert (header["preprocessing"].resize, header["preprocessing"].crop) == (256, 224)
        assert list(header["provenance"]["inputs"]) == [file]
        found = load_file(str(path))
        assert found.keys() == states[file].keys()
        assert all(torch.equal(value, states[file][name]) for name, value in found.items())

    # Labels are the places of the class folders, of which most have no images here.
    index = pd.read_csv(results / "imagenet/test.csv")
    assert len(index) == 200 and index["path"].str[:9].map(CLASSES.index).equals(index["label"])
    ranks = pd.read_csv(results / "imagenet/alexnet-x/accuracy/1-of-1.csv")
    assert set(ranks["label"]) <= set(index["label"]) and len(ranks) == 20
    assert ranks["label"].max() > 900

    # The digests that are known by now change nothing.
    again = snakemake(project, "--dry-run", *given, "--", *targets, cwd=workplace)
    assert "Nothing to be done" in again.stdout, again.stdout[-4000:]

    lock = json.loads(entry.with_name("xdnn_weights.lock.json").read_text())
    assert sorted(lock["files"]) == sorted(states)
    assert not (root / "workflow/datasets/xdnn_weights.lock.json").exists()
    # From now on, no other file takes the place of a checkpoint.
    changed = CHECKPOINTS[1]
    source = mirror / "xdnn_weights" / changed
    content = source.read_bytes()
    source.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (workplace / "data/xdnn_weights" / changed).unlink()
    assert (results / "xdnn_weights/sources.json").exists()
    target = "results/imagenet/imagenet/alexnet-x/fetched.json"
    finished = snakemake(project, *given, "--", target, cwd=workplace, mirror=mirror)
    assert finished.returncode != 0 and not (workplace / target).exists()
    assert f"{source}: the bytes are not those of the first download" in finished.stderr
    assert f"Tried for {changed}, in this order" in finished.stderr
