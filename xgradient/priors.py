"""Gini prior: a penalty that favours few important features."""

from __future__ import annotations

from torch import Tensor

__all__ = ["attribution_prior_loss", "gini", "prior_and_gradient"]


def gini(attributions: Tensor) -> Tensor:
    """Gini coefficient over the last dimension: 0 if all are equal, 1 - 1/F if one has everything.

    ``Gini(v) = 0.5 * mean_ij |v_i - v_j| / mean(v)``, computed as ``sum_i v_i s_i / (F sum_i v_i)``
    with ``s_i = sum_j sign(v_i - v_j)``. It does not change when all values are scaled.

    Parameters
    ----------
    attributions : Tensor of shape (..., F), floating point
        Non-negative, such as mean absolute attributions per feature.

    Returns
    -------
    Tensor of shape (...)
        Differentiable; nan if every value is 0, since nothing is distributed.

    Raises
    ------
    TypeError
        If the values are not floating point.
    ValueError
        If there is no value or one is negative.

    References
    ----------
    Erion et al. (2021), "Sparse prior"; Hesse et al. (2021), Sec. 4.3.
    """
    if not attributions.is_floating_point():
        raise TypeError(f"attributions must be floating-point, got {attributions.dtype}")
    if attributions.ndim == 0 or attributions.shape[-1] == 0:
        raise ValueError(
            f"attributions must have values in the last dimension, got shape "
            f"{tuple(attributions.shape)}"
        )
    if bool((attributions < 0).any()):
        raise ValueError(
            f"attributions must be non-negative, got {float(attributions.detach().min())}: pass "
            "absolute values"
        )
    rank_sum, total = _rank_sums(attributions)
    return (attributions * rank_sum).sum(-1) / (attributions.shape[-1] * total)


def attribution_prior_loss(attributions: Tensor) -> Tensor:
    """Penalty ``Omega = -Gini(mean over the batch of |attribution|)``, to be added to a loss.

    Parameters
    ----------
    attributions : Tensor of shape (..., N, F), floating point
        Attributions of N rows, connected to the parameters (``create_graph=True``) in order to
        train with them.

    Returns
    -------
    Tensor of shape (...)
        Differentiable, in [-1, 0]; nan where every attribution is 0.

    Raises
    ------
    TypeError
        If the attributions are not floating point.
    ValueError
        If they have no rows or no features.

    References
    ----------
    Hesse et al. (2021), Sec. 4.3; Erion et al. (2021).
    """
    if attributions.ndim < 2 or attributions.shape[-2] == 0:
        raise ValueError(
            f"attributions must have shape (..., N, F) with at least one row, got "
            f"{tuple(attributions.shape)}"
        )
    return -gini(attributions.abs().mean(-2))


def prior_and_gradient(attributions: Tensor) -> tuple[Tensor, Tensor]:
    """`attribution_prior_loss` and its derivative with respect to every attribution.

    The closed form needs no autograd graph of the attributions. With ``m`` the mean absolute
    attributions, ``d Gini / d m_f = s_f / (F sum m) - Gini / sum m``.

    Parameters
    ----------
    attributions : Tensor of shape (..., N, F)
        Attributions of N rows.

    Returns
    -------
    penalty : Tensor of shape (...)
        As of `attribution_prior_loss`.
    gradient : Tensor of shape (..., N, F)
        Zero where an attribution is zero, as in autograd.
    """
    n_rows, n_features = attributions.shape[-2:]
    means = attributions.abs().mean(-2)
    rank_sum, total = _rank_sums(means)
    coefficient = (means * rank_sum).sum(-1) / (n_features * total)
    slope = (coefficient.unsqueeze(-1) - rank_sum / n_features) / (total.unsqueeze(-1) * n_rows)
    return -coefficient, attributions.sign().mul_(slope.unsqueeze(-2))


def _rank_sums(values: Tensor) -> tuple[Tensor, Tensor]:
    """``sum_j sign(v_i - v_j)``, a constant almost everywhere, and the sum of the values."""
    differences = values.detach().unsqueeze(-1) - values.detach().unsqueeze(-2)
    return differences.sign_().sum(-1), values.sum(-1)
