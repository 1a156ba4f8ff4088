"""Quadrature rules on [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from xgradient._inputs import check_positive_integer

QUADRATURE_METHODS = (
    "gausslegendre",
    "riemann_left",
    "riemann_right",
    "riemann_middle",
    "riemann_trapezoid",
)
"""Names of the quadrature rules, as in Captum."""


def quadrature(
    method: str, n_steps: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Nodes and weights of a quadrature rule on [0, 1]; the weights sum to one.

    On a homogeneous net of degree 1 the gradient is constant along the path, apart from its value
    at the zero baseline itself, where a ReLU has gradient 0. Every rule without a node at 0 is
    therefore exact at any ``n_steps``, and ``riemann_left`` and ``riemann_trapezoid`` lose the
    weight of that node.

    Captum gives the trapezoid's n nodes the weights ``1 / n`` and ``1 / (2 n)``, which sum to
    ``(n - 1) / n``; here they are ``1 / (n - 1)`` and ``1 / (2 (n - 1))``. All other rules are the
    same.

    Parameters
    ----------
    method : str
        One of `QUADRATURE_METHODS`.
    n_steps : int
        Number of nodes; at least 1, for the trapezoid rule 2.
    dtype : torch.dtype, default torch.float64
        Of the result.

    Returns
    -------
    alphas : Tensor of shape (n_steps,)
        Nodes, ascending.
    weights : Tensor of shape (n_steps,)
        Weights.

    Raises
    ------
    ValueError
        If the method is unknown or has no rule with so few steps.
    TypeError
        If the number of steps is not an integer.
    """
    if method not in QUADRATURE_METHODS:
        raise ValueError(f"method must be one of {', '.join(QUADRATURE_METHODS)}, got {method!r}")
    check_positive_integer("n_steps", n_steps)
    if method == "gausslegendre":
        nodes, weights = np.polynomial.legendre.leggauss(n_steps)
        alphas, weights = (1 + nodes) / 2, weights / 2
    elif method == "riemann_trapezoid":
        if n_steps == 1:
            raise ValueError(f"n_steps must be at least 2 for riemann_trapezoid, got {n_steps}")
        alphas = np.arange(n_steps) / (n_steps - 1)
        weights = np.full(n_steps, 1 / (n_steps - 1))
        weights[[0, -1]] /= 2
    else:
        offset = {"riemann_left": 0.0, "riemann_middle": 0.5, "riemann_right": 1.0}[method]
        alphas = (np.arange(n_steps) + offset) / n_steps
        weights = np.full(n_steps, 1 / n_steps)
    return torch.tensor(alphas, dtype=dtype), torch.tensor(weights, dtype=dtype)


def shared_nodes(rules: Sequence[tuple[str, int]]) -> tuple[Tensor, Tensor]:
    """Distinct nodes of several rules on [0, 1], and what each counts in each rule.

    Parameters
    ----------
    rules : sequence of (str, int)
        Arguments of `quadrature`: name of the rule and number of steps.

    Returns
    -------
    alphas : Tensor of shape (n_nodes,)
        Nodes, ascending; equal to the last bit where two rules share one.
    weights : Tensor of shape (n_rules, n_nodes)
        Weights; zero where a rule lacks a node.

    Raises
    ------
    ValueError, TypeError
        As for `quadrature`, and without any rule.
    """
    if not rules:
        raise ValueError("rules must name at least one quadrature rule, got none")
    nodes, weights = zip(*(quadrature(*rule) for rule in rules), strict=True)
    alphas, places = torch.cat(nodes).unique(return_inverse=True)
    table = torch.zeros(len(rules), len(alphas), dtype=alphas.dtype)
    for row, columns, values in zip(
        table, places.split([len(each) for each in nodes]), weights, strict=True
    ):
        row[columns] = values
    return alphas, table
