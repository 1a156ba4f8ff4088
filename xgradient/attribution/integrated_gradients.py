"""Integrated Gradients by numerical quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn

from xgradient._explained import (
    Baselines,
    Explained,
    Inputs,
    Model,
    OutputSelector,
    attributing,
    explained,
)
from xgradient._inputs import check_positive_integer
from xgradient._layers import LayerLike
from xgradient._targets import TargetLike
from xgradient._transposed import transposed
from xgradient.attribution._first_layer import BehindLayer, only_reader
from xgradient.attribution._gradients import accumulator, copies, input_gradient
from xgradient.attribution.quadrature import quadrature, shared_nodes

# Default number of rows per pass: enough to use the processor well for a single image.
_DEFAULT_ROWS = 16


@overload
def integrated_gradients(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
    n_steps: int = 128,
    method: str = "gausslegendre",
    internal_batch_size: int | None = None,
    multiply_by_inputs: bool = True,
    return_convergence_delta: Literal[False] = False,
) -> Inputs: ...


@overload
def integrated_gradients(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
    n_steps: int = 128,
    method: str = "gausslegendre",
    internal_batch_size: int | None = None,
    multiply_by_inputs: bool = True,
    return_convergence_delta: Literal[True],
) -> tuple[Inputs, Tensor]: ...


def integrated_gradients(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
    n_steps: int = 128,
    method: str = "gausslegendre",
    internal_batch_size: int | None = None,
    multiply_by_inputs: bool = True,
    return_convergence_delta: bool = False,
) -> Inputs | tuple[Inputs, Tensor]:
    """Integrated Gradients along the straight path from a baseline to the input.

    ``IG_i = (x_i - b_i) * sum_j w_j dF/dx_i(b + alpha_j (x - b))`` with the nodes and weights of
    `quadrature`. At most ``internal_batch_size`` path points are evaluated at a time, for any
    number of steps. Several inputs move along the path together.

    If a single linear or convolution layer is the only reader of the input, its work is shared
    between the nodes: its output is linear in alpha, so it is computed at the two ends of the path
    only, and its transpose is applied once, to the averaged gradient of its output.
    The result is the same up to rounding.

    Parameters
    ----------
    model : nn.Module or callable
        Net that returns outputs of shape (N, K).
    inputs : Tensor of shape (N, ...) or tuple of these
        Images, feature vectors or whatever the net takes.
    target : optional
        Which output to explain: an index, one per row or one for all; None for a net with one
        output. See `xgradient.attribution` for the other forms.
    baselines : Tensor or float, or tuple of these, optional
        Start of the path: None for zero, a number, or a tensor that broadcasts to the inputs.
    additional_forward_args, output, layer, create_graph : optional
        Common to all methods, see `xgradient.attribution`.
        With a layer, the path leads from its values for the baselines to those for the inputs.
    n_steps : int, default 128
        Number of nodes, that is of gradients per image.
    method : str, default "gausslegendre"
        One of `QUADRATURE_METHODS`.
    internal_batch_size : int, optional
        Number of images (path points) per forward and backward pass. By default the size of the
        batch, or 16 for a smaller batch.
    multiply_by_inputs : bool, default True
        Whether to multiply the averaged gradient with ``inputs - baselines``. Without, the result
        is the averaged gradient and has no completeness.
    return_convergence_delta : bool, default False
        Whether to return the error of completeness as well.

    Returns
    -------
    attributions : Tensor or tuple of Tensor
        Shaped like the inputs (or the values of the layer).
    delta : Tensor of shape (N,)
        ``sum(attributions) - (F(x) - F(b))`` per image; only with ``return_convergence_delta``.

    Raises
    ------
    ValueError, TypeError
        If inputs, target, baselines and net do not fit together, the method is unknown, or a
        number of steps or rows is not positive.

    References
    ----------
    Sundararajan, Taly and Yan (2017), Sec. 3 and 5.
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
    alphas, weights = quadrature(method, n_steps)
    rows = _validated_rows(internal_batch_size, task.n_rows)
    with attributing(model):
        starts = task.baselines(baselines)
        (attributions,) = _integrals(
            task, starts, alphas, weights[None], rows, create_graph, multiply_by_inputs
        )
        result = task.returned(attributions)
        if not return_convergence_delta:
            return result
        change = task.scores_in_parts(task.inputs, rows) - task.scores_in_parts(starts, rows)
    return result, sum(values.reshape(task.n_rows, -1).sum(1) for values in attributions) - change


def integrated_gradients_of_rules(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    rules: Sequence[tuple[str, int]],
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    internal_batch_size: int | None = None,
) -> list[Inputs]:
    """Integrated Gradients by several quadrature rules, for the gradients of their distinct nodes.

    To compare rules and numbers of steps. The left, right and middle Riemann sums with 1, 2, 4, …,
    256 steps have 1,533 nodes, of which 513 are distinct. The results are those of
    `integrated_gradients`, up to rounding.

    Parameters
    ----------
    model, inputs, target, baselines, additional_forward_args, output, layer, internal_batch_size
        As for `integrated_gradients`.
    rules : sequence of (str, int)
        Name of the rule, one of `QUADRATURE_METHODS`, and number of steps.

    Returns
    -------
    list of Tensor or of tuple of Tensor
        Attributions of every rule, shaped like the inputs (or the values of the layer).

    Raises
    ------
    ValueError, TypeError
        As for `integrated_gradients`, and without any rule.
    """
    task = explained(
        model,
        inputs,
        target,
        additional_forward_args=additional_forward_args,
        output=output,
        layer=layer,
    )
    alphas, weights = shared_nodes(rules)
    rows = _validated_rows(internal_batch_size, task.n_rows)
    with attributing(model):
        starts = task.baselines(baselines)
        integrals = _integrals(task, starts, alphas, weights, rows, False, True)
        return [task.returned(attributions) for attributions in integrals]


