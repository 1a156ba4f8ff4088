"""Sentences as numbers of words, with the vector of every word."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.data.images import split_train_validation
from experiments.data.sentences import Sentence
from experiments.data.tensors import Batches
from experiments.files import save_tensors
from experiments.intermediates import DamagedFileError, read_tensors

__all__ = ["Corpus", "EncodedSentences", "encode", "load_corpus", "save_corpus", "with_validation"]

SPLITS = ("train", "validation", "test")


class EncodedSentences(Batches):
    """The sentences of a split, handed out as the vectors of their words.

    Parameters
    ----------
    numbers : Tensor of shape (N, L), int32
        Row of each word in ``vectors``; 0 behind the end of a sentence.
    labels : Tensor of shape (N,), int64
        Index of the class.
    vectors : Tensor of shape (V, D), float32
        Row 0 and those of words without a vector are zero.
    """

    def __init__(self, numbers: Tensor, labels: Tensor, vectors: Tensor) -> None:
        self.numbers, self.labels, self.vectors = numbers, labels, vectors

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.labels)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return vectors (n, D, L) and labels (n,)."""
        chosen = torch.as_tensor(indices)
        return self.vectors[self.numbers[chosen].long()].transpose(1, 2), self.labels[chosen]


@dataclass(frozen=True)
class Corpus:
    """The sentences of all splits.

    Parameters
    ----------
    splits : dict of str to EncodedSentences
        With the same vectors and the same length L, that of the longest sentence.
    words : tuple of str
        The V words as they are spelled in the sentences; the first is empty and stands for none.
    class_names : tuple of str
        In the order of the labels.
    """

    splits: dict[str, EncodedSentences]
    words: tuple[str, ...]
    class_names: tuple[str, ...]

    def known(self, split: str) -> tuple[Tensor, Tensor]:
        """Return which places of the sentences (N, L) hold a word, and which one with a vector."""
        sentences = self.splits[split]
        has_vector = sentences.vectors.any(1)[sentences.numbers.long()]
        return sentences.numbers > 0, has_vector

    def spelled(self, split: str, index: int) -> list[str]:
        """Return the words of a sentence."""
        numbers = self.splits[split].numbers[index]
        return [self.words[number] for number in numbers[numbers > 0].tolist()]


def with_validation(
    sentences: Mapping[str, Sequence[Sentence]], n_validation: int, seed: int
) -> dict[str, list[Sentence]]:
    """Split validation sentences off the training sentences, if there are none yet.

    Parameters
    ----------
    sentences : mapping of str to sequence of Sentence
        By split, ``train`` and ``test`` among them.
    n_validation : int
        How many; the classes have their shares.
    seed : int
        Of the draw.
    """
    found = {split: list(part) for split, part in sentences.items()}
    if "validation" not in found:
        labels = np.array([sentence.label for sentence in found["train"]])
        kept, held_out = split_train_validation(labels, n_validation, seed)
        whole = found["train"]
        found["train"] = [whole[index] for index in kept]
        found["validation"] = [whole[index] for index in held_out]
    return found


def encode(
    sentences: Mapping[str, Sequence[Sentence]],
    vectors: Mapping[str, np.ndarray],
    dimensions: int,
    class_names: Sequence[str],
) -> Corpus:
    """Give every word of all sentences a number, and its vector.

    Parameters
    ----------
    sentences : mapping of str to sequence of Sentence
        By split.
    vectors : mapping of str to numpy.ndarray of shape (dimensions,)
        By word in lower case. A word that is not among them has the vector zero.
    dimensions : int
        Length D of the vectors.
    class_names : sequence of str
        In the order of the labels.
    """
    numbers: dict[str, int] = {"": 0}
    for part in sentences.values():
        for sentence in part:
            for word in sentence.words:
                numbers.setdefault(word, len(numbers))
    rows = torch.zeros(len(numbers), dimensions)
    for word, number in numbers.items():
        if number and word.lower() in vectors:
            rows[number] = torch.from_numpy(vectors[word.lower()])
    length = max(len(sentence.words) for part in sentences.values() for sentence in part)
    splits = {}
    for split, part in sentences.items():
        padded = torch.zeros(len(part), length, dtype=torch.int32)
        for row, sentence in enumerate(part):
            padded[row, : len(sentence.words)] = torch.tensor(
                [numbers[word] for word in sentence.words], dtype=torch.int32
            )
        labels = torch.tensor([sentence.label for sentence in part], dtype=torch.int64)
        splits[split] = EncodedSentences(padded, labels, rows)
    return Corpus(splits, tuple(numbers), tuple(class_names))


def save_corpus(path: str | Path, corpus: Corpus, facts: Mapping[str, Any]) -> None:
    """Write the sentences as tensors, and the words in the header."""
    tensors = {"vectors": corpus.splits["train"].vectors}
    for split, part in corpus.splits.items():
        tensors |= {f"numbers/{split}": part.numbers, f"labels/{split}": part.labels}
    header = {"words": json.dumps(corpus.words), "class_names": json.dumps(corpus.class_names)}
    save_tensors(path, tensors, facts, **header)


def load_corpus(path: str | Path) -> Corpus:
    """Read a file written by `save_corpus`.

    Raises
    ------
    DamagedFileError
        If the file holds something else.
    """
    tensors, header = read_tensors(path, header=["words", "class_names"])
    vectors, words, class_names = tensors["vectors"], header["words"], header["class_names"]
    splits = {
        split: EncodedSentences(tensors[f"numbers/{split}"], tensors[f"labels/{split}"], vectors)
        for split in SPLITS
    }
    fits = len(words) == len(vectors) and all(
        len(part.numbers) == len(part.labels)
        and 0 <= int(part.numbers.min()) <= int(part.numbers.max()) < len(words)
        and 0 <= int(part.labels.min()) <= int(part.labels.max()) < len(class_names)
        for part in splits.values()
    )
    if not fits:
        raise DamagedFileError(path, "has other sentences than it says")
    return Corpus(splits, tuple(words), tuple(class_names))
