"""Processes of a training, by Lightning Fabric.

One device: this process. Several devices of one machine: a process for each, started here. Several
machines: the processes must exist already, one for each device, started by ``torchrun`` or, under
Slurm, by ``srun --nodes=NODES --ntasks-per-node=DEVICES``; all of them run the same program, and
Fabric reads their ranks and addresses from the environment.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment

from experiments.processes import end_with_run

__all__ = ["launch_fabric", "run_in_processes", "started_from_outside"]


def started_from_outside() -> bool:
    """Whether torchrun, or srun with several tasks, started this process as one of several."""
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    return TorchElasticEnvironment.detect() or tasks > 1


def launch_fabric(
    device: torch.device, precision: Any = "32-true", devices: int = 1, nodes: int = 1
) -> Fabric:
    """Launch Fabric in this process, on its own or as one of several that exist already.

    Parameters
    ----------
    device : torch.device
        A GPU for ``cuda``, the processor for anything else.
    precision : str
        Of the arithmetic, as `lightning_fabric.Fabric` names it.
    devices : int
        GPUs, or processes on the processor, of every machine.
    nodes : int
        Machines.

    Raises
    ------
    ValueError
        If several processes are asked for, and this is not one of several.
    """
    if started_from_outside():
        fabric = _fabric(device, precision, devices, num_nodes=nodes, strategy="ddp")
    elif devices == nodes == 1:
        # Named, since Fabric otherwise takes any job of a cluster for one of its processes.
        fabric = _fabric(device, precision, 1, plugins=[LightningEnvironment()])
    else:
        raise ValueError(
            f"{devices} devices on {nodes} machine(s) need a process each: start the program with "
            "torchrun or srun, one process per device"
        )
    fabric.launch()
    return fabric


def run_in_processes(
    call: Callable[[Fabric], Any], device: torch.device, precision: Any, devices: int
) -> Any:
    """Run a function in new processes of this machine, one per device, and wait for them.

    They log through the handlers of this process, and share its threads and its settings of TF32.

    Parameters
    ----------
    call : callable
        Takes a launched Fabric. It is pickled: a function of a module, or a `functools.partial` of
        one. Tensors are passed in memory that the processes share, which they must not change.
    device, precision, devices
        As for `launch_fabric`.

    Returns
    -------
    Any
        What the function returned in process 0. It must be small: nobody reads it before the
        processes have ended.
    """
    fabric = _fabric(
        device, precision, devices, strategy="ddp_spawn", plugins=[LightningEnvironment()]
    )
    records = torch.multiprocessing.get_context("spawn").Queue()
    listener = logging.handlers.QueueListener(
        records, *logging.getLogger().handlers, respect_handler_level=True
    )
    surroundings = _Surroundings(
        records,
        logging.getLogger().level,
        max(1, torch.get_num_threads() // devices),
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
    )
    listener.start()
    try:
        with _without_main_program():
            return fabric.launch(partial(_run, call=call, surroundings=surroundings))
    finally:
        listener.stop()


def _fabric(device: torch.device, precision: Any, devices: int, **options: Any) -> Fabric:
    accelerator = "cuda" if device.type == "cuda" else "cpu"
    return Fabric(accelerator=accelerator, devices=devices, precision=precision, **options)


@dataclass(frozen=True)
class _Surroundings:
    """What a new process does not take over by itself."""

    records: Any
    log_level: int
    threads: int
    matmul_tf32: bool
    cudnn_tf32: bool


def _run(fabric: Fabric, call: Callable[[Fabric], Any], surroundings: _Surroundings) -> Any:
    end_with_run()
    torch.set_num_threads(surroundings.threads)
    torch.backends.cuda.matmul.allow_tf32 = surroundings.matmul_tf32
    torch.backends.cudnn.allow_tf32 = surroundings.cudnn_tf32
    root = logging.getLogger()
    root.addHandler(logging.handlers.QueueHandler(surroundings.records))
    root.setLevel(surroundings.log_level if fabric.is_global_zero else logging.WARNING)
    logging.captureWarnings(True)
    return call(fabric)


@contextmanager
def _without_main_program() -> Iterator[None]:
    """Keep new processes from running the main program again, and the environment as it was.

    A new process imports the main program, for functions that are defined there. The script of a
    Snakemake job would run once more. Fabric also leaves the port of the processes behind, which
    the next ones would take for prescribed.
    """
    main, port = sys.modules["__main__"], os.environ.get("MASTER_PORT")
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        os.environ.pop("MASTER_PORT", None)
        if port is not None:
            os.environ["MASTER_PORT"] = port
