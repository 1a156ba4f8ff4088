"""Quantities that DeepLIFT propagates: differences forward, multipliers backward."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Signed:
    """A quantity of which DeepLIFT keeps one value for positive and one for negative differences.

    It holds either the parts ``(Δ⁺, Δ⁻)`` of a difference from the reference or the multipliers
    ``(m⁺, m⁻)`` for them. Where both values are equal they are the same object, so that nothing
    is computed twice.

    Parameters
    ----------
    positive, negative : Tensor
        Tensors of one shape.
    """

    positive: Tensor
    negative: Tensor

    @property
    def equal(self) -> bool:
        """Whether both values are known to be the same."""
        return self.positive is self.negative

    def map(self, function: Callable[[Tensor], Tensor]) -> Signed:
        """Apply a function of one tensor to both values, once where they are the same."""
        positive = function(self.positive)
        return Signed(positive, positive if self.equal else function(self.negative))

    def __add__(self, other: Signed) -> Signed:
        """Add value by value."""
        positive = self.positive + other.positive
        if self.equal and other.equal:
            return Signed(positive, positive)
        return Signed(positive, self.negative + other.negative)

    def __mul__(self, other: Signed) -> Signed:
        """Multiply value by value."""
        positive = self.positive * other.positive
        if self.equal and other.equal:
            return Signed(positive, positive)
        return Signed(positive, self.negative * other.negative)


class Parts:
    """The two parts of a difference from the reference, computed when they are first asked for.

    Most networks have only few nonlinearities whose rule looks at the parts, and these cost more
    than everything else.

    Parameters
    ----------
    find : callable
        Computes the parts. It is dropped after the first call, with all that it holds.
    """

    def __init__(self, find: Callable[[], Signed]) -> None:
        self._find: Callable[[], Signed] | None = find
        self._found: Signed | None = None

    def __call__(self) -> Signed:
        """Return the parts ``(Δ⁺, Δ⁻)``, each of shape (N, ...)."""
        if self._found is None:
            assert self._find is not None
            self._found = self._find()
            self._find = None
        return self._found


class Signal:
    """The value of one tensor of the network for the inputs and for their references.

    Parameters
    ----------
    actual : Tensor of shape (N, ...)
        Activation for the inputs.
    reference : Tensor of shape (N, ...) or (1, ...)
        Activation for the references; one row if all inputs share one.
    parts : Signed or Parts, optional
        Positive and negative part of the difference, ``Δ = Δ⁺ + Δ⁻``, each of shape (N, ...), or
        how to find them.
    """

    def __init__(
        self, actual: Tensor, reference: Tensor, parts: Signed | Parts | None = None
    ) -> None:
        self.actual = actual
        self.reference = reference
        self.source = parts

    @property
    def difference(self) -> Tensor:
        """Difference ``Δ`` (N, ...) from the reference."""
        return self.actual - self.reference

    def without_parts(self) -> Signal:
        """Return the same values, without holding what the parts would be found from."""
        signal = copy.copy(self)
        signal.source = None
        return signal

    @property
    def parts(self) -> Signed | None:
        """Positive and negative part of the difference; None where no rule may ask for them."""
        return self.source() if isinstance(self.source, Parts) else self.source
