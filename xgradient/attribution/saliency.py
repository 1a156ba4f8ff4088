"""The gradient of an output."""

from __future__ import annotations

from typing import Any

from xgradient._explained import Baselines, Inputs, Model, OutputSelector, attributing, explained
from xgradient._layers import LayerLike
from xgradient._targets import TargetLike
from xgradient.attribution._gradients import copies, input_gradient


def saliency(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
    abs: bool = False,
) -> Inputs:
    """Gradient of the target output with respect to the input ("Grad" in the masking metrics).

    Parameters
    ----------
    model : nn.Module or callable
        Net that returns outputs of shape (N, K).
    inputs : Tensor of shape (N, ...) or tuple of these
        Images, feature vectors or whatever the net takes.
    target : optional
        Which output to explain: an index, one per row or one for all; None for a net with one
        output. See `xgradient.attribution` for the other forms.
    baselines : optional
        Accepted for the common signature; a gradient has no baseline, so it is not used.
    additional_forward_args, output, layer, create_graph : optional
        Common to all methods, see `xgradient.attribution`.
    abs : bool, default False
        Whether to return the absolute value. Captum does so by default.

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
    Simonyan, Vedaldi and Zisserman (2014), Sec. 3.
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
        gradients = input_gradient(task.scores, copies(task.inputs), create_graph)
    return task.returned([values.abs() for values in gradients] if abs else gradients)
