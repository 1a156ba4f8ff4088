"""Top-1 and top-5 accuracy of one net."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from experiments.data.network_images import NetworkImages
from experiments.measurement import Measurement, Progress, Row
from experiments.networks.evaluation import rank_of_label
from experiments.shards import blocks_of
from xgradient.homogeneous import evaluation_mode

__all__ = ["MEASUREMENT"]


def _tasks(settings: Mapping[str, Any], data: NetworkImages) -> list[Sequence[int]]:
    return blocks_of(data.choose(settings["n_images"]), settings["batch_size"])


@torch.no_grad()
def _measure(
    model: nn.Module,
    data: NetworkImages,
    tasks: Sequence[Sequence[int]],
    settings: Mapping[str, Any],
    device: torch.device,
    progress: Progress,
) -> Iterator[Row]:
    """Yield the rank of the true class of every image; 0 is the best."""
    with evaluation_mode(model):
        for block in progress(tasks, "accuracy"):
            inputs, labels = (part.to(device) for part in data.__getitems__(block))
            ranks = rank_of_label(model(inputs).float(), labels)
            for image, label, rank in zip(block, labels.tolist(), ranks.tolist(), strict=True):
                yield {"image": image, "label": label, "rank": rank}


MEASUREMENT = Measurement(_tasks, _measure, ("image", "label", "rank"))
