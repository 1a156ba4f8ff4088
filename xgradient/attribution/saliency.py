"""The gradient of a logit."""

from __future__ import annotations

from torch import Tensor, nn

from xgradient._inputs import validated
from xgradient.attribution._gradients import attributing, input_gradient


def saliency(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Tensor | float | None = None,
    abs: bool = False,
) -> Tensor:
    """Gradient of the target logit with respect to the input ("Grad" in the masking metrics).

    Parameters
    ----------
    model : nn.Module
        Net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer, or int
        Class index of the logit to explain, per image or one for all.
    baselines : Tensor or float, optional
        Accepted for the common signature; a gradient has no baseline, so it is not used.
    abs : bool, default False
        Whether to return the absolute value. Captum does so by default.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs.

    Raises
    ------
    ValueError, TypeError
        If inputs, target and net do not fit together; the message says which and why.

    References
    ----------
    Simonyan, Vedaldi and Zisserman (2014), Sec. 3.
    """
    inputs, target = validated(model, inputs, target)
    with attributing(model):
        gradient = input_gradient(model, inputs.clone(), target)
    return gradient.abs() if abs else gradient
