"""The page for reviewers: its table is that of a recorded run, and its targets exist."""

from __future__ import annotations

import json
import re

import pytest

from experiments.artifact import ITEMS, SHARED, cost_table, experiment_of, main
from experiments.config import experiment_names


@pytest.fixture(scope="module")
def facts(root):
    return json.loads((root / "docs/run/run.json").read_text(encoding="utf-8"))


def test_the_table_of_a_run_is_printed(root, facts, capsys):
    """That the page has it, too, is seen in test_numbers.py."""
    main([str(root / "docs/run/run.json")])
    assert capsys.readouterr().out == cost_table(facts) + "\n"


def test_every_item_is_a_target_with_that_output(root):
    for experiment, output in ITEMS.values():
        assert experiment in experiment_names()
        folder, name = output.split("/")
        rules = (root / f"workflow/rules/{experiment}.smk").read_text(encoding="utf-8")
        assert name.startswith(experiment)
        assert ("figure_outputs(" if folder == "figures" else "csv_output(") in rules


def test_time_is_added_and_memory_is_the_largest():
    rules = {
        "measure_accuracy": {"jobs": 2, "seconds": 60.0, "max_rss_mb": 900.0},
        "merge_accuracy": {"jobs": 1, "seconds": 30.0, "max_rss_mb": 2000.0},
        "train": {"jobs": 1, "seconds": 6.0, "max_rss_mb": 100.0},
    }
    rows = cost_table({"rules": rules}).splitlines()
    (accuracy,) = (row for row in rows if "| `accuracy` |" in row)
    assert "| 1.5 | 2.0 |" in accuracy
    assert re.fullmatch(r"\| what they share .*\| 0\.1 \| 0\.1 \|.*", rows[-1])


def test_a_rule_belongs_to_the_experiment_with_the_longest_name_in_it():
    assert experiment_of("train_attribution_prior") == "attribution_prior"
    assert experiment_of("measure_mean_relative_difference") == "mean_relative_difference"
    assert experiment_of("strip_biases") == SHARED
