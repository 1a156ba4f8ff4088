"""The figure of the axioms."""

from __future__ import annotations

import pandas as pd

from experiments.axioms.cases import AXIOMS
from experiments.axioms.figure import plot_axioms


def table():
    rows = []
    for key, nets in (("exact_ig", "regular"), ("exact_ig", "x"), ("x_gradient", "x")):
        for axiom in AXIOMS:
            fails = key == "exact_ig" and nets == "regular" and axiom == "linearity"
            rows.append((key, nets, axiom, "usual", int(not fails)))
    rows.append(("exact_ig", "x", "symmetry", "kinks", 0))
    return pd.DataFrame(rows, columns=["method", "nets", "axiom", "reading", "satisfied"])


def test_cells_frames_and_stars():
    published = pd.DataFrame(
        {
            "method": ["exact_ig", "exact_ig", "x_gradient"],
            "axiom": ["completeness", "linearity", "completeness"],
            "satisfied": [1, 1, 1],
        }
    )
    figure = plot_axioms(table(), published)
    regular, x = figure.axes
    texts = [[text.get_text() for text in axes.texts] for axes in (regular, x)]
    assert texts[0] == ["✓", "✓", "✓", "✓", "✗", "✓", *["–"] * 6]
    assert texts[1] == ["✓"] * 5 + ["✓*"] + ["✓"] * 6
    assert [frame.get_linestyle() for frame in regular.patches] == ["-", ":"]
    (frame,) = x.patches
    assert frame.get_xy() == (3 - 0.46, 1 - 0.46) and frame.get_linestyle() == "-"
    assert [label.get_text() for label in regular.get_yticklabels()] == ["IG", "XG"]
    assert [label.get_text() for label in x.get_xticklabels()] == list(AXIOMS.values())
