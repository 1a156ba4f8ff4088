"""A data set that is larger than the memory of the jobs that use it."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import torchvision
from safetensors.torch import save_file

from tests.workflow.image_trees import CLASSES, link_images, make_classes, write_image
from tests.workflow.runs import command, overlay

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
    )
    assert finished.returncode == 0, finished.stderr[-8000:]
    return int(finished.stderr.split()[-1]) * (1 if sys.platform == "darwin" else 1024)


def test_a_data_set_is_never_in_memory_as_a_whole(root, workplace):
    n_images = 6000
    folder = workplace / "ilsvrc"
    folder.mkdir()
    originals = [folder / f"{number}.JPEG" for number in range(8)]
    for number, path in enumerate(originals):
        write_image(path, number, (256, 256))
    for split, names in (("train", CLASSES[:10]), ("val", CLASSES)):
        make_classes(folder / split)
        link_images(folder / split, names, n_images // 1000, originals)
    net = torchvision.models.squeezenet1_1(weights=None)
    save_file(net.state_dict(), str(workplace / "net.safetensors"))
    own = {"dataset": "imagenet", "weights": "net.safetensors", "outputs": "imagenet"}
    own["settings"] = {
        "masking": {
            "n_images": 2,
            "batch_size": 1,
            "methods": ["ig", "expected_gradients"],
            "n_steps": 2,
            "internal_batch_size": 4,
            "masked_batch_size": 8,
            "fractions": {"count": 2},
            "insertion_deletion": None,
        }
    }
    settings = {
        "networks": {"use": ["squeezenet1_1"], "squeezenet1_1": own},
        "folders": {"imagenet": str(folder)},
        "experiments": ["accuracy", "masking"],
        "limit_images": n_images,
        "validation_images": 10,
        "accuracy": {"n_images": 200, "batch_size": 10, "variants": ["regular"]},
        "masking": {"shards": 1},
    }
    path = overlay(workplace / "own.yaml", settings)
    folder = "results/imagenet/squeezenet1_1-regular"
    targets = [f"{folder}/accuracy/1-of-1.csv", f"{folder}/masking/1-of-1/scores.safetensors"]
    peak = peak_of(command(root, "--configfile", path, "--", *targets), workplace)
    assert len(pd.read_csv(workplace / targets[0])) == 200
    shards = (workplace / "results/imagenet/256-224/test").glob("*.safetensors")
    size = sum(shard.stat().st_size for shard in shards)
    assert size > n_images * 3 * 224**2 > 900e6
    baseline = peak_of([sys.executable, "-c", IMPORTS], root)
    # Two shards of 128 MiB, and what the network takes, whatever the size of the data set.
    assert peak < baseline + size / 2
    assert peak < 2 << 30
