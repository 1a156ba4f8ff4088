"""Files of labelled sentences: on every line a label, a space, and the words of a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Sentence", "SentenceError", "read_sentences"]


class SentenceError(ValueError):
    """A file holds something else than labelled sentences; the message names file and line."""


@dataclass(frozen=True)
class Sentence:
    """A sentence and its label.

    Parameters
    ----------
    label : int
        Index of its class.
    words : tuple of str
        At least one, punctuation marks among them, as the file spells them.
    """

    label: int
    words: tuple[str, ...]


def read_sentences(path: str | Path, encoding: str, n_classes: int, count: int) -> list[Sentence]:
    """Read a file of labelled sentences.

    Parameters
    ----------
    path : str or Path
        Lines ``LABEL WORD WORD ...``, each with a line feed at its end.
    encoding : str
        Of the file.
    n_classes : int
        Labels are 0 to ``n_classes - 1``.
    count : int
        Number of sentences that it must have.

    Returns
    -------
    list of Sentence
        In the order of the lines.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    SentenceError
        If a line is empty, cut off or in another encoding, has another label or no words, or if
        there are more or fewer lines; with the number of the line.
    """
    # Cut into lines before it is decoded: some letters count as ends of lines to Python.
    *lines, rest = Path(path).read_bytes().split(b"\n")
    if rest:
        raise SentenceError(
            f"{path}, line {len(lines) + 1}: is cut off, or has no line feed at its end"
        )
    sentences = [
        _sentence(line, f"{path}, line {number}", encoding, n_classes)
        for number, line in enumerate(lines, start=1)
    ]
    if len(sentences) != count:
        raise SentenceError(
            f"{path}, line {len(sentences)}: is the last one, but there should be {count} "
            "sentences: correct `count` in the entry of the data set, or the file"
        )
    return sentences


def _sentence(line: bytes, where: str, encoding: str, n_classes: int) -> Sentence:
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError as error:
        raise SentenceError(
            f"{where}: is not {encoding} at byte {error.start + 1}: correct `encoding` in the "
            "entry of the data set, or the file"
        ) from error
    label, *words = text.removesuffix("\r").split(" ")
    words = [word for word in words if word]
    if not label and not words:
        raise SentenceError(f"{where}: is empty; write a label and a sentence, or delete the line")
    if label not in map(str, range(n_classes)):
        raise SentenceError(
            f"{where}: begins with {label[:20]!r}, but must begin with a label from 0 to "
            f"{n_classes - 1} and a space"
        )
    if not words:
        raise SentenceError(f"{where}: has a label and no words")
    return Sentence(int(label), tuple(words))
