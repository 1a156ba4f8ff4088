"""How DeepLIFT passes one operation of a network: forward the parts, backward the multipliers.

Every function below takes the signals that enter an operation and returns how its multipliers are
pulled back, and how the parts of its output's difference are found. Both belong together:
``m⁺Δ⁺ + m⁻Δ⁻``, summed over all elements, is the same on both sides of every operation. That is
summation-to-delta, one operation at a time.

A pullback lives until the backward pass, so it holds no more than it needs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from xgradient._transposed import transposed
from xgradient.deeplift.signals import Parts, Signal, Signed

Pullback = Callable[[Signed], tuple[Signed, ...]]


class UnsupportedOperationError(ValueError):
    """The network holds an operation for which DeepLIFT has no rule."""


class Passed(NamedTuple):
    """What DeepLIFT knows of an operation.

    Parameters
    ----------
    pullback : callable
        From the multipliers of the output to those of the inputs, one for each signal.
    parts : Parts or None
        The parts of the output's difference; None if those of an input are not to be had.
    """

    pullback: Pullback
    parts: Parts | None


@dataclass(frozen=True)
class Affine:
    """An affine layer as functions of its weight, so that another weight can take its place.

    Parameters
    ----------
    weight : Tensor
        The weight.
    apply : callable
        ``apply(x, weight)`` is the layer without its bias.
    transpose : callable
        ``transpose(m, weight, shape)`` is its adjoint for an input of that shape.
    axis, rows : int
        A changed copy of the weight is made of at most so many rows at a time, which are outputs
        that lie along this axis. By default of all at once.
    """

    weight: Tensor
    apply: Callable[[Tensor, Tensor], Tensor]
    transpose: Callable[[Tensor, Tensor, torch.Size], Tensor]
    axis: int = 1
    rows: int | None = None

    def signed_products(self, difference: Tensor) -> Signed:
        """``W⁺Δ⁺ + W⁻Δ⁻`` and ``W⁺Δ⁻ + W⁻Δ⁺``, where superscripts clamp."""
        # Four products of clamped factors and no difference of larger sums: where nothing pulls
        # to one side, that part is exactly zero, and RevealCancel tells zero from almost zero.
        rising, falling = difference.clamp(min=0), difference.clamp(max=0)
        positive, negative = [], []
        for block in self._blocks():
            clamped = block.clamp(min=0)
            positive.append(self.apply(rising, clamped))
            negative.append(self.apply(falling, clamped))
            torch.clamp(block, max=0, out=clamped)
            positive[-1] += self.apply(falling, clamped)
            negative[-1] += self.apply(rising, clamped)
        if len(positive) == 1:
            return Signed(positive[0], negative[0])
        return Signed(torch.cat(positive, self.axis), torch.cat(negative, self.axis))

    def transpose_absolute(self, values: Tensor, shape: torch.Size) -> Tensor:
        """``|W|ᵀm``."""
        if self.rows is None:
            return self.transpose(values, self.weight.abs(), shape)
        blocks = zip(values.split(self.rows, self.axis), self._blocks(), strict=True)
        products = (self.transpose(part, block.abs(), shape) for part, block in blocks)
        return reduce(Tensor.add_, products)

    def _blocks(self) -> Sequence[Tensor]:
        return (self.weight,) if self.rows is None else self.weight.split(self.rows)


def linear(layer: Affine, signal: Signal) -> Passed:
    """Linear rule with the signs kept apart (Shrikumar et al. 2017, Sec. 3.5.1).

    The parts of the output difference gather the products ``w Δx`` by *their* sign. Backward, an
    input whose difference is positive meets the positive weights with ``m⁺`` and the negative
    ones with ``m⁻``; for a negative difference it is the other way round, and an input that does
    not differ gets the mean of both.

    Parameters
    ----------
    layer : Affine
        The layer.
    signal : Signal
        Its input.

    Returns
    -------
    Passed
        Multipliers of the input are equal for both signs.
    """
    shape = signal.actual.shape
    # One byte per element is all that the pullback has to know of the difference, and where no
    # rule asks for parts, the multipliers for both signs are the same.
    signs: list[Tensor] = []
    # New parts, whatever the old ones were: these may be of a long chain of layers.
    values = signal.without_parts()

    def find_parts() -> Signed:
        difference = values.difference
        signs.append(difference.sign().to(torch.int8))
        return layer.signed_products(difference)

    def pullback(multipliers: Signed) -> tuple[Signed]:
        if multipliers.equal:
            below = layer.transpose(multipliers.positive, layer.weight, shape)
            return (Signed(below, below),)
        # With W = W⁺ + W⁻ and |W| = W⁺ - W⁻ the three cases of the rule,
        #   Δx > 0: W⁺ᵀm⁺ + W⁻ᵀm⁻,   Δx < 0: W⁻ᵀm⁺ + W⁺ᵀm⁻,   Δx = 0: ½Wᵀ(m⁺ + m⁻),
        # are ½[Wᵀ(m⁺ + m⁻) + sign(Δx) |W|ᵀ(m⁺ - m⁻)]: two products instead of five.
        (sign,) = signs  # only a rule that asks for parts tells the signs apart
        gap = multipliers.positive - multipliers.negative
        below = layer.transpose_absolute(gap, shape).mul_(sign)
        below += layer.transpose(multipliers.positive + multipliers.negative, layer.weight, shape)
        below *= 0.5
        return (Signed(below, below),)

    return Passed(pullback, Parts(find_parts))


def bilinear(function: Callable[[Tensor, Tensor], Tensor], first: Signal, second: Signal) -> Passed:
    """Product of two signals by the averaging rule, each weighted by the mean of the other.

    ``ΔB(a, b) = B(Δa, ½(b + b⁰)) + B(½(a + a⁰), Δb)`` holds exactly for every bilinear ``B``. The
    paper has no rule for products; this is the one of the packages that go back to its authors.

    Parameters
    ----------
    function : callable
        ``B`` for tensors of shapes (N, ...).
    first, second : Signal
        Its arguments ``a`` and ``b``.

    Returns
    -------
    Passed
        As two linear layers with weights of both signs.
    """

    def of_first(values: Tensor, weight: Tensor) -> Tensor:
        return function(values, weight)

    def of_second(values: Tensor, weight: Tensor) -> Tensor:
        return function(weight, values)

    passed = [
        linear(Affine(midpoint(other), apply, adjoint(apply)), signal)
        for apply, signal, other in ((of_first, first, second), (of_second, second, first))
    ]
    pullbacks = [each.pullback for each in passed]
    parts = [each.parts for each in passed]
    return Passed(
        lambda multipliers: tuple(pullback(multipliers)[0] for pullback in pullbacks),
        Parts(lambda: reduce(operator.add, [each() for each in parts if each is not None])),
    )


def midpoint(signal: Signal) -> Tensor:
    """Mean (N, ...) of a signal for the inputs and for their references."""
    return (signal.actual + signal.reference) * 0.5


def adjoint(
    apply: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[Tensor, Tensor, torch.Size], Tensor]:
    """Make the adjoint of a function that is linear in its first argument.

    Parameters
    ----------
    apply : callable
        ``apply(x, weight)``.

    Returns
    -------
    callable
        ``transpose(m, weight, shape)``.
    """

    def transpose(values: Tensor, weight: Tensor, shape: torch.Size) -> Tensor:
        with torch.enable_grad():
            point = torch.empty(shape, dtype=weight.dtype, device=weight.device).requires_grad_()
            output = apply(point, weight.detach())
        return transposed(output, point, values)[0]

    return transpose


def elementwise(local: Signed, signal: Signal) -> Passed:
    """Pass a nonlinearity by the local multipliers of a rule.

    Parameters
    ----------
    local : Signed
        What the rule gives, see `xgradient.deeplift.rules`.
    signal : Signal
        The input of the nonlinearity.

    Returns
    -------
    Passed
        Chain rule of the multipliers; the parts are ``Δy⁺ = m⁺Δx⁺`` and ``Δy⁻ = m⁻Δx⁻``.
    """
    parts = _parts_of([signal])
    return Passed(
        lambda multipliers: (local * multipliers,),
        None if parts is None else Parts(lambda: local * parts[0]()),
    )


def selected_maximum(
    signal: Signal,
    actual: tuple[Tensor, Tensor],
    reference: tuple[Tensor, Tensor],
    start: int,
    gradient: bool = False,
) -> Passed:
    """Pass maxima so that every maximum passes its whole difference to one of its inputs.

    If the maximum rose, that is the input which is the maximum now; if it fell, the one which was
    the maximum of the reference. This input changed in the same direction and at least as much
    as the maximum, so the local multiplier ``Δmax / Δx`` lies between 0 and 1. If one of the two
    is a maximum both times, it is taken in any case and has the multiplier 1: where all inputs of
    a window are equal at the reference, as with a reference of zero, that is the gradient. An
    input of several overlapping windows gets the sum over the windows. (The paper has no rule for
    max pooling; the authors' package takes the gradient, which breaks summation-to-delta.)

    Parameters
    ----------
    signal : Signal
        The input (N, ..., *spatial), whose spatial axes begin at ``start``.
    actual, reference : tuple of Tensor
        The maxima of inputs and references, shapes (N, ..., *pooled), and their flat indices into
        the spatial axes.
    start : int
        First spatial axis.
    gradient : bool, default False
        Whether to take the gradient at the inputs instead, as the authors' package does.

    Returns
    -------
    Passed
        From the multipliers of the maxima to those of the inputs.
    """
    (maxima, indices), (reference_maxima, reference_indices) = actual, reference
    change = maxima - reference_maxima
    shape = signal.actual.shape
    pooled = change.shape

    def taken(values: Tensor, places: Tensor) -> Tensor:
        places = places.expand(pooled).flatten(start)
        return values.expand(shape).flatten(start).gather(start, places).view(pooled)

    was_maximum = taken(signal.reference, indices) == reference_maxima
    is_maximum = taken(signal.actual, reference_indices) == maxima
    now = was_maximum | ((change > 0) & ~is_maximum)
    chosen = indices if gradient else torch.where(now, indices, reference_indices)
    index = chosen.flatten(start)

    def gather(values: Tensor) -> Tensor:
        return taken(values, chosen)

    difference = gather(signal.difference)
    # Where the chosen input does not differ, the maximum does not either: there the gradient.
    unchanged = difference == 0
    local = torch.where(unchanged, 1.0, change / difference.masked_fill(unchanged, 1.0))
    if gradient:
        local = torch.ones_like(change)

    def scatter(values: Tensor) -> Tensor:
        flat = values.new_zeros(shape).flatten(start)
        return flat.scatter_add_(start, index, (values * local).flatten(start)).view(shape)

    parts = _parts_of([signal])
    return Passed(
        lambda multipliers: (multipliers.map(scatter),),
        None if parts is None else Parts(lambda: parts[0]().map(lambda p: local * gather(p))),
    )


def rearranged(function: Callable[..., Tensor], signals: Sequence[Signal]) -> Passed:
    """Pass an operation that averages, joins, selects or rearranges and so keeps the signs apart.

    Average pooling, slicing and concatenation are linear with nonnegative weights: the positive
    part of the output comes from the positive parts of the inputs alone.

    Parameters
    ----------
    function : callable
        The linear operation. Takes one tensor (N, ...) per signal and returns one tensor.
    signals : sequence of Signal
        Its inputs.

    Returns
    -------
    Passed
        The pullback is the transposed operation.
    """
    likes = [(signal.actual.shape, signal.actual.dtype) for signal in signals]
    device = signals[0].actual.device

    def pullback(multipliers: Signed) -> tuple[Signed, ...]:
        # A linear function has the same derivative everywhere, so any point will do.
        with torch.enable_grad():
            points = [
                torch.empty(shape, dtype=dtype, device=device, requires_grad=True)
                for shape, dtype in likes
            ]
            output = function(*points)

        def transpose(values: Tensor) -> tuple[Tensor, ...]:
            return transposed(output, points, values, retain_graph=True)

        positive = transpose(multipliers.positive)
        negative = positive if multipliers.equal else transpose(multipliers.negative)
        return tuple(Signed(*pair) for pair in zip(positive, negative, strict=True))

    parts = _parts_of(signals)

    def find_parts() -> Signed:
        assert parts is not None
        found = [each() for each in parts]
        return Signed(
            function(*(each.positive for each in found)),
            function(*(each.negative for each in found)),
        )

    return Passed(pullback, None if parts is None else Parts(find_parts))


def reshaped(signal: Signal, shape: Sequence[int]) -> Passed:
    """Pass an operation that gives every row another shape.

    Parameters
    ----------
    signal : Signal
        Its input.
    shape : sequence of int
        Shape of a row of the output.

    Returns
    -------
    Passed
        The pullback gives the rows their old shape.
    """
    before = signal.actual.shape
    parts = _parts_of([signal])
    return Passed(
        lambda multipliers: (multipliers.map(lambda m: m.reshape(before)),),
        None
        if parts is None
        else Parts(lambda: parts[0]().map(lambda p: p.reshape(before[0], *shape))),
    )


def weighted_sum(
    signals: Sequence[Signal], factors: Sequence[Tensor | float], shape: Sequence[int]
) -> Passed:
    """Pass ``Σ factor · signal``; a negative factor makes the parts change places.

    Parameters
    ----------
    signals : sequence of Signal
        The terms, shapes (N, ...) with the same number of axes, broadcast to each other.
    factors : sequence of Tensor or float
        One per term, broadcast to the sum.
    shape : sequence of int
        Shape of a row of the sum.

    Returns
    -------
    Passed
        The pullback multiplies by the factors, and sums where a term was broadcast.
    """
    shapes = [signal.actual.shape for signal in signals]

    def pullback(multipliers: Signed) -> tuple[Signed, ...]:
        return tuple(
            _weigh(multipliers, factor).map(lambda values, shape=shape: _summed(values, shape))  # type: ignore[misc]
            for factor, shape in zip(factors, shapes, strict=True)
        )

    parts = _parts_of(signals)

    def find_parts() -> Signed:
        assert parts is not None
        total = reduce(operator.add, map(_weigh, [each() for each in parts], factors))
        return total.map(lambda values: values.expand(len(values), *shape))

    return Passed(pullback, None if parts is None else Parts(find_parts))


def _parts_of(signals: Sequence[Signal]) -> list[Callable[[], Signed]] | None:
    """How to find the parts of every signal, None if one has none."""

    def finder(source: Signed | Parts) -> Callable[[], Signed]:
        return source if isinstance(source, Parts) else lambda: source

    found = [finder(signal.source) for signal in signals if signal.source is not None]
    return found if len(found) == len(signals) else None


def _summed(values: Tensor, shape: torch.Size) -> Tensor:
    return values if values.shape == shape else values.sum_to_size(shape)


def _times(values: Tensor, factor: Tensor | float) -> Tensor:
    # A residual sum has no factors to multiply by.
    return values if isinstance(factor, float) and factor == 1.0 else values * factor


def _weigh(values: Signed, factor: Tensor | float) -> Signed:
    if values.equal or (isinstance(factor, float) and factor >= 0.0):
        return values.map(lambda value: _times(value, factor))
    factor = torch.as_tensor(factor, dtype=values.positive.dtype, device=values.positive.device)
    up, down = factor.clamp(min=0), factor.clamp(max=0)
    return Signed(
        values.positive * up + values.negative * down,
        values.positive * down + values.negative * up,
    )
