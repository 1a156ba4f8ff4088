"""Attributions of one net from several baselines: how far they move, and how they rank pixels."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from experiments.baselines.names import BASELINES, ZERO
from experiments.baselines.starts import Sources
from experiments.data.network_images import NetworkImages
from experiments.masking.merging import image_areas, merge_scores
from experiments.masking.run import Replacement, score_blocks
from experiments.measurement import Progress, Row
from experiments.named import import_named
from xgradient.attribution import expected_gradients, integrated_gradients, saliency
from xgradient.masking import CURVES, channel_mean
from xgradient.relative_difference import mean_absolute_relative_difference

__all__ = [
    "COLUMNS",
    "REPLACED",
    "Attributed",
    "attribute",
    "distances",
    "example_maps",
    "measure",
    "starts_of",
]

_DISTANCES = ("relative_percent", "cosine", "rank_correlation")
COLUMNS = ("image", "baseline", *_DISTANCES, "closed_form_percent", "completeness_percent", *CURVES)
"""Keys of a row: the index of the image in the test set; the baseline; the distance of its
attribution from that of zero, as `distances` measures it; the relative difference between
``(x - b) · ∇F(x)``, with one gradient, and the attribution, in percent; the error of its sum, in
percent of its absolute values; the areas under the masking curves, KAM and RAM in percent."""

REPLACED = ("image", "replacement", "baseline", *CURVES)
"""Keys of a row of masking metrics: the index of the image, the baseline that masked pixels are
replaced by, that of the attribution, and the areas."""

# References of Expected Gradients per pass: a number that no setting changes, as the draws do.
_REFERENCES = 16


class Attributed:
    """Attributions of some images from one baseline.

    Parameters
    ----------
    maps : Tensor of shape (N, C, H, W)
        The attributions.
    starts : Tensor of shape (N, C, H, W) or (1, C, H, W)
        The baselines, of several for an image their mean.
    scores : Tensor of shape (N,) or (1,)
        The logit of the true class at the baselines, of several for an image its mean.
    """

    def __init__(self, maps: Tensor, starts: Tensor, scores: Tensor) -> None:
        self.maps, self.starts, self.scores = maps, starts, scores


def starts_of(key: str, inputs: Tensor, images: Sequence[int], sources: Sources) -> Tensor:
    """Return the baselines of some images, see `experiments.baselines.starts`.

    Parameters
    ----------
    key : str
        Of the baseline.
    inputs : Tensor of shape (N, C, H, W)
        Normalised images, on any device and of any floating-point type, which the result has, too.
    images : sequence of int
        Their indices in the test set.
    sources : Sources
        What baselines are made from.
    """
    starts: Tensor = import_named(BASELINES[key].function)(inputs.cpu().float(), images, sources)
    return starts.to(inputs)


def attribute(
    model: nn.Module,
    key: str,
    inputs: Tensor,
    labels: Tensor,
    images: Sequence[int],
    sources: Sources,
    settings: Mapping[str, Any],
) -> Attributed:
    """Attribute the true-label logit of some images from one baseline.

    Parameters
    ----------
    model : nn.Module
        The net.
    key : str
        Of the baseline.
    inputs, labels : Tensor of shape (N, C, H, W) and (N,)
        Of the images, in the net's type and on its device.
    images : sequence of int
        Indices of the images in the test set.
    sources : Sources
        What baselines are made from.
    settings : mapping
        ``n_steps`` and ``internal_batch_size``.
    """
    if not BASELINES[key].averaged:
        starts = starts_of(key, inputs, images, sources)
        maps = integrated_gradients(
            model,
            inputs,
            labels,
            baselines=starts,
            n_steps=settings["n_steps"],
            internal_batch_size=settings["internal_batch_size"],
        )
        every = starts.expand_as(inputs)
        return Attributed(maps, starts, _scores(model, every, labels))
    # One by one: the references of a whole block may not fit into memory.
    parts = []
    for position, index in enumerate(images):
        image, label = inputs[position : position + 1], labels[position : position + 1]
        references = starts_of(key, image, [index], sources)[0]
        draws = sources.generator(f"{key}, places on the path", index)
        maps = torch.zeros_like(image)
        for some in references.split(_REFERENCES):
            n = len(some)
            # A row for each reference, of which one is drawn from a distribution of one.
            rows = image.expand(n, *image.shape[1:]), label.expand(n)
            found = expected_gradients(model, *rows, baselines=some[:, None], generator=draws)
            maps += found.sum(0, keepdim=True) / len(references)
        scores = _scores(model, references, label.expand(len(references)))
        parts.append((maps, references.mean(0, keepdim=True), scores.mean(0, keepdim=True)))
    maps, starts, scores = (torch.cat(each) for each in zip(*parts, strict=True))
    return Attributed(maps, starts, scores)


def _scores(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    """Return the logits (N,) of the true classes."""
    with torch.no_grad():
        return model(inputs).gather(1, labels[:, None])[:, 0]


def distances(first: Tensor, second: Tensor) -> dict[str, float]:
    """Compare two attributions (1, C, H, W) of one image.

    Returns
    -------
    dict
        ``relative_percent``: the mean absolute difference, relative to the first attribution, in
        percent. ``cosine`` of the angle between both. ``rank_correlation`` (Spearman) of the
        pixels, by the means over the channels. An attribution that is the same everywhere has
        no direction and ranks nothing: 0.
    """
    ranked = [channel_mean(values).flatten().cpu().numpy() for values in (first, second)]
    ranks_something = all(values.min() < values.max() for values in ranked)
    correlation = float(spearmanr(*ranked).statistic) if ranks_something else 0.0
    cosine = torch.cosine_similarity(first.flatten(), second.flatten(), dim=0)
    values = (
        100 * mean_absolute_relative_difference(first, second),
        float(cosine),
        correlation,
    )
    return dict(zip(_DISTANCES, values, strict=True))


def measure(
    model: nn.Module,
    data: NetworkImages,
    blocks: Sequence[Sequence[int]],
    sources: Sources,
    settings: Mapping[str, Any],
    dtype: torch.dtype,
    progress: Progress,
) -> tuple[list[Row], list[Row]]:
    """Attribute images from every baseline, and mask them by these attributions.

    Parameters
    ----------
    model : nn.Module
        The net; it determines the device.
    data : NetworkImages
        The images to explain.
    blocks : sequence of sequence of int
        Indices into ``data``; the images of a block are attributed together.
    sources : Sources
        What baselines are made from.
    settings : mapping
        ``compared``, ``n_steps``, ``internal_batch_size``, ``n_images`` and
        ``replacement_images``, and ``fractions``, ``kernel_size``, ``sigma`` and
        ``masked_batch_size`` as for the masking metrics.
    dtype : torch.dtype
        In which attributions are computed.
    progress : callable
        Shows the progress over an iterable.

    Returns
    -------
    rows : list of dict
        With the keys of `COLUMNS`, for every image and baseline.
    replaced : list of dict
        With the keys of `REPLACED`, for the first ``replacement_images`` of the experiment.
    """
    rows: list[Row] = []
    replaced: list[Row] = []
    with_replacements = set(data.choose(settings["n_images"])[: settings["replacement_images"]])
    device = next(model.parameters()).device
    precise = copy.deepcopy(model).to(dtype)
    for block in progress(blocks, "blocks"):
        inputs, labels = (part.to(device) for part in data.__getitems__(block))
        inputs = inputs.to(dtype)
        gradients = saliency(precise, inputs, labels)
        scores = _scores(precise, inputs, labels)
        found = {
            key: attribute(precise, key, inputs, labels, block, sources, settings)
            for key in settings["compared"]
        }
        means = {key: channel_mean(each.maps).float().cpu() for key, each in found.items()}
        areas = _areas(model, data, means, block, settings)
        for key, each in found.items():
            closed = (inputs - each.starts) * gradients
            missing = each.maps.flatten(1).sum(1) - (scores - each.scores)
            extent = each.maps.abs().flatten(1).sum(1)
            for position, index in enumerate(block):
                own = each.maps[[position]]
                zero = found[ZERO].maps[[position]]
                one_gradient = mean_absolute_relative_difference(own, closed[[position]])
                missing_part = _ratio(missing[position].abs(), extent[position])
                rows.append(
                    {
                        "image": index,
                        "baseline": key,
                        **distances(zero, own),
                        "closed_form_percent": 100 * one_gradient,
                        "completeness_percent": 100 * missing_part,
                        **areas[key, index],
                    }
                )
        chosen = [position for position, index in enumerate(block) if index in with_replacements]
        part = [block[position] for position in chosen]
        few = {key: values[chosen] for key, values in means.items()}
        for replacement in settings["compared"] if part else ():
            if BASELINES[replacement].averaged:
                continue
            areas = _areas(model, data, few, part, settings, replacing(replacement, sources))
            for (key, index), values in areas.items():
                named = {"image": index, "replacement": replacement, "baseline": key}
                replaced.append({**named, **values})
    return rows, replaced


def replacing(key: str, sources: Sources) -> Replacement:
    """Return what replaces masked pixels by a baseline."""

    def replace(inputs: Tensor, images: Sequence[int]) -> Tensor:
        return starts_of(key, inputs, images, sources).expand_as(inputs).contiguous()

    return replace


def _areas(
    model: nn.Module,
    data: NetworkImages,
    means: Mapping[str, Tensor],
    images: Sequence[int],
    settings: Mapping[str, Any],
    replace: Replacement | None = None,
) -> dict[tuple[str, int], Row]:
    """Return the areas under the masking curves, by baseline and image."""
    without = {**settings, "insertion_deletion": None}
    scores = score_blocks(model, data, means, [images], without, replace)
    areas = image_areas(merge_scores([scores]), images).set_index(["method", "image"])
    return dict(zip(areas.index, areas.to_dict("records"), strict=True))


def _ratio(part: Tensor, whole: Tensor) -> float:
    """Return a ratio, 0 of nothing."""
    return float(part / whole) if whole else 0.0


def example_maps(
    model: nn.Module,
    data: NetworkImages,
    chosen: Sequence[int],
    sources: Sources,
    settings: Mapping[str, Any],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Attribute a few images to look at.

    Returns
    -------
    dict of str to Tensor
        ``image`` (N, C, H, W), 0 to 1; by baseline ``start/KEY`` (N, C, H, W), of several the
        first, and ``map/KEY`` (N, H, W), the mean over the channels; on the CPU. Empty without
        images.
    """
    if not chosen:
        return {}
    device = next(model.parameters()).device
    precise = copy.deepcopy(model).to(dtype)
    inputs, labels = (part.to(device) for part in data.__getitems__(chosen))
    inputs = inputs.to(dtype)
    shown = data.preprocessing.denormalise
    tensors = {"image": shown(inputs.float().cpu())}
    for key in settings["compared"]:
        starts = starts_of(key, inputs, chosen, sources)
        first = starts[:, 0] if BASELINES[key].averaged else starts
        tensors[f"start/{key}"] = shown(first.expand_as(inputs).float().cpu())
        found = attribute(precise, key, inputs, labels, chosen, sources, settings)
        tensors[f"map/{key}"] = channel_mean(found.maps)[:, 0].float().cpu()
    return {name: values.contiguous() for name, values in tensors.items()}
