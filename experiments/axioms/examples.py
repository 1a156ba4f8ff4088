"""Counter-examples: as text for readers, and as tensors to compute with."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from experiments.axioms.run import Example, change_of_output

__all__ = ["describe", "tensors"]

_SHOWN = 8  # numbers of an input; an image has more


def describe(examples: Mapping[str, Example]) -> pd.DataFrame:
    """Put counter-examples into a table for readers.

    Parameters
    ----------
    examples : mapping of str to Example
        By ``METHOD/NETS/AXIOM/READING``.

    Returns
    -------
    pandas.DataFrame
        ``method``, ``nets``, ``axiom``, ``reading``; ``case``, what the nets are; ``input``,
        ``baseline`` and ``attribution`` (of each net, separated by a bar) with three digits; and
        ``violation`` in words.
    """
    rows = []
    for key, example in examples.items():
        method, nets, axiom, reading = key.split("/")
        case, row = example.case, example.row
        start = case.references[row] if example.expected else case.baselines[row][None]
        rows.append(
            {
                "method": method,
                "nets": nets,
                "axiom": axiom,
                "reading": reading,
                "case": case.name,
                "input": _text(case.inputs[row]),
                "baseline": " or ".join(dict.fromkeys(map(_text, start))),
                "attribution": " | ".join(map(_text, example.attributions)),
                "violation": _violation(axiom, reading, example),
            }
        )
    columns = ["method", "nets", "axiom", "reading", "case", "input", "baseline", "attribution"]
    return pd.DataFrame(rows, columns=[*columns, "violation"])


def _text(values: Tensor) -> str:
    if values.numel() > _SHOWN:
        return f"image of {' × '.join(map(str, values.shape[1:]))}"
    numbers = [f"{value + 0.0:.3g}" for value in values.flatten().tolist()]
    return numbers[0] if len(numbers) == 1 else f"({', '.join(numbers)})"


def _violation(axiom: str, reading: str, example: Example) -> str:
    case, found = example.case, example.attributions
    at = [f"{float(found[-1][place]):.3g}" for place in case.features]
    if reading == "every reference":
        return f"{at[0]}, though the output differs from that at every reference"
    if axiom == "sensitivity_a":
        change = float(change_of_output(case, case.nets[0].build(), example.expected)[example.row])
        return f"{at[0]} for the only feature that differs; the output differs by {change:.3g}"
    if axiom == "sensitivity_b":
        return f"{' and '.join(at)} for what has no effect"
    if axiom == "completeness":
        change = float(change_of_output(case, case.nets[0].build(), example.expected)[example.row])
        return f"the sum is {float(found[0].sum()):.3g}, the output differs by {change:.3g}"
    if axiom == "symmetry":
        return f"{at[0]} and {at[1]} for two features that can be exchanged"
    if axiom == "linearity":
        weighted = case.factors[0] * found[0] + case.factors[1] * found[1]
        largest = float((found[2] - weighted).abs().max())
        return f"{largest:.3g} away from the weighted sum of both"
    return f"{float((found[0] - found[1]).abs().max()):.3g} apart for the same function"


def tensors(examples: Mapping[str, Example]) -> dict[str, Tensor]:
    """Return counter-examples as tensors by name.

    Parameters
    ----------
    examples : mapping of str to Example
        By ``METHOD/NETS/AXIOM/READING``.

    Returns
    -------
    dict of str to Tensor
        Behind the name of the counter-example: ``input`` and ``baseline`` (...), ``references``
        (R, ...); and for net k, counted from zero, ``k/attribution`` (...), and its layers, counted
        from zero, ``k/LAYER/weight`` and ``k/LAYER/bias``, with a ReLU between two of them.
    """
    found: dict[str, Tensor] = {}
    for key, example in examples.items():
        case, row = example.case, example.row
        found[f"{key}/input"] = case.inputs[row]
        found[f"{key}/baseline"] = case.baselines[row]
        found[f"{key}/references"] = case.references[row]
        for k, (net, values) in enumerate(zip(case.nets, example.attributions, strict=True)):
            found[f"{key}/{k}/attribution"] = values
            for layer, weight in enumerate(net.weights):
                found[f"{key}/{k}/{layer}/weight"] = weight
                if net.biases is not None:
                    found[f"{key}/{k}/{layer}/bias"] = net.biases[layer]
    # Each in memory of its own, as the file format wants it.
    return {name: torch.clone(value).contiguous() for name, value in found.items()}
