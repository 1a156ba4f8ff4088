"""ImageNet, its published networks and a user's own files, all of them made up: from the settings
in config/ to tables. The slowest tests come last."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
import yaml
from safetensors.torch import load_file, save_file

from experiments.config import ConfigError, check_config
from experiments.networks.checkpoints import build_network, load_model, read_header
from experiments.networks.origin import released
from experiments.networks.released import read_network
from experiments.settings import merge
from tests.workflow.image_trees import CLASSES, add_images, link_images, make_classes, write_image
from tests.workflow.project_copies import copy_project
from xgradient.homogeneous import check_homogeneous, remove_biases
from xgradient.models.alexnet import AlexNet
from xgradient.models.fixup_resnet import FixupResNet50

TORCHVISION = "experiments.networks.torchvision_nets:torchvision_net"
CHECKPOINTS = [
    f"{x}{name}_model_best.pth.tar"
    for name in ("alexnet", "vgg16", "fixup_resnet50")
    for x in ("", "x")
]


def command(project, *arguments):
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(project / "Snakefile")]
    return [*snakemake, "--cores", "2", *map(str, arguments)]


def snakemake(project, *arguments, cwd, mirror=None):
    """Run the workflow of a checkout, or of a copy, with its results in another folder."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "XGRADIENT_MIRROR": str(mirror or "")}
    return subprocess.run(
        command(project, *arguments),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def planned(finished):
    """Return the number of planned jobs by rule."""
    assert finished.returncode == 0, finished.stderr[-6000:]
    lines = (line.split() for line in finished.stdout.splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdecimal()}


def overlay(path, settings):
    path.write_text(yaml.safe_dump(settings))
    return path


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
def test_the_published_experiment_is_planned_in_seconds(root, tmp_path, ilsvrc, shards):
    assert sum(len(files) for *_, files in os.walk(ilsvrc / "val")) == 50_000
    arguments = ["--dry-run", "--quiet", "reason", "--configfile", root / "config/imagenet.yaml"]
    arguments += ["--config", f"folders={{imagenet: {ilsvrc}}}"]
    if shards != 1:
        arguments += ["--set-scatter", f"masking={shards}", f"mean_relative_difference={shards}"]
    started = time.monotonic()
    jobs = planned(snakemake(root, *arguments, cwd=tmp_path))
    assert time.monotonic() - started < 60
    # Three regular nets and three X-DNNs; masking measures one of each, over two jobs by default.
    assert jobs["read_weights"] == jobs["measure_accuracy"] == 6 and "train" not in jobs
    assert jobs["measure_mean_relative_difference"] == 6 * shards
    assert jobs["attribute_masking"] == jobs["evaluate_masking"] == 2 * max(2, shards)
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


# --- a user's files -----------------------------------------------------------------------------


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


# --- runs ---------------------------------------------------------------------------------------


@pytest.fixture
def workplace(tmp_path):
    """Return a folder that is emptied afterwards: pytest would keep gigabytes."""
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


def run(project, target, *arguments, cwd, mirror=None):
    finished = snakemake(project, *arguments, "--", *target, cwd=cwd, mirror=mirror)
    assert finished.returncode == 0, finished.stderr[-8000:]
    return finished


# A user's file with BatchNorm, on an image folder of the user's.
SHAPES = {
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
    overlay(project / "workflow/datasets/squares.yaml", SHAPES)
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


# A data set that is larger than the memory its jobs use.
MEASURED = """
import resource, subprocess, sys
finished = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(finished.returncode)
"""
# What the jobs import, and nothing else that takes memory.
IMPORTS = """
import pandas, torch, torchvision
import experiments.attributions, experiments.data.image_files, experiments.job
import experiments.data.file_images, experiments.networks.image_network
import experiments.networks.torchvision_nets, xgradient.attribution, xgradient.masking
"""


def peak_of(arguments, cwd):
    """Run a command; return the largest resident memory of any single process below it, bytes.

    The command is run by a process between: the peak of a new process begins with the size of the
    one that started it, and this one is large.
    """
    finished = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert finished.returncode == 0, finished.stderr[-8000:]
    return int(finished.stderr.split()[-1]) * (1 if sys.platform == "darwin" else 1024)


def test_a_data_set_is_never_in_memory_as_a_whole(root, workplace, squeezenet):
    n_images = 6000
    folder = workplace / "ilsvrc"
    folder.mkdir()
    originals = [folder / f"{number}.JPEG" for number in range(8)]
    for number, path in enumerate(originals):
        write_image(path, number, (256, 256))
    for split, names in (("train", CLASSES[:10]), ("val", CLASSES)):
        make_classes(folder / split)
        link_images(folder / split, names, n_images // 1000, originals)
    save_file(squeezenet.state_dict(), str(workplace / "net.safetensors"))
    settings = {
        "networks": {"use": ["mine"], "mine": {**SQUEEZENET, "weights": "net.safetensors"}},
        "folders": {"imagenet": str(folder)},
        "experiments": ["accuracy", "masking"],
        "limit_images": n_images,
        "validation_images": 10,
        "accuracy": {"n_images": 200, "batch_size": 10, "variants": ["regular"]},
        "masking": {
            "networks": None,
            "n_images": 2,
            "batch_size": 1,
            "shards": 1,
            "methods": ["ig", "expected_gradients"],
            "n_steps": 2,
            "internal_batch_size": 4,
            "masked_batch_size": 8,
            "fractions": {"count": 2},
            "insertion_deletion": None,
        },
    }
    path = overlay(workplace / "own.yaml", settings)
    net = "results/imagenet/mine-regular"
    targets = [f"{net}/accuracy/1-of-1.csv", f"{net}/masking/1-of-1/scores.safetensors"]
    peak = peak_of(command(root, "--configfile", path, "--", *targets), workplace)
    assert len(pd.read_csv(workplace / targets[0])) == 200
    shards = (workplace / "results/imagenet/256-224/test").glob("*.safetensors")
    size = sum(shard.stat().st_size for shard in shards)
    assert size > n_images * 3 * 224**2 > 900e6
    baseline = peak_of([sys.executable, "-c", IMPORTS], root)
    # Two shards of 128 MiB, and what the network takes, whatever the size of the data set.
    assert peak < baseline + size / 2
    assert peak < 2 << 30


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
    states = {}
    for name in CHECKPOINTS:
        if name.startswith(("alexnet", "xalexnet")):
            states[name] = AlexNet(bias=name.startswith("a")).state_dict()
        save_checkpoint(mirror / "xdnn_weights" / name, states.get(name, {}))
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
    targets.append("results/imagenet/imagenet/alexnet-attribution_maps.safetensors")
    run(project, targets, *given, cwd=workplace, mirror=mirror)

    tables = {name: pd.read_csv(results / f"tables/{name}.csv") for name in experiments}
    for name, table in tables.items():
        assert set(table["network"]) == {"alexnet"} and set(table["dataset"]) == {"imagenet"}
        both = name in ("accuracy", "mean_relative_difference")
        assert set(table["variant"]) == ({"regular", "x"} if both else {"x"}), name
    mard = tables["mean_relative_difference"].set_index(["variant", "dtype"])["mard_percent"]
    assert mard["x", "float32"] < 0.05 and mard["x", "float64"] < 1e-9
    assert mard["regular", "float64"] > 1
    scores = tables["masking"].set_index("method")
    scores = scores[["KPM", "KNM", "KAM", "RAM"]]
    assert scores.loc["ig"].equals(scores.loc["x_gradient"])
    assert not scores.loc["ig"].equals(scores.loc["expected_gradients"])
    maps = results / "imagenet/alexnet-attribution_maps.safetensors"
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

    lock = json.loads(entry.with_name("xdnn_weights.lock.json").read_text())
    assert sorted(lock["files"]) == sorted(CHECKPOINTS)
    assert not (root / "workflow/datasets/xdnn_weights.lock.json").exists()
    # From now on, no other file takes the place of a checkpoint.
    changed = CHECKPOINTS[3]
    save_checkpoint(mirror / "xdnn_weights" / changed, {"weight": torch.zeros(1)})
    (workplace / "data/xdnn_weights" / changed).unlink()
    record = results / "xdnn_weights/fetched.json"
    record.unlink()
    target = str(record.relative_to(workplace))
    finished = snakemake(project, *given, "--", target, cwd=workplace, mirror=mirror)
    assert finished.returncode != 0 and not record.exists()
    assert f"Tried for {changed}, in this order" in finished.stderr
