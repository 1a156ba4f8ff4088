"""The masking experiment in shards: attributions and their scores.

The images are cut into blocks of ``batch_size``, counted from the first image of the experiment,
and a shard is a run of whole blocks. Rounding depends on which images share a batch, that is on
the block; a random draw depends on the image. Nothing depends on the shard, so that the merged
result is the same, to the last bit, for every number of shards.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.attributions import Attribution
from experiments.data.tensors import ImageTensors
from experiments.seeds import job_seed
from xgradient.masking import (
    blur,
    blur_size_for,
    channel_mean,
    insertion_deletion,
    masking_curves,
)

__all__ = ["attribute_blocks", "blurred", "score_blocks", "shard_blocks"]


def shard_blocks(n_images: int, batch_size: int, scatter_item: str) -> list[range]:
    """Return the blocks of image indices that belong to one shard.

    Parameters
    ----------
    n_images : int
        Of the whole experiment.
    batch_size : int
        Images per block; the last block may be shorter.
    scatter_item : str
        The shard and their number, as Snakemake writes it: ``"2-of-5"``.

    Returns
    -------
    list of range
        Consecutive blocks; their numbers per shard differ by at most one.

    Raises
    ------
    ValueError
        If there are more shards than blocks.
    """
    shard, n_shards = map(int, scatter_item.split("-of-"))
    starts = range(0, n_images, batch_size)
    if n_shards > len(starts):
        raise ValueError(
            f"{n_images} images in blocks of {batch_size} make {len(starts)} blocks, too few for "
            f"{n_shards} shards: lower masking.shards or masking.batch_size"
        )
    first, last = (len(starts) * number // n_shards for number in (shard - 1, shard))
    return [range(start, min(start + batch_size, n_images)) for start in starts[first:last]]


def attribute_blocks(
    model: nn.Module,
    data: ImageTensors,
    training_data: ImageTensors,
    blocks: Iterable[Sequence[int]],
    attributions: Mapping[str, Attribution],
    seed: int,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Attribute the true-label logit of the images of some blocks.

    Parameters
    ----------
    model : nn.Module
        The net; it determines the device.
    data, training_data : ImageTensors
        The images to explain, and those that baselines are drawn from.
    blocks : iterable of sequence of int
        Indices into ``data``; the images of a block are attributed together.
    attributions : mapping of str to Attribution
        By the key of the method.
    seed : int
        Of the experiment's random draws.
    dtype : torch.dtype
        In which the methods without random draws are computed.

    Returns
    -------
    dict of str to Tensor of shape (N, 1, H, W)
        Mean over the channels, on the CPU, by method.
    """
    device = next(model.parameters()).device
    precise = model if dtype == torch.float32 else copy.deepcopy(model).to(dtype)
    parts: dict[str, list[Tensor]] = {method: [] for method in attributions}
    for block in blocks:
        inputs, labels = data.__getitems__(block)
        inputs, labels = inputs.to(device), labels.to(device)
        for method, attribution in attributions.items():
            if attribution.random:
                generators = [_generator(seed, method, index) for index in block]
                values = _by_image(attribution, model, inputs, labels, training_data, generators)
            else:
                values = attribution(precise, inputs.to(dtype), labels)
            parts[method].append(channel_mean(values).float().cpu())
    return {method: torch.cat(done) for method, done in parts.items()}


def _by_image(
    attribution: Attribution,
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    training_data: ImageTensors,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """Attribute image by image, each with its own generator and, if requested, training image.

    A shared set of baselines would have to be in memory as a whole, which ImageNet's is not.
    """
    values = []
    for image, label, generator in zip(inputs.split(1), labels.split(1), generators, strict=True):
        baselines = None
        if attribution.baselines == "training data":
            drawn = int(torch.randint(len(training_data), (), generator=generator))
            baselines = training_data.__getitems__([drawn])[0].to(image.device)
        values.append(attribution(model, image, label, baselines=baselines, generator=generator))
    return torch.cat(values)


def blurred(inputs: Tensor, kernel_size: int | None, sigma: float | None) -> Tensor:
    """Blur images (N, C, H, W) one by one, so that no neighbour changes the rounding.

    A width that is None is the published one, scaled to the side of the images.
    """
    scaled_size, scaled_sigma = blur_size_for(min(inputs.shape[-2:]))
    kernel_size = scaled_size if kernel_size is None else kernel_size
    sigma = scaled_sigma if sigma is None else sigma
    return torch.cat([blur(image, kernel_size, sigma) for image in inputs.split(1)])


def score_blocks(
    model: nn.Module,
    data: ImageTensors,
    attributions: Mapping[str, Tensor],
    blocks: Iterable[Sequence[int]],
    settings: Mapping[str, Any],
) -> dict[str, Tensor]:
    """Evaluate masking curves and, if requested, insertion and deletion, of some blocks.

    Parameters
    ----------
    model : nn.Module
        The net; it determines the device.
    data : ImageTensors
        The images.
    attributions : mapping of str to Tensor of shape (N, 1, H, W)
        By method: the images of the blocks, one after the other.
    blocks : iterable of sequence of int
        Indices into ``data``.
    settings : mapping
        ``fractions`` (minimum, maximum, count), ``kernel_size``, ``sigma``, ``masked_batch_size``
        and ``insertion_deletion``, the number of steps or None.

    Returns
    -------
    dict of str to Tensor
        ``METHOD/target_logit`` and ``METHOD/correct`` (N, 6, F), ``METHOD/insertion`` and
        ``METHOD/deletion`` (N, G), ``fractions`` (F,) and ``insertion_fractions`` (G,); on the CPU.
    """
    device = next(model.parameters()).device
    span = settings["fractions"]
    fractions = torch.from_numpy(np.geomspace(span["minimum"], span["maximum"], span["count"]))
    batch_size = settings["masked_batch_size"]
    parts: dict[str, list[Tensor]] = {}
    shared: dict[str, Tensor] = {}
    start = 0
    for block in blocks:
        inputs, labels = (part.to(device) for part in data.__getitems__(block))
        replacement = blurred(inputs, settings["kernel_size"], settings["sigma"])
        known: list[tuple[Tensor, dict[str, Tensor]]] = []
        for method, means in attributions.items():
            mean = means[start : start + len(block)]
            # XG and Input×Gradient of an X-DNN are the same numbers: no need to evaluate twice.
            scores = next((scores for other, scores in known if torch.equal(mean, other)), None)
            if scores is None:
                curves = masking_curves(
                    model, inputs, labels, mean.to(device), fractions, replacement, batch_size
                )
                shared["fractions"] = curves.fractions
                scores = {"target_logit": curves.target_logit, "correct": curves.correct}
                if settings["insertion_deletion"] is not None:
                    addition = insertion_deletion(
                        model,
                        inputs,
                        labels,
                        mean.to(device),
                        torch.from_numpy(np.linspace(0, 1, settings["insertion_deletion"] + 1)),
                        insertion_start=replacement,
                        batch_size=batch_size,
                    )
                    shared["insertion_fractions"] = addition.fractions
                    scores |= {"insertion": addition.insertion, "deletion": addition.deletion}
                known.append((mean, scores))
            for name, values in scores.items():
                parts.setdefault(f"{method}/{name}", []).append(values.cpu())
        start += len(block)
    return {name: values.cpu() for name, values in shared.items()} | {
        name: torch.cat(values) for name, values in parts.items()
    }


def _generator(seed: int, method: str, index: int) -> torch.Generator:
    """Source of the random draws of one image, the same for every net."""
    return torch.Generator().manual_seed(job_seed(seed, method, str(index)))
