"""Vectors of words from an array and a Parquet file, and files that hold something else."""

from __future__ import annotations

import numpy as np
import pytest
from arro3.core import Array, DataType, Table
from arro3.io import write_parquet

from experiments.data.word_vectors import WordVectorError, read_word_vectors

WORDS = ["the", ",", "film", "null", "café"]


def write_words(path, words, **more):
    columns = {"index": Array(words, DataType.string()), **more}
    write_parquet(Table.from_pydict(columns), str(path))


@pytest.fixture
def files(tmp_path):
    array, words = tmp_path / "vectors.npy", tmp_path / "words.parquet"
    np.save(array, np.arange(15, dtype=np.float32).reshape(5, 3))
    write_words(words, WORDS)
    return array, words


def test_words_have_the_vectors_of_their_rows(files):
    found = read_word_vectors(*files, 3, ["film", "null", "café", "unknown", ""])
    assert found.keys() == {"film", "null", "café"}
    assert found["film"].tolist() == [6, 7, 8] and found["null"].tolist() == [9, 10, 11]
    assert found["café"].tolist() == [12, 13, 14] and found["café"].dtype == np.float32


def test_double_precision_is_rounded(files):
    np.save(files[0], np.full((5, 3), 0.1))
    assert read_word_vectors(*files, 3, ["the"])["the"].tolist() == [np.float32(0.1)] * 3


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((5, 2), np.float32), r"holds float32 of shape \(5, 2\), not vectors of 3"),
        (np.zeros(15, np.float32), r"of shape \(15,\)"),
        (np.zeros((5, 3), int), "holds int64"),
        (np.zeros((4, 3)), "has 5 different words, but .* has 4 vectors"),
        (np.array([["a"] * 3] * 5, dtype=object), "is no .npy file of numbers"),
    ],
)
def test_another_array_is_refused(files, array, said):
    np.save(files[0], array, allow_pickle=True)
    with pytest.raises(WordVectorError, match=said):
        read_word_vectors(*files, 3, ["the"])


def test_a_vector_that_is_not_finite_is_named(files):
    vectors = np.zeros((5, 3), np.float32)
    vectors[1, 2] = np.nan
    np.save(files[0], vectors)
    assert set(read_word_vectors(*files, 3, ["the"])) == {"the"}
    with pytest.raises(WordVectorError, match=r"not finite, of the word ','"):
        read_word_vectors(*files, 3, WORDS)


@pytest.mark.parametrize("content", [b"", b"words", b"PAR1" + bytes(40) + b"PAR1"])
@pytest.mark.parametrize("damaged", [0, 1])
def test_damaged_files_are_named_on_one_line(files, content, damaged):
    files[damaged].write_bytes(content)
    with pytest.raises(WordVectorError, match=files[damaged].name) as raised:
        read_word_vectors(*files, 3, ["the"])
    assert "\n" not in str(raised.value)


def test_cut_off_files_are_named(files):
    for path in files:
        whole = path.read_bytes()
        path.write_bytes(whole[:-20])
        with pytest.raises(WordVectorError, match=path.name):
            read_word_vectors(*files, 3, ["the"])
        path.write_bytes(whole)


def test_one_column_of_words_is_expected(files):
    write_words(files[1], WORDS, other=Array(WORDS, DataType.string()))
    with pytest.raises(WordVectorError, match="has 2 columns, not one of words"):
        read_word_vectors(*files, 3, ["the"])
    numbers = Table.from_pydict({"index": Array([1, 2, 3, 4, 5], DataType.int64())})
    write_parquet(numbers, str(files[1]))
    with pytest.raises(WordVectorError, match="something else than words"):
        read_word_vectors(*files, 3, ["the"])


def test_a_word_twice_is_refused(files):
    write_words(files[1], ["the", "the", "film", "null", "café"])
    with pytest.raises(WordVectorError, match=r"has 4 different words, but .* has 5 vectors"):
        read_word_vectors(*files, 3, ["the"])
