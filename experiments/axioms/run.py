"""Search for violations of the axioms: a verdict per method, axiom and reading."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from experiments.attributions import Attribution
from experiments.axioms.cases import AXIOMS, Case, cases_of
from experiments.seeds import job_seed
from xgradient.deeplift import SummationToDeltaWarning

__all__ = [
    "TOLERANCE",
    "Example",
    "Finding",
    "change_of_output",
    "examine",
    "measure",
    "violations",
]

TOLERANCE = 1e-6
"""What counts as rounding, relative to the largest of one, the output and the attribution. All is
computed in float64, whose rounding is a million times smaller."""

# An output that changes by less is no change: the premise of sensitivity (a).
_CHANGE = 1e-3


@dataclass(frozen=True)
class Example:
    """The input of a case that violates an axiom most.

    Parameters
    ----------
    case : Case
        Its nets and inputs.
    row : int
        Which of the inputs.
    attributions : tuple of Tensor
        Of this input, for each of the nets.
    expected : bool
        Whether the method refers to the mean output at the references, not that at the baseline.
    """

    case: Case
    row: int
    attributions: tuple[Tensor, ...]
    expected: bool


@dataclass(frozen=True)
class Finding:
    """What a search found.

    Parameters
    ----------
    n_trials : int
        Inputs that meet the premise of the axiom, up to the first violation.
    violation : float
        The largest, relative; below `TOLERANCE` it is rounding.
    example : Example or None
        The first violation, if there is any.
    """

    n_trials: int
    violation: float
    example: Example | None


def measure(
    attributions: Mapping[str, Attribution],
    convolution: Collection[str],
    n_nets: int,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, Example]]:
    """Look for violations of every axiom by every method, on nets with biases and on X-DNNs.

    Parameters
    ----------
    attributions : mapping of str to Attribution
        By the key of the method.
    convolution : collection of str
        The methods that need a convolution layer.
    n_nets : int
        Random nets of each kind.
    seed : int
        Of all draws; all methods see the same nets.

    Returns
    -------
    pandas.DataFrame
        One row per method, kind of nets, axiom and reading: ``method``, ``nets`` (``regular`` or
        ``x``), ``axiom``, ``reading``, ``satisfied`` (1 or 0), ``violation``, ``n_trials``, and the
        name of the ``case`` that violates it, if there is one.
    dict of str to Example
        The counter-examples, by ``METHOD/NETS/AXIOM/READING``.
    """
    rows, examples = [], {}
    for key, attribution in attributions.items():
        for nets in ("x",) if attribution.homogeneous else ("regular", "x"):
            for axiom in AXIOMS:
                holds = True
                for reading in _readings(attribution, axiom, key in convolution):
                    if reading == "kinks" and not holds:
                        continue  # of a further condition on what is violated without it
                    kind = (nets == "regular", key in convolution)
                    found = examine(attribution, axiom, reading, *kind, n_nets, seed)
                    example = found.example
                    holds = holds and example is None
                    if example is not None:
                        examples[f"{key}/{nets}/{axiom}/{reading}"] = example
                    rows.append(
                        {
                            "method": key,
                            "nets": nets,
                            "axiom": axiom,
                            "reading": reading,
                            "satisfied": int(example is None),
                            "violation": found.violation,
                            "n_trials": found.n_trials,
                            "case": "none" if example is None else example.case.name,
                        }
                    )
    return pd.DataFrame(rows), examples


def _readings(attribution: Attribution, axiom: str, convolution: bool) -> Iterator[str]:
    yield "usual"
    if (
        axiom == "sensitivity_a"
        and attribution.baselines == "training data"
        and not (attribution.random)
    ):
        yield "every reference"
    if axiom in ("implementation_invariance", "linearity", "symmetry") and attribution.random:
        yield "same draws"
    if axiom == "symmetry" and not convolution:
        yield "kinks"


def examine(
    attribution: Attribution,
    axiom: str,
    reading: str,
    bias: bool,
    convolution: bool,
    n_nets: int,
    seed: int,
) -> Finding:
    """Look for a violation of an axiom by a method, until there is one.

    Parameters
    ----------
    attribution : Attribution
        The method.
    axiom, reading, bias, n_nets, seed
        See `experiments.axioms.cases.cases_of`.
    convolution : bool
        Whether the method needs a convolution layer.

    Returns
    -------
    Finding
        How many inputs were tried, and what was found.
    """
    n_trials, largest = 0, 0.0
    for convolutional in (True,) if convolution else (False, True):
        own = job_seed(seed, axiom, str(bias), str(convolutional))
        cases = cases_of(axiom, reading, bias, convolutional, n_nets, own)
        for number, case in enumerate(cases):
            modules = [net.build() for net in case.nets]
            # Independent draws for each net, unless the reading says otherwise.
            draws = [0 if reading == "same draws" else k for k in range(len(modules))]
            found = [
                _attribute(attribution, module, case, job_seed(own, str(number), str(draw)))
                for module, draw in zip(modules, draws, strict=True)
            ]
            expected = attribution.baselines == "training data"
            sizes = violations(axiom, reading, case, modules, found, expected)
            tried = ~sizes.isnan()
            n_trials += int(tried.sum())
            if not tried.any():
                continue
            sizes = sizes.nan_to_num(0.0)
            worst = int(sizes.argmax())
            largest = max(largest, float(sizes[worst]))
            if float(sizes[worst]) > TOLERANCE:
                own_rows = tuple(values[worst] for values in found)
                return Finding(n_trials, largest, Example(case, worst, own_rows, expected))
    return Finding(n_trials, largest, None)


def change_of_output(case: Case, module: nn.Sequential, expected: bool) -> Tensor:
    """Return the output for the inputs less that at what a method refers to.

    Parameters
    ----------
    case : Case
        The case, with N inputs.
    module : nn.Sequential
        One of its nets.
    expected : bool
        Whether that is the mean over the references, and not the baseline.

    Returns
    -------
    Tensor of shape (N,)
        Differences.
    """
    with torch.no_grad():
        outputs = module(case.inputs)[:, 0]
        if not expected:
            return outputs - module(case.baselines)[:, 0]
        at_references = module(case.references.flatten(0, 1))[:, 0]
        return outputs - at_references.view(case.references.shape[:2]).mean(1)


def violations(
    axiom: str,
    reading: str,
    case: Case,
    modules: list[nn.Sequential],
    found: list[Tensor],
    expected: bool,
) -> Tensor:
    """Say by how much attributions violate an axiom.

    Parameters
    ----------
    axiom, reading : str
        See `experiments.axioms.cases.cases_of`. Of "every reference" all inputs meet the premise.
    case : Case
        The case, with N inputs.
    modules : list of nn.Sequential
        Its nets.
    found : list of Tensor, each of shape (N, ...)
        Attributions of its inputs, for each net.
    expected : bool
        Whether the method refers to the mean output at the references, not that at the baseline.

    Returns
    -------
    Tensor of shape (N,)
        Relative to the largest of one, the output and the attribution; of sensitivity (a) one or
        zero. NaN for an input that does not meet the premise.
    """
    parts = [values.flatten(1) for values in found]
    with torch.no_grad():
        sizes = [part.abs().amax(1) for part in [*parts, modules[-1](case.inputs)]]
    scale = torch.stack(sizes).amax(0).clamp(min=1.0)
    at = [parts[-1][:, _flat(place, found[-1])] for place in case.features]
    if axiom == "sensitivity_a":
        missing = (at[0].abs() <= TOLERANCE * scale).double()
        if reading == "every reference":
            return missing
        meets = change_of_output(case, modules[0], expected).abs() > _CHANGE
        return missing.masked_fill(~meets, torch.nan)
    if axiom == "sensitivity_b":
        missed = torch.stack(at).abs().amax(0)
    elif axiom == "implementation_invariance":
        missed = (parts[0] - parts[1]).abs().amax(1)
    elif axiom == "completeness":
        missed = (parts[0].sum(1) - change_of_output(case, modules[0], expected)).abs()
    elif axiom == "linearity":
        weighted = case.factors[0] * parts[0] + case.factors[1] * parts[1]
        missed = (parts[2] - weighted).abs().amax(1)
    else:
        missed = (at[0] - at[1]).abs()
    return missed / scale


def _flat(place: tuple[int, ...], values: Tensor) -> int:
    """Return the index of a feature in a flattened row of values (N, ...)."""
    index = 0
    for number, size in zip(place, values.shape[1:], strict=True):
        index = index * size + number
    return index


def _attribute(attribution: Attribution, module: nn.Sequential, case: Case, seed: int) -> Tensor:
    expected = attribution.baselines == "training data"
    more: dict[str, object] = {"baselines": case.references if expected else case.baselines}
    if attribution.random:
        more["generator"] = torch.Generator().manual_seed(seed)
    target = torch.zeros(len(case.inputs), dtype=torch.long)
    with warnings.catch_warnings():
        # Where all outputs are zero, any rounding is more than they are large.
        warnings.simplefilter("ignore", SummationToDeltaWarning)
        return attribution(module, case.inputs, target, **more).detach()