def _integrals(
    task: Explained,
    starts: Sequence[Tensor],
    alphas: Tensor,
    weights: Tensor,
    rows: int,
    create_graph: bool,
    multiply_by_inputs: bool,
) -> list[list[Tensor]]:
    """Return the attributions of every rule, a row of the weights, to every input of the net."""
    # Refuses a target that the net has no output for before any work.
    with torch.no_grad():
        task.scores(copies(task.rows(slice(1))), task.all_rows()[:1])
    first_layer = None if create_graph else _shared_layer(task)
    parts = []
    for part in task.all_rows().tensor_split(math.ceil(task.n_rows / rows)):
        ends = task.rows(slice(int(part[0]), int(part[-1]) + 1))
        begins = [s if len(s) == 1 else s[part] for s in starts]
        directions = [end - begin for end, begin in zip(ends, begins, strict=True)]
        path = _Path(task.scores, part, begins, directions, create_graph)
        if first_layer is None:
            averages = path.mean_gradients(alphas, weights, rows)
        else:
            averages = _behind(first_layer, task, path, ends[0], alphas, weights, rows)
        if multiply_by_inputs:
            averages = [
                [d * g for d, g in zip(directions, gradients, strict=True)]
                for gradients in averages
            ]
        parts.append(averages)
    return [
        [torch.cat(each) for each in zip(*of_rule, strict=True)]
        for of_rule in zip(*parts, strict=True)
    ]


class _Path:
    """Straight paths of some rows of the batch, along which gradients are averaged."""

    def __init__(
        self,
        scores: Callable[[Sequence[Tensor], Tensor], Tensor],
        rows: Tensor,
        starts: Sequence[Tensor],
        directions: Sequence[Tensor],
        create_graph: bool,
    ) -> None:
        self.scores = scores
        self.rows = rows
        self.starts = starts
        self.directions = directions
        self.create_graph = create_graph

    def mean_gradients(self, alphas: Tensor, weights: Tensor, rows: int) -> list[list[Tensor]]:
        """Weighted sums over the nodes of the gradient at ``start + alpha * direction``.

        One sum for every row of the weights, which are of shape (rules, nodes).
        """
        totals = [
            [torch.zeros_like(d, dtype=accumulator(d.dtype)) for d in self.directions]
            for _ in weights
        ]
        per_pass = max(1, rows // len(self.rows))
        for nodes, node_weights in zip(
            alphas.split(per_pass), weights.T.split(per_pass), strict=True
        ):
            self._add_gradients(totals, nodes, node_weights.tolist())
        return [
            [total.to(d.dtype) for total, d in zip(of_rule, self.directions, strict=True)]
            for of_rule in totals
        ]

    # A function of its own frees the tensors of a pass before the next one begins.
    def _add_gradients(
        self,
        totals: Sequence[Sequence[Tensor]],
        nodes: Tensor,
        weights: Sequence[Sequence[float]],
    ) -> None:
        n_rows = len(self.rows)
        rows = self.rows.repeat(len(nodes))
        points = [
            self._points(nodes.to(direction), start, direction)
            for start, direction in zip(self.starts, self.directions, strict=True)
        ]
        gradients = input_gradient(
            lambda tracked: self.scores(tracked, rows), points, self.create_graph
        )
        # One term at a time: no copy of the gradient, and weights in double precision.
        for place, gradient in enumerate(gradients):
            terms = gradient.unflatten(0, (-1, n_rows))
            for of_rules, term in zip(weights, terms, strict=True):
                for total, weight in zip(totals, of_rules, strict=True):
                    if weight:
                        total[place].add_(term, alpha=weight)

    def _points(self, nodes: Tensor, start: Tensor, direction: Tensor) -> Tensor:
        steps = nodes.view(-1, *(1 for _ in direction.shape))
        if self.create_graph:
            return torch.addcmul(start, steps, direction).flatten(0, 1).clone()
        points = direction.new_empty(len(nodes) * len(self.rows), *direction.shape[1:])
        with torch.no_grad():
            torch.addcmul(start, steps, direction, out=points.unflatten(0, (-1, len(self.rows))))
        return points


def _shared_layer(task: Explained) -> nn.Module | None:
    """Return the only reader of the input where its work can be shared between the nodes."""
    plain = task.single and not task.arguments and task.layer is None and task.output is None
    if not plain or not isinstance(task.model, nn.Module):
        return None
    return only_reader(task.model, task.inputs[0][:1])


def _behind(
    layer: nn.Module,
    task: Explained,
    path: _Path,
    end: Tensor,
    alphas: Tensor,
    weights: Tensor,
    rows: int,
) -> list[list[Tensor]]:
    """Average the gradients for a net whose input is read by one linear layer only."""
    leaf = end.detach().requires_grad_()
    at_end = layer(leaf)
    with torch.no_grad():
        at_start = layer(path.starts[0])
        direction = at_end - at_start
    behind = BehindLayer(layer, task.model, end)

    def scores(points: Sequence[Tensor], of: Tensor) -> Tensor:
        return task.target(behind(points[0]), of)

    inner = _Path(scores, path.rows, [at_start], [direction], False)
    return [
        list(transposed(at_end, leaf, gradient, retain_graph=True))
        for (gradient,) in inner.mean_gradients(alphas, weights, rows)
    ]


def _validated_rows(internal_batch_size: int | None, n_rows: int) -> int:
    if internal_batch_size is None:
        return max(n_rows, _DEFAULT_ROWS)
    check_positive_integer("internal_batch_size", internal_batch_size)
    return internal_batch_size
