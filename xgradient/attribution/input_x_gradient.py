"""Input times gradient."""

from __future__ import annotations

from typing import Any

from xgradient._explained import Baselines, Inputs, Model, OutputSelector, attributing, explained
from xgradient._layers import LayerLike
from xgradient._targets import TargetLike
from xgradient.attribution._gradients import copies, input_gradient


def input_x_gradient(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
) -> Inputs:
    """Input times gradient of the target output: ``(x - b) * dF/dx(x)``.

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
        Subtracted from the inputs: None for nothing, a number, or a tensor that broadcasts to
        them.
    additional_forward_args, output, layer, create_graph : optional
        Common to all methods, see `xgradient.attribution`.

    Returns
    -------
    Tensor or tuple of Tensor
        Attribution, shaped like the inputs (or the values of the layer).

    Raises
    ------
    ValueError, TypeError
        If inputs, target and net do not fit together; the message says which and why.

    References
    ----------
    Shrikumar et al. (2016), "Not just a black box".
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
    with attributing(model):
        differences = task.differences(baselines)
        gradients = input_gradient(task.scores, copies(task.inputs), create_graph)
        return task.returned([d * g for d, g in zip(differences, gradients, strict=True)])
