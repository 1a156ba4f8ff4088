"""Which output of a net is explained: one score per row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

__all__ = ["Target", "TargetLike", "chosen_target", "class_indices"]

TargetLike = (
    None | int | tuple[int, ...] | Sequence[Any] | np.ndarray | Tensor | Callable[[Tensor], Tensor]
)
"""What a caller may pass as ``target``: see `chosen_target`."""


_HINT = ": an index of several dimensions is a tuple, and those of the rows a list of tuples"


class Target(Protocol):
    """A choice of one score per row among the outputs of a net.

    Attributes
    ----------
    linear : bool
        Whether the score is a linear function of the outputs.
    """

    linear: bool

    def __call__(self, output: Tensor, rows: Tensor | None) -> Tensor:
        """Score of each row.

        Parameters
        ----------
        output : Tensor of shape (M, ...)
            Output of the net.
        rows : Tensor of shape (M,), int64, optional
            Row of the batch that each row of the output belongs to; None if these are all rows in
            their order.

        Returns
        -------
        Tensor of shape (M,)
            Differentiable.
        """
        ...


def chosen_target(target: TargetLike, n_rows: int, device: torch.device) -> Target:
    """Read what a caller passes as ``target``.

    Parameters
    ----------
    target : optional
        - ``None``: the only output of a net that has one, of shape (N,) or (N, 1).
        - An integer (also of NumPy, or a tensor or array that holds one): this output, for all
          rows.
        - An integer tensor, array or list of N indices: the output of each row.
        - A tuple of integers: an index into outputs of shape (N, A, B, ...), such as channel, row
          and column of a pixel, for all rows; a list of N tuples: one for each row.
        - A tensor or array of the shape (N, K), (N, A, B, ...) of the outputs: their weights in a
          sum, for instance a one-hot code of the classes.
        - A function that takes the outputs (M, ...) of M rows and returns M scores.
    n_rows : int
        Number N of rows of the batch.
    device : torch.device
        Where the outputs are.

    Returns
    -------
    Target
        The choice.

    Raises
    ------
    TypeError
        If it is something else, or does not consist of integers.
    ValueError
        If it is not for N rows.
    """
    if target is None:
        return _OnlyOutput()
    if isinstance(target, Tensor | np.ndarray | list):
        return _per_row(target, n_rows, device)
    if isinstance(target, tuple):
        return _Indices(_index_tensor([target], device), shared=True)
    if _is_integer(target):
        return _Indices(_index_tensor([(target,)], device), shared=True)
    if callable(target):
        return _Function(target)
    raise _not_integers(type(target).__name__)


def class_indices(target: Target, n_rows: int) -> Tensor:
    """Return the class of every row, where a target names classes.

    Parameters
    ----------
    target : Target
        From `chosen_target`. None names the only class of a net with one output, and weights must
        be a one-hot code.
    n_rows : int
        Number N of rows.

    Returns
    -------
    Tensor of shape (N,), int64
        Class indices.

    Raises
    ------
    TypeError
        If the target is a function.
    ValueError
        If it is an index of several dimensions, or weights that name no class.
    """
    if isinstance(target, _OnlyOutput):
        return torch.zeros(n_rows, dtype=torch.int64)
    if isinstance(target, _Function):
        raise TypeError("target must name a class for each image, got a function")
    if isinstance(target, _Weights):
        weights = target.weights.double()
        classes = weights.flatten(1).argmax(1)
        if (
            weights.ndim != 2
            or not torch.equal(weights.sum(1), weights.amax(1))
            or not (weights.amax(1) == 1).all()
        ):
            raise ValueError(
                f"target must have shape ({n_rows},), one class index per image, or be a one-hot "
                f"code (N, K) of the classes, got other weights of shape {tuple(weights.shape)}"
            )
        return classes
    assert isinstance(target, _Indices)
    if target.indices.shape[1] != 1:
        raise ValueError(
            f"target must be one class index per image, got {target.indices.shape[1]} indices each"
        )
    return target.indices[:, 0].expand(n_rows)


def _per_row(target: Any, n_rows: int, device: torch.device) -> Target:
    if isinstance(target, list):
        tuples = [index if isinstance(index, tuple) else (index,) for index in target]
        if len({len(index) for index in tuples}) > 1:
            raise ValueError("target must hold tuples of one length, got several lengths")
        indices = _index_tensor(tuples, device)
    else:
        with torch.inference_mode(False):
            values = torch.as_tensor(target, device=device).detach().clone()
        if values.ndim > 1:
            return _Weights(_checked_rows(values, n_rows))
        if not _holds_integers(values):
            raise _not_integers(str(values.dtype))
        if values.ndim == 0:
            return _Indices(values.long().view(1, 1), shared=True)
        indices = values.long()[:, None]
    if len(indices) == 1 and n_rows != 1:
        return _Indices(indices, shared=True)
    return _Indices(_checked_rows(indices, n_rows), shared=False)


def _checked_rows(values: Tensor, n_rows: int) -> Tensor:
    if len(values) != n_rows:
        raise ValueError(
            f"target must have shape ({n_rows},), one index per row, or be one index for all, got "
            f"{len(values)} of them"
        )
    return values


def _index_tensor(tuples: list[tuple[Any, ...]], device: torch.device) -> Tensor:
    for index in tuples:
        for value in index:
            if not _is_integer(value):
                inside = f" in {index}" if len(index) > 1 else ""
                raise _not_integers(f"{type(value).__name__}{inside}")
    with torch.inference_mode(False):
        return torch.tensor([[int(value) for value in index] for index in tuples], device=device)


def _is_integer(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.ndim == 0 and _holds_integers(value)
    return isinstance(value, Integral) and not isinstance(value, bool)


def _holds_integers(values: Tensor) -> bool:
    real = not (values.is_floating_point() or values.is_complex())
    return real and values.dtype != torch.bool


def _not_integers(got: str) -> TypeError:
    return TypeError(
        "target must be an integer Tensor of class indices, an int, a tuple of ints (an index of "
        "several dimensions), a list of ints or tuples, an array of weights shaped like the "
        f"outputs, a function of the outputs or None, got {got}"
    )


class _OnlyOutput:
    linear = True

    def __call__(self, output: Tensor, rows: Tensor | None) -> Tensor:
        if output.numel() != len(output):
            raise ValueError(
                f"the net must return one output per row if no target is given, got outputs of "
                f"shape {tuple(output.shape)}: name one of them as the target"
            )
        return output.reshape(-1)


class _Indices:
    """The output at an index, one for each row of the batch or one for all."""

    linear = True

    def __init__(self, indices: Tensor, shared: bool) -> None:
        self.indices = indices
        self.shared = shared

    def __call__(self, output: Tensor, rows: Tensor | None) -> Tensor:
        self._check_range(output)
        if self.shared:
            return output[(slice(None), *self.indices[0].tolist())]
        indices = self.indices if rows is None else self.indices[rows]
        return output[(torch.arange(len(output), device=output.device), *indices.unbind(1))]

    def _check_range(self, output: Tensor) -> None:
        sizes = output.shape[1:]
        if len(sizes) != self.indices.shape[1]:
            wanted = "an index" if len(sizes) == 1 else f"a tuple of {len(sizes)} indices"
            raise ValueError(
                f"target must be {wanted if sizes else 'None'} for outputs of shape "
                f"{tuple(output.shape)}, got {self._shown(0)}"
            )
        for axis, size in enumerate(sizes):
            outside = (self.indices[:, axis] < 0) | (self.indices[:, axis] >= size)
            if outside.any():
                raise ValueError(
                    f"target must be in [0, {size}), the outputs of the net"
                    f"{f' along axis {axis + 1}' if len(sizes) > 1 else ''}, got "
                    f"{self._shown(int(outside.int().argmax()))}"
                )

    def _shown(self, row: int) -> str:
        index = tuple(self.indices[row].tolist())
        where = "target" if self.shared else f"target[{row}]"
        return f"{where} = {index[0] if len(index) == 1 else index}"


class _Weights:
    """A weighted sum of the outputs of each row."""

    linear = True

    def __init__(self, weights: Tensor) -> None:
        if weights.is_complex():
            raise _not_integers(str(weights.dtype))
        self.weights = weights

    def __call__(self, output: Tensor, rows: Tensor | None) -> Tensor:
        if self.weights.shape[1:] != output.shape[1:]:
            raise ValueError(
                f"target must have shape ({len(self.weights)},) or the shape "
                f"{(len(self.weights), *output.shape[1:])} of the outputs, got "
                f"{tuple(self.weights.shape)}{_HINT if output.ndim > 2 else ''}"
            )
        weights = self.weights if rows is None else self.weights[rows]
        return (output * weights.to(output.dtype)).flatten(1).sum(1)


class _Function:
    linear = False

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function

    def __call__(self, output: Tensor, rows: Tensor | None) -> Tensor:
        scores = self.function(output)
        if not isinstance(scores, Tensor) or scores.shape != output.shape[:1]:
            got = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
            raise ValueError(
                f"target, a function of the outputs, must return a Tensor of shape "
                f"({len(output)},), one score per row, got {got}"
            )
        return scores
