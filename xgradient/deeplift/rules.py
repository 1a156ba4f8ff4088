"""Rules of DeepLIFT for elementwise nonlinearities (Shrikumar, Greenside, Kundaje 2017, Sec. 3.5).

A rule maps the input of a nonlinearity to two local multipliers: the change of the output per unit
of the positive part of the input difference, and per unit of the negative part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import nn

from xgradient.deeplift.signals import Signal, Signed

# Below this distance from the reference the Rescale rule takes the gradient (Sec. 3.5.2 asks for
# it "close to the reference" and names no number; this is the number of the authors' package).
NEAR_REFERENCE = 1e-7
# The authors' package moves every part of a difference that is less than half of this in size by
# this much, and divides by what it then has.
PSEUDOCOUNT = 1e-7


Elementwise = Callable[[torch.Tensor], torch.Tensor]
Rule = Callable[[Elementwise, Signal], Signed]


def rescale(function: Elementwise, signal: Signal) -> Signed:
    """Local multiplier of the Rescale rule, ``Δy / Δx`` for both signs (Sec. 3.5.2).

    Parameters
    ----------
    function : callable
        The nonlinearity, elementwise.
    signal : Signal
        Its input.

    Returns
    -------
    Signed
        Multipliers of shape (N, ...). Where ``|Δx| < 1e-7`` they are the gradient at the
        reference.
    """
    difference = signal.difference
    change = function(signal.actual) - function(signal.reference)
    # Not "difference < ...": infinity minus infinity, as of two masked values, is no difference.
    near = ~(difference.abs() >= NEAR_REFERENCE)
    if not near.any():
        multiplier = change / difference
        return Signed(multiplier, multiplier)
    gradient = _derivative(function, signal.reference)
    if not gradient.isfinite().all():
        # As of a root at zero: there the quotient, and nothing where nothing changes.
        quotient = torch.where(difference.abs() > 0, change / difference, 0.0)
        gradient = torch.where(gradient.isfinite(), gradient, quotient)
    multiplier = torch.where(near, gradient, change / difference.masked_fill(near, 1.0))
    return Signed(multiplier, multiplier)


def revealcancel(function: Elementwise, signal: Signal) -> Signed:
    """Local multipliers of the RevealCancel rule (Sec. 3.5.3).

    The effect of the positive part is averaged over the two orders in which the positive and the
    negative part can be added to the reference; so is that of the negative part. A part that
    vanishes gets the limit of its multiplier: the mean of the slopes, in the direction of
    increase, at the reference and at the input.

    Parameters
    ----------
    function : callable
        The nonlinearity, elementwise.
    signal : Signal
        Its input, with the parts of the difference.

    Returns
    -------
    Signed
        ``m⁺ = Δy⁺ / Δx⁺`` and ``m⁻ = Δy⁻ / Δx⁻``, each of shape (N, ...). A part below 5e-8 in
        size counts as vanishing. Where a part alone leads to where the function is not defined,
        as a logarithm below zero, they are those of the Rescale rule.

    Raises
    ------
    ValueError
        If the signal has no parts.
    """
    parts = signal.parts
    if parts is None:
        raise ValueError("RevealCancel needs the parts of the difference, got a signal without")
    rising, falling = _mean_changes(function, signal.reference, parts)
    rising.div_(parts.positive)
    falling.div_(parts.negative)
    no_positive = parts.positive.abs().lt_(0.5 * PSEUDOCOUNT).bool()
    no_negative = parts.negative.abs().lt_(0.5 * PSEUDOCOUNT).bool()
    if no_positive.any() or no_negative.any():
        # Where p vanishes r + n is the input, and where n does r + p is: one limit for both.
        limit = _derivative(function, _after(signal.actual))
        limit += _derivative(function, _after(signal.reference))
        limit *= 0.5
        torch.where(no_positive, limit, rising, out=rising)
        torch.where(no_negative, limit, falling, out=falling)
    if not torch.isfinite(rising.sum() + falling.sum()):
        # A part alone may lead where the function is not defined, as a logarithm below zero.
        finite = rising.isfinite() & falling.isfinite()
        rescaled = rescale(function, signal).positive
        rising = torch.where(finite, rising, rescaled)
        falling = torch.where(finite, falling, rescaled)
    return Signed(rising, falling)


def _mean_changes(
    function: Elementwise, reference: torch.Tensor, parts: Signed
) -> tuple[torch.Tensor, torch.Tensor]:
    """``Δy⁺`` and ``Δy⁻``, the mean effects of the parts in the two orders of adding them."""
    at_reference = function(reference)
    with_positive = function(reference + parts.positive)
    with_negative = function(reference + parts.negative)
    # Not f(actual), which is rounded in another way than the three others.
    with_both = function((reference + parts.positive).add_(parts.negative))
    # Δy⁺ = ½[f(r+p) - f(r)] + ½[f(r+p+n) - f(r+n)] and Δy⁻, which has p and n exchanged, are half
    # the sum and half the difference of these two.
    joint = with_both - at_reference
    opposed = with_positive - with_negative
    return (joint + opposed).mul_(0.5), joint.sub_(opposed).mul_(0.5)


def _derivative(function: Elementwise, points: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(function(points).sum(), points)
    return gradient


def _after(points: torch.Tensor) -> torch.Tensor:
    """Points next to these in the direction of increase, where a derivative is the right one."""
    # In float32 the pseudocount drowns next to a large number.
    step = 2 * torch.finfo(points.dtype).eps * points.abs()
    return step.clamp_(min=0.5 * PSEUDOCOUNT).add_(points)


NAMED_RULES: Mapping[str, Rule] = {"rescale": rescale, "revealcancel": revealcancel}

RuleChoice = str | Rule
RuleSpecification = (
    str | Callable[[str, nn.Module | None], RuleChoice] | Mapping[str | type, RuleChoice]
)


class Nonlinearity(NamedTuple):
    """One use of an elementwise nonlinearity in the network.

    Parameters
    ----------
    name : str
        Qualified name of the module, or the name of the function, numbered from its second call.
    module : nn.Module or None
        The module; ``None`` for a function.
    after_dense : bool
        Whether what enters it was last weighted by fully connected layers only.
    """

    name: str
    module: nn.Module | None
    after_dense: bool


class RuleChooser:
    """The rules that a specification gives the nonlinearities of a network.

    Parameters
    ----------
    specification : str or callable or Mapping
        As in `xgradient.deeplift.deeplift`.
    """

    def __init__(self, specification: RuleSpecification) -> None:
        self._specification = specification
        self._chosen: dict[tuple[str, bool], Rule] = {}

    @property
    def may_ask_for_parts(self) -> bool:
        """Whether any rule may look at the parts of a difference."""
        return self._specification != "rescale"

    def choose(self, nonlinearity: Nonlinearity) -> Rule:
        """Find the rule of a nonlinearity; see `choose_rule`."""
        key = (nonlinearity.name, nonlinearity.after_dense)
        if key not in self._chosen:
            self._chosen[key] = choose_rule(self._specification, nonlinearity)
        return self._chosen[key]

    def check_names(self) -> None:
        """Refuse a name that no nonlinearity had.

        Raises
        ------
        ValueError
            If a mapping holds one.
        """
        names = list(dict.fromkeys(name for name, _ in self._chosen))
        for key in self._specification if isinstance(self._specification, Mapping) else ():
            if isinstance(key, str) and key not in names:
                raise ValueError(
                    f"the mapping of DeepLIFT rules names {key!r}, which is no nonlinearity of "
                    f"the model: these are {', '.join(map(repr, names)) or 'none'}"
                )


def choose_rule(specification: RuleSpecification, nonlinearity: Nonlinearity) -> Rule:
    """Find the rule that a specification gives one nonlinearity.

    Parameters
    ----------
    specification : str or callable or Mapping
        As in `xgradient.deeplift.deeplift`.
    nonlinearity : Nonlinearity
        The nonlinearity.

    Returns
    -------
    callable
        A rule: takes the nonlinearity and a `Signal`, returns `Signed` multipliers.

    Raises
    ------
    ValueError
        If the specification is an unknown name or leaves this nonlinearity out.
    TypeError
        If what it gives is neither the name of a rule nor a rule.
    """
    if isinstance(specification, Mapping):
        choice = _look_up(specification, nonlinearity)
    elif callable(specification):
        choice = specification(nonlinearity.name, nonlinearity.module)
    elif specification == "genomics_default":
        choice = "revealcancel" if nonlinearity.after_dense else "rescale"
    else:
        choice = specification
    if isinstance(choice, str):
        if choice not in NAMED_RULES:
            known = ", ".join(repr(name) for name in (*NAMED_RULES, "genomics_default"))
            raise ValueError(
                f"unknown DeepLIFT rule {choice!r} for '{nonlinearity.name}': the rules are {known}"
            )
        return NAMED_RULES[choice]
    if not callable(choice):
        raise TypeError(
            f"the DeepLIFT rule for '{nonlinearity.name}' is {choice!r}: it must be the name of a "
            "rule or a callable rule(function, signal)"
        )
    return choice


def _look_up(mapping: Mapping[str | type, RuleChoice], nonlinearity: Nonlinearity) -> RuleChoice:
    if nonlinearity.name in mapping:
        return mapping[nonlinearity.name]
    for type_ in type(nonlinearity.module).__mro__:
        if type_ in mapping:
            return mapping[type_]
    raise ValueError(
        f"the mapping of DeepLIFT rules has none for '{nonlinearity.name}': add its name, its "
        "type, or object for everything not listed"
    )
