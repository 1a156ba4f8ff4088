"""Calls of ReLU, in whatever way a net makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_OUT_OF_PLACE = (torch.relu, Tensor.relu, torch.ops.aten.relu.default)
_IN_PLACE = (torch.relu_, Tensor.relu_, torch.ops.aten.relu_.default)


def relu_call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, bool] | None:
    """Argument of a ReLU, and whether it is to be overwritten; None for another call."""
    if func is functional.relu:
        return _arguments(*args, **kwargs)
    if func in _OUT_OF_PLACE or func in _IN_PLACE:
        (values,) = (*args, *kwargs.values())
        return values, func in _IN_PLACE
    return None


class ReLUCalls(TorchFunctionMode):
    """Replace every ReLU that is called.

    Parameters
    ----------
    replacement : callable
        Takes the argument of the ReLU and whether it is to be overwritten.
    """

    def __init__(self, replacement: Callable[[Tensor, bool], Tensor]) -> None:
        super().__init__()
        self.replacement = replacement

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        call = relu_call(func, args, kwargs or {})
        return func(*args, **(kwargs or {})) if call is None else self.replacement(*call)


def _arguments(input: Tensor, inplace: bool = False) -> tuple[Tensor, bool]:
    return input, inplace
