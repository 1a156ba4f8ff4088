"""Training: learning, choosing the epoch, resuming, several processes, refusals."""

from __future__ import annotations

import functools
import json
import math
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from experiments.data.tensors import ImageTensors, denormalise, loader, normalise
from experiments.networks.evaluation import evaluate
from experiments.networks.objective import CLASSIFICATION
from experiments.networks.settings import TrainingSettings
from experiments.networks.training import train
from tests.experiments.data.helpers import mnist_subset
from xgradient.models import VGG16

QUICK = {"batch_size": 64, "learning_rate": 2e-3, "horizontal_flip": False}


@functools.cache  # reading them takes seconds
def shuffled_digits():
    images, labels = map(torch.from_numpy, mnist_subset())
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(5))
    return images[order].unsqueeze(1), labels[order]


def digits(start, stop):
    images, labels = shuffled_digits()
    return ImageTensors(images[start:stop], labels[start:stop], [0.13], [0.31])


def small_net(dropout=0.2, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(512, 10),
    )


def equal_parameters(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_real_digits_are_learned(optimizer):
    rate = {"adamw": 3e-3, "sgd": 0.05}[optimizer]
    settings = TrainingSettings(epochs=3, optimizer=optimizer, **QUICK | {"learning_rate": rate})
    net = small_net()
    result = train(net, digits(0, 3000), digits(3000, 3500), settings, seed=1)
    measured = evaluate(net, loader(digits(3500, 5000), 500))
    assert measured["top1"] > 85
    assert measured["top1"] <= measured["top5"] <= 100
    assert result.history[0]["epoch"] == 0 and math.isnan(result.history[0]["train_loss"])
    assert [row["epoch"] for row in result.history] == [0, 1, 2, 3]


def judged_by(function):
    """A classification whose epochs are judged by another function."""
    return replace(CLASSIFICATION, evaluate=function)


def test_the_net_ends_with_its_best_validation_epoch():
    """Validation accuracies are replaced by a known course; the parameters are compared."""
    course = iter([10.0, 50.0, 70.0, 70.0, 20.0])
    snapshots = []

    def scripted(model, *arguments):
        snapshots.append({k: v.clone() for k, v in model.state_dict().items()})
        return evaluate(model, *arguments) | {"top1": next(course)}

    net = small_net()
    settings = TrainingSettings(epochs=4, **QUICK)
    result = train(
        net, digits(0, 512), digits(512, 600), settings, seed=1, objective=judged_by(scripted)
    )
    assert result.best_epoch == 2
    final = net.state_dict()
    for name, value in snapshots[2].items():
        assert torch.equal(final[name.removeprefix("_forward_module.")], value)
    assert not equal_parameters(net, small_net())


def test_without_validation_the_last_epoch_counts():
    def never(*arguments):
        raise AssertionError("nothing to evaluate on")

    settings = TrainingSettings(epochs=2, **QUICK)
    # No dropout: a pass over validation images takes random numbers, too.
    validated, net = small_net(dropout=0.0), small_net(dropout=0.0)
    course = iter([10.0, 20.0, 30.0])  # the last epoch is the best
    rising = judged_by(lambda *a: evaluate(*a) | {"top1": next(course)})
    train(validated, *pair(), settings, seed=1, objective=rising)
    result = train(net, pair()[0], None, settings, seed=1, objective=judged_by(never))
    assert result.best_epoch == 2
    assert equal_parameters(net, validated)
    assert math.isfinite(result.history[2]["train_loss"])
    assert all(math.isnan(row["validation_top1"]) for row in result.history)


def test_zero_epochs_return_the_net_as_it_came():
    net = small_net()
    result = train(net, digits(0, 128), digits(128, 200), TrainingSettings(epochs=0), seed=1)
    assert equal_parameters(net, small_net()) and result.best_epoch == 0


def test_equal_seeds_give_equal_bits_and_others_do_not():
    def trained(seed):
        net = small_net()
        train(net, *pair(), TrainingSettings(epochs=1, **QUICK), seed)
        return net

    first = trained(seed=1)
    assert equal_parameters(first, trained(seed=1))
    assert not equal_parameters(first, trained(seed=2))


def pair():
    return digits(0, 512), digits(512, 600)


def test_the_callers_random_state_is_left_alone():
    net = small_net()
    torch.manual_seed(7)
    state = torch.get_rng_state()
    train(net, *pair(), TrainingSettings(epochs=1, **QUICK), seed=1)
    assert torch.equal(torch.get_rng_state(), state)


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "step", "constant"])
def test_an_interrupted_training_resumes_to_the_same_bits(tmp_path, schedule):
    settings = TrainingSettings(epochs=3, schedule=schedule, step_epochs=1, **QUICK)
    uninterrupted = small_net()
    expected = train(uninterrupted, *pair(), settings, seed=3)

    checkpoint = tmp_path / "training.ckpt"
    net = small_net()
    calls = []

    def interrupting(*arguments):
        calls.append(1)
        if len(calls) == 4:  # epochs 0, 1, 2 have been validated and 2 written
            raise Interrupted
        return evaluate(*arguments)

    with pytest.raises(Interrupted):
        train(net, *pair(), settings, 3, None, checkpoint, objective=judged_by(interrupting))
    assert checkpoint.is_file()
    resumed = small_net(seed=8)  # what it starts from must not matter
    result = train(resumed, *pair(), settings, seed=3, checkpoint=checkpoint)
    assert equal_parameters(resumed, uninterrupted)
    assert result.best_epoch == expected.best_epoch
    assert [row["train_loss"] for row in result.history[1:]] == [
        row["train_loss"] for row in expected.history[1:]
    ]
    assert not checkpoint.exists()


