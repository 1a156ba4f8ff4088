"""Accuracy of a net on sentences, and what Integrated Gradients say of their words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from experiments.measurement import Progress, Row
from experiments.text.corpus import Corpus, EncodedSentences
from xgradient.attribution import (
    exact_integrated_gradients,
    input_x_gradient,
    integrated_gradients,
)

__all__ = [
    "COLUMNS",
    "EXACT",
    "PREDICTED",
    "attributed_sentences",
    "examples",
    "measure",
    "measure_exactly",
    "predict",
]

PREDICTED = ("sentence", "label", "predicted", "words", "unknown")
"""Keys of a row of predictions: the index of the sentence, of its class and of the class with the
largest logit; how many words it has, and how many of these have no vector."""

COLUMNS = (
    "sentence",
    "score",
    "empty_score",
    "difference_percent",
    "word_difference_percent",
    "ig_sum_percent",
    "product_sum_percent",
)
"""Keys of a row of attributions: the index of the sentence; the logit of its class, and that of
the sentence without words; the difference between Input×Gradient and IG, by number and by word;
and by how much the sums of IG and of Input×Gradient miss the difference between the two logits.
Differences are in percent of the sum of the absolute values of IG, or of Input×Gradient for the
last."""

EXACT = ("sentence", "pieces", "exact_sum_percent", "quadrature_percent")
"""Keys of a row of exact attributions: the index of the sentence; into how many pieces the path was
cut, on each of which the net is linear; by how much the sum of the exact integral misses the
difference between the logits; and by how much IG by quadrature differs from it, both in percent of
the sum of its absolute values."""


def predict(model: nn.Module, corpus: Corpus, batch_size: int = 100) -> Iterator[Row]:
    """Yield a row for every test sentence, in float64.

    Parameters
    ----------
    model : nn.Module
        Maps vectors (N, D, L) to logits (N, K); converted to float64.
    corpus : Corpus
        The sentences.
    batch_size : int
        Sentences at a time.

    Yields
    ------
    dict
        With the keys of `PREDICTED`.
    """
    model, data = model.double(), corpus.splits["test"]
    places, known = corpus.known("test")
    words, unknown = places.sum(1), (places & ~known).sum(1)
    for block in torch.arange(len(data)).split(batch_size):
        inputs, labels = _inputs(data, block.tolist(), model)
        with torch.no_grad():
            predicted = model(inputs).argmax(1)
        columns = (block, labels, predicted, words[block], unknown[block])
        for values in zip(*(column.tolist() for column in columns), strict=True):
            yield dict(zip(PREDICTED, values, strict=True))


def attributed_sentences(corpus: Corpus, n_sentences: int | None, seed: int) -> list[int]:
    """Draw the test sentences that are attributed, the same for every net; sorted."""
    available = len(corpus.splits["test"])
    order = torch.randperm(available, generator=torch.Generator().manual_seed(seed))
    return sorted(order[: available if n_sentences is None else n_sentences].tolist())


def measure(
    model: nn.Module,
    data: EncodedSentences,
    blocks: Sequence[Sequence[int]],
    n_steps: int,
    progress: Progress,
) -> Iterator[Row]:
    """Yield a row for every sentence, in float64.

    Parameters
    ----------
    model : nn.Module
        Maps vectors (N, D, L) to logits (N, K); converted to float64.
    data : EncodedSentences
        The sentences.
    blocks : sequence of sequence of int
        Indices of sentences that are attributed together.
    n_steps : int
        Nodes of the Gauss-Legendre rule. The path begins at the sentence without words, whose
        vectors are all zero.
    progress : callable
        Shows the progress over an iterable.

    Yields
    ------
    dict
        With the keys of `COLUMNS`.
    """
    model = model.double()
    for block in progress(blocks, "blocks"):
        inputs, labels = _inputs(data, block, model)
        integrated = integrated_gradients(model, inputs, labels, n_steps=n_steps)
        product = input_x_gradient(model, inputs, labels)
        score, empty = _scores(model, inputs, labels)
        columns: tuple[list[Any], ...] = (
            list(block),
            score.tolist(),
            empty.tolist(),
            _percent(product - integrated, integrated),
            _percent((product - integrated).sum(1), integrated.sum(1)),
            _percent(integrated.flatten(1).sum(1) - (score - empty), integrated),
            _percent(product.flatten(1).sum(1) - (score - empty), product),
        )
        for values in zip(*columns, strict=True):
            yield dict(zip(COLUMNS, values, strict=True))


def measure_exactly(
    model: nn.Module,
    data: EncodedSentences,
    indices: Sequence[int],
    n_steps: int,
    progress: Progress,
) -> Iterator[Row]:
    """Yield a row for every sentence with the exact integral, in float64; see `measure`.

    Yields
    ------
    dict
        With the keys of `EXACT`.
    """
    model = model.double()
    for index in progress(indices, "exact integrals"):
        inputs, labels = _inputs(data, [index], model)
        exact, pieces = exact_integrated_gradients(model, inputs, labels, return_pieces=True)
        integrated = integrated_gradients(model, inputs, labels, n_steps=n_steps)
        score, empty = _scores(model, inputs, labels)
        values = (
            index,
            int(pieces.n_pieces),
            *_percent(exact.flatten(1).sum(1) - (score - empty), exact),
            *_percent(integrated - exact, exact),
        )
        yield dict(zip(EXACT, values, strict=True))


def examples(
    model: nn.Module, corpus: Corpus, n_per_class: int, n_steps: int
) -> list[dict[str, Any]]:
    """Attribute the first test sentences of every class, to look at.

    Parameters
    ----------
    model, corpus, n_steps
        As for `measure`.
    n_per_class : int
        How many; of a class with fewer test sentences all.

    Returns
    -------
    list of dict
        Per sentence: ``sentence``, its index; ``words`` as they are spelled, and whether each is
        ``known``; ``label`` and ``predicted``, names of classes; ``score`` and ``empty_score``; and
        a number per word, the sum over the dimensions of its vector, of ``integrated`` and of
        ``product``, Input×Gradient.
    """
    model, data = model.double(), corpus.splits["test"]
    indices = [
        index
        for label in range(len(corpus.class_names))
        for index in (data.labels == label).nonzero().flatten()[:n_per_class].tolist()
    ]
    places, known = corpus.known("test")
    found = []
    for index in indices:
        inputs, labels = _inputs(data, [index], model)
        integrated = integrated_gradients(model, inputs, labels, n_steps=n_steps)
        product = input_x_gradient(model, inputs, labels)
        score, empty = _scores(model, inputs, labels)
        with torch.no_grad():
            predicted = int(model(inputs).argmax())
        of_words = places[index]
        found.append(
            {
                "sentence": index,
                "words": corpus.spelled("test", index),
                "known": known[index][of_words].tolist(),
                "label": corpus.class_names[int(labels)],
                "predicted": corpus.class_names[predicted],
                "score": float(score),
                "empty_score": float(empty),
                "integrated": integrated[0].sum(0).cpu()[of_words].tolist(),
                "product": product[0].sum(0).cpu()[of_words].tolist(),
            }
        )
    return found


def _inputs(
    data: EncodedSentences, block: Sequence[int], model: nn.Module
) -> tuple[Tensor, Tensor]:
    device = next(model.parameters()).device
    inputs, labels = data.__getitems__(block)
    return inputs.to(device).double(), labels.to(device)


def _scores(model: nn.Module, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits (N,) of the classes, of sentences and of the sentence without words."""
    with torch.no_grad():
        logits, empty = model(inputs), model(torch.zeros_like(inputs[:1]))
    return logits.gather(1, labels[:, None])[:, 0], empty[0, labels]


def _percent(difference: Tensor, whole: Tensor) -> list[float]:
    """Return by sentence the sum of absolute differences in percent of that of the whole."""
    first, second = (each.abs().reshape(len(each), -1).sum(1) for each in (difference, whole))
    # A sentence of unknown words alone has nothing to attribute, and nothing that differs.
    percent: list[float] = torch.where(first == 0, first, 100 * first / second).tolist()
    return percent
