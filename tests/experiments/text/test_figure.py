"""The figure of the sentences: what is drawn where."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.text.figure import plot_text

NETS = [("sst2", "regular"), ("sst2", "x"), ("trec", "regular"), ("trec", "x")]
TOP1 = [78.5, 77.5, 89.0, 90.0]
DIFFERENCES = [[9, 3], [1e-14, 0], [20], [2e-14]]


@pytest.fixture(scope="module")
def panels():
    table = pd.DataFrame(NETS, columns=["dataset", "variant"]).assign(top1=TOP1)
    published = pd.DataFrame({"dataset": ["trec", "sst2", "other"], "top1": [92.8, 86.8, 1.0]})
    rows = pd.DataFrame(
        [(*net, value) for net, values in zip(NETS, DIFFERENCES, strict=True) for value in values],
        columns=["dataset", "variant", "difference_percent"],
    )
    return plot_text(table, published, rows).axes


def test_accuracies_stand_beside_the_published_ones(panels):
    left = panels[0]
    drawn = sorted(
        round(float(x), 6) for line in left.get_lines() for x in line.get_xdata() if x == x
    )
    assert drawn == sorted(TOP1)
    (printed,) = [each for each in left.collections if each.get_label().startswith("Kim")]
    # In the rows of their data sets, and no others.
    assert printed.get_offsets().tolist() == [[92.8, 1.0], [86.8, 0.0]]
    assert [text.get_text() for text in left.get_yticklabels()] == ["sst2", "trec"]


def test_every_sentence_has_a_dot_and_zero_has_a_place(panels):
    right = panels[1]
    assert right.get_xscale() == "log"
    dots = sorted(float(x) for each in right.collections for x, _ in each.get_offsets() if x == x)
    assert dots == pytest.approx([1e-16, 1e-14, 2e-14, 3, 9, 20], rel=1e-9)
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["regular", "X-DNN"]
