"""The masking experiment in shards: attributions, their scores, and one merged result.

The images are cut into blocks of ``batch_size``, counted from the first image of the experiment,
and a shard is a run of whole blocks. Rounding depends on which images share a batch, that is on
the block; a random draw depends on the image. Nothing depends on the shard, so that the merged
result is the same, to the last bit, for every number of shards.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import bootstrap
from torch import Tensor, nn

from experiments.data.tensors import ImageTensors
from experiments.seeds import job_seed
from xgradient.attribution import (
    expected_gradients,
    guided_backprop,
    input_x_gradient,
    integrated_gradients,
    random_attribution,
    saliency,
    x_gradient,
)
from xgradient.masking import (
    CURVES,
    InsertionDeletion,
    MaskingCurves,
    blur,
    blur_size_for,
    channel_mean,
    insertion_deletion,
    masking_curves,
)

__all__ = [
    "attribute_blocks",
    "blurred",
    "image_areas",
    "mean_curves",
    "merge_scores",
    "methods_for",
    "score_blocks",
    "shard_blocks",
    "summarise",
]

PERCENT = ("KAM", "RAM")
"""Curves of top-1 correctness; their areas are printed times 100, as in the paper."""


def methods_for(methods: Iterable[str], variant: str) -> list[str]:
    """Return the methods that are defined for a variant of a net.

    X-Gradient needs a homogeneous net: it is left out for nets with biases.
    """
    return [name for name in methods if name != "x_gradient" or variant != "regular"]


def shard_blocks(n_images: int, batch_size: int, scatter_item: str) -> list[range]:
    """Return the blocks of image indices that belong to one shard.

    Parameters
    ----------
    n_images : int
        Of the whole experiment.
    batch_size : int
        Images per block; the last block may be shorter.
    scatter_item : str
        Which shard of how many, as Snakemake writes it: ``"2-of-5"``.

    Returns
    -------
    list of range
        Consecutive blocks; the shards have the same number of them, give or take one.

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
    methods: Sequence[str],
    n_steps: int,
    seed: int,
    internal_batch_size: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Attribute the true-label logit of the images of some blocks.

    Parameters
    ----------
    model : nn.Module
        The net; it determines the device.
    data, training_data : ImageTensors
        The images to explain, and those that Expected Gradients draw their references from.
    blocks : iterable of sequence of int
        Indices into ``data``; the images of a block are attributed together.
    methods : sequence of str
        Names from the configuration.
    n_steps : int
        Nodes of Integrated Gradients.
    seed : int
        Of the experiment's random draws.
    internal_batch_size : int, optional
        Rows of one pass of Integrated Gradients through the net; by default a block.
    dtype : torch.dtype
        In which the methods without random draws are computed.

    Returns
    -------
    dict of str to Tensor of shape (N, 1, H, W)
        Mean over the channels, on the CPU, by method.
    """
    device = next(model.parameters()).device
    precise = model if dtype == torch.float32 else copy.deepcopy(model).to(dtype)

    def random(inputs: Tensor, labels: Tensor, block: Sequence[int]) -> Tensor:
        drawn = [
            random_attribution(model, *one, generator=_generator(seed, "random", index))
            for *one, index in zip(inputs.split(1), labels.split(1), block, strict=True)
        ]
        return torch.cat(drawn)

    def expected(inputs: Tensor, labels: Tensor, block: Sequence[int]) -> Tensor:
        # Image by image, each with a generator and a training image of its own: a shared set of
        # references would have to be in memory as a whole, which ImageNet's is not.
        parts = []
        for position, index in enumerate(block):
            generator = _generator(seed, "expected_gradients", index)
            drawn = int(torch.randint(len(training_data), (), generator=generator))
            reference, _ = training_data.__getitems__([drawn])
            one = slice(position, position + 1)
            parts.append(
                expected_gradients(
                    model,
                    inputs[one],
                    labels[one],
                    baselines=reference.to(device),
                    generator=generator,
                )
            )
        return torch.cat(parts)

    def deterministic(attribute: Callable, **settings: Any) -> Callable:
        return lambda inputs, labels, block: attribute(
            precise, inputs.to(dtype), labels, **settings
        )

    attributes = {
        "ig": deterministic(
            integrated_gradients, n_steps=n_steps, internal_batch_size=internal_batch_size
        ),
        "random": random,
        "gradient": deterministic(saliency),
        "expected_gradients": expected,
        "input_x_gradient": deterministic(input_x_gradient),
        "x_gradient": deterministic(x_gradient),
        "guided_backprop": deterministic(guided_backprop),
    }
    parts: dict[str, list[Tensor]] = {method: [] for method in methods}
    for block in blocks:
        inputs, labels = data.__getitems__(block)
        inputs, labels = inputs.to(device), labels.to(device)
        for method, done in parts.items():
            done.append(channel_mean(attributes[method](inputs, labels, block)).float().cpu())
    return {method: torch.cat(done) for method, done in parts.items()}


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
    """Evaluate the masking curves, and if asked for insertion and deletion, of some blocks.

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
    fractions = np.geomspace(span["minimum"], span["maximum"], span["count"])
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
            # XG and Input×Gradient of an X-DNN are the same numbers: no need to ask twice.
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
                        np.linspace(0, 1, settings["insertion_deletion"] + 1),
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


