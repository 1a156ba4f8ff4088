"""The section of the sentences: on request, and checked against the data sets."""

from __future__ import annotations

import pytest
import yaml

from experiments.config import ConfigError, check_config, experiment_names
from experiments.config_source import read_config_file


def checked(**settings):
    return check_config({"experiments": ["text"], "text": settings})


def test_it_runs_only_where_it_is_asked_for(root):
    assert "text" in experiment_names() and "text" not in check_config({}).chosen
    assert set(check_config({}).chosen) == set(experiment_names()) - {"text"}
    assert check_config({"experiments": ["toys", "text", "accuracy"]}).chosen == (
        "accuracy",
        "text",
        "toys",
    )
    overlay = check_config(read_config_file(root / "config/text.yaml"))
    assert overlay.chosen == ("text",) and overlay.results == "results/text"
    # What it does not mention is as in config.yaml.
    shown = yaml.safe_load((root / "config.yaml").read_text())["text"]
    assert overlay.text.model_dump(mode="json") == shown


def test_a_section_that_does_not_run_is_not_checked_against_the_data():
    assert check_config({"text": {"validation_sentences": 10**6}})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"validation_sentences": 5447},
            "config: text.validation_sentences is 5447, but of 5452 training sentences of 6 "
            "classes (trec) it can take from 6 to 5446",
        ),
        (
            {"validation_sentences": 5400, "training": {"batch_size": 53}},
            "config: text.training.batch_size is 53, but only 52 sentences of trec are trained on",
        ),
        (
            {"datasets": ["sst2"], "training": {"batch_size": 6921}},
            "config: text.training.batch_size is 6921, but only 6920 sentences of sst2 are trained "
            "on",
        ),
        (
            {"datasets": ["sst"]},
            "config: text.datasets.0 is 'sst', but must be one of sst2, trec; did you mean sst2?",
        ),
        (
            {"vectors": "trec"},
            "config: text.vectors is 'trec', but must be one of glove_6b_50d",
        ),
    ],
)
def test_what_the_data_do_not_allow_is_refused(settings, said):
    with pytest.raises(ConfigError) as raised:
        checked(**settings)
    assert str(raised.value) == said


def test_the_validation_split_of_a_data_set_is_used_where_there_is_one():
    assert checked(datasets=["sst2"], validation_sentences=1)
