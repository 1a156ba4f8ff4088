"""Checks of arguments, shared by the whole library, and evaluation mode.

Messages say what an argument must be and what it is: "..., got ...". If an image of a batch
is at fault, they name it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def evaluation_mode(model: nn.Module | None) -> Iterator[None]:
    """Put every module into evaluation mode, and afterwards back into the mode it had.

    Parameters
    ----------
    model : nn.Module or None
        Net whose modules may be in different modes; None for a function, which has none.

    Yields
    ------
    None
        While the modules are in evaluation mode.
    """
    modes = [(module, module.training) for module in model.modules()] if model is not None else []
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training


def check_model(model: nn.Module) -> None:
    """Refuse a model that is not a module, whose modes could not be restored.

    Parameters
    ----------
    model : nn.Module
        Net to look at.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an nn.Module, got {type(model).__name__}")


def check_inputs(inputs: Tensor, name: str = "inputs", floating: bool = True) -> None:
    """Refuse inputs that cannot be attributed to.

    Parameters
    ----------
    inputs : Tensor of shape (N, ...)
        Batch to look at.
    name : str, default "inputs"
        How messages call it.
    floating : bool, default True
        Whether they must be floating-point.

    Raises
    ------
    TypeError
        If it is not a floating-point tensor.
    ValueError
        If it has no batch dimension, is empty, or holds NaN or infinity (the message names the
        first such image).
    """
    if floating or not isinstance(inputs, Tensor):
        _check_floating_point(inputs, name)
    if inputs.ndim == 0 or inputs.numel() == 0:
        raise ValueError(
            f"{name} must be a non-empty batch of shape (N, ...), such as (N, F) or "
            f"(N, C, H, W), got {tuple(inputs.shape)}"
        )
    check_finite(torch.isfinite(inputs).reshape(len(inputs), -1).all(1), name)


def check_finite(finite: Tensor, name: str) -> None:
    """Refuse a batch with an image that holds NaN or infinity.

    Parameters
    ----------
    finite : Tensor of shape (N,), bool
        Whether all values of an image are finite.
    name : str
        How messages call the batch.

    Raises
    ------
    ValueError
        If one is not; the message names the images.
    """
    if not finite.all():
        images = (~finite).nonzero().flatten().tolist()
        raise ValueError(
            f"{name} must be finite, got NaN or infinity in {name}[{images[0]}]"
            + (f" (images concerned: {images})" if len(images) > 1 else "")
        )


def check_images(inputs: Tensor, name: str = "inputs") -> None:
    """Refuse a batch that does not consist of images; there may be none of them.

    Parameters
    ----------
    inputs : Tensor of shape (N, C, H, W)
        Batch to look at.
    name : str, default "inputs"
        How messages call it.

    Raises
    ------
    TypeError
        If it is not a floating-point tensor.
    ValueError
        If it has another shape, or holds NaN or infinity.
    """
    _check_floating_point(inputs, name)
    if inputs.ndim != 4:
        raise ValueError(f"{name} must have shape (N, C, H, W), got {tuple(inputs.shape)}")
    check_finite(torch.isfinite(inputs).flatten(1).all(1), name)


def validated_baselines(baselines: Tensor | float | None, inputs: Tensor) -> Tensor:
    """Bring baselines to the shape, dtype and device of the inputs.

    Parameters
    ----------
    baselines : Tensor or float, optional
        None for zero, a number, or a tensor that broadcasts to the inputs.
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.

    Returns
    -------
    Tensor of shape (N, ...) or (1, ...)
        One row if all images share the baseline.

    Raises
    ------
    TypeError
        If the baselines are something else.
    ValueError
        If they do not broadcast, or hold NaN or infinity.
    """
    if baselines is None:
        baselines = 0.0
    if isinstance(baselines, Real) and not isinstance(baselines, bool):
        baselines = torch.tensor(baselines, dtype=inputs.dtype)
    if not isinstance(baselines, Tensor):
        raise TypeError(
            f"baselines must be None, a number or a Tensor, got {type(baselines).__name__}"
        )
    baselines = usable(baselines.detach().to(inputs))
    if not torch.isfinite(baselines).all():
        raise ValueError(
            f"baselines must be finite, got NaN or infinity in shape {tuple(baselines.shape)}"
        )
    shared = baselines.ndim < inputs.ndim or len(baselines) == 1
    try:
        return baselines.expand(1 if shared else len(inputs), *inputs.shape[1:])
    except RuntimeError as error:
        raise ValueError(
            f"baselines must broadcast to inputs of shape {tuple(inputs.shape)}, "
            f"got {tuple(baselines.shape)}"
        ) from error


def check_logits(logits: Tensor, n_rows: int) -> Tensor:
    """Return the output of a net, if it consists of logits.

    Parameters
    ----------
    logits : Tensor of shape (N, K)
        Output of the net.
    n_rows : int
        Number N of images that were put in.

    Returns
    -------
    Tensor of shape (N, K)
        The same tensor.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    if not isinstance(logits, Tensor):
        raise TypeError(f"the net must return a Tensor of logits, got {type(logits).__name__}")
    if logits.ndim != 2 or len(logits) != n_rows:
        raise ValueError(
            f"the net must return logits of shape ({n_rows}, K), got {tuple(logits.shape)}"
        )
    return logits


def check_target_range(target: Tensor, n_outputs: int) -> None:
    """Refuse a target that the net has no logit for.

    Parameters
    ----------
    target : Tensor of shape (N,), int64
        Class index of every image.
    n_outputs : int
        Number K of logits.

    Raises
    ------
    ValueError
        If an index is outside [0, K); the message names the first such image.
    """
    outside = (target < 0) | (target >= n_outputs)
    if outside.any():
        image = int(outside.int().argmax())
        raise ValueError(
            f"target must be in [0, {n_outputs}), the outputs of the net, "
            f"got target[{image}] = {int(target[image])}"
        )


def check_positive_integer(name: str, value: int) -> None:
    """Refuse a count that is not an integer of at least 1.

    Parameters
    ----------
    name : str
        How messages call it.
    value : int
        The number.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is less than 1.
    """
    if not _is_integer(value):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def usable(tensor: Tensor) -> Tensor:
    """Return a tensor that autograd can use: a copy of one from inference mode, others as they are.

    Parameters
    ----------
    tensor : Tensor
        Any tensor.

    Returns
    -------
    Tensor
        With the same values.
    """
    with torch.inference_mode(False):
        return tensor.clone() if tensor.is_inference() else tensor


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _check_floating_point(inputs: object, name: str) -> None:
    if not isinstance(inputs, Tensor):
        raise TypeError(f"{name} must be a Tensor, got {type(inputs).__name__}")
    if not inputs.is_floating_point():
        raise TypeError(f"{name} must be floating-point, got {inputs.dtype}: convert them first")
