"""Accuracy of a network: cross-entropy, top-1 and top-5."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from xgradient.homogeneous import evaluation_mode

__all__ = ["evaluate", "rank_of_label"]


@torch.no_grad()
def evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    device: torch.device | str = "cpu",
    sum_over_processes: Callable[[Tensor], Tensor] | None = None,
) -> dict[str, float]:
    """Measure the cross-entropy and the top-1 and top-5 accuracy.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (N, C, H, W) to logits (N, K); evaluated in evaluation mode, which is restored.
    batches : iterable of (torch.Tensor, torch.Tensor)
        Inputs (N, C, H, W) and labels (N,).
    device : torch.device or str
        Where the network is.
    sum_over_processes : callable, optional
        Adds up a tensor of sums over processes that each see a part of the data.

    Returns
    -------
    dict of str to float
        ``loss`` (nats), ``top1`` and ``top5`` (percent, of all images, not averaged over classes).
        Of classes with equal logits the one with the lower index ranks first; with fewer than
        five classes top-5 is 100 by definition.

    Raises
    ------
    ValueError
        If no images are given.
    """
    # Images, their summed cross-entropy, and how many of them are right among the first 1 and 5.
    sums = torch.zeros(4, dtype=torch.float64, device=device)
    with evaluation_mode(model):
        for inputs, labels in batches:
            inputs, labels = inputs.to(device), labels.to(device)
            logits = model(inputs).float()
            rank = rank_of_label(logits, labels)
            loss = functional.cross_entropy(logits, labels, reduction="sum")
            counted = torch.stack([(rank < 1).sum(), (rank < 5).sum()])
            sums += torch.cat([loss.new_tensor([len(labels)]), loss[None], counted])
    if sum_over_processes is not None:
        sums = sum_over_processes(sums)
    n_images, loss, top1, top5 = sums.tolist()
    if n_images == 0:
        raise ValueError("no images to measure the accuracy on")
    return {
        "loss": loss / n_images,
        "top1": 100.0 * top1 / n_images,
        "top5": 100.0 * top5 / n_images,
    }


def rank_of_label(logits: Tensor, labels: Tensor) -> Tensor:
    """Count the classes (N,) that rank before the label, by logits (N, K); NaN ranks first.

    Of classes with equal logits the one with the lower index ranks first.
    """
    own = logits.gather(1, labels[:, None])
    earlier = torch.arange(logits.shape[1], device=logits.device) < labels[:, None]
    # Not "greater than": NaN must count as ranked before.
    return (~(logits <= own) | ((logits == own) & earlier)).sum(dim=1)
