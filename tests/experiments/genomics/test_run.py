"""AUROC of a net, importance by method, and tables of motif hits."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from experiments.genomics.importance import position_importance
from experiments.genomics.network import TASKS
from experiments.genomics.run import importance_by_method, measure_auroc, measure_hits
from experiments.genomics.simulation import BACKGROUND
from experiments.genomics.training import task_auroc
from experiments.methods import methods_for
from experiments.published import read_published
from tests.experiments.genomics.helpers import generator
from tests.experiments.helpers import attributions
from xgradient.models import genomics_convnet


def test_hits_and_their_summary_tell_the_same(simulated, motifs):
    both = simulated.subset(range(24, 32))
    draws = torch.randn(both.sequences.shape, generator=torch.Generator().manual_seed(0))
    importance = {"noise": draws, "all": torch.ones_like(draws), "none": torch.zeros_like(draws)}
    hits, summary = measure_hits(both, importance, motifs, 5, 7.0, BACKGROUND)
    assert len(hits) == 2 * 3 * 2 * 8 * 5
    keys = ["motif", "method", "exclusion"]
    assert list(summary.columns) == [
        *keys,
        "n_strong_hits",
        "false_negative_percent",
        "n_sequences",
    ]
    assert set(summary["n_sequences"]) == {8}
    strong = hits[hits["log_odds"] >= 7.0]
    counts = strong.groupby(keys).size()
    missed = strong[strong["importance"] <= 0].groupby(keys).size()
    shares = (100 * missed / counts).reindex(counts.index).fillna(0.0)
    for row in summary.itertuples():
        key = (row.motif, row.method, row.exclusion)
        assert row.n_strong_hits == counts[key]
        assert row.false_negative_percent == pytest.approx(shares[key])
    by_method = summary.groupby("method")["false_negative_percent"]
    assert by_method.max()["all"] == 0.0 and by_method.min()["none"] == 100.0
    assert 0 < by_method.mean()["noise"] < 100
    # At the left edge the official analysis takes a hit again and again.
    repeats = hits.duplicated([*keys, "sequence", "start"]).groupby(hits["exclusion"]).any()
    assert repeats.to_dict() == {"fixed": False, "official": True}
    # Where a motif was embedded, its hit is among the strongest, with the importance of its bases.
    fixed = hits[(hits["exclusion"] == "fixed") & (hits["method"] == "noise")]
    found = fixed.set_index(["sequence", "motif", "start"])["importance"]
    n_found = 0
    for row, (name, embedded) in enumerate(zip(both.names, both.embeddings, strict=True)):
        for motif, start in embedded:
            if (name, motif, start) in found.index:
                n_found += 1
                window = draws[row, start : start + len(motifs[motif])].sum().item()
                assert found[name, motif, start] == pytest.approx(window, abs=1e-5)
    assert n_found > 0.8 * sum(map(len, both.embeddings))


def test_sequences_with_both_motifs_are_attributed_with_references_shuffled_alike(simulated):
    model = genomics_convnet().eval()
    calls = attributions("input_x_gradient", "deeplift_genomics_default_shuffled")
    both, importance = importance_by_method(model, simulated, calls.items(), BACKGROUND, seed=3)
    chosen = simulated.labels[:, 0].nonzero().flatten().tolist()
    assert both.names == [simulated.names[index] for index in chosen]
    assert list(importance) == list(calls)
    for key, attribution in calls.items():
        expected = position_importance(
            model, both.sequences, attribution, 0, BACKGROUND, generator(3)
        )
        assert torch.equal(importance[key], expected)
    # A method's references do not depend on those before it.
    alone = importance_by_method(model, simulated, list(calls.items())[1:], BACKGROUND, seed=3)[1]
    name = "deeplift_genomics_default_shuffled"
    assert torch.equal(alone[name], importance[name])


def test_auroc_has_a_row_per_task(simulated):
    model = genomics_convnet().eval()
    measured = measure_auroc(model, simulated)
    assert measured["task"].tolist() == list(TASKS)
    areas = task_auroc(model, simulated.sequences, simulated.labels)
    assert measured["auroc"].tolist() == areas.tolist()
    assert measured["n_sequences"].tolist() == [32] * 3


def test_the_published_tables_speak_of_the_methods_and_tasks_here(root):
    published = root / "workflow" / "published"
    percent = read_published(published / "deeplift_genomics_false_negatives_gata.csv")
    # The paper prints neither IG with fewer steps nor the shuffled references.
    others = {"ig_5", "deeplift_genomics_default_shuffled"}
    assert set(percent["method"]) == set(methods_for("genomics")) - others
    assert list(pd.read_csv(published / "deeplift_genomics_auroc.csv")["task"]) == list(TASKS)
