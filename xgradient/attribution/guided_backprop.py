"""Guided backpropagation."""

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


def guided_backprop(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
    multiply_by_inputs: bool = False,
) -> Inputs:
    """Guided backpropagation: every ReLU passes back positive gradients only.

    ReLUs are recognised as calls (`nn.ReLU`, `torch.nn.functional.relu`, `Tensor.relu` and their
    in-place forms, also in exported programs), so that a reused module or a functional ReLU counts
    like any other, whereas Captum sees modules only. A ReLU written in another way, such as
    ``x.clamp(min=0)``, is not recognised. A ReLU that was called where it could not be seen is an
    error. A net without ReLU gives its plain gradient.

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
        Subtracted from the inputs if these are multiplied with, otherwise not used: None for zero,
        a number, or a tensor that broadcasts to the inputs.
    additional_forward_args, output, layer, create_graph : optional
        Common to all methods, see `xgradient.attribution`.
    multiply_by_inputs : bool, default False
        Whether to multiply the result with ``inputs - baselines``.

    Returns
    -------
    Tensor or tuple of Tensor
        Attribution, shaped like the inputs (or the values of the layer).

    Raises
    ------
    ValueError, TypeError
        If inputs, target and net do not fit together, or the net calls ReLUs that cannot be seen:
        in compiled modules, or in the threads of `nn.DataParallel`.

    References
    ----------
    Springenberg et al. (2015), "Striving for Simplicity".
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

    def guided(points: Sequence[Tensor]) -> Tensor:
        with ReLUCalls(_GuidedReLU.apply):
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
        gradients = input_gradient(guided, copies(task.inputs), create_graph)
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


class _GuidedReLU(torch.autograd.Function):
    """ReLU whose backward pass lets positive gradients through only."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, in_place: bool) -> Tensor:
        if in_place:
            ctx.mark_dirty(values)
        # Not relu, which a mode around this one may look for.
        output = values.clamp_(min=0) if in_place else values.clamp(min=0)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (output,) = ctx.saved_tensors
        return gradient.clamp(min=0) * (output > 0), None
