"""Gradients in which every ReLU passes back something else than its derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from xgradient._explained import (
    Baselines,
    Inputs,
    Model,
    OutputSelector,
    attributing,
    explained,
    module_of,
)
from xgradient._layers import LayerLike
from xgradient._targets import TargetLike
from xgradient.attribution._gradients import copies, input_gradient
from xgradient.attribution._opaque import opaque_module
from xgradient.attribution._relu_calls import ReLUCalls


def modified_gradient(
    relu: type[torch.autograd.Function],
    model: Model,
    inputs: Inputs,
    target: TargetLike,
    *,
    baselines: Baselines,
    additional_forward_args: Any,
    output: OutputSelector,
    layer: LayerLike,
    create_graph: bool,
    multiply_by_inputs: bool,
) -> Inputs:
    """Gradient of the target output with another function in place of every ReLU.

    Parameters
    ----------
    relu : type of torch.autograd.Function
        Takes the argument of a ReLU and whether it is to be overwritten.
    model, inputs, target, baselines, additional_forward_args, output, layer, create_graph
        See `xgradient.attribution.guided_backprop`.
    multiply_by_inputs : bool
        Whether to multiply the result with ``inputs - baselines``.

    Returns
    -------
    Tensor or tuple of Tensor
        Shaped like the inputs (or the values of the layer).

    Raises
    ------
    ValueError, TypeError
        If inputs, target and net do not fit together, or the net calls ReLUs that cannot be seen.
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
    module = module_of(model)
    opaque = None if module is None else opaque_module(module)
    if opaque is not None:
        raise ValueError(
            f"the ReLUs inside the compiled module '{opaque}' cannot be seen: pass the net from "
            "before compilation"
        )

    def scores_of(points: Sequence[Tensor]) -> Tensor:
        with ReLUCalls(relu.apply):
            scores = task.scores(points)
        unseen = _plain_relus(scores)
        if unseen:
            raise ValueError(
                f"{unseen} {'ReLU' if unseen == 1 else 'ReLUs'} of the net cannot be seen and "
                "would pass back the plain gradient: pass the net itself, not a "
                "torch.nn.DataParallel or a compiled form of it"
            )
        return scores

    with attributing(model):
        gradients = input_gradient(scores_of, copies(task.inputs), create_graph)
        if multiply_by_inputs:
            differences = task.differences(baselines)
            gradients = tuple(d * g for d, g in zip(differences, gradients, strict=True))
    return task.returned(gradients)


def _plain_relus(scores: Tensor) -> int:
    """Count the ReLUs behind the scores that would pass back their plain gradient."""
    found, seen, waiting = 0, set(), [scores.grad_fn]
    while waiting:
        step = waiting.pop()
        if step is None or step in seen:
            continue
        seen.add(step)
        found += step.name().startswith("ReluBackward")
        waiting.extend(earlier for earlier, _ in step.next_functions)
    return found


def rectified(ctx: Any, values: Tensor, in_place: bool) -> Tensor:
    """Output of a ReLU, for the forward pass of a function that replaces it."""
    if in_place:
        ctx.mark_dirty(values)
    # Not relu, which a mode around this one may look for.
    return values.clamp_(min=0) if in_place else values.clamp(min=0)
