"""Slow, literal versions of the attribution methods."""

from __future__ import annotations

import torch
from scipy.special import roots_legendre
from torch import Tensor, nn


def literal_quadrature(method: str, n_steps: int) -> list[tuple[float, float]]:
    """Pairs of node and weight, from the textbook definition of each rule."""
    if method == "gausslegendre":
        nodes, weights = roots_legendre(n_steps)
        return [
            ((float(node) + 1) / 2, float(weight) / 2)
            for node, weight in zip(nodes, weights, strict=True)
        ]
    if method == "riemann_trapezoid":
        width = 1 / (n_steps - 1)
        pairs = [(0.0, 0.0)] * n_steps
        for interval in range(n_steps - 1):
            for end in (interval, interval + 1):
                pairs[end] = (end * width, pairs[end][1] + width / 2)
        return pairs
    place = {"riemann_left": 0.0, "riemann_middle": 0.5, "riemann_right": 1.0}[method]
    return [((step + place) / n_steps, 1 / n_steps) for step in range(n_steps)]


def literal_gradient(model: nn.Module, image: Tensor, target: int) -> Tensor:
    """Gradient of one logit of one image."""
    image = image.clone().requires_grad_()
    model(image.clone()[None])[0, target].backward(inputs=[image])
    return image.grad


def literal_integrated_gradients(
    model: nn.Module, inputs: Tensor, target: Tensor, baselines: Tensor, method: str, n_steps: int
) -> Tensor:
    """One image and one node at a time."""
    result = torch.zeros_like(inputs)
    for n in range(len(inputs)):
        difference = inputs[n] - baselines[n]
        for node, weight in literal_quadrature(method, n_steps):
            point = baselines[n] + node * difference
            result[n] += weight * difference * literal_gradient(model, point, int(target[n]))
    return result
