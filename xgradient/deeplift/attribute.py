"""DeepLIFT contributions of inputs to a logit (Shrikumar, Greenside, Kundaje 2017)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal, overload

import torch
from torch import Tensor, nn

from xgradient._inputs import (
    check_target_range,
    evaluation_mode,
    validated,
    validated_baselines,
)
from xgradient.deeplift.propagate import Network
from xgradient.deeplift.rules import RuleSpecification


class SummationToDeltaWarning(UserWarning):
    """Contributions do not sum to the difference of the logit from its reference."""


Baselines = Tensor | float | Sequence[Tensor | float] | None


@overload
def deeplift(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Baselines = None,
    rule: RuleSpecification = "rescale",
    mean_normalize: bool = False,
    return_convergence_delta: Literal[False] = False,
) -> Tensor: ...


@overload
def deeplift(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Baselines = None,
    rule: RuleSpecification = "rescale",
    mean_normalize: bool = False,
    return_convergence_delta: Literal[True],
) -> tuple[Tensor, Tensor]: ...


def deeplift(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Baselines = None,
    rule: RuleSpecification = "rescale",
    mean_normalize: bool = False,
    return_convergence_delta: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Contributions of the inputs to the difference of a logit from its value at a reference.

    Rescale costs as much as one gradient, RevealCancel as much as about four, plus a second forward
    pass unless all inputs share one reference.

    Parameters
    ----------
    model : torch.nn.Module
        Network that maps inputs to logits (N, K), without the softmax. It is evaluated in
        evaluation mode. Its operations must be visible to `torch.fx`: Linear, Conv1d, Conv2d,
        Conv3d, ReLU, LeakyReLU, PReLU, sigmoid, tanh, max, average and adaptive pooling, dropout,
        flattening, concatenation, residual sums, constant shifts and factors.
    inputs : torch.Tensor
        Inputs, shape (N, ...).
    target : torch.Tensor or int
        Index of the explained logit, a LongTensor (N,) or one index for all.
    baselines : torch.Tensor or float or sequence of these, optional
        The reference of DeepLIFT: None for zero, a number, or a tensor that broadcasts to the
        inputs. If its first axis has length 1 or is left out, all inputs share it, which saves
        time. Over several references, given as a sequence, the contributions are averaged.
    rule : {"rescale", "revealcancel", "genomics_default"} or callable or Mapping
        Rule of the nonlinearities. ``"genomics_default"`` is RevealCancel behind fully connected
        layers and Rescale behind convolutions. A callable gets the name and the module of each
        nonlinearity (for a function: the name of its graph node and ``None``), a mapping has
        names or types as its keys, names first; both give ``"rescale"``, ``"revealcancel"`` or a
        function like `xgradient.deeplift.rules.rescale`.
    mean_normalize : bool, optional
        Whether to subtract the mean of the contributions to all K logits, which a softmax does
        not see (Sec. 3.6: "adjustments for softmax layers").
    return_convergence_delta : bool, optional
        Whether to return by how much summation-to-delta fails.

    Returns
    -------
    attributions : torch.Tensor
        Contributions, shaped like the inputs.
    delta : torch.Tensor
        Only with ``return_convergence_delta``: sum of the contributions minus the difference of
        the logit from its (mean) value at the references, shape (N,). With ``mean_normalize``
        the logit is the one less the mean of all K.

    Raises
    ------
    UnsupportedOperationError
        If the network holds an operation without a rule, or does something that `torch.fx` cannot
        show; the message names it.
    ValueError, TypeError
        If inputs, baselines, target, rule and network do not fit together; the message says
        which.

    Warns
    -----
    SummationToDeltaWarning
        If the contributions miss the difference of the logit by more than rounding explains.
    """
    inputs, target = validated(model, inputs, target)
    # Tensors made in inference mode are refused by autograd, which the passes use in places.
    with torch.inference_mode(False), torch.no_grad(), evaluation_mode(model):
        references = _references(baselines, inputs)
        network = Network(model, rule)
        attributions = torch.zeros_like(inputs)
        deltas, logit_size = [], inputs.new_zeros(())
        for index, reference in enumerate(references):
            logits, steps = network.forward(inputs, reference)
            if index == 0:
                network.verify(inputs, logits.actual)
            weights = _logit_weights(target, logits.actual, mean_normalize)
            multipliers = network.backward(steps, weights)
            difference = inputs - reference
            contributions = difference * torch.where(
                difference < 0, multipliers.negative, multipliers.positive
            )
            change = (logits.difference * weights).sum(dim=1)
            deltas.append(contributions.flatten(1).sum(dim=1) - change)
            logit_size = torch.maximum(logit_size, (logits.actual * weights).abs().max())
            attributions += contributions / len(references)
        _warn_if_missed(torch.stack(deltas), logit_size)
    if return_convergence_delta:
        return attributions, torch.stack(deltas).mean(dim=0)
    return attributions


def _references(baselines: Baselines, inputs: Tensor) -> list[Tensor]:
    if not isinstance(baselines, Sequence):
        return [validated_baselines(baselines, inputs)]
    if not baselines:
        raise ValueError("baselines must hold at least one reference, got an empty sequence")
    return [validated_baselines(reference, inputs) for reference in baselines]


def _logit_weights(target: Tensor, logits: Tensor, mean_normalize: bool) -> Tensor:
    n_inputs, n_classes = logits.shape
    check_target_range(target, n_classes)
    weights = torch.zeros_like(logits)
    weights[torch.arange(n_inputs, device=logits.device), target] = 1.0
    return weights - 1.0 / n_classes if mean_normalize else weights


def _warn_if_missed(deltas: Tensor, logit_size: Tensor) -> None:
    # Rounding errors grow with the size of what is summed, not with the sum.
    allowed = torch.finfo(deltas.dtype).eps ** 0.5 * logit_size
    # Not "delta > allowed", which NaN would pass.
    missed = ~(deltas.abs() <= allowed)
    if missed.any():
        worst = torch.where(deltas.isnan(), torch.inf, deltas.abs()).amax(dim=0).argmax()
        amount = deltas[:, worst].abs().max()
        warnings.warn(
            f"summation-to-delta fails: the contributions of input {int(worst)} miss the "
            f"difference of its logit by {float(amount):.3g}, where logits are up to "
            f"{float(logit_size):.3g} in size ({int(missed.any(dim=0).sum())} of "
            f"{deltas.shape[1]} inputs miss it)",
            SummationToDeltaWarning,
            stacklevel=3,
        )
