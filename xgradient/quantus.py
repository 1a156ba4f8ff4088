"""The methods as an explanation function for the metrics of Quantus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xgradient.attribution import (
    deconvolution,
    expected_gradients,
    guided_backprop,
    input_x_gradient,
    integrated_gradients,
    random_attribution,
    saliency,
    x_gradient,
)
from xgradient.deeplift import deeplift

__all__ = ["EXPLANATION_METHODS", "explain"]

_METHODS: dict[str, Callable[..., Tensor]] = {
    "deconvolution": deconvolution,
    "deeplift": deeplift,
    "expected_gradients": expected_gradients,
    "guided_backprop": guided_backprop,
    "input_x_gradient": input_x_gradient,
    "integrated_gradients": integrated_gradients,
    "random_attribution": random_attribution,
    "saliency": saliency,
    "x_gradient": x_gradient,
}

EXPLANATION_METHODS = tuple(_METHODS)
"""Names of the methods that `explain` knows: the functions that they are."""


def explain(
    model: nn.Module,
    inputs: np.ndarray | Tensor,
    targets: np.ndarray | Tensor | int,
    *,
    method: str = "x_gradient",
    device: str | torch.device | None = None,
    reduce_axes: Sequence[int] = (1,),
    **options: Any,
) -> np.ndarray:
    """Attribute to inputs, with the signature of an ``explain_func`` of Quantus.

    Pass it to a metric with its options: ``metric(model, x, y, explain_func=explain,
    explain_func_kwargs={"method": "integrated_gradients", "n_steps": 50})``.

    Parameters
    ----------
    model : nn.Module
        Net that returns outputs of shape (N, K).
    inputs : array or Tensor of shape (N, ...)
        Images (N, C, H, W), or anything else; converted to the type of the net's parameters.
    targets : array or Tensor of shape (N,), integer, or int
        Class index of every row.
    method : str, default "x_gradient"
        One of `EXPLANATION_METHODS`.
    device : str or torch.device, optional
        Where to compute, for a net without parameters; a net with some stays where it is, and the
        inputs go there.
    reduce_axes : sequence of int, default (1,)
        Axes that the attribution is summed over and that keep the length 1; by default the
        channels of inputs with three axes or more, as Quantus does it. Empty for none.
    options
        Of the method, for instance ``baselines``, which may be an array.

    Returns
    -------
    ndarray of shape (N, ...)
        Attribution.

    Raises
    ------
    ValueError, TypeError
        If the method is unknown, an axis cannot be summed over, or what the method is given does
        not fit together.
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, got {method!r}")
    like = next(model.parameters(), torch.zeros((), device=device))
    x = torch.as_tensor(inputs).to(like)
    axes = tuple(reduce_axes) if x.ndim > 2 else ()
    if any(not 0 < axis < x.ndim for axis in axes):
        raise ValueError(
            f"reduce_axes must be axes from 1 to {x.ndim - 1} of the inputs, got {axes}: the "
            "first has the rows"
        )
    if isinstance(options.get("baselines"), np.ndarray):
        options["baselines"] = torch.as_tensor(options["baselines"]).to(like)
    target = targets if isinstance(targets, int) else torch.as_tensor(targets).long()
    attribution = _METHODS[method](model, x, target, **options).detach()
    if axes:
        attribution = attribution.sum(axes, keepdim=True)
    return np.asarray(attribution.cpu().numpy())
