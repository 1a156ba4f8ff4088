"""Top-1 accuracy of one net on images of decreasing contrast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from experiments.data.network_images import NetworkImages
from experiments.measurement import Measurement, Progress, Row
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
    """Yield, per image and factor, whether the true class has the largest logit.

    The factor acts on the normalised image, so that it fades towards the channel mean. The
    arg-max of an X-DNN does not depend on ``alpha > 0``, since all its logits are multiplied by it.
    """
    with evaluation_mode(model):
        for block in progress(tasks, "contrast"):
            inputs, labels = (part.to(device) for part in data.__getitems__(block))
            for alpha in settings["alphas"]:
                correct = model(alpha * inputs).argmax(dim=1) == labels
                for image, value in zip(block, correct.tolist(), strict=True):
                    yield {"alpha": alpha, "image": image, "correct": int(value)}


MEASUREMENT = Measurement(_tasks, _measure, ("alpha", "image", "correct"))
