"""Several processes and several passes per step: the same updates as one process in one pass."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
from functools import partial

import pytest
import torch

from experiments.networks.launch import launch_fabric, run_in_processes
from experiments.networks.parallel_training import train_network
from experiments.networks.settings import TrainingSettings
from experiments.networks.training import DivergenceError
from tests.experiments.networks.helpers import (
    QUICK,
    noise,
    signal_and_resume,
    small_net,
    store_each,
    train_each,
    without_speed,
)

CPU = torch.device("cpu")
COMMON = {"epochs": 2, "batch_size": 24, "learning_rate": 1e-2}
VARIANTS = [
    TrainingSettings(**COMMON),
    TrainingSettings(**COMMON, accumulate=3, optimizer="sgd", schedule="step", step_epochs=1),
    TrainingSettings(**COMMON, accumulate=2, mixup=0.7, clip_norm=0.1),
]


def in_one_pass(settings):
    return TrainingSettings(**{**vars(settings), "accumulate": 1})


def assert_same(ours, theirs):
    for (state, history), (expected, rows) in zip(ours, theirs, strict=True):
        for name, value in expected.items():
            torch.testing.assert_close(state[name], value, rtol=1e-12, atol=1e-12)
        for row, other in zip(without_speed(history), without_speed(rows), strict=True):
            # The validation loss is computed in float32.
            assert row.pop("validation_loss") == pytest.approx(other.pop("validation_loss"), 1e-5)
            assert row == pytest.approx(other, rel=1e-11, nan_ok=True)


def test_accumulated_passes_give_the_updates_of_the_whole_batch():
    fabric = launch_fabric(CPU, "64-true")
    whole = train_each(map(in_one_pass, VARIANTS), 100, 23, fabric)
    assert_same(train_each(VARIANTS, 100, 23, fabric), whole)
    different = [value for state, _ in whole for name, value in state.items() if name == "4.bias"]
    assert not torch.equal(different[0], different[1])


def test_two_processes_give_the_updates_of_one_with_the_whole_batch(tmp_path):
    """Also with 23 validation images, which two processes cannot share equally."""
    expected = train_each(map(in_one_pass, VARIANTS), 100, 23, launch_fabric(CPU, "64-true"))
    call = partial(
        store_each, variants=VARIANTS, n_images=100, n_validation=23, path=tmp_path / "two.pt"
    )
    run_in_processes(call, CPU, "64-true", devices=2)
    assert_same(torch.load(tmp_path / "two.pt", weights_only=True)["outcomes"], expected)


def test_two_processes_resume_within_an_epoch_to_the_same_bits(tmp_path):
    call = partial(signal_and_resume, folder=tmp_path)
    sent, same = run_in_processes(call, CPU, "32-true", devices=2)
    assert same
    # And is not left over when the job is killed.
    assert sent == (signal.SIGTERM if sys.platform == "linux" else 0)


ONE_TASK = {
    "SLURM_STEP_NUM_TASKS": "1",
    "SLURM_NTASKS": "1",
    "SLURM_NNODES": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_JOB_ID": "1",
    "SLURM_JOB_NAME": "training",
}


def test_several_devices_are_used_from_a_script_without_a_guard(tmp_path):
    """As Snakemake runs the script of a job: it must not be run once more in every process.

    Slurm has given the job one task, whose processes are its own affair.
    """
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import logging, torch
            from experiments.networks.parallel_training import train_network
            from experiments.networks.settings import TrainingSettings
            from tests.experiments.networks.helpers import QUICK, noise, small_net

            print("once")
            logging.basicConfig(filename="job.log", level=logging.INFO)
            net, settings = small_net(), TrainingSettings(epochs=2, **QUICK)
            for devices in (2, 1):
                result = train_network(
                    net, noise(256), noise(99), settings, 1, torch.device("cpu"), devices=devices
                )
                assert [row["epoch"] for row in result.history] == [0, 1, 2]
                assert result.history[2]["images_per_second"] > 0
                torch.save(net.state_dict(), f"{devices}.pt")
            """
        )
    )
    root = os.getcwd()
    finished = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | ONE_TASK | {"PYTHONPATH": root},
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert finished.stdout.count("once") == 1
    assert (tmp_path / "job.log").read_text().count("training epoch 2/2: train loss") == 2
    one, two = (torch.load(tmp_path / f"{n}.pt", weights_only=True) for n in (1, 2))
    assert {name: value.dtype for name, value in one.items()} == {
        name: value.dtype for name, value in two.items()
    }


TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1"}
SLURM = {
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_NTASKS": "2",
    "SLURM_NTASKS_PER_NODE": "1",
    "SLURM_NNODES": "2",
    "SLURM_JOB_ID": "1",
    "SLURM_JOB_NAME": "training",
}


def ranks(scheme, node):
    if scheme == "torchrun":
        return TORCHRUN | {"RANK": node, "GROUP_RANK": node, "LOCAL_RANK": "0"}
    return SLURM | {"SLURM_PROCID": node, "SLURM_NODEID": node, "SLURM_LOCALID": "0"}


@pytest.mark.parametrize("scheme", ["torchrun", "slurm"])
def test_processes_of_two_machines_that_exist_already_train_together(tmp_path, scheme):
    """As torchrun and srun start them; the two machines are this one."""
    from lightning_fabric.plugins.environments.lightning import find_free_network_port

    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_free_network_port())}
    code = (
        "from tests.experiments.networks.helpers import train_in_environment as train; "
        f"train({str(tmp_path)!r})"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=os.environ | place | ranks(scheme, node) | {"NODE": node},
            stderr=subprocess.PIPE,
            text=True,
        )
        for node in ("0", "1")
    ]
    for process in started:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-2000:]
    net = small_net(dropout=0.0)
    settings = TrainingSettings(epochs=1, **QUICK)
    train_network(net, noise(256), None, settings, 1, CPU, "64-true")
    for node in (0, 1):
        state = torch.load(tmp_path / f"{node}-{node}.pt", weights_only=True)
        torch.testing.assert_close(state, dict(net.state_dict()), rtol=1e-12, atol=1e-12)


def test_divergence_in_several_processes_is_one_clear_error(caplog):
    settings = TrainingSettings(
        epochs=1, optimizer="sgd", learning_rate=1e30, clip_norm=None, schedule="constant"
    )
    with caplog.at_level(logging.INFO), pytest.raises(DivergenceError, match="lower learning_rate"):
        train_network(small_net(), noise(384), None, settings, 1, CPU, devices=2)


@pytest.mark.parametrize(
    ("settings", "devices", "message"),
    [
        ({}, 3, r"batch_size 64 cannot be divided .* 3 process\(es\) with 1 .* a multiple of 3"),
        ({"accumulate": 5}, 1, r"batch_size 64 .* 5 pass\(es\) each \(accumulate\): .* of 5"),
        ({"accumulate": 64, "mixup": 0.7}, 1, "pairs of images for mixup: make it a multiple of 1"),
        ({"batch_size": 300}, 2, "256 training inputs are fewer than one batch of 300"),
    ],
)
def test_batches_that_cannot_be_divided_are_refused(settings, devices, message):
    chosen = TrainingSettings(epochs=1, **QUICK | settings)
    with pytest.raises(ValueError, match=message):
        train_network(small_net(), noise(256), None, chosen, 1, CPU, devices=devices)


def test_several_machines_need_processes_that_exist():
    settings = TrainingSettings(epochs=1, **QUICK)
    with pytest.raises(ValueError, match="with torchrun or srun, one process per device"):
        train_network(small_net(), noise(256), None, settings, 1, CPU, nodes=2)
