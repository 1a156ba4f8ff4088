"""Vectors of words: an array, and the words in the same order in a Parquet file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from arro3.io import read_parquet

__all__ = ["WordVectorError", "read_word_vectors"]


class WordVectorError(ValueError):
    """Files hold something else than words and their vectors; the message names the file."""


def read_word_vectors(
    array: str | Path, words: str | Path, dimensions: int, wanted: Iterable[str]
) -> dict[str, np.ndarray]:
    """Read the vectors of some words.

    Parameters
    ----------
    array : str or Path
        A ``.npy`` file, floating-point (V, dimensions). It is not read as a whole.
    words : str or Path
        A Parquet file whose only column has the V words.
    dimensions : int
        Length of the vectors.
    wanted : iterable of str
        The words.

    Returns
    -------
    dict of str to numpy.ndarray, float32 (dimensions,)
        By word; of those that are wanted and known.

    Raises
    ------
    WordVectorError
        If a file holds something else, both do not fit together, or a vector is not finite.
    """
    try:
        vectors = np.load(array, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise WordVectorError(f"{array} is no .npy file of numbers ({error})") from error
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or vectors.shape[1] != dimensions:
        raise WordVectorError(
            f"{array} holds {vectors.dtype} of shape {vectors.shape}, not vectors of {dimensions} "
            "floating-point numbers"
        )
    rows = {word: row for row, word in enumerate(_column(words))}
    if len(rows) != len(vectors):
        raise WordVectorError(
            f"{words} has {len(rows)} different words, but {array} has {len(vectors)} vectors"
        )
    found = {
        word: np.array(vectors[rows[word]], dtype=np.float32) for word in wanted if word in rows
    }
    for word, vector in found.items():
        if not np.isfinite(vector).all():
            raise WordVectorError(f"{array} has a vector that is not finite, of the word {word!r}")
    return found


def _column(path: str | Path) -> list[Any]:
    try:
        table = read_parquet(str(path)).read_all()
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    # What reads the file is written in Rust, some of whose errors are no `Exception`.
    except BaseException as error:
        said = " ".join(str(error).split())[:200]
        raise WordVectorError(f"{path} is no Parquet file ({said})") from error
    if table.num_columns != 1:
        raise WordVectorError(f"{path} has {table.num_columns} columns, not one of words")
    values = list(table.column(0).to_pylist())
    if not all(isinstance(value, str) for value in values):
        raise WordVectorError(f"{path} holds something else than words")
    return values
