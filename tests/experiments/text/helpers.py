"""Small corpora and nets, and the net written from its definition."""

from __future__ import annotations

import numpy as np
import torch

from experiments.data.sentences import Sentence
from experiments.text.corpus import Corpus, encode
from experiments.text.network import SentenceConvNet

DIMENSIONS = 4
CLASSES = ("praise", "blame", "neither")
# "zyzzyva" has no vector. The second sentence repeats three words: equal windows at several places.
SENTENCES = (
    (0, "a fine film"),
    (1, "so dull , so dull , so dull , so dull ."),
    (2, "The zyzzyva is An Animal"),
    (0, "fine"),
    (1, "zyzzyva"),
    (2, "is it so fine , or is it dull , or what ?"),
    (0, "the finest of films"),
    (1, "a dull film"),
)


def vectors_of_words() -> dict[str, np.ndarray]:
    words = sorted({word.lower() for _, text in SENTENCES for word in text.split()} - {"zyzzyva"})
    drawn = np.random.default_rng(0).normal(size=(len(words), DIMENSIONS)).astype(np.float32)
    return dict(zip(words, drawn, strict=True))


def small_corpus() -> Corpus:
    sentences = [Sentence(label, tuple(text.split())) for label, text in SENTENCES]
    splits = {"train": sentences, "validation": sentences[:4], "test": sentences}
    return encode(splits, vectors_of_words(), DIMENSIONS, CLASSES)


def small_net(bias: bool, seed: int = 1) -> SentenceConvNet:
    torch.manual_seed(seed)
    net = SentenceConvNet(DIMENSIONS, len(CLASSES), bias, filters=6, widths=(1, 2, 4))
    if bias:
        # Larger than PyTorch's, so that what they do cannot be overlooked.
        for name, parameter in net.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter)
    return net.double().eval()


def logits_by_definition(net: SentenceConvNet, sentence: np.ndarray) -> np.ndarray:
    """Evaluate a net on one sentence (L, D), window by window, in NumPy."""
    maxima = []
    for branch in net.branches:
        weight = branch[0].weight.detach().numpy()
        filters, _, width = weight.shape
        bias = np.zeros(filters) if branch[0].bias is None else branch[0].bias.detach().numpy()
        edge = np.zeros((width - 1, sentence.shape[1]))
        padded = np.concatenate([edge, sentence, edge])
        for number in range(filters):
            sums = [
                sum(
                    float(padded[start + place] @ weight[number, :, place])
                    for place in range(width)
                )
                + bias[number]
                for start in range(len(padded) - width + 1)
            ]
            maxima.append(max(0.0, *sums))
    logits = net.linear.weight.detach().numpy() @ np.array(maxima)
    return logits if net.linear.bias is None else logits + net.linear.bias.detach().numpy()
