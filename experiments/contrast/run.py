"""Accuracy against contrast (Hesse et al. 2021, Sec. 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from xgradient.homogeneous import evaluation_mode

__all__ = ["contrast_accuracy"]


@torch.no_grad()
def contrast_accuracy(
    model: nn.Module,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    alphas: Sequence[float],
    device: torch.device | str = "cpu",
) -> list[float]:
    """Measure the top-1 accuracy on images whose contrast is multiplied by every alpha.

    The factor acts on the normalised image, so that it fades towards the channel mean. The
    arg-max of an X-DNN does not depend on ``alpha > 0``, since all its logits are multiplied by it.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (N, C, H, W) to logits (N, K); evaluated in evaluation mode, which is restored.
    batches : iterable of (torch.Tensor, torch.Tensor)
        Normalised images (N, C, H, W) and labels (N,).
    alphas : sequence of float
        Contrast factors, greater than 0.
    device : torch.device or str
        Where the network is.

    Returns
    -------
    list of float
        Top-1 accuracy in percent, one per alpha.

    Raises
    ------
    ValueError
        If an alpha is not positive, or there are no images.
    """
    if any(alpha <= 0 for alpha in alphas):
        raise ValueError(f"every contrast factor must be greater than 0, not {list(alphas)}")
    correct = [0] * len(alphas)
    n_images = 0
    with evaluation_mode(model):
        for inputs, labels in batches:
            inputs, labels = inputs.to(device), labels.to(device)
            n_images += len(labels)
            for index, alpha in enumerate(alphas):
                predicted = model(alpha * inputs).argmax(dim=1)
                correct[index] += int((predicted == labels).sum())
    if n_images == 0:
        raise ValueError("no images to measure the accuracy on")
    return [100.0 * count / n_images for count in correct]
