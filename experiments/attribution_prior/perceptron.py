"""Perceptrons of one shape, side by side, with the derivatives that attribution priors need.

A ReLU network is linear around almost every input, so that all derivatives are matrix products
with the same gates (1 where a unit is active, 0 elsewhere):

- forward: activations ``h_l = relu(h_{l-1} W_l + b_l)`` and the logit ``z``;
- backward: ``delta_l = dz / d(pre-activation of layer l)``, and ``dz/dx = delta_1 W_1^T``;
- tangent: ``t_l``, the derivative of ``h_l`` along a direction ``t_0`` of the input, so that the
  last one is ``t_0 . dz/dx``.

The gates do not depend on the parameters almost everywhere. So the parameter gradient of
``c z + t_0 . dz/dx`` for constants c and ``t_0`` (which is what double backpropagation computes for
a penalty on attributions, with ``t_0`` the derivative of the penalty by the input gradient) is
``d W_l = sum over rows of (c h_{l-1} + t_{l-1}) outer delta_l``: one backward pass serves the loss
and the penalty, and one tangent pass replaces the second backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

__all__ = ["StackedPerceptrons", "initial_parameters"]


class StackedPerceptrons:
    """B ReLU perceptrons with one logit each, as views of one parameter tensor.

    Parameters
    ----------
    parameters : Tensor of shape (B, P)
        All parameters of network b in row b: the weight matrices (inputs, outputs) from the first
        to the last layer, then the biases in the same order.
    widths : sequence of int
        Number of features, hidden widths, 1.
    bias : bool
        Whether the layers have biases.
    """

    def __init__(self, parameters: Tensor, widths: Sequence[int], bias: bool) -> None:
        self.parameters = parameters
        self.gradient = torch.zeros_like(parameters)
        self.weights, self.biases = _views(parameters, widths, bias)
        self._weight_gradients, self._bias_gradients = _views(self.gradient, widths, bias)

    def forward(self, rows: Tensor) -> tuple[list[Tensor], Tensor]:
        """Activations and logits.

        Parameters
        ----------
        rows : Tensor of shape (B, N, F)
            Inputs.

        Returns
        -------
        activations : list of Tensor of shape (B, N, width)
            The rows, and the activations of every hidden layer.
        logits : Tensor of shape (B, N)
            Outputs.
        """
        activations = [rows]
        for layer, weight in enumerate(self.weights):
            rows = torch.bmm(rows, weight)
            if self.biases:
                rows += self.biases[layer].unsqueeze(1)
            if layer < len(self.weights) - 1:
                activations.append(rows.relu_())
        return activations, rows.squeeze(-1)

    def backward(self, gates: Sequence[Tensor]) -> list[Tensor]:
        """Differentiate the logit with respect to the pre-activations of every hidden layer.

        Parameters
        ----------
        gates : sequence of Tensor of shape (B, N, width)
            1 where a hidden unit is active, 0 elsewhere.

        Returns
        -------
        list of Tensor of shape (B, N, width)
            From the first hidden layer to the last.
        """
        delta = self.weights[-1].transpose(1, 2) * gates[-1]
        deltas = [delta]
        for weight, gate in zip(self.weights[-2:0:-1], gates[-2::-1], strict=True):
            delta = torch.bmm(delta, weight.transpose(1, 2)).mul_(gate)
            deltas.insert(0, delta)
        return deltas

    def input_gradient(self, first_delta: Tensor) -> Tensor:
        """Gradient of the logit with respect to the inputs.

        Parameters
        ----------
        first_delta : Tensor of shape (B, N, width)
            First element of the result of `backward`.

        Returns
        -------
        Tensor of shape (B, N, F)
            Gradient.
        """
        return torch.bmm(first_delta, self.weights[0].transpose(1, 2))

    def tangent(self, directions: Tensor, gates: Sequence[Tensor]) -> list[Tensor]:
        """Differentiate the activations along a direction of the input.

        Parameters
        ----------
        directions : Tensor of shape (B, N, F)
            One direction per row.
        gates : sequence of Tensor of shape (B, N, width)
            As in `backward`.

        Returns
        -------
        list of Tensor of shape (B, N, width)
            The directions, and their images at every hidden layer.
        """
        tangents = [directions]
        for weight, gate in zip(self.weights[:-1], gates, strict=True):
            tangents.append(torch.bmm(tangents[-1], weight).mul_(gate))
        return tangents

    def set_gradient(
        self, lefts: Sequence[Tensor], deltas: Sequence[Tensor], coefficients: Tensor
    ) -> None:
        """Write the parameter gradient of ``sum over rows of c z + t . dz/dx``.

        Parameters
        ----------
        lefts : sequence of Tensor of shape (B, N, width)
            ``c h + t`` for the inputs and every hidden layer.
        deltas : sequence of Tensor of shape (B, N, width)
            Result of `backward` for the same rows.
        coefficients : Tensor of shape (B, M)
            ``c`` of the first M rows; it is 0 for the others.
        """
        for left, delta, out in zip(lefts[:-1], deltas, self._weight_gradients[:-1], strict=True):
            torch.bmm(left.transpose(1, 2), delta, out=out)
        self._weight_gradients[-1].copy_(lefts[-1].sum(1).unsqueeze(-1))
        if self._bias_gradients:
            c = coefficients.unsqueeze(1)
            for delta, out in zip(deltas, self._bias_gradients[:-1], strict=True):
                out.copy_(torch.bmm(c, delta[:, : c.shape[-1]]).squeeze(1))
            self._bias_gradients[-1].copy_(coefficients.sum(1, keepdim=True))


def initial_parameters(widths: Sequence[int], bias: bool, generator: torch.Generator) -> Tensor:
    """Draw the parameters of one perceptron from the distribution of ``torch.nn.Linear``.

    Weights and biases are uniform in ``+-1 / sqrt(inputs)``. All weights are drawn before the
    biases, so that a network without biases starts as the same network with its biases removed,
    and always in float32, so that a float64 training starts from the same network.

    Parameters
    ----------
    widths : sequence of int
        Number of features, hidden widths, 1.
    bias : bool
        Whether to draw biases.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor of shape (P,), float32
        In the layout of `StackedPerceptrons`.
    """
    shapes = list(pairwise(widths))
    bounds = [1 / math.sqrt(inputs) for inputs, _ in shapes]
    drawn = [
        torch.empty(inputs * outputs).uniform_(-bound, bound, generator=generator)
        for (inputs, outputs), bound in zip(shapes, bounds, strict=True)
    ]
    if bias:
        drawn += [
            torch.empty(outputs).uniform_(-bound, bound, generator=generator)
            for (_, outputs), bound in zip(shapes, bounds, strict=True)
        ]
    return torch.cat(drawn)


def _views(flat: Tensor, widths: Sequence[int], bias: bool) -> tuple[list[Tensor], list[Tensor]]:
    shapes = list(pairwise(widths))
    sizes = [inputs * outputs for inputs, outputs in shapes]
    if bias:
        sizes += [outputs for _, outputs in shapes]
    parts = flat.split(sizes, dim=1)
    weights = [part.view(-1, *shape) for part, shape in zip(parts, shapes, strict=False)]
    return weights, list(parts[len(shapes) :])
