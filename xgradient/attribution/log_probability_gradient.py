"""The gradient that the explanations of RRR penalise."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import logsigmoid

from xgradient._explained import Inputs, Model, OutputSelector, attributing, explained
from xgradient._layers import LayerLike
from xgradient.attribution._gradients import copies, input_gradient


def log_probability_gradient(
    model: Model,
    inputs: Inputs,
    *,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
) -> Inputs:
    """Gradient of the sum of the log-probabilities of all classes ("RRR").

    It belongs to no class. A net with one logit z stands for two classes, whose log-probabilities
    sum to ``2 log sigmoid(z) - z``.

    Parameters
    ----------
    model : nn.Module or callable
        Net that returns logits of shape (N, K), or one of shape (N,) or (N, 1).
    inputs : Tensor of shape (N, ...) or tuple of these
        Images, feature vectors or whatever the net takes.
    additional_forward_args, output, layer, create_graph : optional
        Common to all methods, see `xgradient.attribution`.

    Returns
    -------
    Tensor or tuple of Tensor
        Shaped like the inputs (or the values of the layer).

    Raises
    ------
    ValueError, TypeError
        If inputs and net do not fit together; the message says which and why.

    References
    ----------
    Ross, Hughes and Doshi-Velez (2017), "Right for the Right Reasons", Eq. 1.
    """
    task = explained(
        model,
        inputs,
        _log_probabilities,
        additional_forward_args=additional_forward_args,
        output=output,
        layer=layer,
        create_graph=create_graph,
    )
    with attributing(model):
        return task.returned(input_gradient(task.scores, copies(task.inputs), create_graph))


def _log_probabilities(logits: Tensor) -> Tensor:
    if logits.ndim > 2:
        raise ValueError(
            f"the net must return logits of shape (N, K) or (N,), got {tuple(logits.shape)}"
        )
    if logits.ndim == 1 or logits.shape[1] == 1:
        logit = logits.reshape(-1)
        return 2 * logsigmoid(logit) - logit
    return logits.log_softmax(1).sum(1)
