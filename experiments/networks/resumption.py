"""Safety copies of a training, from which it resumes to the same bits."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

__all__ = ["Progress", "SafetyCopy", "Stateful", "discard_checkpoint", "parameter_digest"]

logger = logging.getLogger(__name__)

# Steps between two looks at the clock, about which all processes have to agree.
_STEPS_BETWEEN_LOOKS = 10


class Stateful(Protocol):
    """A network, an optimiser, a schedule."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that it continues from."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Continue from there."""
        ...


@dataclass
class Progress:
    """How far a training has come.

    Attributes
    ----------
    history : list of dict
        The rows of the finished epochs.
    best_epoch : int
        The best of them.
    best : dict of str to torch.Tensor
        The state of the network after it.
    loss : torch.Tensor
        Sum of the losses of the finished steps of the current epoch in this process, float64 ().
    epoch : int
        The current epoch, from 1.
    steps : int
        Its finished steps.
    seconds : float
        The time that they took.
    """

    history: list[dict[str, float]]
    best_epoch: int
    best: dict[str, Tensor]
    loss: Tensor
    epoch: int = 1
    steps: int = 0
    seconds: float = 0.0


# The attributes that are the same in every process.
_SHARED = ("history", "best_epoch", "best", "epoch", "steps", "seconds")


class SafetyCopy:
    """The file from which an interrupted training resumes.

    Process 0 writes it next to its place and renames it, so that an interruption leaves the
    previous copy and not a truncated file. Everything else that a result depends on goes by its
    identity: a copy of another training is not used.

    Parameters
    ----------
    path : Path or None
        The file; ``None`` writes nothing.
    fabric : lightning_fabric.Fabric
        Launched.
    identity : mapping
        All that the result depends on, JSON-serialisable.
    parts : mapping
        Network, optimiser and whatever else has a state, by name; all processes have the same.
    minutes : float
        Time between two copies within an epoch.
    """

    def __init__(
        self,
        path: Path | None,
        fabric: Fabric,
        identity: Mapping[str, Any],
        parts: Mapping[str, Stateful],
        minutes: float,
    ) -> None:
        self._path, self._fabric, self._parts = path, fabric, parts
        self._identity = {
            name: json.dumps(value, sort_keys=True, default=str) for name, value in identity.items()
        }
        self._seconds = 60 * minutes
        self._written = time.monotonic()

    def is_due(self, steps: int) -> bool:
        """Whether to write a copy after this number of steps; all processes must ask."""
        if self._path is None or steps % _STEPS_BETWEEN_LOOKS:
            return False
        late = time.monotonic() - self._written >= self._seconds
        return self._fabric.broadcast(late)  # the clock of process 0 decides

    def write(self, progress: Progress) -> None:
        """Write a copy; all processes must take part."""
        if self._path is None:
            return
        partial = _partial(self._path)
        own = {"loss": progress.loss.cpu(), **_random_state(self._fabric.device)}
        self._fabric.save(
            partial,
            {
                "identity": self._identity,
                "parts": {name: part.state_dict() for name, part in self._parts.items()},
                "processes": self._of_all_processes(own),
                "progress": {name: getattr(progress, name) for name in _SHARED},
            },
        )
        if self._fabric.is_global_zero:
            partial.replace(self._path)
        self._fabric.barrier()
        self._written = time.monotonic()

    def restore(self, progress: Progress, epochs: int) -> None:
        """Bring the training to where its copy was written.

        Parameters
        ----------
        progress : Progress
            Of a training that begins; changed, along with the parts, if there is a copy of this
            training. Otherwise a warning says why it is not used.
        epochs : int
            The epochs that were asked for.
        """
        # What one process finds all must act upon.
        if self._path is None or not self._fabric.broadcast(self._path.is_file()):
            return
        try:
            saved = torch.load(self._path, map_location="cpu", weights_only=True)
            found = self._find_problem(saved, epochs)
        except Exception as error:  # a torn or foreign file: torch raises half a dozen types here
            found = f"cannot be read ({error})"
        for problem in filter(None, self._of_all_processes(found)):
            logger.warning("%s %s: training starts from scratch", self._path, problem)
            return
        for name, part in self._parts.items():
            part.load_state_dict(saved["parts"][name])
        for name in _SHARED:
            setattr(progress, name, saved["progress"][name])
        own = saved["processes"][self._fabric.global_rank]
        progress.loss.copy_(own["loss"])
        _restore_random_state(own, self._fabric.device)
        logger.info(
            "resuming after epoch %d and %d further steps from %s",
            progress.epoch - 1,
            progress.steps,
            self._path,
        )

    def _find_problem(self, saved: Any, epochs: int) -> str | None:
        expected = {"identity": dict, "parts": dict, "processes": list, "progress": dict}
        if not isinstance(saved, dict) or not all(
            isinstance(saved.get(key), kind) for key, kind in expected.items()
        ):
            return "is not a copy of a training"
        identity = saved["identity"]
        changed = [
            name
            for name in sorted(identity.keys() | self._identity.keys())
            if identity.get(name) != self._identity.get(name)
        ]
        if changed:
            return f"belongs to another training, with other {', '.join(changed)}"
        random = _random_state(self._fabric.device)
        if (
            saved["parts"].keys() != self._parts.keys()
            or saved["progress"].keys() != set(_SHARED)
            or len(saved["processes"]) != self._fabric.world_size
            or not all({"loss", *random} == own.keys() for own in saved["processes"])
        ):
            return "is incomplete"
        if len(saved["progress"]["history"]) > epochs + 1:
            return f"holds more than the {epochs} epochs asked for"
        return None

    def _of_all_processes(self, own: Any) -> list[Any]:
        if self._fabric.world_size == 1:
            return [own]
        gathered: list[Any] = [None] * self._fabric.world_size
        torch.distributed.all_gather_object(gathered, own)
        return gathered


def discard_checkpoint(path: str | Path) -> None:
    """Remove the safety copy of a training whose result has been stored."""
    for each in (Path(path), _partial(Path(path))):
        each.unlink(missing_ok=True)


def parameter_digest(model: nn.Module) -> str:
    """Return the SHA-256 of the state of a network: names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _restore_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
