"""The experiment on sentences, end to end, on small files of the formats: no other run has it."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from arro3.core import Array, DataType, Table
from arro3.io import write_parquet

from tests.workflow.runs import copy_project, overlay, run

WORDS = ["a", "film", "the", "of", ",", ".", "so", "is", "fine", "dull", "bright", "grey"]
DECISIVE = (("fine", "bright"), ("dull", "grey"))
COUNTS = {"train": 240, "test": 40}
DIMENSIONS = 6
SETTINGS = {
    "experiments": ["text"],
    "text": {
        "datasets": ["reviews"],
        "vectors": "tiny_vectors",
        "validation_sentences": 40,
        "net": {"widths": [1, 2], "filters": 12},
        "training": {"epochs": 4, "batch_size": 20, "learning_rate": 0.02},
        "n_sentences": 10,
        "batch_size": 4,
        "n_steps": 8,
        "exact_sentences": 2,
        "examples": 1,
    },
}
TARGETS = [
    "results/tables/text.html",
    "results/figures/text.png",
    "results/pages/text_words.html",
    "results/tables/claims.csv",
]


def entry(files, **sections):
    """Return an entry of the catalogue for files that a mirror has."""
    return {
        "title": "Tiny",
        "homepage": "https://example.org",
        "licence": "CC0-1.0",
        "citation": "Made by a test.",
        "mirror": "tiny",
        "sources": [],
        "files": [
            {
                "name": path.name,
                "size": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in files
        ],
        **sections,
    }


@pytest.fixture
def workplace(root, tmp_path):
    """A copy of the project with sentences and vectors of its own, in a mirror."""
    datasets = copy_project(root, tmp_path / "project") / "workflow/datasets"
    mirror, drawn = tmp_path / "mirror" / "tiny", np.random.default_rng(0)
    mirror.mkdir(parents=True)
    files = {split: mirror / f"{split}.txt" for split in COUNTS}
    for split, count in COUNTS.items():
        lines = []
        for number in range(count):
            words = [*drawn.choice(WORDS[:8], 5), drawn.choice(DECISIVE[number % 2]), "\xe9cole"]
            lines.append(f"{number % 2} {' '.join(drawn.permutation(words))}\n")
        files[split].write_bytes("".join(lines).encode("latin-1"))
    splits = {split: {"file": files[split].name, "count": COUNTS[split]} for split in COUNTS}
    text = {"classes": ["praise", "blame"], "encoding": "latin-1", "splits": splits}
    overlay(datasets / "reviews.yaml", entry(files.values(), text=text))
    array, words = mirror / "vectors.npy", mirror / "words.parquet"
    np.save(array, drawn.normal(size=(len(WORDS), DIMENSIONS)).astype(np.float32))
    write_parquet(Table.from_pydict({"index": Array(WORDS, DataType.string())}), str(words))
    vectors = {"array": array.name, "words": words.name, "dimensions": DIMENSIONS}
    overlay(datasets / "tiny_vectors.yaml", entry([array, words], vectors=vectors))
    return tmp_path


def test_sentences_are_learned_explained_and_shown(workplace):
    project, mirror = workplace / "project", workplace / "mirror"
    configured = ("--configfile", overlay(workplace / "text.yaml", SETTINGS))
    run(project, TARGETS, *configured, cwd=workplace, mirror=mirror)
    table = pd.read_csv(workplace / "results/tables/text.csv").set_index("variant")
    assert list(table.index) == ["regular", "x"] and set(table["dataset"]) == {"reviews"}
    # One of seven words has no vector, and one decides.
    assert table["unknown_percent"].tolist() == pytest.approx([100 / 7] * 2)
    assert (table["top1"] > 80).all() and (table["n_test"] == COUNTS["test"]).all()
    exact = ["difference_max_percent", "ig_sum_percent", "product_sum_percent"]
    assert (table.loc["x", exact] < 1e-9).all() and table.loc["x", "pieces"] == 1
    assert (table.loc["regular", exact] > 1e-9).all() and table.loc["regular", "pieces"] > 1
    assert (table["exact_sum_percent"] < 1e-9).all()
    verdicts = pd.read_csv(workplace / "results/tables/claims.csv")
    certain = verdicts[verdicts["scope"] == "exact"]
    assert len(certain) >= 4 and set(certain["verdict"]) == {"holds"}

    shown = json.loads((workplace / "results/reviews/text-x/examples.json").read_text())
    assert [each["label"] for each in shown["sentences"]] == ["praise", "blame"]
    page = (workplace / "results/pages/text_words.html").read_text(encoding="utf-8")
    assert page.count('<span class="word unknown">école') == 4
    assert "Do the claims hold?" in (workplace / "results/tables/text.html").read_text()
