"""Parallel efficiency of shards: the masking experiment with 1, 2 and 4 processes at a time.

A small X-DNN on synthetic images of 28 pixels. As in the workflow, every shard is a job that
attributes and then one that masks and evaluates, each a process of its own, and the same images are
divided among more and more shards. The time of all processes is divided into what one process needs
for the same work, start-up and imports, slower work (processes share the processor, its caches and
its memory, and whatever else the machine does), and waiting for the last shard.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import Results, argument_parser

# isort: split
import torch

from experiments.attributed_images import attribute_blocks
from experiments.attributions import load_attributions
from experiments.data.preprocessing import Preprocessing
from experiments.data.stores import StoreWriter
from experiments.files import load_tensors, save_tensors
from experiments.masking.config import Settings
from experiments.masking.run import score_blocks
from experiments.methods import method
from experiments.networks.architectures import architecture
from experiments.networks.checkpoints import build_network, save_model
from experiments.networks.image_network import load_network
from experiments.shards import blocks_of, shard_of

STAGES = ("attribute", "evaluate")
SPACE = Preprocessing((0.5,), (0.5,), order="grey")


def prepare(folder: Path, n_images: int) -> None:
    """Write a network and images."""
    torch.manual_seed(0)
    builder = architecture("alexnet").builder
    arguments = {"in_channels": 1, "num_classes": 10, "bias": False, "geometry": "small"}
    model = build_network(builder, arguments)
    save_model(model, folder / "model.safetensors", builder, arguments, {}, SPACE, "synthetic")
    facts = {"label_space": "synthetic", "class_names": [str(label) for label in range(10)]}
    with StoreWriter(folder / "images", facts) as store:
        images = torch.randint(256, (n_images, 1, 28, 28), dtype=torch.uint8)
        store.append(images, torch.arange(n_images) % 10)


def work(folder: Path, stage: str, shard: str, n_steps: int) -> None:
    """Do what a job of the workflow does."""
    settings = Settings().model_dump() | {"batch_size": 8, "n_steps": n_steps}
    network = load_network(folder / "model.safetensors")
    data = network.open_images(folder / "images")
    blocks = shard_of(blocks_of(range(len(data)), settings["batch_size"]), shard)
    path = folder / f"{shard}.safetensors"
    if stage == "attribute":
        calls = {key: method(key).call(settings) for key in settings["methods"]}
        means = attribute_blocks(
            network.model, data, data, blocks, load_attributions(calls), 0, torch.float64
        )
        save_tensors(path, means, {})
    else:
        means, _ = load_tensors(path)
        scores = score_blocks(network.model, data, means, blocks, settings)
        save_tensors(folder / f"{shard}-scores.safetensors", scores, {})


def run_job(folder: Path, stage: str, shard: str, options) -> dict[str, float]:
    """Run a job as a process; return seconds of it as a whole, of work and of processor time."""
    command = [sys.executable, __file__, "--job", stage, shard, str(folder)]
    command += ["--n-steps", str(options.n_steps), "--threads", str(options.threads)]
    start = time.time()
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(finished.stdout) | {"whole": time.time() - start}


def run_shards(folder: Path, n_shards: int, options) -> dict[str, float]:
    """Run all shards at a time; return the wall time, and the sums over their jobs."""

    def run_shard(number: int) -> list[dict[str, float]]:
        shard = f"{number}-of-{n_shards}"
        return [run_job(folder, stage, shard, options) for stage in STAGES]

    start = time.perf_counter()
    with ThreadPoolExecutor(n_shards) as pool:
        jobs = [job for shard in pool.map(run_shard, range(1, n_shards + 1)) for job in shard]
    wall = time.perf_counter() - start
    sums = {name: sum(job[name] for job in jobs) for name in jobs[0]}
    return sums | {"wall": wall, "start-up": sums["whole"] - sums["work"]}


def report(results: Results, runs: dict[int, list[dict[str, float]]], setting) -> None:
    """Add times, efficiencies, and where the time of the processes goes."""

    def mean(n_shards: int, name: str) -> float:
        return statistics.fmean(run[name] for run in runs[n_shards])

    for n, repeats in runs.items():
        case = f"{n} at a time"
        results.add(case, "time", [run["wall"] for run in repeats], "s", **setting)
        cpu = [run["processor"] for run in repeats]
        results.add(case, "processor time of all", cpu, "s", **setting)
        for name, what in (("start-up", "time"), ("processor before", "processor time")):
            each = [run[name] / (n * len(STAGES)) for run in repeats]
            results.add(case, f"{what} of start-up and imports, per job", each, "s", **setting)
    for n in runs:
        case, available = f"{n} at a time", n * mean(n, "wall")
        efficiency = mean(1, "wall") / available
        results.add(case, "parallel efficiency", efficiency, "", **setting)
        shares = {
            "work of one process": mean(1, "work"),
            "start-up and imports": mean(n, "start-up"),
            "slower work": mean(n, "work") - mean(1, "work"),
            "waiting for the last shard": available - mean(n, "whole"),
        }
        for name, seconds in shares.items():
            results.add(case, f"share of the time: {name}", seconds / available, "", **setting)
        ratio = mean(1, "processor") / mean(n, "processor")
        results.add(case, "processor time of one over that of all", ratio, "", **setting)
        ratio = mean(n, "processor before") / mean(n, "processor")
        name = "share of the processor time: start-up and imports"
        results.add(case, name, ratio, "", **setting)


def main() -> None:
    """Run the benchmark, or one of its jobs."""
    parser = argument_parser(__doc__.partition("\n")[0])
    parser.set_defaults(repeats=2)
    parser.add_argument("--images", type=int, default=96, help="images of all shards together")
    parser.add_argument("--n-steps", type=int, default=64, help="nodes of Integrated Gradients")
    parser.add_argument("--job", nargs=3, metavar=("STAGE", "SHARD", "FOLDER"), help="internal")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.job is not None:
        stage, shard, folder = options.job
        start, before = time.time(), time.process_time()
        work(Path(folder), stage, shard, options.n_steps)
        done = {"work": time.time() - start, "processor": time.process_time()}
        print(json.dumps(done | {"processor before": before}))
        return
    if options.quick:
        options.repeats, options.images, options.n_steps = 1, 32, 16
    results, load = Results("shards"), [os.getloadavg()[0]]
    counts = [n for n in (1, 2, 4) if n <= max(2, os.cpu_count() or 1)]
    runs: dict[int, list[dict[str, float]]] = {n: [] for n in counts}
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), options.images)
        for _ in range(options.repeats):
            for n in counts:
                runs[n].append(run_shards(Path(folder), n, options))
    report(results, runs, {"images": options.images, "n_steps": options.n_steps})
    load.append(os.getloadavg()[0])
    results.add("machine", "load average before and after", load, "processes")
    print(results.write(options.output_dir))


if __name__ == "__main__":
    main()
