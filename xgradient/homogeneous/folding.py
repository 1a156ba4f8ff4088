"""Folding of batch normalisation: from a trained net with BatchNorm to one that has an X-DNN.

In evaluation a BatchNorm multiplies every channel by a constant and adds another one. Behind a
convolution or a linear layer both can be absorbed by its weight and bias, which leaves the function
as it was, and a net whose only constants are biases.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils.fusion import fuse_conv_bn_weights

from xgradient._inputs import check_inputs, check_model, evaluation_mode
from xgradient.homogeneous._copying import copied
from xgradient.homogeneous._degree import floating_tensors, relative_tolerance, row_peaks
from xgradient.homogeneous._foldable import BY_HAND, Calls, is_batch_norm
from xgradient.homogeneous._structure import NotHomogeneousError


def fold_batchnorm(model: nn.Module, example_inputs: Tensor | None = None) -> nn.Module:
    """Copy a net with every BatchNorm folded into the layer before it.

    The copy computes what the net computes in evaluation mode, up to rounding. Every BatchNorm
    becomes an `nn.Identity`; the convolution, transposed convolution or linear layer before it
    gets the weight ``w * gamma / sqrt(var + eps)`` and the bias
    ``beta + (b - mean) * gamma / sqrt(var + eps)``. All other modules, and all names, stay.
    `remove_biases` then makes an X-DNN of the copy, if nothing else breaks homogeneity.

    Which layer comes before a BatchNorm is read from the graph of the net's calls (`torch.fx`),
    not from the order of its modules. ``FrozenBatchNorm2d`` of torchvision and detectron2 is folded
    too.

    Parameters
    ----------
    model : nn.Module
        Net with trained running statistics. It is left as it is.
    example_inputs : Tensor of shape (N, ...), optional
        Inputs at which the copy is compared with the net. One case needs them: a graph without
        shapes does not show whether a BatchNorm1d behind an `nn.Linear` normalises the features
        of (N, F), which can be folded, or the positions of (N, L, F).

    Returns
    -------
    nn.Module
        A deep copy, of the same class and with its modules in the same modes.

    Raises
    ------
    NotHomogeneousError
        If a BatchNorm cannot be folded; ``module_name`` names it and the message says why. It must
        directly follow a layer whose output nothing else uses, both must be called exactly once,
        and it must have running statistics. Also if the net cannot be traced, calls a functional
        ``batch_norm``, or, with ``example_inputs``, the copy computes something else.
    ValueError, TypeError
        If the example inputs are empty, not finite, or not floating-point.

    References
    ----------
    Ioffe and Szegedy (2015), Algorithm 2, for the inference form of batch normalisation.
    """
    check_model(model)
    if example_inputs is not None:
        check_inputs(example_inputs, "example_inputs")
    folded = copied(model)
    with evaluation_mode(folded):
        calls = Calls(folded)
        calls.refuse_functional_batch_norm()
        layers = {
            norm: calls.layer_before(norm) for norm in folded.modules() if is_batch_norm(norm)
        }
    for norm, layer in layers.items():
        _absorb(norm, layer, calls)
    _replace_by_identity(folded, layers)
    _check_same_calls(calls, folded)
    if example_inputs is not None:
        _check_same_outputs(model, folded, example_inputs)
    return folded


def _absorb(norm: Any, layer: Any, calls: Calls) -> None:
    """Multiply the outputs of a layer as its BatchNorm does, and add what the BatchNorm adds."""
    weight: Tensor = layer.weight.detach()
    bias: Tensor | None = layer.bias
    trained = layer.weight if bias is None else bias
    groups = layer.groups if isinstance(layer, _ConvTransposeNd) else None
    if groups is not None:
        weight = _swap_channels(weight, groups)
    fused_weight, fused_bias = fuse_conv_bn_weights(
        weight,
        None if bias is None else bias.detach(),
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    weight = fused_weight.detach()
    if groups is not None:
        weight = _swap_channels(weight, groups).contiguous()
    for tensor in (weight, fused_bias):
        if not tensor.is_meta and not tensor.isfinite().all():
            raise calls.refusal(
                norm,
                "the folded weights would be infinite or NaN: its running variance plus eps must "
                "be positive, and all its values finite",
            )
    layer.weight = nn.Parameter(weight, layer.weight.requires_grad)
    layer.bias = nn.Parameter(fused_bias.detach(), trained.requires_grad)


def _swap_channels(weight: Tensor, groups: int) -> Tensor:
    """Turn the weight (in, out / groups, ...) into (out, in / groups, ...), or the other way round.

    The second is the layout of a convolution, the first that of a transposed one. Group by group
    the first two dimensions change places.
    """
    return weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)


def _replace_by_identity(model: nn.Module, norms: Iterable[nn.Module]) -> None:
    identities = {norm: nn.Identity().train(norm.training) for norm in norms}
    for parent in list(model.modules()):
        # Every name of a module, of which `named_children` knows one.
        for name, child in parent._modules.items():
            if child in identities:
                parent._modules[name] = identities[child]


def _check_same_calls(before: Calls, folded: nn.Module) -> None:
    """Refuse a net whose code looks at its BatchNorms, instead of calling them alone."""
    reason = "its code does other things with a BatchNorm than to call it"
    try:
        with evaluation_mode(folded):
            after = Calls(folded)
    except NotHomogeneousError as error:
        raise NotHomogeneousError(f"{reason}: {error}", error.module_name) from error
    if before.listing() != after.listing():
        raise NotHomogeneousError(
            f"the calls of {type(folded).__name__} change when its BatchNorms are folded: "
            f"{reason}; {BY_HAND}",
            "",
        )


def _check_same_outputs(model: nn.Module, folded: nn.Module, inputs: Tensor) -> None:
    with evaluation_mode(model), evaluation_mode(folded), torch.no_grad():
        outputs = [floating_tensors(net(inputs.clone())) for net in (model, folded)]
    for expected, actual in zip(*outputs, strict=True):
        allowed = relative_tolerance(expected.dtype) * row_peaks(expected)
        if not (row_peaks(actual - expected) <= allowed).all():
            raise NotHomogeneousError(
                "the folded net computes something else at the example inputs: a BatchNorm1d "
                "behind an nn.Linear must normalise the features of (N, F), and no code of the "
                f"net may depend on its parameters; otherwise {BY_HAND}",
                "",
            )
