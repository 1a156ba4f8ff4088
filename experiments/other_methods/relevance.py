"""Layer-wise relevance propagation with the epsilon rule."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from xgradient.deeplift import SummationToDeltaWarning, deeplift
from xgradient.deeplift.rules import Elementwise
from xgradient.deeplift.signals import Signal, Signed

__all__ = ["lrp_epsilon"]


def lrp_epsilon(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
    epsilon: float = 1e-9,
) -> Tensor:
    """LRP-ε: relevance is shared in proportion to what the inputs of a unit contribute to it.

    A unit ``z_j = sum_i w_ij x_i + b_j`` of relevance ``R_j`` gives ``w_ij x_i R_j / (z_j + ε
    sign(z_j))`` to its input i, and a nonlinearity passes relevance on. That is the input times the
    gradient, with ``f(z) / (z + ε sign(z))`` in place of the derivative of every nonlinearity f
    (Ancona et al. 2018, Prop. 1). For nets whose nonlinearities are ReLUs it is Input×Gradient, up
    to ε. Max pooling passes relevance to its maximum.

    Captum's ``LRP`` knows neither ``nn.Flatten`` nor max pooling of a subclass, and gives all the
    relevance of a residual sum to each of its summands.

    Parameters
    ----------
    model : nn.Module
        Maps inputs (N, ...) to outputs (N, K).
    inputs : Tensor of shape (N, ...)
        Images or vectors.
    target : Tensor of shape (N,)
        Indices of the outputs to explain.
    baselines : optional
        Accepted for the common signature; relevance has no baseline.
    epsilon : float
        Added to the size of every input of a nonlinearity.

    Returns
    -------
    Tensor
        Shaped like the inputs. The biases take relevance away: the sum is the output only if there
        are none.

    Raises
    ------
    UnsupportedOperationError
        If the net has an operation without a rule; the message names it.
    ValueError
        If epsilon is not above zero: a unit may be exactly zero.

    References
    ----------
    Bach et al. (2015), "On Pixel-Wise Explanations for Non-Linear Classifier Decisions", Eq. 58.
    """
    if epsilon <= 0:
        raise ValueError(f"epsilon must be above zero, got {epsilon}")

    def rule(function: Elementwise, signal: Signal) -> Signed:
        values = signal.actual
        away = torch.where(values < 0, values - epsilon, values + epsilon)
        share = function(values) / away
        return Signed(share, share)

    # The rule has no reference: contributions need not sum to the difference from one.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SummationToDeltaWarning)
        return deeplift(
            model, inputs, target, rule=lambda name, module: rule, max_pooling="gradient"
        )
