"""The sections for sentences and word vectors: every mistake is one line."""

from __future__ import annotations

import pytest
import yaml

from experiments.data.catalogue import CatalogueError, load_dataset

DELETE = object()
TEXT_MISTAKES = [
    ("text", 3, "text is 3, but must be a mapping of keys to values"),
    ("text.classes", ["one"], "text.classes is ['one'], but must have at least 2 entries"),
    ("text.classes.1", 1, "text.classes.1 is 1, but must be a valid string"),
    ("text.encoding", "ascii", "text.encoding is 'ascii', but must be 'utf-8' or 'latin-1'"),
    ("text.splits.dev", {}, "text.splits.dev is 'dev', but must be 'train', 'validation' or"),
    ("text.splits.test", DELETE, "text: splits has no test: add it"),
    ("text.splits.train.file", "x", "text.splits.train.file is 'x', but must be one of the files:"),
    ("text.splits.train.count", 0, "text.splits.train.count is 0, but must be greater than"),
    ("text.splits.train.labels", "x", "unknown key 'text.splits.train.labels'; allowed here: file"),
]
VECTORS_MISTAKES = [
    ("vectors.array", "x.txt", "vectors.array is 'x.txt', but must be the name of a .npy file"),
    ("vectors.words", "words.csv", "but must be the name of a .parquet file"),
    ("vectors.words", "x.parquet", "vectors.words is 'x.parquet', but must be one of the files:"),
    ("vectors.dimensions", DELETE, "vectors.dimensions is missing"),
    ("vectors.dimensions", "50", "vectors.dimensions is '50', but must be a valid integer"),
]


@pytest.fixture
def refusal(root, tmp_path):
    """Return a function: the error for a shipped entry with one change, on one line."""

    def refused(name, key, value):
        damaged = yaml.safe_load((root / f"workflow/datasets/{name}.yaml").read_text())
        *parents, last = [int(part) if part.isdigit() else part for part in key.split(".")]
        part = damaged
        for parent in parents:
            part = part[parent]
        if value is DELETE:
            del part[last]
        else:
            part[last] = value
        path = tmp_path / "entry.yaml"
        path.write_text(yaml.safe_dump(damaged))
        with pytest.raises(CatalogueError) as raised:
            load_dataset(path)
        said = str(raised.value)
        assert said.startswith(f"{path}: ") and "\n" not in said
        return said

    return refused


@pytest.mark.parametrize(("key", "value", "message"), TEXT_MISTAKES)
def test_mistakes_in_a_text_section_are_one_line(refusal, key, value, message):
    assert message in refusal("sst2", key, value)


@pytest.mark.parametrize(("key", "value", "message"), VECTORS_MISTAKES)
def test_mistakes_in_a_vectors_section_are_one_line(refusal, key, value, message):
    assert message in refusal("glove_6b_50d", key, value)


def test_validation_sentences_are_optional(root):
    sst2, trec = (
        load_dataset(root / f"workflow/datasets/{name}.yaml").text for name in ("sst2", "trec")
    )
    assert set(sst2.splits) == {"train", "validation", "test"} and sst2.encoding == "utf-8"
    assert set(trec.splits) == {"train", "test"} and trec.encoding == "latin-1"
