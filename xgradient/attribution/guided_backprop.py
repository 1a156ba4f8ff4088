"""Guided backpropagation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xgradient._inputs import difference_from, validated
from xgradient.attribution._gradients import attributing, input_gradient
from xgradient.attribution._opaque import opaque_module


def guided_backprop(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Tensor | float | None = None,
    multiply_by_inputs: bool = False,
) -> Tensor:
    """Guided backpropagation: every ReLU passes back positive gradients only.

    ReLUs are recognised as calls (`nn.ReLU`, `torch.nn.functional.relu`, `Tensor.relu` and their
    in-place forms), so that a reused module or a functional ReLU counts like any other, whereas
    Captum sees modules only. A ReLU written in another way, such as ``x.clamp(min=0)``, is not
    recognised. A net without ReLU gives its plain gradient.

    Parameters
    ----------
    model : nn.Module
        Net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer, or int
        Class index of the logit to explain, per image or one for all.
    baselines : Tensor or float, optional
        Subtracted from the inputs if these are multiplied with, otherwise not used: None for zero,
        a number, or a tensor that broadcasts to the inputs.
    multiply_by_inputs : bool, default False
        Whether to multiply the result with ``inputs - baselines``.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs.

    Raises
    ------
    ValueError, TypeError
        If inputs, target and net do not fit together, or the net holds compiled modules, whose
        ReLUs cannot be seen.

    References
    ----------
    Springenberg et al. (2015), "Striving for Simplicity".
    """
    inputs, target = validated(model, inputs, target)
    opaque = opaque_module(model)
    if opaque is not None:
        raise ValueError(
            f"the ReLUs inside the compiled module '{opaque}' cannot be seen: pass the net from "
            "before compilation"
        )

    def guided(points: Tensor) -> Tensor:
        with _GuidedReLUs():
            return model(points)

    difference = difference_from(baselines, inputs)
    with attributing(model):
        gradient = input_gradient(guided, inputs.clone(), target)
    return difference * gradient if multiply_by_inputs else gradient


class _GuidedReLU(torch.autograd.Function):
    """ReLU whose backward pass lets positive gradients through only."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, in_place: bool) -> Tensor:
        if in_place:
            ctx.mark_dirty(values)
        output = values.relu_() if in_place else values.relu()
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (output,) = ctx.saved_tensors
        return gradient.clamp(min=0) * (output > 0), None


class _GuidedReLUs(TorchFunctionMode):
    """Replace every ReLU that is called by `_GuidedReLU`."""

    _OUT_OF_PLACE = (torch.relu, Tensor.relu)
    _IN_PLACE = (torch.relu_, Tensor.relu_)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is nn.functional.relu:
            values, in_place = _relu_arguments(*args, **kwargs)
            return _GuidedReLU.apply(values, in_place)
        if func in self._OUT_OF_PLACE or func in self._IN_PLACE:
            (values,) = (*args, *kwargs.values())
            return _GuidedReLU.apply(values, func in self._IN_PLACE)
        return func(*args, **kwargs)


def _relu_arguments(input: Tensor, inplace: bool = False) -> tuple[Tensor, bool]:
    return input, inplace
