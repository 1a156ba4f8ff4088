"""How DeepLIFT passes sums and products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xgradient.deeplift.calls import Call
from xgradient.deeplift.operations import (
    Affine,
    adjoint,
    bilinear,
    midpoint,
    weighted_sum,
)
from xgradient.deeplift.operations import linear as linear_rule

_FIRST, _SECOND = ("input", "self"), ("other", "exponent", "vec2", "mat2", "tensor2")


def _operands(call: Call) -> tuple[Any, Any]:
    return call.argument(0, *_FIRST), call.argument(1, *_SECOND)


def _sum(call: Call, first_sign: float, second_sign: float) -> Tensor:
    first, second = _operands(call)
    alpha = call.argument(2, "alpha", default=1)
    weights = [first_sign, second_sign * float(alpha)]
    terms = [
        (call.signal_of(term), weight)
        for term, weight in zip((first, second), weights, strict=True)
        if call.is_tracked(term)
    ]
    output = call.run()
    _check_axes(call, (first, second), output)
    return call.emit(
        output,
        weighted_sum([s for s, _ in terms], [w for _, w in terms], output.shape[1:]),
    )


def _product(call: Call) -> Tensor:
    first, second = _operands(call)
    if call.is_tracked(first) and call.is_tracked(second):
        # Before the call, which may overwrite the first.
        factors = [midpoint(call.signal_of(second)), midpoint(call.signal_of(first))]
        signals = [call.signal_of(first), call.signal_of(second)]
        output = call.run()
        _check_axes(call, (first, second), output)
        return call.emit(output, weighted_sum(signals, factors, output.shape[1:]))
    signal, constant = (first, second) if call.is_tracked(first) else (second, first)
    return _scaled(call, signal, constant, lambda factor: factor)


def _quotient(call: Call) -> Tensor:
    if call.kwargs.get("rounding_mode") is not None:
        raise call.refusal("DeepLIFT has no rule for rounding")
    first, second = _operands(call)
    if call.is_tracked(second):
        return call.watch.compose(call, lambda first, second: second.reciprocal() * first)
    return _scaled(call, first, second, lambda factor: 1.0 / factor)


def _reversed_quotient(call: Call) -> Tensor:
    return call.watch.compose(call, lambda first, second: first.reciprocal() * second)


def _scaled(call: Call, signal: Tensor, constant: Any, factor_of: Callable[[Any], Any]) -> Tensor:
    output = call.run()
    _check_axes(call, (signal, constant), output)
    factor = factor_of(call.constant_rows(constant, output.dim()))
    factor = factor.detach() if isinstance(factor, Tensor) else float(factor)
    return call.emit(output, weighted_sum(call.signals, [factor], output.shape[1:]))


def _negation(call: Call) -> Tensor:
    output = call.run()
    return call.emit(output, weighted_sum(call.signals, [-1.0], output.shape[1:]))


def _check_axes(call: Call, terms: tuple[Any, ...], output: Tensor) -> None:
    for term in terms:
        if call.is_tracked(term):
            if term.dim() != output.dim():
                raise call.refusal(
                    f"shape {tuple(term.shape)} is broadcast to {tuple(output.shape)}, but the "
                    "first axis of every tensor must stay that of the inputs"
                )
        else:
            # Refuses one whose rows differ between inputs and references.
            call.constant_rows(term, output.dim())


def _multilinear(call: Call) -> Tensor:
    """Pass a product that is linear in each of two tensors, such as a matrix product."""
    tensors = [value for value in _flat(call.args, call.kwargs) if isinstance(value, Tensor)]
    if len(tensors) != 2:
        raise call.refusal("DeepLIFT has a rule for products of two tensors only")
    function = call.on_rows(of=tensors)
    if len(call.signals) == 2:
        output = call.run()
        shapes = [signal.actual.shape for signal in call.signals]
        rows = function(*(torch.empty(shape, device="meta") for shape in shapes))
        if rows.shape[1:] != output.shape[1:]:
            raise call.refusal("it multiplies the rows of the batch with each other")
        return call.emit(output, bilinear(function, *call.signals))
    constant_first = not call.is_tracked(tensors[0])
    constant = tensors[0] if constant_first else tensors[1]
    weight = constant
    if _follows_rows(call, constant, constant_first):
        weight = call.constant_rows(constant, call.tensors[0].dim())
    weight = weight.detach()

    def apply(values: Tensor, weight: Tensor) -> Tensor:
        return function(weight, values) if constant_first else function(values, weight)

    passed = linear_rule(Affine(weight, apply, adjoint(apply)), call.signals[0])
    return call.emit(call.run(), passed, dense=True)


def _follows_rows(call: Call, constant: Tensor, constant_first: bool) -> bool:
    """Whether the first axis of a constant factor is that of the inputs, and not by its size."""
    equation = call.args[0]
    if call.name != "einsum":
        return constant.dim() > 2
    if not isinstance(equation, str):
        raise call.refusal("DeepLIFT has a rule for equations in letters only")
    first, second = (term.strip() for term in equation.partition("->")[0].split(","))
    return (first if constant_first else second)[:1] == (second if constant_first else first)[:1]


def _flat(*values: Any) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        if isinstance(value, (tuple, list)):
            flat += _flat(*value)
        elif isinstance(value, dict):
            flat += _flat(*value.values())
        else:
            flat.append(value)
    return flat


def _reversed_matmul(call: Call) -> Tensor:
    return call.watch.compose(call, lambda first, second: torch.matmul(second, first))


HANDLERS: dict[str, Callable[[Call], Any]] = {
    "add": lambda call: _sum(call, 1.0, 1.0),
    "sub": lambda call: _sum(call, 1.0, -1.0),
    "rsub": lambda call: _sum(call, -1.0, 1.0),
    "mul": _product,
    "div": _quotient,
    "rdiv": _reversed_quotient,
    "neg": _negation,
    **dict.fromkeys(("matmul", "bmm", "mm", "mv", "einsum"), _multilinear),
    "rmatmul": _reversed_matmul,
}
