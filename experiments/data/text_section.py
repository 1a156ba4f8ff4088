"""The sections ``text`` and ``vectors`` of an entry: labelled sentences, and vectors of words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from experiments.data.entries import Count, Entry, FileName, Text, matching

__all__ = ["LabelledText", "TextSplit", "WordVectors"]


class TextSplit(Entry):
    """A file of sentences: on every line a label, a space, and the words with spaces between them.

    Parameters
    ----------
    file : str
        Its name.
    count : int
        Number of sentences.
    """

    file: FileName
    count: Count


class LabelledText(Entry):
    """Sentences with labels.

    Parameters
    ----------
    classes : tuple of str
        Names of the classes, in the order of the labels 0, 1, 2, ...
    splits : dict of str to TextSplit
        ``train`` and ``test``; without ``validation``, validation sentences are split off train.
    encoding : {"utf-8", "latin-1"}
        Of the files.
    """

    classes: Annotated[tuple[Text, ...], Field(min_length=2)]
    splits: dict[Literal["train", "validation", "test"], TextSplit]
    encoding: Literal["utf-8", "latin-1"] = "utf-8"

    @model_validator(mode="after")
    def _check_splits(self) -> LabelledText:
        for split in ("train", "test"):
            if split not in self.splits:
                raise ValueError(f"splits has no {split}: add it")
        return self

    def used_files(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted key and the name of every file that the section mentions."""
        for name, split in self.splits.items():
            yield f"splits.{name}.file", split.file


class WordVectors(Entry):
    """Vectors of words.

    Parameters
    ----------
    array : str
        Name of the ``.npy`` file: an array of shape (words, dimensions).
    words : str
        Name of the ``.parquet`` file, whose only column has the words in the same order, in lower
        case.
    dimensions : int
        Length of the vectors.
    """

    array: Annotated[FileName, matching(r".*\.npy", "the name of a .npy file")]
    words: Annotated[FileName, matching(r".*\.parquet", "the name of a .parquet file")]
    dimensions: Count

    def used_files(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted key and the name of every file that the section mentions."""
        yield "array", self.array
        yield "words", self.words
