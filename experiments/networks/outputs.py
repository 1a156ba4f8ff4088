"""The last layer of a classifier, and the classifier of some of its classes."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import fx, nn
from torch.nn import functional

from xgradient.homogeneous import evaluation_mode
from xgradient.tracing import trace

__all__ = ["outputs_layer", "restrict_outputs"]

# What may come after the layer that produces the logits, since it keeps the classes apart.
_MODULES = (
    nn.Identity,
    nn.Flatten,
    nn.Dropout,
    nn.ReLU,
    nn.AvgPool2d,
    nn.MaxPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)
_FUNCTIONS = (
    torch.flatten,
    torch.relu,
    functional.relu,
    functional.avg_pool2d,
    functional.adaptive_avg_pool2d,
)
_METHODS = ("flatten", "relu")


def outputs_layer(model: nn.Module) -> str:
    """Find the layer whose outputs are the logits of a classifier.

    From the output of the net's graph of calls it goes back, past poolings, ReLU, dropout and
    flattening, to the linear layer or convolution.

    Parameters
    ----------
    model : torch.nn.Module
        Classifier that maps images (N, C, H, W) to logits (N, K).

    Returns
    -------
    str
        Name as in ``model.named_modules()``: "fc" of a ResNet, "classifier.6" of a VGG,
        "classifier.1" of a SqueezeNet.

    Raises
    ------
    ValueError
        If the net cannot be traced, or something else comes first.
    """
    with evaluation_mode(model):
        graph, root = trace(model)
    names = {module: name for name, module in model.named_modules()}
    node = next(node for node in graph.nodes if node.op == "output").args[0]
    while isinstance(node, fx.Node):
        module = root.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            return names[module]
        if not (
            isinstance(module, _MODULES)
            or (node.op == "call_function" and node.target in _FUNCTIONS)
            or (node.op == "call_method" and node.target in _METHODS)
        ):
            called = names[module] if module is not None else node.name
            raise ValueError(
                f"no linear layer or convolution produces the logits of {type(model).__name__}: "
                f"'{called}' comes after it"
            )
        node = node.args[0]
    raise ValueError(
        f"{type(model).__name__} does not return one tensor of logits: it returns {node!r:.60}"
    )


def restrict_outputs(model: nn.Module, indices: Sequence[int]) -> nn.Module:
    """Copy a classifier with the logits of some of its classes only.

    Parameters
    ----------
    model : torch.nn.Module
        Classifier that maps images (N, C, H, W) to logits (N, K).
    indices : sequence of int
        The classes, in the order that the logits are to have.

    Returns
    -------
    torch.nn.Module
        A deep copy of the same class, whose last layer has the rows of these classes. It maps
        images to the columns ``indices`` of the net's logits.

    Raises
    ------
    ValueError
        If there are no indices, one occurs twice or is not in [0, K), or the last layer is not
        found (see `outputs_layer`), is grouped, or computes its weight from other tensors.
    """
    name = outputs_layer(model)
    restricted = copy.deepcopy(model)
    layer = restricted.get_submodule(name)
    if not {"weight", "bias"} <= layer._parameters.keys():
        raise ValueError(
            f"the last layer '{name}' computes its weight or bias from other tensors: make them "
            "parameters first, with torch.nn.utils.parametrize.remove_parametrizations"
        )
    if isinstance(layer, nn.Conv2d) and layer.groups != 1:
        raise ValueError(f"the last layer '{name}' is grouped, and its rows cannot be taken apart")
    n_outputs = len(layer.get_parameter("weight"))
    rows = list(indices)
    outside = [index for index in rows if not 0 <= index < n_outputs]
    if not rows or outside or len(set(rows)) < len(rows):
        raise ValueError(
            f"indices must be different classes in [0, {n_outputs}), the outputs of '{name}', got "
            + (f"{outside[0]}" if outside else f"{rows}")
        )
    for key, parameter in layer.named_parameters(recurse=False):
        kept = parameter.detach()[rows].clone()
        setattr(layer, key, nn.Parameter(kept, parameter.requires_grad))
    setattr(layer, "out_features" if isinstance(layer, nn.Linear) else "out_channels", len(rows))
    return restricted
