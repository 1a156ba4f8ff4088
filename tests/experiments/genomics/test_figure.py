"""The figure of the motif hits."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from experiments.genomics.figure import plot_motif_hits
from tests.experiments.figure_helpers import legend_texts, titles

# By method: log-odds and importance of the hits.
HITS = {
    "input_x_gradient": [(9.0, 1.0), (8.0, -1.0), (7.0, 0.0), (6.9, -2.0), (7.5, 3.0)],
    "deeplift_genomics_default_shuffled": [(9.0, 1.0), (6.0, -1.0)],
    "ig_10": [(6.0, 1.0), (5.0, -1.0)],
}
TABLE = pd.DataFrame(
    [
        {
            "weights": weights,
            "motif": motif,
            "method": method,
            "log_odds": log_odds,
            "importance": importance,
        }
        for weights in ("trained", "published")
        for motif in ("TAL1", "GATA")
        for method, hits in HITS.items()
        for log_odds, importance in hits
    ]
)


def points(axes):
    """Return the points that are no false negatives, and those that are."""
    clouds = [each for each in axes.collections if isinstance(each, PathCollection)]
    return [sorted(map(tuple, cloud.get_offsets().tolist())) for cloud in clouds]


def test_a_row_for_weights_and_motif_and_a_column_per_method_in_the_order_of_the_table():
    figure = plot_motif_hits(TABLE, strong=7.0)
    assert len(figure.axes) == 4 * 3
    assert titles(figure)[:3] == [
        "Input×Gradient",
        "DeepLIFT: genomics default, 10 references",
        "IG (10)",
    ]
    assert not any(titles(figure)[3:])
    firsts = [axes.get_ylabel().split("\n")[:2] for axes in figure.axes[::3]]
    assert firsts == [
        ["TAL1", "trained weights"],
        ["GATA", "trained weights"],
        ["TAL1", "published weights"],
        ["GATA", "published weights"],
    ]
    assert legend_texts(figure) == [
        "hit",
        "false negative, % of the strong hits",
        "strong: 7 nats or more",
    ]


def test_false_negatives_are_strong_hits_without_positive_importance():
    figure = plot_motif_hits(TABLE, strong=7.0)
    fine, missed = points(figure.axes[0])
    assert missed == [(7.0, 0.0), (8.0, -1.0)]
    assert fine == [(6.9, -2.0), (7.5, 3.0), (9.0, 1.0)]
    assert points(figure.axes[1])[1] == points(figure.axes[2])[1] == []


@pytest.mark.parametrize(("column", "share"), [(0, "50.00 %"), (1, "0.00 %"), (2, "–")])
def test_their_share_of_the_strong_hits_is_printed(column, share):
    figure = plot_motif_hits(TABLE, strong=7.0)
    assert [text.get_text() for text in figure.axes[column].texts] == [share]


def test_another_threshold_is_drawn_and_used():
    figure = plot_motif_hits(TABLE, strong=6.5)
    assert len(points(figure.axes[0])[1]) == 3
    verticals = [line.get_xdata() for line in figure.axes[0].get_lines()]
    assert [6.5, 6.5] in [list(xs) for xs in verticals]
    assert legend_texts(figure)[-1] == "strong: 6.5 nats or more"
