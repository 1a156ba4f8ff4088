"""Expected Gradients: Integrated Gradients over a distribution of baselines."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from xgradient._explained import (
    Explained,
    Inputs,
    Model,
    OutputSelector,
    attributing,
    explained,
    per_input,
)
from xgradient._inputs import check_inputs, check_positive_integer
from xgradient._layers import LayerLike
from xgradient._targets import TargetLike
from xgradient.attribution._gradients import accumulator, input_gradient


def expected_gradients(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Tensor | tuple[Tensor, ...],
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
    n_references: int = 1,
    multiply_by_inputs: bool = True,
    generator: torch.Generator | None = None,
) -> Inputs:
    """Estimate Expected Gradients: Integrated Gradients averaged over a distribution of baselines.

    The average over draws of ``(x - r) * dF/dx(r + alpha (x - r))`` with a reference r drawn from
    ``baselines`` with replacement and alpha from U(0, 1), both drawn separately for each image and
    draw. The released evaluation of EG(1) shares one reference and one alpha between the two images
    of a batch, and draws the references from the validation set: here the caller passes training
    images.

    Parameters
    ----------
    model : nn.Module or callable
        Net that returns outputs of shape (N, K).
    inputs : Tensor of shape (N, ...) or tuple of these
        Images, feature vectors or whatever the net takes.
    target : optional
        Which output to explain: an index, one per row or one for all; None for a net with one
        output. See `xgradient.attribution` for the other forms.
    baselines : Tensor of shape (R, ...) or (N, R, ...), or tuple of these
        The distribution: images to draw references from, in the space of the inputs. With one more
        axis, a distribution for each row. Of several inputs, the same reference is drawn for all.
    additional_forward_args, output, layer, create_graph : optional
        Common to all methods, see `xgradient.attribution`.
    n_references : int, default 1
        Number of draws per image, each costing one forward and backward pass; k of EG(k).
    multiply_by_inputs : bool, default True
        Whether to multiply the gradients with ``inputs - references``.
    generator : torch.Generator, optional
        Source of the draws; by default torch's global one.

    Returns
    -------
    Tensor or tuple of Tensor
        Attribution, shaped like the inputs (or the values of the layer).

    Raises
    ------
    ValueError, TypeError
        If inputs, baselines, target and net do not fit together, or the number of draws is not
        positive.

    References
    ----------
    Erion et al. (2021); Hesse, Schaub-Meyer and Roth (2021), Sec. 4.2.
    """
    task = explained(
        model,
        inputs,
        target,
        additional_forward_args=additional_forward_args,
        output=output,
        layer=layer,
        create_graph=create_graph,
    )
    distribution, n_drawn_from = _distribution(task, baselines)
    check_positive_integer("n_references", n_references)
    device = generator.device if generator is not None else torch.device("cpu")
    n_rows = task.n_rows
    with attributing(model):
        totals = [torch.zeros_like(x, dtype=accumulator(x.dtype)) for x in task.inputs]
        for _ in range(n_references):
            drawn = torch.randint(n_drawn_from, (n_rows,), generator=generator, device=device)
            alpha = torch.rand(n_rows, generator=generator, device=device, dtype=torch.float64)
            starts = task.values_of([d(drawn) for d in distribution])
            differences = [x - start for x, start in zip(task.inputs, starts, strict=True)]
            points = [
                torch.addcmul(start, _per_row(alpha.to(difference), difference), difference)
                for start, difference in zip(starts, differences, strict=True)
            ]
            gradients = input_gradient(task.scores, points, create_graph)
            if multiply_by_inputs:
                gradients = tuple(d * g for d, g in zip(differences, gradients, strict=True))
            totals = [total + term for total, term in zip(totals, gradients, strict=True)]
        averages = [
            (total / n_references).to(x.dtype) for total, x in zip(totals, task.inputs, strict=True)
        ]
    return task.returned(averages)


class _References:
    """References of one input, shared by all rows or one set for each."""

    def __init__(self, values: Tensor, like: Tensor) -> None:
        self.values = values.detach().to(dtype=like.dtype, device=like.device)
        self.shared = values.ndim == like.ndim

    def __len__(self) -> int:
        return self.values.shape[0 if self.shared else 1]

    def __call__(self, drawn: Tensor) -> Tensor:
        """Take one reference for each row, at these places."""
        drawn = drawn.to(self.values.device)
        if self.shared:
            return self.values[drawn]
        return self.values[torch.arange(len(drawn), device=drawn.device), drawn]


def _distribution(task: Explained, baselines: Any) -> tuple[list[_References], int]:
    """Check the distributions of all inputs; returns also the number R of references."""
    found = []
    for values, x in zip(per_input(baselines, len(task.fed), "baselines"), task.fed, strict=True):
        if not isinstance(values, Tensor):
            raise TypeError(
                "baselines must be a Tensor of shape (R, ...), the distribution that references "
                f"are drawn from, got {values!r:.60}"
            )
        check_inputs(values, "baselines", floating=task.layer is None)
        one = x.shape[1:]
        per_row = values.shape[:1] == x.shape[:1] and values.shape[2:] == one
        if values.shape[1:] != one and not per_row:
            sizes = "".join(f", {size}" for size in one)
            raise ValueError(
                f"baselines must have shape (R{sizes}), or ({len(x)}, R{sizes}) with references "
                f"for each row, to fit the inputs, got {tuple(values.shape)}"
            )
        found.append(_References(values, x))
    numbers = [len(each) for each in found]
    if len(set(numbers)) > 1:
        raise ValueError(
            f"baselines must have the same number of references for every input, got {numbers}"
        )
    return found, numbers[0]


def _per_row(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *(1 for _ in like.shape[1:]))
