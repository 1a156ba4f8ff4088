"""The references of DeepLIFT, in all forms in which they can be given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xgradient._explained import Explained
from xgradient._inputs import usable, validated_baselines

Reference = Tensor | float | None
Baselines = (
    Reference | Sequence[Reference | tuple[Reference, ...]] | Callable[..., Tensor | tuple[Tensor]]
)
"""References of DeepLIFT; see `deeplift`."""


@dataclass(frozen=True)
class References:
    """Some references of every row of the batch.

    Parameters
    ----------
    tensors : tuple of Tensor
        One per input, each of shape (N, S, ...), or (1, 1, ...) if all rows share one.
    shared : bool
        Whether all rows share one reference.
    number : int
        How many S each row has.
    """

    tensors: tuple[Tensor, ...]
    shared: bool
    number: int

    def of(self, rows: Tensor, numbers: Tensor) -> list[Tensor]:
        """Return one reference for each of M rows, shapes (M, ...), or (1, ...) if shared."""
        if self.shared:
            return [tensor[:, 0] for tensor in self.tensors]
        return [
            tensor[rows if len(tensor) > 1 else rows * 0, numbers if tensor.shape[1] > 1 else 0]
            for tensor in self.tensors
        ]


def references_of(task: Explained, baselines: Any) -> Iterator[References]:
    """Find the references, one after the other, so that no more are in memory than were given.

    Parameters
    ----------
    task : Explained
        What is explained.
    baselines : optional
        As in `xgradient.deeplift.deeplift`.

    Returns
    -------
    iterator of References
        In the order in which they were given.

    Raises
    ------
    TypeError, ValueError
        If they are something else, do not broadcast, or hold NaN or infinity.
    """
    single_input = len(task.fed) == 1
    if callable(baselines):
        given = task.fed[0] if single_input else task.fed
        baselines = baselines(given)
    several = isinstance(baselines, list) or (isinstance(baselines, tuple) and single_input)
    if several and not baselines:
        raise ValueError("baselines must hold at least one reference, got an empty sequence")
    for each in baselines if several else [baselines]:
        for references in _checked(task, each):
            yield from _of_layer(task, references)


def _checked(task: Explained, baselines: Any) -> Iterator[References]:
    given = baselines if isinstance(baselines, tuple) else (baselines,) * len(task.fed)
    if len(given) != len(task.fed):
        raise ValueError(
            f"baselines must be one for each of {len(task.fed)} inputs, got {len(given)}"
        )
    tensors = [_with_number(each, inputs) for each, inputs in zip(given, task.fed, strict=True)]
    numbers = {tensor.shape[1] for tensor in tensors} - {1}
    if len(numbers) > 1:
        raise ValueError(
            f"baselines must hold the same number of references of every input, got {numbers}"
        )
    number = numbers.pop() if numbers else 1
    shared = number == 1 and all(len(tensor) == 1 for tensor in tensors)
    yield References(tuple(tensors), shared, number)


def _with_number(baselines: Any, inputs: Tensor) -> Tensor:
    is_set = isinstance(baselines, Tensor) and baselines.dim() == inputs.dim() + 1
    if not is_set:
        return validated_baselines(baselines, inputs)[:, None]
    if baselines.shape[0] not in (1, len(inputs)) or baselines.shape[2:] != inputs.shape[1:]:
        n_inputs, *shape = inputs.shape
        raise ValueError(
            f"baselines with one more axis than the inputs must have shape "
            f"({', '.join(map(str, (n_inputs, 'R', *shape)))}), R references of each input, got "
            f"{tuple(baselines.shape)}"
        )
    if baselines.shape[1] == 0:
        raise ValueError("baselines must hold at least one reference, got none")
    with_rows = usable(baselines.detach().to(inputs))
    if not torch.isfinite(with_rows).all():
        raise ValueError(
            f"baselines must be finite, got NaN or infinity in shape {tuple(baselines.shape)}"
        )
    return with_rows


def _of_layer(task: Explained, references: References) -> Iterator[References]:
    if task.layer is None:
        yield references
        return
    rows = task.all_rows()
    for number in range(references.number):
        feed = references.of(rows, torch.full_like(rows, number))
        values = task.values_of([each.expand(len(rows), *each.shape[1:]) for each in feed])
        yield References(tuple(each[:, None] for each in values), shared=False, number=1)
