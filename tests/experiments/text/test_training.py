"""Training on sentences: it learns, keeps the best epoch, and goes on where it was interrupted."""

from __future__ import annotations

import pytest
import torch

from experiments.data.sentences import Sentence
from experiments.networks.resumption import SafetyCopy
from experiments.text.corpus import encode
from experiments.text.network import SentenceConvNet
from experiments.text.run import predict
from experiments.text.training import train_on_sentences
from tests.experiments.text.helpers import DIMENSIONS, vectors_of_words

SETTINGS = {"epochs": 5, "batch_size": 10, "learning_rate": 2e-2, "weight_decay": 1e-4}


@pytest.fixture(scope="module")
def corpus():
    """Sentences whose class is whether they are fine or dull, somewhere among other words."""
    words = [word for word in sorted(vectors_of_words()) if word.isalpha()]
    others = [word for word in words if word not in ("fine", "dull")]
    generator = torch.Generator().manual_seed(0)
    sentences = []
    for number in range(360):
        drawn = torch.randint(len(others), (5,), generator=generator).tolist()
        text = [others[index] for index in drawn]
        text[drawn[0] % 5] = ("fine", "dull")[number % 2]
        sentences.append(Sentence(number % 2, tuple(text)))
    splits = {"train": sentences[:300], "validation": sentences[300:330], "test": sentences[330:]}
    return encode(splits, vectors_of_words(), DIMENSIONS, ("fine", "dull"))


def new_net(bias=False):
    torch.manual_seed(3)
    return SentenceConvNet(DIMENSIONS, 2, bias, filters=12, widths=(1, 2))


@pytest.mark.parametrize("bias", [True, False])
def test_it_learns_the_words_that_decide(corpus, bias):
    net = new_net(bias)
    result = train_on_sentences(net, corpus, SETTINGS, seed=1)
    assert len(result.history) == 6 and not net.training
    best = max(row["validation_top1"] for row in result.history)
    assert result.history[result.best_epoch]["validation_top1"] == best > 90
    right = [row["label"] == row["predicted"] for row in predict(net, corpus)]
    assert sum(right) >= 27


def test_an_interrupted_training_ends_with_the_same_net(corpus, tmp_path, monkeypatch):
    whole = new_net()
    expected = train_on_sentences(whole, corpus, SETTINGS, seed=1)
    checkpoint, written = tmp_path / "training.ckpt", SafetyCopy.write

    class Interrupted(Exception):
        pass

    def interrupt(copy, progress):
        written(copy, progress)
        if progress.epoch == 3:
            raise Interrupted

    monkeypatch.setattr(SafetyCopy, "write", interrupt)
    with pytest.raises(Interrupted):
        train_on_sentences(new_net(), corpus, SETTINGS, seed=1, checkpoint=checkpoint)
    monkeypatch.setattr(SafetyCopy, "write", written)
    resumed = new_net()
    result = train_on_sentences(resumed, corpus, SETTINGS, seed=1, checkpoint=checkpoint)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])
    losses = [[row["train_loss"] for row in each.history[1:]] for each in (expected, result)]
    assert losses[0] == losses[1]


def test_an_unknown_setting_is_refused(corpus):
    with pytest.raises(ValueError, match="unknown training setting 'epoch'"):
        train_on_sentences(new_net(), corpus, {"epoch": 1}, seed=1)
