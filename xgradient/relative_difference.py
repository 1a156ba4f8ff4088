"""Mean absolute relative difference between Integrated Gradients and Input x Gradient (MARD).

In exact arithmetic it is zero for an X-DNN; in practice it measures the precision of the
arithmetic, see `xgradient.rounding`. The gradient of a piecewise linear net is the same along the
path, however its weights are rounded, as long as every ReLU and every maximum decides alike: the
difference comes from units that rounded inputs push over their threshold.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def mean_absolute_relative_difference(
    attributions_a: Tensor, attributions_b: Tensor, eps: float = 1e-7
) -> float:
    """Difference of two attributions of one batch, relative to the first.

    ``d = mean|a - b| / (mean|a| + eps)``, both means over the whole batch: a ratio of means, not
    a mean of ratios. It depends on how images are batched; the paper uses batches of 16.

    Parameters
    ----------
    attributions_a : Tensor of any shape
        Integrated Gradients of the batch.
    attributions_b : Tensor of the same shape
        Input x Gradient (or X-Gradient) of the batch.
    eps : float, default 1e-7
        Keeps the ratio finite.

    Returns
    -------
    float
        The ratio, as a fraction; the means are taken in double precision.

    Raises
    ------
    ValueError
        If the shapes differ, the batch is empty, or a value is NaN or infinite.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 4.1.
    """
    if attributions_a.shape != attributions_b.shape:
        raise ValueError(
            f"attributions of shapes {tuple(attributions_a.shape)} and "
            f"{tuple(attributions_b.shape)} cannot be compared"
        )
    if attributions_a.numel() == 0:
        raise ValueError("attributions of an empty batch cannot be compared")
    a, b = attributions_a.double(), attributions_b.double()
    for name, attributions in (("attributions_a", a), ("attributions_b", b)):
        if not torch.isfinite(attributions).all():
            raise ValueError(f"{name} hold NaN or infinity")
    return float((a - b).abs().mean() / (a.abs().mean() + eps))


def relative_difference(batches: Iterable[tuple[Tensor, Tensor]], eps: float = 1e-7) -> float:
    """MARD of a data set: the mean over batches of `mean_absolute_relative_difference`.

    Parameters
    ----------
    batches : iterable of (Tensor, Tensor)
        Integrated Gradients and Input x Gradient of each batch; consumed one at a time. A last
        batch that is smaller counts like the others, as in the paper.
    eps : float, default 1e-7
        Keeps the ratio of a batch finite.

    Returns
    -------
    float
        MARD in percent.

    Raises
    ------
    ValueError
        If there is no batch, or the attributions of a batch cannot be compared.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 4.1.
    """
    differences = [mean_absolute_relative_difference(a, b, eps) for a, b in batches]
    if not differences:
        raise ValueError("the relative difference of no batches is undefined")
    return 100 * sum(differences) / len(differences)
