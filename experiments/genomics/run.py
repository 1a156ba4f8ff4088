"""AUROC of a net, and the motif hits of every method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor, nn

from experiments.attributions import Attribution
from experiments.genomics.importance import position_importance
from experiments.genomics.motif_hits import EXCLUSIONS, find_motif_hits
from experiments.genomics.network import TASKS
from experiments.genomics.simulation import SimulatedSequences
from experiments.genomics.training import task_auroc

__all__ = ["importance_by_method", "measure_auroc", "measure_hits"]


def measure_auroc(model: nn.Module, test: SimulatedSequences) -> pd.DataFrame:
    """Measure the AUROC of a net for every task.

    Returns
    -------
    pandas.DataFrame
        One row per task: ``task``, ``auroc`` (0 to 1), ``n_sequences``.
    """
    areas = task_auroc(model, test.sequences, test.labels).tolist()
    return pd.DataFrame({"task": TASKS, "auroc": areas, "n_sequences": len(test.names)})


def importance_by_method(
    model: nn.Module,
    test: SimulatedSequences,
    attributions: Iterable[tuple[str, Attribution]],
    background: Sequence[float],
    seed: int,
) -> tuple[SimulatedSequences, dict[str, Tensor]]:
    """Attribute the task "both motifs" to the positions of the sequences that contain both.

    Parameters
    ----------
    model : torch.nn.Module
        Maps one-hot sequences (N, 4, length) to logits (N, 3).
    test : SimulatedSequences
        Sequences of all classes.
    attributions : iterable of (str, Attribution)
        Keys and methods.
    background : sequence of float
        Frequencies of A, C, G and T.
    seed : int
        Of the shuffled references, the same for every method.

    Returns
    -------
    both : SimulatedSequences
        The N sequences with both motifs.
    importance : dict of str to torch.Tensor
        By method, shape (N, length).
    """
    target = TASKS.index("both")
    both = test.subset(test.labels[:, target].nonzero().flatten().tolist())
    importance = {
        key: position_importance(
            model,
            both.sequences,
            attribution,
            target,
            background,
            torch.Generator().manual_seed(seed),
        )
        for key, attribution in attributions
    }
    return both, importance


def measure_hits(
    data: SimulatedSequences,
    importance: Mapping[str, Tensor],
    motifs: Mapping[str, Tensor],
    n_hits: int,
    strong: float,
    background: Sequence[float],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the strongest hits of every motif, and count those without positive importance.

    Parameters
    ----------
    data : SimulatedSequences
        N sequences.
    importance : mapping of str to Tensor of shape (N, length)
        By method: contributions summed over the bases.
    motifs : mapping of str to Tensor of shape (width, 4)
        Position weight matrices by name.
    n_hits : int
        Number of hits per sequence.
    strong : float
        Natural log-odds from which a hit is strong.
    background : sequence of float
        Frequencies of A, C, G and T.

    Returns
    -------
    hits : pandas.DataFrame
        One row per motif, method, exclusion and hit: ``motif``, ``method``, ``exclusion``,
        ``sequence`` (its name), ``hit`` (1 is the strongest), ``start`` (base, from 0),
        ``log_odds`` (natural) and ``importance``.
    summary : pandas.DataFrame
        One row per motif, method and exclusion: ``motif``, ``method``, ``exclusion``,
        ``n_strong_hits``, ``false_negative_percent`` (missing if no hit is strong) and
        ``n_sequences``.
    """
    frames, rows = [], []
    for motif, pwm in motifs.items():
        for method, values in importance.items():
            for exclusion in EXCLUSIONS:
                found = find_motif_hits(data.sequences, values, pwm, n_hits, exclusion, background)
                key = {"motif": motif, "method": method, "exclusion": exclusion}
                frames.append(
                    pd.DataFrame(
                        {
                            **key,
                            "sequence": [name for name in data.names for _ in range(n_hits)],
                            "hit": list(range(1, n_hits + 1)) * len(data.names),
                            "start": found.start.flatten().numpy(),
                            "log_odds": found.log_odds.flatten().numpy(),
                            "importance": found.importance.flatten().numpy(),
                        }
                    )
                )
                rows.append(
                    {
                        **key,
                        "n_strong_hits": found.n_strong(strong),
                        "false_negative_percent": found.false_negative_percent(strong),
                        "n_sequences": len(data.names),
                    }
                )
    return pd.concat(frames, ignore_index=True), pd.DataFrame(rows)
