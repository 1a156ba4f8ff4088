"""Training of the network on sequences."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from experiments.genomics.training import predict, task_auroc, train_genomics_convnet
from tests.experiments.genomics.helpers import generator
from xgradient.models import genomics_convnet


def learnable(n_sequences: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences whose labels are told by three of their bases' frequencies."""
    draws = generator(seed)
    labels = torch.randint(2, (n_sequences, 3), generator=draws)
    frequencies = torch.cat([torch.ones(n_sequences, 1), 0.2 + 2 * labels], dim=1)
    return torch.multinomial(frequencies, 60, True, generator=draws), labels


def trained(epochs: int = 4, seed: int = 0):
    torch.manual_seed(seed)
    model = genomics_convnet()
    result = train_genomics_convnet(
        model, *learnable(200, 0), *learnable(60, 1), epochs, 20, 3e-3, seed=seed
    )
    return model, result


def test_training_learns_and_keeps_its_best_epoch():
    model, result = trained()
    assert not model.training
    losses = [row["validation_loss"] for row in result.history]
    assert [row["epoch"] for row in result.history] == [0, 1, 2, 3, 4]
    assert losses[-1] < 0.8 * losses[0]
    assert result.best_epoch == min(range(5), key=losses.__getitem__)
    sequences, labels = learnable(60, 1)
    logits = predict(model, sequences)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.float())
    assert loss.item() == pytest.approx(losses[result.best_epoch], rel=1e-6)
    expected = [roc_auc_score(labels[:, task], logits[:, task]) for task in range(3)]
    assert task_auroc(model, sequences, labels).tolist() == pytest.approx(expected)
    row = result.history[result.best_epoch]
    assert row["validation_auroc"] == pytest.approx(np.mean(expected))


def test_the_best_epoch_is_not_always_the_last():
    torch.manual_seed(0)
    model = genomics_convnet()
    sequences, labels = learnable(60, 0)
    # Learns the opposite of what the validation asks for, so that epoch 0 stays the best.
    result = train_genomics_convnet(model, sequences, 1 - labels, sequences, labels, 3, 20, 3e-3)
    assert result.best_epoch == 0
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        predict(model, sequences), labels.float()
    )
    assert loss.item() == pytest.approx(result.history[0]["validation_loss"], rel=1e-6)


def test_training_depends_on_its_seed_alone():
    data, start = learnable(50, 0), genomics_convnet()

    def run(seed, dropout):
        model = copy.deepcopy(start)
        model.dropout.p = dropout
        torch.rand(7)
        state = torch.get_rng_state()
        history = train_genomics_convnet(model, *data, *data, 1, 20, seed=seed).history[1]
        assert torch.equal(torch.get_rng_state(), state)
        del history["images_per_second"]
        return history

    assert run(1, 0.5) == run(1, 0.5)
    # The order of the sequences is the seed's, too.
    assert run(1, 0.0) != run(2, 0.0)


def test_trainings_that_make_no_sense_are_an_error():
    model, data = genomics_convnet(), learnable(40, 0)
    with pytest.raises(ValueError, match="40 training inputs are fewer than one batch of 50"):
        train_genomics_convnet(model, *data, *data, 1, 50)
    with pytest.raises(ValueError, match="both classes"):
        train_genomics_convnet(model, *data, data[0], torch.ones_like(data[1]), 1, 20)
    # In many steps the loss tells, after a single one only the validation does.
    for batch_size in (10, 40):
        with pytest.raises(RuntimeError, match=r"diverged in epoch 1.* lower learning_rate"):
            train_genomics_convnet(genomics_convnet(), *data, *data, 3, batch_size, 1e30)
