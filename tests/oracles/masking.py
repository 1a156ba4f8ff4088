"""Masking metrics written down from their definitions: one pixel, mask and forward pass at a time.

Slow on purpose. It shares no code with `xgradient.masking`; the tests compare the two, and the
benchmark measures one against the other.
"""

from __future__ import annotations

import numpy as np
import torch

CURVES = ("KPM", "KNM", "KAM", "RPM", "RNM", "RAM")


def blur(image: np.ndarray, kernel_size: int, sigma: float) -> np.ndarray:
    """Reflect the border of an image (C, H, W) and correlate it with the published kernel."""
    radius = kernel_size // 2
    kernel = np.empty((kernel_size, kernel_size))
    for i in range(kernel_size):
        for j in range(kernel_size):
            vertical = np.exp(-(((i - radius) / (2 * sigma)) ** 2))
            horizontal = np.exp(-(((j - radius) / (2 * sigma)) ** 2))
            kernel[i, j] = vertical * horizontal
    kernel /= kernel.sum()
    padded = np.pad(image, ((0, 0), (radius, radius), (radius, radius)), mode="reflect")
    blurred = np.empty_like(image)
    channels, height, width = image.shape
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                window = padded[c, y : y + kernel_size, x : x + kernel_size]
                blurred[c, y, x] = (window * kernel).sum()
    return blurred


def channel_mean(attribution: np.ndarray) -> list:
    """Mean over the channels of an attribution (C, H, W), as a flat list in row-major order."""
    channels, height, width = attribution.shape
    means = []
    for y in range(height):
        for x in range(width):
            total = attribution[0, y, x]
            for c in range(1, channels):
                total = total + attribution[c, y, x]
            means.append(total / attribution.dtype.type(channels))
    return means


def kept_pixels(means: list, curve: str, fraction: float) -> set[int]:
    """Indices of the pixels that a curve keeps at a fraction."""
    if curve[1] == "P":
        signal = list(means)
    elif curve[1] == "N":
        signal = [-a for a in means]
    else:
        signal = [abs(a) for a in means]
    positive = [max(s, 0.0) for s in signal]
    n = len(positive)
    n_plus = sum(p > 0 for p in positive)
    k = int(min(fraction * n, n_plus))
    if curve[0] == "K":
        # The k largest; of equal values the earlier pixel counts as the larger one.
        ranked = sorted(range(n), key=lambda pixel: (-positive[pixel], pixel))
    else:
        # The k smallest that are not zero.
        not_zero = [pixel for pixel in range(n) if positive[pixel] != 0]
        ranked = sorted(not_zero, key=lambda pixel: (positive[pixel], -pixel))
    return set(ranked[:k])


def masked_image(image: np.ndarray, replacement: np.ndarray, kept: set[int]) -> np.ndarray:
    """Image (C, H, W) whose pixels are replaced where they are not kept."""
    channels, height, width = image.shape
    masked = replacement.copy()
    for y in range(height):
        for x in range(width):
            if y * width + x in kept:
                for c in range(channels):
                    masked[c, y, x] = image[c, y, x]
    return masked


def logits(model, image: np.ndarray) -> torch.Tensor:
    """Logits (K,) of one image."""
    with torch.no_grad():
        return model(torch.from_numpy(image)[None])[0]


def masking_curves(
    model, inputs, target, attributions, fractions, replacement
) -> tuple[torch.Tensor, torch.Tensor]:
    """Target logit and correctness (N, 6, F); ``model`` is in evaluation mode."""
    target_logit = torch.empty(len(inputs), len(CURVES), len(fractions), dtype=inputs.dtype)
    correct = torch.empty(target_logit.shape, dtype=torch.bool)
    for n in range(len(inputs)):
        image, substitute = inputs[n].numpy(), replacement[n].numpy()
        means = channel_mean(attributions[n].numpy())
        for c, curve in enumerate(CURVES):
            for f, fraction in enumerate(fractions):
                kept = kept_pixels(means, curve, fraction)
                outputs = logits(model, masked_image(image, substitute, kept))
                target_logit[n, c, f] = outputs[target[n]]
                correct[n, c, f] = outputs.argmax() == target[n]
    return target_logit, correct


def insertion_deletion(
    model, inputs, target, attributions, fractions, start, end
) -> tuple[torch.Tensor, torch.Tensor]:
    """Probability of the target class, (N, F) for insertion and for deletion."""
    insertion = torch.empty(len(inputs), len(fractions), dtype=inputs.dtype)
    deletion = torch.empty_like(insertion)
    for n in range(len(inputs)):
        means = channel_mean(attributions[n].numpy())
        ranked = sorted(range(len(means)), key=lambda pixel: (-means[pixel], pixel))
        image = inputs[n].numpy()
        for f, fraction in enumerate(fractions):
            k = int(fraction * len(means))
            inserted = masked_image(image, start[n].numpy(), set(ranked[:k]))
            deleted = masked_image(image, end[n].numpy(), set(ranked[k:]))
            insertion[n, f] = logits(model, inserted).softmax(0)[target[n]]
            deletion[n, f] = logits(model, deleted).softmax(0)[target[n]]
    return insertion, deletion
