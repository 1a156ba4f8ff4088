"""Attributions that only the digit conversion uses.

Gradient and guided backpropagation also give weight to the black background, where nothing can be
erased: the authors look at their values on the digit only.
"""

from __future__ import annotations

from torch import Tensor, nn

from xgradient.attribution import guided_backprop, saliency

__all__ = ["abs_gradient_masked", "guided_backprop_masked"]


def abs_gradient_masked(
    model: nn.Module, inputs: Tensor, target: Tensor, *, baselines: Tensor | float | None = None
) -> Tensor:
    """Absolute gradient of the target logit (N,) where the images (N, 1, H, W) are not black.

    ``baselines`` is not used; it exists so that all methods have one signature.
    """
    return saliency(model, inputs, target, abs=True) * (inputs > 0)


def guided_backprop_masked(
    model: nn.Module, inputs: Tensor, target: Tensor, *, baselines: Tensor | float | None = None
) -> Tensor:
    """Guided backpropagation where the images (N, 1, H, W) are not black.

    ``baselines`` is not used; it exists so that all methods have one signature.
    """
    return guided_backprop(model, inputs, target) * (inputs > 0)
