"""The digit conversion as the workflow runs it: nets, images and scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from experiments.attributions import Attribution
from experiments.data.tensors import ImageTensors
from experiments.digit_conversion.erasing import erase_pixels
from experiments.networks.evaluation import evaluate

__all__ = [
    "convert",
    "example",
    "measure_accuracy",
    "network_of",
    "of_class",
    "task_name",
]

# The original class of a batch, its images, and their indices.
_Work = tuple[int, Tensor, list[int]]


def measure_accuracy(nets: Mapping[str, nn.Module], data: ImageTensors) -> pd.DataFrame:
    """Measure the share of grey-value images that every net classifies correctly.

    Returns
    -------
    pandas.DataFrame
        One row per net: ``network`` (its name), ``top1`` in percent, ``n_images``.
    """
    rows = []
    for name, model in nets.items():
        batches = zip(data.images.float().split(100), data.labels.split(100), strict=True)
        measured = evaluate(model, batches, next(model.parameters()).device)
        rows.append({"network": name, "top1": measured["top1"], "n_images": len(data)})
    return pd.DataFrame(rows)


def network_of(attribution: Attribution) -> str:
    """Name the net that a method explains: XG is defined for the X-DNN alone."""
    return "x" if attribution.homogeneous else "regular"


def task_name(task: Sequence[int]) -> str:
    """Spell a task as the published tables do."""
    original, target = task
    return f"{original}->{target}"


def of_class(data: ImageTensors, digit: int, n_images: int | None) -> tuple[Tensor, list[int]]:
    """Return the images of a class.

    Parameters
    ----------
    data : ImageTensors
        Test images.
    digit : int
        The class.
    n_images : int or None
        Only the first n, or all.

    Returns
    -------
    images : torch.Tensor
        Grey values, exactly 0 to 255, shape (n, 1, H, W).
    indices : list of int
        Where they are among the test images.

    Raises
    ------
    ValueError
        If there are fewer than requested.
    """
    indices = (data.labels == digit).nonzero().flatten().tolist()
    if len(indices) < (n_images or 1):
        raise ValueError(
            f"{n_images or 1} test images of the class {digit} requested, but there are only "
            f"{len(indices)}; lower digit_conversion.n_images, or raise limit_images"
        )
    indices = indices[:n_images]
    return data.images[indices].float(), indices


def convert(
    nets: Mapping[str, nn.Module],
    data: ImageTensors,
    attributions: Mapping[str, Attribution],
    settings: Mapping[str, Any],
    device: torch.device | str = "cpu",
    progress: Callable[[Iterable[_Work]], Iterable[_Work]] = iter,
) -> pd.DataFrame:
    """Convert the images of all tasks by all methods and erasing rules.

    The attribution for a class serves all tasks and both erasing rules.

    Parameters
    ----------
    nets : mapping of str to torch.nn.Module
        ``regular`` and, for XG, ``x``; on the device, in evaluation mode.
    data : ImageTensors
        Test images.
    attributions : mapping of str to Attribution
        By the key of the method.
    settings : mapping
        ``tasks``, ``erasing``, ``n_pixels``, ``n_images`` and ``batch_size`` of the
        configuration.
    device : torch.device or str
        Where the nets are.
    progress : callable
        Wraps the batches.

    Returns
    -------
    pandas.DataFrame
        ``task``, ``method``, ``erasing``, ``image`` (index among the test images), ``score``
        (change of the log-odds), ``flipped`` (bool), ``n_erased`` (pixels) and ``network``.
    """
    work = [
        (original, images, indices)
        for original in dict.fromkeys(original for original, _ in settings["tasks"])
        for images, indices in _batches(data, original, settings)
    ]
    frames: dict[tuple[str, str, str], list[pd.DataFrame]] = {
        (task_name(task), method, erasing): []
        for task in settings["tasks"]
        for method in attributions
        for erasing in settings["erasing"]
    }
    for original, images, indices in progress(work):
        images = images.to(device)
        targets = [target for start, target in settings["tasks"] if start == original]
        with torch.no_grad():
            logits = {name: model(images) for name, model in nets.items()}
        for method, attribution in attributions.items():
            network = network_of(attribution)
            contributions = {
                digit: _attribute(nets[network], images, attribution, digit)
                for digit in (original, *targets)
            }
            for target in targets:
                difference = contributions[original] - contributions[target]
                for erasing in settings["erasing"]:
                    converted = erase_pixels(
                        nets[network],
                        images,
                        difference,
                        original,
                        target,
                        erasing,
                        settings["n_pixels"],
                        logits[network],
                    )
                    names = {
                        "task": task_name((original, target)),
                        "method": method,
                        "erasing": erasing,
                    }
                    frame = pd.DataFrame(
                        {
                            **names,
                            "image": indices,
                            "score": converted.score.cpu().numpy(),
                            "flipped": converted.flipped.cpu().numpy(),
                            "n_erased": converted.n_erased.cpu().numpy(),
                            "network": network,
                        }
                    )
                    frames[tuple(names.values())].append(frame)
    return pd.concat([frame for batches in frames.values() for frame in batches], ignore_index=True)


def _batches(
    data: ImageTensors, digit: int, settings: Mapping[str, Any]
) -> Iterable[tuple[Tensor, list[int]]]:
    images, indices = of_class(data, digit, settings["n_images"])
    for start in range(0, len(indices), settings["batch_size"]):
        stop = start + settings["batch_size"]
        yield images[start:stop], indices[start:stop]


def _attribute(model: nn.Module, images: Tensor, attribution: Attribution, digit: int) -> Tensor:
    labels = torch.full((len(images),), digit, device=images.device)
    return attribution(model, images, labels)


def example(
    nets: Mapping[str, nn.Module],
    data: ImageTensors,
    conversions: pd.DataFrame,
    attributions: Mapping[str, Attribution],
    settings: Mapping[str, Any],
    device: torch.device | str = "cpu",
) -> tuple[dict[str, Tensor], int]:
    """Return the image that one method changes most, with the results of all methods.

    Parameters
    ----------
    nets, data, attributions, settings, device
        As in `convert`; of the settings also ``example``.
    conversions : pandas.DataFrame
        The result of `convert`.

    Returns
    -------
    tensors : dict of str to torch.Tensor
        ``image`` (H, W), grey values; by method ``METHOD/contributions`` (classes, H, W) to the
        logits of the classes of the example, ``METHOD/masked`` (H, W) after the published erasing,
        and ``METHOD/score``.
    index : int
        Of the image among the test images.
    """
    chosen = settings["example"]
    original, target = chosen["task"]
    rows = conversions[
        (conversions["task"] == task_name(chosen["task"]))
        & (conversions["method"] == chosen["method"])
        & (conversions["erasing"] == "published")
    ]
    index = int(rows.loc[rows["score"].idxmax(), "image"])
    image = data.images[[index]].float().to(device)
    tensors = {"image": image[0, 0]}
    for method, attribution in attributions.items():
        model = nets[network_of(attribution)]
        contributions = {
            digit: _attribute(model, image, attribution, digit)
            for digit in {*chosen["classes"], original, target}
        }
        converted = erase_pixels(
            model,
            image,
            contributions[original] - contributions[target],
            original,
            target,
            "published",
            settings["n_pixels"],
        )
        tensors[f"{method}/contributions"] = torch.stack(
            [contributions[digit][0, 0] for digit in chosen["classes"]]
        )
        tensors[f"{method}/masked"] = converted.masked[0, 0]
        tensors[f"{method}/score"] = converted.score[0]
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, index
