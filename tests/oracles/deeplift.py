"""DeepLIFT from its definition, one example and one number at a time, in NumPy.

Every layer becomes a dense matrix or a loop over its units; the rules are the formulas of
Shrikumar, Greenside and Kundaje (2017), Sec. 3.4 and 3.5, written down case by case. It knows
sequential networks only. Slow on purpose.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn


def contributions(
    model: nn.Sequential, x: np.ndarray, reference: np.ndarray, target: int, rules: list[str]
) -> np.ndarray:
    """Contributions of one input to one logit; `rules` names the rule of each nonlinearity."""
    rules = list(rules)
    shape = x.shape
    steps = []
    value, base = x.ravel(), reference.ravel()
    positive, negative = np.maximum(value - base, 0), np.minimum(value - base, 0)
    for layer in model:
        after_shape = _run(layer, np.zeros(shape)).shape
        after = _run(layer, value.reshape(shape)).ravel()
        after_base = _run(layer, base.reshape(shape)).ravel()
        if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d)):
            matrix = _matrix(layer, shape)
            steps.append(("linear", matrix, value - base))
            positive, negative = _linear_parts(matrix, value - base)
        elif isinstance(layer, (nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Dropout)):
            matrix = _matrix(layer, shape)
            steps.append(("pass", matrix))
            positive, negative = matrix @ positive, matrix @ negative
        elif isinstance(layer, nn.MaxPool2d):
            matrix = _max_pool_matrix(layer, value.reshape(shape), base.reshape(shape))
            steps.append(("pass", matrix))
            positive, negative = matrix @ positive, matrix @ negative
        else:
            up, down = _local(layer, rules.pop(0), value, base, positive, negative)
            steps.append(("local", up, down))
            positive, negative = up * positive, down * negative
        value, base, shape = after, after_base, after_shape
    up = np.zeros(len(value))
    up[target] = 1.0
    down = up.copy()
    for kind, *what in reversed(steps):
        if kind == "linear":
            up = down = _linear_multipliers(*what, up, down)
        elif kind == "pass":
            up, down = what[0].T @ up, what[0].T @ down
        else:
            up, down = what[0] * up, what[1] * down
    difference = (x - reference).ravel()
    result = np.array([d * (up[i] if d > 0 else down[i]) for i, d in enumerate(difference)])
    return result.reshape(x.shape)


def _run(layer: nn.Module, value: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return layer(torch.from_numpy(value)[None])[0].numpy()


def _matrix(layer: nn.Module, shape: tuple[int, ...]) -> np.ndarray:
    """Column i is what one unit of input i adds to the output."""
    at_zero = _run(layer, np.zeros(shape)).ravel()
    columns = []
    for i in range(math.prod(shape)):
        unit = np.zeros(shape)
        unit.flat[i] = 1.0
        column = _run(layer, unit).ravel() - at_zero
        columns.append(np.where(np.abs(column) < 1e-13, 0.0, column))
    return np.stack(columns, axis=1)


def _linear_parts(matrix: np.ndarray, difference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sec. 3.5.1: products of equal signs are positive, products of different signs negative."""
    positive, negative = np.zeros(len(matrix)), np.zeros(len(matrix))
    for row, weights in enumerate(matrix):
        for weight, d in zip(weights, difference, strict=True):
            if weight * d > 0:
                positive[row] += weight * d
            else:
                negative[row] += weight * d
    return positive, negative


def _linear_multipliers(
    matrix: np.ndarray, difference: np.ndarray, up: np.ndarray, down: np.ndarray
) -> np.ndarray:
    result = np.zeros(len(difference))
    for i, d in enumerate(difference):
        for row in range(len(matrix)):
            weight = matrix[row, i]
            if d == 0:
                result[i] += 0.5 * weight * (up[row] + down[row])
            elif weight * d > 0:
                result[i] += weight * up[row]
            else:
                result[i] += weight * down[row]
    return result


def _local(
    layer: nn.Module,
    rule: str,
    value: np.ndarray,
    base: np.ndarray,
    positive: np.ndarray,
    negative: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    def f(number: float) -> float:
        return float(_run(layer, np.array([number]))[0])

    up, down = np.zeros(len(value)), np.zeros(len(value))
    for i, (r, p, n) in enumerate(zip(base, positive, negative, strict=True)):
        if rule == "rescale":
            d = value[i] - r
            if abs(d) < 1e-7:
                point = torch.tensor([r], requires_grad=True)
                up[i] = down[i] = float(torch.autograd.grad(layer(point).sum(), point)[0])
            else:
                up[i] = down[i] = (f(value[i]) - f(r)) / d
        else:
            # As in the authors' package: a part that vanishes is moved by the pseudocount first.
            p, n = _with_pseudocount(p), _with_pseudocount(n)
            rise = 0.5 * (f(r + p) - f(r)) + 0.5 * (f(r + n + p) - f(r + n))
            fall = 0.5 * (f(r + n) - f(r)) + 0.5 * (f(r + p + n) - f(r + p))
            up[i], down[i] = rise / p, fall / n
    return up, down


def _with_pseudocount(part: float) -> float:
    if abs(part) >= 0.5e-7:
        return part
    return part - 1e-7 if part < 0 else part + 1e-7


def _max_pool_matrix(layer: nn.MaxPool2d, value: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Row per window: the whole difference of the maxima goes to one of its inputs."""
    channels, height, width = value.shape
    k, stride, padding = layer.kernel_size, layer.stride, layer.padding
    out_height = (height + 2 * padding - k) // stride + 1
    out_width = (width + 2 * padding - k) // stride + 1
    rows = []
    for c in range(channels):
        for top in range(out_height):
            for left in range(out_width):
                window = [
                    (c, y, x)
                    for y in range(top * stride - padding, top * stride - padding + k)
                    for x in range(left * stride - padding, left * stride - padding + k)
                    if 0 <= y < height and 0 <= x < width
                ]
                winner = max(window, key=lambda place: value[place])
                base_winner = max(window, key=lambda place: base[place])
                change = value[winner] - base[base_winner]
                if base[winner] == base[base_winner]:
                    place = winner
                elif value[winner] == value[base_winner]:
                    place = base_winner
                else:
                    place = winner if change > 0 else base_winner
                d = value[place] - base[place]
                row = np.zeros(value.shape)
                row[place] = change / d if d != 0 else 1.0
                rows.append(row.ravel())
    return np.stack(rows)
