"""Tables of the digit conversion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.digit_conversion.summary import summarise, top_ten
from experiments.methods import methods_for
from experiments.published import read_published


def scores_of(values, **names):
    frame = pd.DataFrame({"image": range(100, 100 + len(values)), "score": values})
    frame["flipped"] = frame["score"] > 3
    frame["n_erased"] = 10 * frame["score"]
    row = {"weights": "trained", "task": "9->1", "method": "m", "erasing": "published"}
    return frame.assign(**row | {"network": "regular"} | names)


def test_the_summary_has_the_documented_columns_and_quartiles():
    values = [4.0, 1.0, 2.0, 10.0]
    frame = pd.concat([scores_of(values), scores_of([5.0], network="x", method="x_gradient")])
    accuracy = pd.DataFrame(
        {"weights": "trained", "network": ["regular", "x"], "top1": [99.5, 99.0], "n_images": 9}
    )
    summary = summarise(frame, accuracy)
    assert list(summary.columns) == [
        *("weights", "task", "method", "n", "median", "q1", "q3", "mean", "flipped_percent"),
        *("mean_pixels_erased", "erasing", "network", "test_top1"),
    ]
    row = summary.iloc[0]
    assert (row["n"], row["median"], row["mean"]) == (4, 3.0, 4.25)
    assert [row["q1"], row["q3"]] == np.percentile(values, [25, 75]).tolist()
    assert (row["flipped_percent"], row["mean_pixels_erased"]) == (50.0, 42.5)
    assert summary["test_top1"].tolist() == [99.5, 99.0]


def test_the_ten_highest_scores_in_order_by_the_published_rule():
    values = [float(value) for value in (3, 12, 5, 5, 1, 9, 8, 7, 6, 11, 10, 4)]
    fixed = scores_of([100 - value for value in values], erasing="fixed")
    frame = pd.concat([fixed, scores_of(values)])
    best = top_ten(frame)
    assert list(best.columns) == ["weights", "task", "method", "top10_indices"]
    assert best["top10_indices"].tolist() == ["101 109 110 105 106 107 108 102 103 111"]


def test_published_methods_are_those_of_the_experiment(root):
    for name in ("boxplot_digitised", "top10_8to3"):
        table = read_published(root / "workflow" / "published" / f"deeplift_mnist_{name}.csv")
        ours = set(methods_for("digit_conversion"))
        assert set(table["method"]) == ours - {"deeplift_rescale", "x_gradient"}
