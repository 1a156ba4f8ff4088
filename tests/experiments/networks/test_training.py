"""Training: learning, choosing the epoch, seeds, refusals."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import pytest
import torch

from experiments.data.order import epoch_order
from experiments.data.tensors import ImageTensors, loader
from experiments.networks.evaluation import evaluate
from experiments.networks.launch import launch_fabric
from experiments.networks.mixup import draw_share
from experiments.networks.objective import CLASSIFICATION
from experiments.networks.settings import TrainingSettings
from experiments.networks.training import DivergenceError, train
from tests.experiments.networks.helpers import (
    QUICK,
    digits,
    equal_parameters,
    noise,
    small_net,
)
from xgradient.models import VGG16


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
        assert torch.equal(final[name.removeprefix("model.")], value)
    assert not equal_parameters(net, small_net())


def test_without_validation_the_last_epoch_counts():
    def never(*arguments):
        raise AssertionError("nothing to evaluate on")

    settings = TrainingSettings(epochs=2, **QUICK)
    validated, net = small_net(), small_net()
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


@pytest.mark.parametrize(
    ("clip_norm", "advice"), [(None, "set clip_norm"), (5.0, "lower clip_norm")]
)
def test_a_diverging_training_is_an_error(clip_norm, advice):
    settings = TrainingSettings(
        epochs=3, optimizer="sgd", learning_rate=1e30, clip_norm=clip_norm, schedule="constant"
    )
    with pytest.raises(DivergenceError, match=f"lower learning_rate or {advice}"):
        train(
            VGG16(num_classes=10, in_channels=1, geometry="small"),
            *pair(),
            settings,
            seed=1,
        )


def test_unknown_settings_are_refused_by_name():
    with pytest.raises(ValueError, match="unknown training setting 'learnin_rate': known are ep"):
        TrainingSettings.from_mapping({"epochs": 1, "learnin_rate": 1.0})


def test_fewer_images_than_a_batch_are_refused():
    with pytest.raises(ValueError, match="100 training inputs are fewer than one batch of 128"):
        train(small_net(), digits(0, 100), digits(100, 200), TrainingSettings(epochs=1), 1)


def test_images_in_memory_are_normalised_per_channel():
    images = torch.randint(256, (3, 2, 4, 4), dtype=torch.uint8)
    data = ImageTensors(images, torch.arange(3), [0.2, 0.5], [0.3, 0.1])
    inputs, labels = data.__getitems__([2, 0])
    torch.testing.assert_close(inputs[1, 1, 2, 3], (images[0, 1, 2, 3] / 255 - 0.5) / 0.1)
    assert labels.tolist() == [2, 0]


@pytest.mark.parametrize("n_steps", range(1, 9))
def test_one_cycle_of_very_few_steps(n_steps):
    settings = TrainingSettings(epochs=1, **QUICK)
    history = train(small_net(), digits(0, 64 * n_steps), None, settings, 1).history
    assert math.isfinite(history[1]["train_loss"])


def test_the_history_tells_the_speed_of_every_epoch():
    history = train(small_net(), *pair(), TrainingSettings(epochs=2, **QUICK), seed=1).history
    assert math.isnan(history[0]["images_per_second"])
    assert all(0 < row["images_per_second"] < math.inf for row in history[1:])


def test_a_compiled_training_gives_the_same_net_up_to_rounding(monkeypatch):
    """With a backend that needs no compiler; the keys of the state stay those of the network."""
    backends = []

    def backend(graph, example_inputs):
        backends.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
    plain, compiled = small_net(dropout=0.0), small_net(dropout=0.0)
    settings = TrainingSettings(epochs=1, **QUICK)
    train(plain, digits(0, 256), None, settings, seed=1)
    assert not backends
    train(compiled, digits(0, 256), None, replace(settings, compile=True), seed=1)
    assert backends
    torch.testing.assert_close(dict(compiled.state_dict()), dict(plain.state_dict()))


def literal_mixup(net, data, settings, seed):
    """SGD on sums over single pairs of images, written from the definition."""
    velocity = [torch.zeros_like(each) for each in net.parameters()]
    order = epoch_order(seed, 1, len(data)).tolist()
    for step in range(len(data) // settings.batch_size):
        batch = order[step * settings.batch_size : (step + 1) * settings.batch_size]
        share = draw_share(settings.mixup, seed, 1, step)
        loss = 0.0
        for place, index in enumerate(batch):
            other = batch[place + 1 if place % 2 == 0 else place - 1]
            (x, y), (x_other, y_other) = data[index], data[other]
            logits = net((share * x + (1 - share) * x_other)[None].double())
            log_probabilities = logits.log_softmax(1)[0]
            loss = loss - share * log_probabilities[y]
            loss = loss - (1 - share) * log_probabilities[y_other]
        gradients = torch.autograd.grad(loss / len(batch), list(net.parameters()))
        with torch.no_grad():
            for parameter, gradient, speed in zip(
                net.parameters(), gradients, velocity, strict=True
            ):
                speed.mul_(0.9).add_(gradient)
                parameter.sub_(settings.learning_rate * speed)


def test_mixup_against_a_literal_loop():
    settings = TrainingSettings(
        epochs=1,
        batch_size=8,
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=0.0,
        schedule="constant",
        clip_norm=None,
        mixup=0.7,
        horizontal_flip=False,
    )
    literal, net = small_net(dropout=0.0).double(), small_net(dropout=0.0)
    literal_mixup(literal, noise(40), settings, seed=3)
    train(net, noise(40), None, settings, 3, launch_fabric(torch.device("cpu"), "64-true"))
    # Fabric returns logits in float32.
    torch.testing.assert_close(
        dict(net.state_dict()), dict(literal.state_dict()), rtol=1e-5, atol=1e-7
    )
    unmixed = small_net(dropout=0.0)
    train(unmixed, noise(40), None, replace(settings, mixup=None), 3)
    difference = (unmixed.get_parameter("4.bias") - net.get_parameter("4.bias")).abs().max()
    assert difference > 1e-4
