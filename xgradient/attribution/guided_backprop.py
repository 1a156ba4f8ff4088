"""Guided backpropagation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from xgradient._explained import Baselines, Inputs, Model, OutputSelector
from xgradient._layers import LayerLike
from xgradient._targets import TargetLike
from xgradient.attribution._modified_relu import modified_gradient, rectified


def guided_backprop(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
    multiply_by_inputs: bool = False,
) -> Inputs:
    """Guided backpropagation: every ReLU passes back positive gradients only.

    ReLUs are recognised as calls (`nn.ReLU`, `torch.nn.functional.relu`, `Tensor.relu` and their
    in-place forms, also in exported programs), so that a reused module or a functional ReLU counts
    like any other, whereas Captum sees modules only. A ReLU written in another way, such as
    ``x.clamp(min=0)``, is not recognised. A ReLU that was called where it could not be seen is an
    error. A net without ReLU gives its plain gradient.

    Parameters
    ----------
    model : nn.Module or callable
        Net that returns outputs of shape (N, K).
    inputs : Tensor of shape (N, ...) or tuple of these
        Images, feature vectors or whatever the net takes.
    target : optional
        Which output to explain: an index, one per row or one for all; None for a net with one
        output. See `xgradient.attribution` for the other forms.
    baselines : Tensor or float, or tuple of these, optional
        Subtracted from the inputs if these are multiplied with, otherwise not used: None for zero,
        a number, or a tensor that broadcasts to the inputs.
    additional_forward_args, output, layer, create_graph : optional
        Common to all methods, see `xgradient.attribution`.
    multiply_by_inputs : bool, default False
        Whether to multiply the result with ``inputs - baselines``.

    Returns
    -------
    Tensor or tuple of Tensor
        Attribution, shaped like the inputs (or the values of the layer).

    Raises
    ------
    ValueError, TypeError
        If inputs, target and net do not fit together, or the net calls ReLUs that cannot be seen:
        in compiled modules, or in the threads of `nn.DataParallel`.

    References
    ----------
    Springenberg et al. (2015), "Striving for Simplicity".
    """
    return modified_gradient(
        _GuidedReLU,
        model,
        inputs,
        target,
        baselines=baselines,
        additional_forward_args=additional_forward_args,
        output=output,
        layer=layer,
        create_graph=create_graph,
        multiply_by_inputs=multiply_by_inputs,
    )


class _GuidedReLU(torch.autograd.Function):
    """ReLU whose backward pass lets positive gradients through only."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, in_place: bool) -> Tensor:
        output = rectified(ctx, values, in_place)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (output,) = ctx.saved_tensors
        return gradient.clamp(min=0) * (output > 0), None
