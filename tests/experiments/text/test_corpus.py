"""Sentences as numbers of words: spelling, unknown words, splits, and the file."""

from __future__ import annotations

import pytest
import torch

from experiments.data.sentences import Sentence
from experiments.files import save_tensors
from experiments.intermediates import DamagedFileError
from experiments.text.corpus import load_corpus, save_corpus, with_validation
from tests.experiments.text.helpers import SENTENCES, small_corpus, vectors_of_words


@pytest.fixture(scope="module")
def corpus():
    return small_corpus()


def test_sentences_are_spelled_as_they_were(corpus):
    for index, (_, text) in enumerate(SENTENCES):
        assert " ".join(corpus.spelled("test", index)) == text


def test_words_have_the_vectors_of_their_lower_case_and_unknown_ones_none(corpus):
    vectors, labels = corpus.splits["test"].__getitems__([2, 0])
    assert labels.tolist() == [2, 0] and vectors.dtype == torch.float32
    known, (places, found) = vectors_of_words(), corpus.known("test")
    for place, word in enumerate(SENTENCES[2][1].split()):
        expected = known.get(word.lower())
        column = vectors[0, :, place].numpy()
        assert (column == (0 if expected is None else expected)).all()
        assert places[2, place] and bool(found[2, place]) == (word != "zyzzyva")
    assert not vectors[1, :, 3:].any() and not places[0, 3:].any() and not found[0, 3:].any()


def test_all_splits_are_as_long_as_the_longest_sentence(corpus):
    assert {part.numbers.shape[1] for part in corpus.splits.values()} == {13}


def test_the_file_holds_the_corpus(corpus, tmp_path):
    path = tmp_path / "sentences.safetensors"
    save_corpus(path, corpus, {"rule": "test"})
    read = load_corpus(path)
    assert read.words == corpus.words and read.class_names == corpus.class_names
    for split, part in corpus.splits.items():
        assert torch.equal(read.splits[split].numbers, part.numbers)
        assert torch.equal(read.splits[split].labels, part.labels)
        assert torch.equal(read.splits[split].vectors, part.vectors)


def test_a_damaged_file_is_named(corpus, tmp_path):
    path = tmp_path / "sentences.safetensors"
    path.write_bytes(b"words")
    with pytest.raises(DamagedFileError, match=r"sentences\.safetensors"):
        load_corpus(path)
    vectors = torch.zeros(2, 3)
    parts = {f"labels/{name}": torch.tensor([0]) for name in ("train", "validation", "test")}
    parts |= {f"numbers/{name[7:]}": torch.tensor([[2]]) for name in parts}
    header = {"words": '["", "a"]', "class_names": '["x", "y"]'}
    save_tensors(path, {"vectors": vectors, **parts}, {}, **header)
    with pytest.raises(DamagedFileError, match="has other sentences than it says"):
        load_corpus(path)


def test_validation_sentences_are_split_off_only_where_there_are_none():
    sentences = [Sentence(number % 2, (str(number),)) for number in range(20)]
    split = with_validation({"train": sentences, "test": sentences[:2]}, 6, seed=0)
    assert len(split["validation"]) == 6 and len(split["train"]) == 14
    assert {*split["validation"]} | {*split["train"]} == {*sentences}
    assert [each.label for each in split["validation"]].count(0) == 3
    assert with_validation({"train": sentences, "test": []}, 6, seed=1) != split
    own = {"train": sentences, "validation": sentences[:3], "test": sentences[:2]}
    assert with_validation(own, 6, seed=0) == own
