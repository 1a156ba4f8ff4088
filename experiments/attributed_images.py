"""Attributions of test images by several methods, block by block."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from experiments.attributions import Attribution
from experiments.data.network_images import NetworkImages
from experiments.seeds import job_seed
from xgradient.masking import channel_mean

__all__ = ["attribute_blocks"]


def attribute_blocks(
    model: nn.Module,
    data: NetworkImages,
    training_data: NetworkImages,
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
    data, training_data : NetworkImages
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
        Mean over the channels, on the CPU, by method; of N = 0 images if there is no block.
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
    nothing = torch.empty(0, 1, *data.shape[-2:])
    return {method: torch.cat([nothing, *done]) for method, done in parts.items()}


def _by_image(
    attribution: Attribution,
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    training_data: NetworkImages,
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


def _generator(seed: int, method: str, index: int) -> torch.Generator:
    """Source of the random draws of one image, the same for every net."""
    return torch.Generator().manual_seed(job_seed(seed, method, str(index)))