def merge_scores(
    shards: Sequence[Mapping[str, Tensor]],
) -> dict[str, tuple[MaskingCurves, InsertionDeletion | None]]:
    """Put the scores of all shards, in their order, together again.

    Returns
    -------
    dict
        By method: the masking curves, and insertion and deletion if they were measured.
    """
    first = shards[0]
    merged = {}
    for name in first:
        method, _, kind = name.partition("/")
        if kind != "target_logit":
            continue

        def whole(kind: str, method: str = method) -> Tensor:
            return torch.cat([shard[f"{method}/{kind}"] for shard in shards])

        curves = MaskingCurves(first["fractions"], whole("target_logit"), whole("correct"))
        addition = None
        if f"{method}/insertion" in first:
            addition = InsertionDeletion(
                first["insertion_fractions"], whole("insertion"), whole("deletion")
            )
        merged[method] = (curves, addition)
    return merged


def image_areas(
    merged: Mapping[str, tuple[MaskingCurves, InsertionDeletion | None]],
) -> pd.DataFrame:
    """Return the area under every curve of every image.

    Returns
    -------
    pandas.DataFrame
        ``method``, ``image`` (index in the test set), the six curves (KAM and RAM in percent) and,
        if they were measured, ``insertion`` and ``deletion``.
    """
    frames = []
    for method, (curves, addition) in merged.items():
        areas = {
            name: (100 if name in PERCENT else 1) * area for name, area in curves.areas().items()
        }
        if addition is not None:
            areas |= addition.areas()
        frame = pd.DataFrame({name: area.numpy() for name, area in areas.items()})
        frame.insert(0, "method", method)
        frame.insert(1, "image", range(len(frame)))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def mean_curves(
    merged: Mapping[str, tuple[MaskingCurves, InsertionDeletion | None]],
) -> pd.DataFrame:
    """Return the mean score over the images per method, curve and fraction.

    Returns
    -------
    pandas.DataFrame
        ``method``, ``curve``, ``fraction`` and ``score``: a logit, a top-1 accuracy in percent
        (KAM, RAM) or a probability (insertion, deletion).
    """
    rows = []
    for method, (curves, addition) in merged.items():
        scores = {
            name: (curves.fractions, (100 if name in PERCENT else 1) * curves.score(name))
            for name in CURVES
        }
        if addition is not None:
            scores["insertion"] = (addition.fractions, addition.insertion.double())
            scores["deletion"] = (addition.fractions, addition.deletion.double())
        for curve, (fractions, score) in scores.items():
            for fraction, mean in zip(fractions.tolist(), score.mean(0).tolist(), strict=True):
                rows.append({"method": method, "curve": curve, "fraction": fraction, "score": mean})
    return pd.DataFrame(rows)


def summarise(areas: pd.DataFrame, resamples: int, confidence: float, seed: int) -> pd.DataFrame:
    """Return the mean area per method, with a bootstrap interval over the images.

    Every resample draws the same images for all methods and metrics.

    Parameters
    ----------
    areas : pandas.DataFrame
        As `image_areas` returns it.
    resamples : int
        Number of bootstrap resamples.
    confidence : float
        Of the interval, between 0 and 1.
    seed : int
        Of the resamples.

    Returns
    -------
    pandas.DataFrame
        One row per method: ``method``, the paper's four metrics and the two that it leaves out,
        ``n_images``, then ``insertion`` and ``deletion`` if they were measured, then ``NAME_low``
        and ``NAME_high`` of each.
    """
    paper = ["KPM", "KNM", "KAM", "RAM", "RPM", "RNM"]
    additions = [name for name in ("insertion", "deletion") if name in areas]
    names = paper + additions
    methods = list(dict.fromkeys(areas["method"]))
    # (methods, metrics, images)
    values = np.stack([areas.loc[areas["method"] == m, names].to_numpy().T for m in methods])
    # Percentiles and not BCa, which divides by zero where all images have the same value.
    interval = bootstrap(
        (values,),
        np.mean,
        axis=-1,
        n_resamples=resamples,
        batch=max(1, 10**7 // values.size),
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    summary = pd.DataFrame(values.mean(-1), columns=names)
    summary.insert(0, "method", methods)
    summary.insert(1 + len(paper), "n_images", values.shape[-1])
    for column, name in enumerate(names):
        summary[f"{name}_low"] = interval.low[:, column]
        summary[f"{name}_high"] = interval.high[:, column]
    return summary


def _generator(seed: int, method: str, index: int) -> torch.Generator:
    """Source of the random draws of one image, the same for every net."""
    return torch.Generator().manual_seed(job_seed(seed, method, str(index)))
