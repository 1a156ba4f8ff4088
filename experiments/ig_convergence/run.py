"""Difference between IG with n steps and IG with many, by quadrature rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from experiments.data.tensors import ImageTensors
from xgradient.attribution import integrated_gradients

__all__ = ["measure"]

# A quadrature rule and its number of steps.
_Case = tuple[str, int]


def measure(
    model: nn.Module,
    data: ImageTensors,
    settings: Mapping[str, Any],
    device: torch.device | str = "cpu",
    progress: Callable[[Iterable[_Case], str], Iterable[_Case]] = lambda items, _: items,
) -> pd.DataFrame:
    """Measure the absolute difference that the paper plots, and its relative size.

    Parameters
    ----------
    model : torch.nn.Module
        Maps images (N, C, H, W) to logits (N, K); on the device.
    data : ImageTensors
        The images, attributed together.
    settings : mapping
        ``methods``, ``n_steps``, ``reference_steps`` and ``internal_batch_size`` of the
        configuration.
    device : torch.device or str
        Where the net is.
    progress : callable
        Wraps the cases.

    Returns
    -------
    pandas.DataFrame
        One row per rule and number of steps: ``method``, ``n_steps``, ``mean_abs_difference``,
        ``relative_difference_percent``.
    """
    inputs, labels = data.__getitems__(range(len(data)))
    inputs, labels = inputs.to(device), labels.to(device)

    def attribute(method: str, n_steps: int) -> Tensor:
        return integrated_gradients(
            model,
            inputs,
            labels,
            n_steps=n_steps,
            method=method,
            internal_batch_size=settings["internal_batch_size"],
        )

    # One reference for all rules: a rule compared with itself would hide its own bias.
    reference = attribute("gausslegendre", settings["reference_steps"])
    cases = [
        (method, n_steps)
        for method in settings["methods"]
        for n_steps in settings["n_steps"]
        # The trapezoid rule needs both end points.
        if not (method == "riemann_trapezoid" and n_steps < 2)
    ]
    rows = []
    for method, n_steps in progress(cases, "IG"):
        difference = (attribute(method, n_steps) - reference).abs().mean().item()
        rows.append(
            {
                "method": method,
                "n_steps": n_steps,
                "mean_abs_difference": difference,
                "relative_difference_percent": 100 * difference / reference.abs().mean().item(),
            }
        )
    return pd.DataFrame(rows)
