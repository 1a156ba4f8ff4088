"""Captions."""

from __future__ import annotations

import pytest

from experiments.config import check_config
from experiments.report.captions import caption


def written(tmp_path, text):
    path = tmp_path / "caption.rst"
    path.write_text(text)
    return path


def test_a_caption_has_markup_and_the_values_of_its_run(tmp_path):
    path = written(
        tmp_path, '*XG* of {{ snakemake.wildcards.net }}, {{ snakemake.config["n"] }} steps'
    )
    html = caption(path, {"n": 3}, {"net": "alexnet"})
    assert "<em>XG</em> of alexnet, 3 steps" in html


def test_html_in_a_caption_is_shown_as_it_is_written(tmp_path):
    path = written(tmp_path, "a < b, <script>alert(1)</script> {{ snakemake.wildcards.net }}")
    html = caption(path, {}, {"net": "<img src=x>"})
    assert "<script" not in html and "<img" not in html and "&lt;script&gt;" in html


@pytest.mark.parametrize(
    "text",
    [
        '{{ snakemake.config["lacking"]["deeper"] }}',
        "{{ snakemake.wildcards.net }}",
        "{% if %}",
        "an *unclosed emphasis",
        ".. raw:: html\n\n   <script>alert(1)</script>",
        ".. include:: caption.rst",
    ],
)
def test_a_mistake_names_the_file(tmp_path, text):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=r"caption\.rst is no caption: \S"):
        caption(path, {}, {})


def test_a_caption_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"lacking\.rst: no such file: write the caption"):
        caption(tmp_path / "lacking.rst", {}, {})


def test_all_captions_of_the_project_are_captions(root):
    """With the default configuration and wildcards of any name."""
    config = check_config({}).model_dump(mode="json")
    wildcards = {
        "network": "alexnet",
        "variant": "x",
        "net": "alexnet-x",
        "dataset": "fashion_mnist",
    }
    paths = sorted((root / "workflow/report").glob("*.rst"))
    assert len(paths) > 20
    for path in paths:
        assert "<p" in caption(path, config, wildcards)
