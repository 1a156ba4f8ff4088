"""Top-1 accuracy of one net on images of decreasing contrast."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from experiments.data.tensors import ImageTensors, loader
from xgradient.homogeneous import evaluation_mode

__all__ = ["contrast_accuracy", "measure"]

_Batch = tuple[Tensor, Tensor]


def measure(
    model: nn.Module,
    data: ImageTensors,
    settings: Mapping[str, Any],
    device: torch.device | str = "cpu",
    progress: Callable[[Iterable[_Batch], str], Iterable[_Batch]] = lambda items, _: items,
) -> pd.DataFrame:
    """Measure the accuracy of a net by contrast factor.

    Parameters
    ----------
    model : torch.nn.Module
        Maps images (N, C, H, W) to logits (N, K); on the device.
    data : ImageTensors
        The images.
    settings : mapping
        ``alphas`` and ``batch_size`` of the configuration.
    device : torch.device or str
        Where the net is.
    progress : callable
        Wraps the batches.

    Returns
    -------
    pandas.DataFrame
        One row per factor: ``alpha``, ``top1`` in percent, ``n_images``.
    """
    batches = progress(loader(data, settings["batch_size"]), "contrast")
    accuracies = contrast_accuracy(model, batches, settings["alphas"], device)
    return pd.DataFrame({"alpha": settings["alphas"], "top1": accuracies, "n_images": len(data)})


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
        If an alpha is not positive, or no images are given.
    """
    if any(alpha <= 0 for alpha in alphas):
        raise ValueError(f"every contrast factor must be greater than 0, got {list(alphas)}")
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
