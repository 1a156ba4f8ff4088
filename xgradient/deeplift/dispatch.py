"""Tables of the rule for every operation.

Both are keyed by the type of a module, a function, or the name of a method.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from xgradient.deeplift import operations
from xgradient.deeplift.graph import Call
from xgradient.deeplift.operations import Passed, UnsupportedOperationError
from xgradient.deeplift.rules import Elementwise
from xgradient.deeplift.signals import Signal


def is_nonlinearity(call: Call) -> bool:
    """Return whether a call is an elementwise nonlinearity, for which a rule is to be chosen."""
    return _find(_NONLINEARITIES, call) is not None


def nonlinear_function(call: Call) -> Elementwise:
    """Make the function of one tensor that a nonlinearity computes.

    Parameters
    ----------
    call : Call
        The call of a nonlinearity, with its arguments.

    Returns
    -------
    callable
        The function. It never works in place.
    """
    return _find(_NONLINEARITIES, call)(call)


def pass_operation(call: Call, signals: list[Signal]) -> Passed:
    """Pass an operation that is neither a layer with weights nor a nonlinearity.

    Parameters
    ----------
    call : Call
        A call with its arguments.
    signals : list of Signal
        The signals among them.

    Returns
    -------
    signal : Signal
        Output of the operation.
    pullback : callable
        From the multipliers of the output to those of the inputs.

    Raises
    ------
    UnsupportedOperationError
        If there is no rule for it.
    """
    handler = _find(_HANDLERS, call)
    if handler is None:
        raise UnsupportedOperationError("DeepLIFT has no rule for this operation")
    return handler(call, signals)


def _find(table: Mapping[Any, Any], call: Call) -> Any:
    return next((table[key] for key in call.keys if key in table), None)


def _pass_nonnegative_linear(call: Call, signals: list[Signal]) -> Passed:
    return operations.nonnegative_linear(call.on_actual, signals, call.on_reference)


def _pass_functional_dropout(call: Call, signals: list[Signal]) -> Passed:
    if call.argument(2, "training", True):
        raise UnsupportedOperationError(
            "dropout is active at evaluation too; call it with training=self.training"
        )
    return operations.weighted_sum(signals, [1.0])


def _pass_max_pool(call: Call, signals: list[Signal]) -> Passed:
    return operations.max_pool(partial(call.on_actual, return_indices=True), *signals)


def _pass_max_pool_module(
    function: Callable[..., Any], settings: tuple[str, ...], call: Call, signals: list[Signal]
) -> Passed:
    if call.setting("return_indices"):
        raise UnsupportedOperationError("DeepLIFT has no rule for return_indices=True")
    arguments = {name: call.setting(name) for name in settings}
    return operations.max_pool(partial(function, **arguments, return_indices=True), *signals)


def _pass_addition(call: Call, signals: list[Signal]) -> Passed:
    constants = [value for value in call.operands(signals) if not isinstance(value, Signal)]
    return operations.weighted_sum(signals, [1.0] * len(signals), sum(constants))


def _pass_subtraction(call: Call, signals: list[Signal]) -> Passed:
    first, second = call.operands(signals)
    if not isinstance(second, Signal):
        return operations.weighted_sum(signals, [1.0], -second)
    if not isinstance(first, Signal):
        return operations.weighted_sum(signals, [-1.0], first)
    return operations.weighted_sum(signals, [1.0, -1.0])


def _pass_multiplication(call: Call, signals: list[Signal]) -> Passed:
    factors = [value for value in call.operands(signals) if not isinstance(value, Signal)]
    if not factors:
        raise UnsupportedOperationError("DeepLIFT has no rule for the product of two signals")
    return operations.weighted_sum(signals, factors)


def _pass_division(call: Call, signals: list[Signal]) -> Passed:
    first, second = call.operands(signals)
    if isinstance(second, Signal):
        raise UnsupportedOperationError("DeepLIFT has no rule for division by a signal")
    return operations.weighted_sum([first], [1.0 / second])


def _pass_negation(call: Call, signals: list[Signal]) -> Passed:
    return operations.weighted_sum(signals, [-1.0])


def _refuse_softmax(call: Call, signals: list[Signal]) -> Passed:
    raise UnsupportedOperationError(
        "DeepLIFT explains the logit before a softmax: leave the softmax out of the model"
    )


# How the function of a nonlinearity is made from its call, by type of module, function or name of
# method. None of these functions works in place, whatever the model does: its argument is needed
# again.
_NONLINEARITIES: dict[Any, Callable[[Call], Elementwise]] = {
    nn.ReLU: lambda call: torch.relu,
    nn.LeakyReLU: lambda call: partial(F.leaky_relu, negative_slope=call.setting("negative_slope")),
    nn.PReLU: lambda call: partial(F.prelu, weight=call.setting("weight")),
    nn.Sigmoid: lambda call: torch.sigmoid,
    nn.Tanh: lambda call: torch.tanh,
    F.relu: lambda call: torch.relu,
    torch.relu: lambda call: torch.relu,
    F.leaky_relu: lambda call: partial(
        F.leaky_relu, negative_slope=call.argument(1, "negative_slope", 0.01)
    ),
    F.prelu: lambda call: partial(F.prelu, weight=call.argument(1, "weight", None)),
    torch.sigmoid: lambda call: torch.sigmoid,
    torch.tanh: lambda call: torch.tanh,
    "relu": lambda call: torch.relu,
    "sigmoid": lambda call: torch.sigmoid,
    "tanh": lambda call: torch.tanh,
}

_POOL_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

_HANDLERS: dict[Any, Callable[[Call, list[Signal]], Passed]] = {
    **dict.fromkeys(
        (
            nn.AvgPool1d,
            nn.AvgPool2d,
            nn.AvgPool3d,
            nn.AdaptiveAvgPool1d,
            nn.AdaptiveAvgPool2d,
            nn.AdaptiveAvgPool3d,
            nn.Flatten,
            nn.Identity,
            # The identity at evaluation.
            nn.Dropout,
            nn.Dropout1d,
            nn.Dropout2d,
            nn.Dropout3d,
            nn.AlphaDropout,
            nn.FeatureAlphaDropout,
            torch.flatten,
            torch.reshape,
            torch.cat,
            torch.mean,
            F.avg_pool1d,
            F.avg_pool2d,
            F.avg_pool3d,
            F.adaptive_avg_pool1d,
            F.adaptive_avg_pool2d,
            F.adaptive_avg_pool3d,
            "flatten",
            "reshape",
            "view",
            "contiguous",
            "mean",
        ),
        _pass_nonnegative_linear,
    ),
    F.dropout: _pass_functional_dropout,
    nn.MaxPool1d: partial(_pass_max_pool_module, F.max_pool1d, _POOL_SETTINGS),
    nn.MaxPool2d: partial(_pass_max_pool_module, F.max_pool2d, _POOL_SETTINGS),
    nn.MaxPool3d: partial(_pass_max_pool_module, F.max_pool3d, _POOL_SETTINGS),
    nn.AdaptiveMaxPool1d: partial(_pass_max_pool_module, F.adaptive_max_pool1d, ("output_size",)),
    nn.AdaptiveMaxPool2d: partial(_pass_max_pool_module, F.adaptive_max_pool2d, ("output_size",)),
    nn.AdaptiveMaxPool3d: partial(_pass_max_pool_module, F.adaptive_max_pool3d, ("output_size",)),
    **dict.fromkeys(
        (
            F.max_pool1d,
            F.max_pool2d,
            F.max_pool3d,
            F.adaptive_max_pool1d,
            F.adaptive_max_pool2d,
            F.adaptive_max_pool3d,
        ),
        _pass_max_pool,
    ),
    **dict.fromkeys((operator.add, torch.add, "add"), _pass_addition),
    **dict.fromkeys((operator.sub, torch.sub, "sub"), _pass_subtraction),
    **dict.fromkeys((operator.mul, torch.mul, "mul"), _pass_multiplication),
    **dict.fromkeys((operator.truediv, torch.div, "div"), _pass_division),
    **dict.fromkeys((operator.neg, torch.neg, "neg"), _pass_negation),
    **dict.fromkeys((nn.Softmax, nn.LogSoftmax, F.softmax, F.log_softmax), _refuse_softmax),
}
