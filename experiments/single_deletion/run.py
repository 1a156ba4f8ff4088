"""Single deletion scores of one net, as it was trained and after fine-tuning, image by image."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from experiments.attributed_images import attribute_blocks
from experiments.attributions import Attribution
from experiments.data.network_images import NetworkImages
from experiments.measurement import Progress, Row
from xgradient.masking import deletion_effects, single_deletion_score

__all__ = ["COLUMNS", "measure"]

COLUMNS = ("domain", "method", "image", "score", "defined")
"""Keys of a row: ``original`` or ``in_domain``, the method, the index of the image in the test set,
the rank correlation, and whether it is defined, 0 or 1; if not, the score is 0."""


def measure(
    models: Mapping[str, nn.Module],
    data: NetworkImages,
    training_data: NetworkImages,
    blocks: Sequence[Sequence[int]],
    attributions: Mapping[str, Attribution],
    settings: Mapping[str, Any],
    seed: int,
    dtype: torch.dtype,
    progress: Progress,
) -> Iterator[Row]:
    """Yield a row for every domain, image and method.

    Parameters
    ----------
    models : mapping of str to nn.Module
        The net by domain; it determines the device.
    data, training_data : NetworkImages
        The images to explain, and those that baselines are drawn from.
    blocks : sequence of sequence of int
        Indices into ``data``; the images of a block are attributed together.
    attributions : mapping of str to Attribution
        By the key of the method.
    settings : mapping
        ``grid`` and ``masked_batch_size``.
    seed : int
        Of the random draws of methods.
    dtype : torch.dtype
        In which effects, and the methods without random draws, are computed.
    progress : callable
        Shows the progress over an iterable.

    Yields
    ------
    dict
        With the keys of `COLUMNS`.
    """
    for domain, model in models.items():
        means = attribute_blocks(
            model, data, training_data, progress(blocks, domain), attributions, seed, dtype
        )
        precise = copy.deepcopy(model).to(dtype)
        device = next(model.parameters()).device
        start = 0
        for block in progress(blocks, f"{domain}, deletions"):
            inputs, labels = data.__getitems__(block)
            effects = deletion_effects(
                precise,
                inputs.to(device, dtype),
                labels.to(device),
                settings["grid"],
                batch_size=settings["masked_batch_size"],
            ).cpu()
            for method, values in means.items():
                scores = single_deletion_score(effects, values[start : start + len(block)])
                for image, score in zip(block, scores.tolist(), strict=True):
                    defined = score == score
                    yield {
                        "domain": domain,
                        "method": method,
                        "image": image,
                        "score": score if defined else 0.0,
                        "defined": int(defined),
                    }
            start += len(block)
