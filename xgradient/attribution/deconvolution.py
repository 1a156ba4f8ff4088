"""Deconvolution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from xgradient._explained import Baselines, Inputs, Model, OutputSelector
from xgradient._layers import LayerLike
from xgradient._targets import TargetLike
from xgradient.attribution._modified_relu import modified_gradient, rectified


def deconvolution(
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
    """Deconvolution: every ReLU passes back positive gradients only, whether it was active or not.

    `guided_backprop` is the same but for ReLUs that were not active, which pass back nothing there.
    ReLUs are recognised in the same way, and a net without ReLU gives its plain gradient.

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
    Zeiler and Fergus (2014), "Visualizing and Understanding Convolutional Networks".
    """
    return modified_gradient(
        _DeconvolutionReLU,
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


class _DeconvolutionReLU(torch.autograd.Function):
    """ReLU whose backward pass is a ReLU of the gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, in_place: bool) -> Tensor:
        return rectified(ctx, values, in_place)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient.clamp(min=0), None
