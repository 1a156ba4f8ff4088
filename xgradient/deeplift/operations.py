"""How DeepLIFT passes one operation of a network: forward the signal, backward the multipliers.

Every function below takes the input of an operation and returns its output as a `Signal`,
together with its pullback, which turns the multipliers of the output into those of the inputs.
Forward and pullback belong together: ``m⁺Δ⁺ + m⁻Δ⁻``, summed over all elements, is the same on
both sides of every operation. That is summation-to-delta, one operation at a time.

A pullback lives until the backward pass, so it holds no more than it needs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv1d_input, conv2d_input, conv3d_input

from xgradient.deeplift.rules import Elementwise, Rule
from xgradient.deeplift.signals import Signal, Signed

Pullback = Callable[[Signed], tuple[Signed, ...]]
Passed = tuple[Signal, Pullback]

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
# The convolution and its adjoint.
_CONVOLUTIONS: dict[type[nn.Module], tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    nn.Conv1d: (F.conv1d, conv1d_input),
    nn.Conv2d: (F.conv2d, conv2d_input),
    nn.Conv3d: (F.conv3d, conv3d_input),
}
LINEAR_MODULES = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
# A fully connected layer can have more weights than all activations of a network have values:
# copies of so many at once are too few to be noticed (4 MiB in float32).
_COPIED_WEIGHTS = 2**20


class UnsupportedOperationError(ValueError):
    """The network holds an operation for which DeepLIFT has no rule."""


@dataclass(frozen=True)
class _Affine:
    """An affine layer as functions of its weight, so that another weight can take its place.

    ``apply(x, weight, bias)`` is the layer; ``transpose(m, weight, shape)`` is the adjoint of its
    linear part for an input of that shape. A changed copy of the weight is made of at most
    ``rows`` outputs at a time, which lie along ``axis`` of the output.
    """

    weight: Tensor
    bias: Tensor | None
    apply: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    transpose: Callable[[Tensor, Tensor, Sequence[int]], Tensor]
    axis: int
    rows: int

    def signed_products(self, difference: Tensor) -> Signed:
        """``W⁺Δ⁺ + W⁻Δ⁻`` and ``W⁺Δ⁻ + W⁻Δ⁺``, where superscripts clamp."""
        # Four products of clamped factors and no difference of larger sums: where nothing pulls
        # to one side, that part is exactly zero, and RevealCancel tells zero from almost zero.
        rising, falling = difference.clamp(min=0), difference.clamp(max=0)
        positive, negative = [], []
        for block in self.weight.split(self.rows):
            clamped = block.clamp(min=0)
            positive.append(self.apply(rising, clamped, None))
            negative.append(self.apply(falling, clamped, None))
            torch.clamp(block, max=0, out=clamped)
            positive[-1] += self.apply(falling, clamped, None)
            negative[-1] += self.apply(rising, clamped, None)
        if len(positive) == 1:
            return Signed(positive[0], negative[0])
        return Signed(torch.cat(positive, self.axis), torch.cat(negative, self.axis))

    def transpose_absolute(self, values: Tensor, shape: Sequence[int]) -> Tensor:
        """``|W|ᵀm``."""
        blocks = zip(values.split(self.rows, self.axis), self.weight.split(self.rows), strict=True)
        products = (self.transpose(part, block.abs(), shape) for part, block in blocks)
        return reduce(Tensor.add_, products)


def linear(module: nn.Linear | Convolution, signal: Signal, with_parts: bool) -> Passed:
    """Linear rule with the signs kept apart (Shrikumar et al. 2017, Sec. 3.5.1).

    The parts of the output difference gather the products ``w Δx`` by *their* sign. Backward, an
    input whose difference is positive meets the positive weights with ``m⁺`` and the negative
    ones with ``m⁻``; for a negative difference it is the other way round, and an input that does
    not differ gets the mean of both.

    Parameters
    ----------
    module : torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d or torch.nn.Conv3d
        The layer.
    signal : Signal
        Its input.
    with_parts : bool
        Whether a later rule asks for the parts of the output, which cost four more products.

    Returns
    -------
    signal : Signal
        Its output.
    pullback : callable
        From the multipliers of the output to those of the input, which are equal for both signs.

    Raises
    ------
    UnsupportedOperationError
        If a convolution pads with anything but zeros.
    """
    layer = _affine(module)
    difference = signal.difference
    parts = layer.signed_products(difference) if with_parts else None
    shape = difference.shape
    # One byte per element is all that the pullback has to know of the difference, and where no
    # rule asks for parts, the multipliers for both signs are the same.
    sign = difference.sign().to(torch.int8) if with_parts else None

    def pullback(multipliers: Signed) -> tuple[Signed]:
        if multipliers.equal:
            below = layer.transpose(multipliers.positive, layer.weight, shape)
            return (Signed(below, below),)
        # With W = W⁺ + W⁻ and |W| = W⁺ - W⁻ the three cases of the rule,
        #   Δx > 0: W⁺ᵀm⁺ + W⁻ᵀm⁻,   Δx < 0: W⁻ᵀm⁺ + W⁺ᵀm⁻,   Δx = 0: ½Wᵀ(m⁺ + m⁻),
        # are ½[Wᵀ(m⁺ + m⁻) + sign(Δx) |W|ᵀ(m⁺ - m⁻)]: two products instead of five.
        assert sign is not None  # only a rule that asks for parts tells the signs apart
        gap = multipliers.positive - multipliers.negative
        below = layer.transpose_absolute(gap, shape).mul_(sign)
        below += layer.transpose(multipliers.positive + multipliers.negative, layer.weight, shape)
        below *= 0.5
        return (Signed(below, below),)

    actual = layer.apply(signal.actual, layer.weight, layer.bias)
    reference = layer.apply(signal.reference, layer.weight, layer.bias)
    return Signal(actual, reference, parts), pullback


def _affine(module: nn.Linear | Convolution) -> _Affine:
    if isinstance(module, nn.Linear):
        return _Affine(
            weight=module.weight.detach(),
            bias=module.bias,
            apply=F.linear,
            transpose=lambda values, weight, shape: values @ weight,
            axis=-1,
            rows=max(1, _COPIED_WEIGHTS // module.in_features),
        )
    convolve, transposed = next(
        functions for kind, functions in _CONVOLUTIONS.items() if isinstance(module, kind)
    )
    if module.padding_mode != "zeros":
        raise UnsupportedOperationError(
            f"padding_mode={module.padding_mode!r} has no DeepLIFT rule here, only 'zeros'"
        )
    padding, trailing = _padding(module)
    settings = {
        "stride": module.stride,
        "padding": padding,
        "dilation": module.dilation,
        "groups": module.groups,
    }

    def apply(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if any(trailing):
            # F.pad counts from the last axis backwards, two numbers for each.
            inputs = F.pad(inputs, [n for extra in reversed(trailing) for n in (0, extra)])
        return convolve(inputs, weight, bias, **settings)

    def transpose(values: Tensor, weight: Tensor, shape: Sequence[int]) -> Tensor:
        padded = [n + extra for n, extra in zip(shape[2:], trailing, strict=True)]
        below = transposed([*shape[:2], *padded], weight, values, **settings)
        for axis, n in enumerate(shape[2:], start=2):
            below = below.narrow(axis, 0, n)
        return below

    return _Affine(
        weight=module.weight.detach(),
        bias=module.bias,
        apply=apply,
        transpose=transpose,
        axis=1,
        rows=module.out_channels,
    )


def _padding(module: Convolution) -> tuple[list[int], list[int]]:
    """Zeros on both sides of each spatial axis, and those that "same" adds only at its end."""
    axes = range(len(module.kernel_size))
    if module.padding == "same":
        totals = [module.dilation[axis] * (module.kernel_size[axis] - 1) for axis in axes]
        return [total // 2 for total in totals], [total % 2 for total in totals]
    if isinstance(module.padding, str):  # "valid"
        return [0 for _ in axes], [0 for _ in axes]
    return list(module.padding), [0 for _ in axes]


def elementwise(function: Elementwise, rule: Rule, signal: Signal) -> Passed:
    """Pass a nonlinearity by the local multipliers of a rule.

    Parameters
    ----------
    function : callable
        The nonlinearity, elementwise.
    rule : callable
        The rule, see `xgradient.deeplift.rules`.
    signal : Signal
        Its input.

    Returns
    -------
    signal : Signal
        Its output, with the parts ``Δy⁺ = m⁺Δx⁺`` and ``Δy⁻ = m⁻Δx⁻``.
    pullback : callable
        Chain rule of the multipliers.
    """
    local = rule(function, signal)
    output = Signal(
        function(signal.actual),
        function(signal.reference),
        None if signal.parts is None else local * signal.parts,
    )
    return output, lambda multipliers: (local * multipliers,)


def max_pool(function: Callable[[Tensor], tuple[Tensor, Tensor]], signal: Signal) -> Passed:
    """Pass max pooling so that every window passes its whole difference to one of its inputs.

    If the maximum rose, that is the input which is the maximum now; if it fell, the one which was
    the maximum of the reference. This input changed in the same direction and at least as much
    as the maximum, so the local multiplier ``Δmax / Δx`` lies between 0 and 1. An input of
    several overlapping windows gets the sum over the windows. (The paper has no rule for
    max pooling; the authors' package takes the gradient, which breaks summation-to-delta.)

    Parameters
    ----------
    function : callable
        Returns the maxima (N, C, *pooled) and their flat indices into the spatial axes of its
        argument, as PyTorch does with ``return_indices=True``.
    signal : Signal
        Its input, shape (N, C, *spatial).

    Returns
    -------
    signal : Signal
        Its output, shape (N, C, *pooled).
    pullback : callable
        From the multipliers of the maxima to those of the inputs.
    """
    actual, actual_index = function(signal.actual)
    reference, reference_index = function(signal.reference)
    change = actual - reference
    index = torch.where(change > 0, actual_index, reference_index).flatten(2)
    shape = signal.actual.shape

    def gather(values: Tensor) -> Tensor:
        return values.flatten(2).gather(2, index).view_as(change)

    difference = gather(signal.difference)
    # Where the chosen input does not differ, the maximum does not either: there the gradient.
    unchanged = difference == 0
    local = torch.where(unchanged, 1.0, change / difference.masked_fill(unchanged, 1.0))

    def scatter(values: Tensor) -> Tensor:
        flat = values.new_zeros(shape).flatten(2)
        return flat.scatter_add_(2, index, (values * local).flatten(2)).view(shape)

    parts = None
    if signal.parts is not None:
        parts = signal.parts.map(lambda part: local * gather(part))
    return Signal(actual, reference, parts), lambda multipliers: (multipliers.map(scatter),)


def nonnegative_linear(
    function: Callable[..., Tensor],
    signals: Sequence[Signal],
    reference_function: Callable[..., Tensor] | None = None,
) -> Passed:
    """Pass an operation that averages, joins, selects or rearranges and so keeps the signs apart.

    Average pooling, flattening and concatenation are linear with nonnegative weights: the
    positive part of the output comes from the positive parts of the inputs alone.

    Parameters
    ----------
    function : callable
        Takes one tensor per signal and returns one tensor.
    signals : sequence of Signal
        Its inputs.
    reference_function : callable, optional
        The same operation where it names another batch size for the references.

    Returns
    -------
    signal : Signal
        Its output.
    pullback : callable
        The transposed operation.
    """
    shapes = [signal.actual.shape for signal in signals]
    dtype, device = signals[0].actual.dtype, signals[0].actual.device

    def pullback(multipliers: Signed) -> tuple[Signed, ...]:
        # A linear function has the same derivative everywhere, so any point will do.
        with torch.enable_grad():
            points = [
                torch.empty(shape, dtype=dtype, device=device, requires_grad=True)
                for shape in shapes
            ]
            output = function(*points)

        def transpose(values: Tensor) -> tuple[Tensor, ...]:
            return torch.autograd.grad(output, points, values, retain_graph=True)

        positive = transpose(multipliers.positive)
        negative = positive if multipliers.equal else transpose(multipliers.negative)
        return tuple(Signed(*pair) for pair in zip(positive, negative, strict=True))

    parts = None
    known = _known_parts(signals)
    if known is not None:
        parts = Signed(
            function(*(each.positive for each in known)),
            function(*(each.negative for each in known)),
        )
    actual = function(*(signal.actual for signal in signals))
    reference = (reference_function or function)(*(signal.reference for signal in signals))
    return Signal(actual, reference, parts), pullback


def weighted_sum(
    signals: Sequence[Signal],
    factors: Sequence[Tensor | float],
    constant: Tensor | float = 0.0,
) -> Passed:
    """Pass ``Σ factor · signal + constant``; a negative factor makes the parts change places.

    Parameters
    ----------
    signals : sequence of Signal
        The terms, all of one shape (N, ...).
    factors : sequence of torch.Tensor or float
        One per term, broadcast to it.
    constant : torch.Tensor or float, optional
        Cancels in every difference.

    Returns
    -------
    signal : Signal
        The sum.
    pullback : callable
        Multiplies by the factors.

    Raises
    ------
    UnsupportedOperationError
        If a term or a constant is broadcast to more elements than the other terms have.
    """

    def add(tensors: Sequence[Tensor]) -> Tensor:
        return reduce(operator.add, map(_times, tensors, factors))

    actual = add([signal.actual for signal in signals]) + constant
    if any(signal.actual.shape != actual.shape for signal in signals):
        raise UnsupportedOperationError(
            f"shapes {[tuple(signal.actual.shape) for signal in signals]} are broadcast to "
            f"{tuple(actual.shape)}, for which DeepLIFT has no rule here"
        )
    reference = add([signal.reference for signal in signals]) + constant
    parts = None
    known = _known_parts(signals)
    if known is not None:
        parts = reduce(operator.add, map(_weigh, known, factors))
    return (
        Signal(actual, reference, parts),
        lambda multipliers: tuple(_weigh(multipliers, factor) for factor in factors),
    )


def _known_parts(signals: Sequence[Signal]) -> list[Signed] | None:
    """Parts of every signal, None if one has none."""
    parts = [signal.parts for signal in signals if signal.parts is not None]
    return parts if len(parts) == len(signals) else None


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
