"""Attributions of the toy functions along their lines."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import torch

from experiments.attributions import Attribution
from experiments.toys.functions import TOYS

__all__ = ["attribute_toys"]


def attribute_toys(n_points: int, attributions: Mapping[str, Attribution]) -> pd.DataFrame:
    """Attribute the output of every toy to its inputs, with the zero reference.

    Parameters
    ----------
    n_points : int
        Of each line.
    attributions : mapping of str to Attribution
        By the key of the method.

    Returns
    -------
    pandas.DataFrame
        One row per point, method and input: ``toy``, ``formula``, ``along`` (what the line is),
        ``position``, ``output``, ``method``, ``input`` and ``attribution``.
    """
    frames = []
    for name, toy in TOYS.items():
        points = toy.line(n_points)
        target = torch.zeros(n_points, dtype=torch.long)
        with torch.no_grad():
            output = toy.network(points).squeeze(1)
        for method, attribution in attributions.items():
            values = attribution(toy.network, points, target)
            for index, input_name in enumerate(toy.inputs):
                frames.append(
                    pd.DataFrame(
                        {
                            "toy": name,
                            "formula": toy.formula,
                            "along": toy.along,
                            "position": points[:, 0].numpy(),
                            "output": output.numpy(),
                            "method": method,
                            "input": input_name,
                            "attribution": values[:, index].numpy(),
                        }
                    )
                )
    return pd.concat(frames, ignore_index=True)
