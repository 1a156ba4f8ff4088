"""Nets and inputs on which an axiom says what an attribution must be.

The constructed cases come first, so that a counter-example is a small one if there is any.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from experiments.axioms.nets import (
    SIDE,
    Net,
    cancelling_units,
    combined,
    deeper,
    permuted,
    random_net,
    rescaled,
    split,
)

__all__ = ["AXIOMS", "Case", "cases_of"]

AXIOMS = {
    "sensitivity_a": "Sensitivity (a)",
    "sensitivity_b": "Sensitivity (b)",
    "implementation_invariance": "Implementation invariance",
    "completeness": "Completeness",
    "linearity": "Linearity",
    "symmetry": "Symmetry preservation",
}
"""Names of the axioms for readers, in the order of the paper."""

_ROWS, _PAIRS = 4, 2
_CHANGES = (permuted, split, rescaled, deeper, cancelling_units)
Place = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """Nets, and inputs with their baselines.

    Parameters
    ----------
    name : str
        What the nets are, for readers.
    nets : tuple of Net
        One net; two that are the same function; or two, and their weighted sum.
    inputs, baselines : Tensor of shape (N, ...)
        One baseline for each input.
    references : Tensor of shape (N, R, ...)
        What Expected Gradients average over, for each input.
    features : tuple of tuple of int
        Indices of the features that the axiom is about; of none for some axioms.
    factors : tuple of float
        Of the two nets in their sum.
    """

    name: str
    nets: tuple[Net, ...]
    inputs: Tensor
    baselines: Tensor
    references: Tensor
    features: tuple[Place, ...] = ()
    factors: tuple[float, float] = (1.0, 1.0)


def cases_of(
    axiom: str, reading: str, bias: bool, convolutional: bool, n_nets: int, seed: int
) -> Iterator[Case]:
    """Yield the cases of an axiom.

    Parameters
    ----------
    axiom : str
        A key of `AXIOMS`.
    reading : str
        ``"usual"``, or another reading: ``"every reference"`` of sensitivity (a), ``"same
        draws"``, or ``"kinks"`` of symmetry.
    bias : bool
        Whether the nets have biases. Without, they are X-DNNs, and the baselines are zero.
    convolutional : bool
        Whether the inputs are images.
    n_nets : int
        Random nets, each with four inputs.
    seed : int
        Of all random draws.

    Yields
    ------
    Case
        Constructed ones, then random ones.
    """
    if not convolutional:
        yield from _constructed(axiom, reading, bias)
    if reading in ("every reference", "kinks"):
        return
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_nets):
        net = random_net(generator, convolutional, bias)
        case = _random(net, generator)
        if axiom == "sensitivity_a":
            yield _one_feature(case, generator)
        elif axiom == "sensitivity_b":
            yield from _without_effect(case, generator)
        elif axiom == "implementation_invariance":
            for change in _CHANGES:
                name = f"random net, {change.__name__.replace('_', ' ')}"
                yield replace(case, name=name, nets=(net, change(net, generator)))
        elif axiom == "completeness":
            yield case
        elif axiom == "linearity":
            other, factors = random_net(generator, convolutional, bias), (1.5, -0.7)
            nets = (net, other, combined(net, other, factors))
            yield replace(case, name="sum of random nets", nets=nets, factors=factors)
        else:
            yield from _symmetric(case, generator, reading)


def _constructed(axiom: str, reading: str, bias: bool) -> Iterator[Case]:
    if reading == "every reference":
        # Whatever the net: the output at both references differs, and the mean does not.
        yield _case("x", _dense([[1], [-1]], [[1, -1]]), [0], [0], [[1], [-1]], ((0,),))
        return
    if reading == "kinks":
        smaller = _dense([[1, 0], [-1, 0], [1, -1]], [[1, -1, -1]])
        yield _case("min(x1, x2)", smaller, [1, 1], [0, 0], None, ((0,), (1,)))
        return
    falling = _case("-ReLU(x)", _dense([[1]], [[-1]]), [1], [0], None, ((0,),))
    saturating = Net(
        (torch.tensor([[-1.0]]).double(), torch.tensor([[-1.0]]).double()),
        (torch.ones(1).double(), torch.ones(1).double()),
    )
    # The example of Sundararajan et al. (2017), Sec. 2.1.
    saturated = _case("1 - ReLU(1 - x)", saturating, [2], [0], [[0.5], [0]], ((0,),))
    if axiom in ("sensitivity_a", "completeness"):
        yield from [saturated, falling] if bias else [falling]
    elif axiom == "sensitivity_b":
        net = _dense([[1, 0], [0, 1], [0, 1]], [[1, 1, -1]])
        yield _case("ReLU(x1) + ReLU(x2) - ReLU(x2)", net, [1, 1], [0, 0], None, ((1,),))
        if bias:
            # f - g is zero, so that the last term alone has an effect.
            for term, place in (("ReLU(x1)", (1,)), ("ReLU(x2)", (0,))):
                weight = [[place[0], 1 - place[0]]]
                net = combined(_difference(), _rectified(weight), (1.0, 1.0))
                yield _case(f"f - g + {term}", net, [3, 1], [0, 0], None, (place,))
    elif axiom == "implementation_invariance" and bias:
        case = _case("f and g", _published_pair()[0], [3, 1], [0, 0], None)
        yield replace(case, nets=_published_pair())
    elif axiom == "linearity":
        first, second = _dense([[1, 0]], [[1]]), _dense([[0, 1]], [[1]])
        case = _case("ReLU(x1) - ReLU(x2)", first, [1, 2], [0, 0], None)
        nets = (first, second, combined(first, second, (1.0, -1.0)))
        yield replace(case, nets=nets, factors=(1.0, -1.0))
    elif axiom == "symmetry":
        pair = ((0,), (1,))
        net = _dense([[1, 0], [0, 1], [1, 0], [1, 0]], [[1, 1, 1, -1]])
        name = "ReLU(x1) + ReLU(x2) + ReLU(x1) - ReLU(x1)"
        yield _case(name, net, [1, 1], [0, 0], None, pair)
        if bias:
            net = combined(_difference(shift=2.0), _rectified([[1, 0], [0, 1]]), (1.0, 1.0))
            name = "(f - g)(x1 + 2, x2) + ReLU(x1) + ReLU(x2)"
            yield _case(name, net, [1, 1], [-2, -2], None, pair)


def _published_pair(shift: float = 0.0) -> tuple[Net, Net]:
    """Return f = ReLU(ReLU(x1) - 1 - ReLU(x2)) and g = ReLU(ReLU(x1 - 1) - ReLU(x2)).

    The same function for all inputs (Sundararajan et al. 2017, Figure 7); of x1 + shift.
    """
    weights = tuple(torch.tensor(w).double() for w in ([[1, 0], [0, 1]], [[1, -1]], [[1]]))

    def net(first: float, second: float) -> Net:
        biases = ([shift + first, 0.0], [second], [0.0])
        return Net(weights, tuple(torch.tensor(values).double() for values in biases))

    return net(0.0, -1.0), net(-1.0, 0.0)


def _difference(shift: float = 0.0) -> Net:
    """Return f - g, which is zero everywhere."""
    return combined(*_published_pair(shift), (1.0, -1.0))


def _rectified(weight: list[list[int]]) -> Net:
    """Return the sum of the ReLUs of some linear functions, as deep as f and g."""
    first = torch.tensor(weight).double()
    weights = (first, first.new_ones(1, len(first)), first.new_ones(1, 1))
    return Net(weights, tuple(first.new_zeros(len(each)) for each in weights))


def _dense(*weights: list[list[int]]) -> Net:
    return Net(tuple(torch.tensor(weight).double() for weight in weights))


def _case(
    name: str,
    net: Net,
    values: list[float],
    baseline: list[float],
    references: list[list[float]] | None,
    features: tuple[Place, ...] = (),
) -> Case:
    """Return a case of equal rows, so that several random draws are made."""
    own = [baseline] if references is None else references
    inputs = torch.tensor(values).double().expand(_ROWS, -1).clone()
    start = torch.tensor(baseline).double().expand(_ROWS, -1).clone()
    drawn = torch.tensor(own).double().expand(_ROWS, -1, -1).clone()
    return Case(name, (net,), inputs, start, drawn, features)


def _random(net: Net, generator: torch.Generator) -> Case:
    """Draw inputs, baselines (zero for an X-DNN) and references."""
    shape = (1, SIDE, SIDE) if net.convolutional else net.weights[0].shape[1:]

    def drawn(*first: int) -> Tensor:
        return torch.randn(*first, *shape, generator=generator, dtype=torch.float64)

    inputs, references = drawn(_ROWS), drawn(_ROWS, 2 * _PAIRS)
    baselines = torch.zeros_like(inputs) if net.biases is None else drawn(_ROWS)
    return Case("random net", (net,), inputs, baselines, references)


def _one_feature(case: Case, generator: torch.Generator) -> Case:
    """Let inputs differ from their baselines, and references, in one feature alone."""
    place = (0, 1, 2) if case.nets[0].convolutional else (1,)
    at = (..., *place)
    baselines = case.baselines
    inputs, references = baselines.clone(), baselines[:, None].repeat_interleave(2 * _PAIRS, 1)
    inputs[at] = case.inputs[at]
    references[at] = case.references[at]
    return replace(case, inputs=inputs, references=references, features=(place,))


def _without_effect(case: Case, generator: torch.Generator) -> Iterator[Case]:
    """Take the effect of a feature away: weights of zero, then units that cancel as well."""
    (net,) = case.nets
    if net.convolutional:
        unseen = (0, SIDE - 1, SIDE - 1)
        yield replace(case, name="random net, pixel in no window", features=(unseen,))
    place = (0, 0, 1) if net.convolutional else (1,)
    first = net.weights[0].clone()
    first[(slice(None), *place)] = 0
    net = replace(net, weights=(first, *net.weights[1:]))
    yield replace(case, nets=(net,), features=(place,))
    changed = cancelling_units(net, generator, place)
    yield replace(case, name="random net, cancelling units", nets=(changed,), features=(place,))


def _symmetric(case: Case, generator: torch.Generator, reading: str) -> Iterator[Case]:
    """Let a net depend on two features in the same way, with equal inputs and baselines."""
    (net,) = case.nets
    first, second = ((0, 0, 0), (0, 0, 1)) if net.convolutional else ((0,), (1,))
    weight = net.weights[0].clone()
    # Of images both are in the first window, whose pixels have the filters' weights.
    weight[(slice(None), *second)] = weight[(slice(None), *first)]
    net = replace(net, weights=(weight, *net.weights[1:]))
    if not net.convolutional:
        net = _with_mirrored_units(net, generator)
    inputs, baselines = case.inputs.clone(), case.baselines.clone()
    for values in (inputs, baselines):
        values[(..., *second)] = values[(..., *first)]
    drawn = case.references[:, :_PAIRS].clone()
    if reading == "same draws":
        drawn[(..., *second)] = drawn[(..., *first)]
    mirrored = drawn.clone()
    mirrored[(..., *first)], mirrored[(..., *second)] = (
        drawn[(..., *second)],
        drawn[(..., *first)],
    )
    both = torch.cat([drawn, mirrored], 1)
    case = replace(
        case, inputs=inputs, baselines=baselines, references=both, features=(first, second)
    )
    for changed, name in (
        (net, "random net"),
        (cancelling_units(net, generator, first), "random net, cancelling units"),
        (rescaled(net, generator), "random net, rescaled"),
    ):
        yield replace(case, name=f"symmetric {name}", nets=(changed,))


def _with_mirrored_units(net: Net, generator: torch.Generator) -> Net:
    """Add units, and to each its mirror image, with the same outgoing weights."""
    weights, biases = list(net.weights), net.biases
    unit = torch.randn(weights[0][:2].shape, generator=generator, dtype=torch.float64)
    mirrored = unit.clone()
    mirrored[:, 0], mirrored[:, 1] = unit[:, 1], unit[:, 0]
    shape = (len(weights[1]), len(unit))
    outgoing = torch.randn(shape, generator=generator, dtype=torch.float64) / 2
    weights[0] = torch.cat([weights[0], unit, mirrored])
    weights[1] = torch.cat([weights[1], outgoing, outgoing], 1)
    if biases is None:
        return Net(tuple(weights))
    own = torch.randn(len(unit), generator=generator, dtype=torch.float64)
    return Net(tuple(weights), (torch.cat([biases[0], own, own]), *biases[1:]))
