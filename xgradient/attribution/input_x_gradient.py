"""Input times gradient."""

from __future__ import annotations

from torch import Tensor, nn

from xgradient._inputs import difference_from, validated
from xgradient.attribution._gradients import attributing, input_gradient


def input_x_gradient(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Tensor | float | None = None,
) -> Tensor:
    """Input times gradient of the target logit: ``(x - b) * dF/dx(x)``.

    Parameters
    ----------
    model : nn.Module
        Net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer, or int
        Class index of the logit to explain, per image or one for all.
    baselines : Tensor or float, optional
        Subtracted from the inputs before multiplying with the gradient: None for zero, a number,
        or a tensor that broadcasts to the inputs.

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
    Shrikumar et al. (2016), "Not just a black box".
    """
    inputs, target = validated(model, inputs, target)
    difference = difference_from(baselines, inputs)
    with attributing(model):
        return difference * input_gradient(model, inputs.clone(), target)
