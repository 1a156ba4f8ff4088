"""IG of a net of degree k against the closed form x · ∇F / k, and against x · ∇F."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from experiments.data.tensors import ImageTensors
from experiments.measurement import Progress, Row
from xgradient.attribution import input_x_gradient, integrated_gradients, x_gradient
from xgradient.homogeneous import homogeneity_degree

__all__ = ["COLUMNS", "example_maps", "measure"]

COLUMNS = (
    "image",
    "correct",
    "degree_estimated",
    "closed_form_percent",
    "input_x_gradient_percent",
    "sum_percent",
)
"""Keys of a row: the index of the image; whether the largest logit is that of its class, 0 or 1;
the degree that its logits tell; the relative difference of the closed form, and of Input×Gradient,
to IG; that of the sum of the closed form to the logit; in percent."""


def measure(
    model: nn.Module,
    degree: int,
    data: ImageTensors,
    blocks: Sequence[Sequence[int]],
    n_steps: int,
    progress: Progress,
) -> Iterator[Row]:
    """Yield a row for every image, in float64.

    Parameters
    ----------
    model : nn.Module
        Net of a degree; converted to float64.
    degree : int
        Its degree k.
    data : ImageTensors
        The images.
    blocks : sequence of sequence of int
        Indices of images that are attributed together.
    n_steps : int
        Nodes of the Gauss-Legendre rule of IG. Along the path from zero the gradient is a
        polynomial of degree k - 1, for which k / 2 nodes are exact.
    progress : callable
        Shows the progress over an iterable.

    Yields
    ------
    dict
        With the keys of `COLUMNS`.
    """
    model = model.double()
    device = next(model.parameters()).device
    for block in progress(blocks, "blocks"):
        inputs, labels = (part.to(device) for part in data.__getitems__(block))
        inputs = inputs.double()
        integrated = integrated_gradients(model, inputs, labels, n_steps=n_steps)
        closed = x_gradient(model, inputs, labels, degree=degree)
        product = input_x_gradient(model, inputs, labels)
        with torch.no_grad():
            logits = model(inputs)
        score = logits.gather(1, labels[:, None])[:, 0]
        correct = logits.argmax(1) == labels
        columns = (
            block,
            correct.int().tolist(),
            [homogeneity_degree(model, image) for image in inputs.split(1)],
            _percent(closed - integrated, integrated),
            _percent(product - integrated, integrated),
            _percent(closed.flatten(1).sum(1, keepdim=True) - score[:, None], score[:, None]),
        )
        for values in zip(*columns, strict=True):
            yield dict(zip(COLUMNS, values, strict=True))


def _percent(difference: Tensor, whole: Tensor) -> list[float]:
    """Return by image the sum of absolute differences in percent of the sum of absolute values."""
    parts = (each.abs().flatten(1).sum(1) for each in (difference, whole))
    first, second = parts
    return (100 * first / second).tolist()


def example_maps(
    model: nn.Module, degree: int, data: ImageTensors, index: int, n_steps: int
) -> dict[str, Tensor]:
    """Attribute one image to look at.

    Returns
    -------
    dict of str to Tensor of shape (H, W), float32
        The grey values ``image``, and the attributions ``ig``, ``closed_form`` and
        ``input_x_gradient``.
    """
    model = model.double()
    device = next(model.parameters()).device
    inputs, labels = (part.to(device) for part in data.__getitems__([index]))
    inputs = inputs.double()
    maps = {
        "image": data.images[[index]] / 255,
        "ig": integrated_gradients(model, inputs, labels, n_steps=n_steps),
        "closed_form": x_gradient(model, inputs, labels, degree=degree),
        "input_x_gradient": input_x_gradient(model, inputs, labels),
    }
    return {name: values.float().mean((0, 1)).cpu() for name, values in maps.items()}
