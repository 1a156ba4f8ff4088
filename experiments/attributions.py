"""Attributions as jobs run them: the function that a registry entry names, with its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from experiments.named import import_named

__all__ = ["Attribution", "load_attributions"]


@dataclass(frozen=True)
class Attribution:
    """A method that is ready to run.

    Parameters
    ----------
    function : callable
        ``(model, inputs, target, *, baselines, ...) -> Tensor``, shaped like the inputs.
    arguments : mapping
        Its further keyword arguments.
    baselines : {"reference", "training data", "shuffled"}
        What is passed as ``baselines``.
    random : bool
        Whether it takes a ``generator``.
    homogeneous : bool
        Whether the net must be nonnegatively homogeneous.
    """

    function: Callable[..., Tensor]
    arguments: Mapping[str, Any]
    baselines: str = "reference"
    random: bool = False
    homogeneous: bool = False

    def __call__(self, model: nn.Module, inputs: Tensor, target: Tensor, **more: Any) -> Tensor:
        """Attribute the target logits (N,) of a batch (N, ...) to its inputs."""
        return self.function(model, inputs, target, **self.arguments, **more)


def load_attributions(calls: Mapping[str, Mapping[str, Any]]) -> dict[str, Attribution]:
    """Import the functions of methods.

    Parameters
    ----------
    calls : mapping of str to mapping
        By the key of a method, the result of `experiments.methods.Method.call`.

    Returns
    -------
    dict of str to Attribution
        By key, in the same order.

    Raises
    ------
    ValueError
        If a function is not one of this project.
    """
    return {
        key: Attribution(**{**call, "function": import_named(call["function"])})
        for key, call in calls.items()
    }