def test_a_foreign_or_torn_checkpoint_is_not_used(tmp_path, caplog):
    checkpoint = tmp_path / "training.ckpt"
    reference = small_net()
    settings = TrainingSettings(epochs=1, **QUICK)
    train(reference, *pair(), settings, seed=1)
    checkpoint.write_bytes(b"torn")
    net = small_net()
    train(net, *pair(), settings, seed=1, checkpoint=checkpoint)
    assert equal_parameters(net, reference)
    assert "training starts from scratch" in caplog.text


def test_a_diverging_training_is_an_error():
    settings = TrainingSettings(
        epochs=2, optimizer="sgd", learning_rate=1e6, clip_norm=None, schedule="constant"
    )
    with pytest.raises(RuntimeError, match="lower learning_rate"):
        train(
            VGG16(num_classes=10, in_channels=1, geometry="small"),
            *pair(),
            settings,
            seed=1,
        )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"epochs": 1, "learning_rate": 0.0}, "learning_rate must be positive"),
        ({"epochs": 1, "optimizer": "lion"}, "adamw or sgd, got 'lion'"),
        ({"epochs": 1, "schedule": "linear"}, "schedule must be"),
        ({"epochs": 1, "clip_norm": -1.0}, "clip_norm must be positive or null"),
        ({"epochs": 1, "learnin_rate": 1.0}, "unknown training setting 'learnin_rate'"),
    ],
)
def test_impossible_settings_are_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        TrainingSettings.from_mapping(wrong)


def test_fewer_images_than_a_batch_are_refused():
    with pytest.raises(ValueError, match="100 training inputs are fewer than one batch of 128"):
        train(small_net(), digits(0, 100), digits(100, 200), TrainingSettings(epochs=1), 1)


def test_normalisation_is_undone():
    images = torch.randint(256, (3, 2, 4, 4), dtype=torch.uint8)
    inputs = normalise(images, [0.2, 0.5], [0.3, 0.1])
    torch.testing.assert_close(inputs[0, 1, 2, 3], (images[0, 1, 2, 3] / 255 - 0.5) / 0.1)
    torch.testing.assert_close(denormalise(inputs, [0.2, 0.5], [0.3, 0.1]), images / 255)


def test_two_processes_train_together(tmp_path):
    """Fabric's data parallelism: both processes end with the same net, and it has learned."""
    script = tmp_path / "two.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import json, sys
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            import torch
            from lightning_fabric import Fabric
            from test_training import QUICK, digits, small_net
            from experiments.data.tensors import loader
            from experiments.networks.settings import TrainingSettings
            from experiments.networks.training import train

            def main(fabric):
                torch.set_num_threads(1)
                net = small_net()
                settings = TrainingSettings(epochs=2, **QUICK)
                result = train(net, digits(0, 2000), digits(2000, 2500), settings, 1, fabric)
                total = sum(p.double().sum().item() for p in net.parameters())
                with open({str(tmp_path)!r} + f"/{{fabric.global_rank}}.json", "w") as file:
                    json.dump([total, result.history[-1]["validation_top1"]], file)

            if __name__ == "__main__":
                fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn")
                fabric.launch(main)
            """
        )
    )
    finished = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert first[1] > 50  # percent; chance is 10


@pytest.mark.parametrize("n_steps", range(1, 9))
def test_one_cycle_of_very_few_steps(n_steps):
    settings = TrainingSettings(epochs=1, **QUICK)
    history = train(small_net(), digits(0, 64 * n_steps), None, settings, 1).history
    assert math.isfinite(history[1]["train_loss"])
