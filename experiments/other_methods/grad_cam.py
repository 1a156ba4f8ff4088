"""Grad-CAM on the last convolution of a net, and its product with guided backpropagation."""

from __future__ import annotations

import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn
from torch.nn import functional

from xgradient.attribution import guided_backprop

__all__ = ["grad_cam", "guided_grad_cam", "last_convolution"]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_INTERPOLATIONS = {1: "linear", 2: "bilinear", 3: "trilinear"}


def grad_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
) -> Tensor:
    """Grad-CAM: where the channels that the target output rests on are active.

    ``ReLU(sum over channels k of a_k A_k)`` of the output ``A`` of the last convolution, with
    ``a_k`` the mean over all positions of the gradient of the target output with respect to
    ``A_k``. The map is computed by Captum, and interpolated to the size of the input.

    Parameters
    ----------
    model : nn.Module
        Maps inputs to outputs (N, K).
    inputs : Tensor of shape (N, C, ...)
        Images or sequences.
    target : Tensor of shape (N,)
        Indices of the outputs to explain.
    baselines : optional
        Accepted for the common signature; Grad-CAM has no baseline.

    Returns
    -------
    Tensor
        Shaped like the inputs, and at least zero: one map for all channels.

    Raises
    ------
    ValueError
        If the net has no convolution, or calls the last one several times.

    References
    ----------
    Selvaraju et al. (2017), "Grad-CAM: Visual Explanations from Deep Networks", Sec. 3.
    """
    layer = last_convolution(model, inputs)
    coarse: Tensor = LayerGradCam(model, layer).attribute(
        inputs.detach(), target=target, relu_attributions=True
    )
    size = inputs.shape[2:]
    fine = functional.interpolate(
        coarse.detach(), size=size, mode=_INTERPOLATIONS[len(size)], align_corners=False
    )
    return fine.expand_as(inputs).clone()


def guided_grad_cam(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
) -> Tensor:
    """Guided Grad-CAM: the product of `grad_cam` and guided backpropagation.

    Parameters, result, errors and reference as of `grad_cam`; the result has a sign. Captum's
    ``GuidedGradCam`` does not see ReLUs that are functions.
    """
    return grad_cam(model, inputs, target) * guided_backprop(model, inputs, target)


def last_convolution(model: nn.Module, inputs: Tensor) -> nn.Module:
    """Return the convolution that a net calls last.

    Parameters
    ----------
    model : nn.Module
        The net.
    inputs : Tensor of shape (N, C, ...)
        An input of it.

    Returns
    -------
    nn.Module
        A convolution, which is called once.

    Raises
    ------
    ValueError
        If there is none, or it is called several times.
    """
    called: list[nn.Module] = []
    handles = [
        module.register_forward_hook(lambda module, *_: called.append(module))
        for module in model.modules()
        if isinstance(module, _CONVOLUTIONS)
    ]
    try:
        with torch.no_grad():
            model(inputs[:1])
    finally:
        for handle in handles:
            handle.remove()
    if not called:
        raise ValueError(
            f"Grad-CAM needs a convolution layer, and {type(model).__name__} calls none: leave "
            "grad_cam and guided_grad_cam out for this net"
        )
    number = sum(module is called[-1] for module in called)
    if number > 1:
        raise ValueError(
            f"Grad-CAM needs a last convolution that is called once, and {type(model).__name__} "
            f"calls it {number} times: leave grad_cam and guided_grad_cam out for this net"
        )
    return called[-1]
