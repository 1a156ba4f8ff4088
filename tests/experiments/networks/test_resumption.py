"""Safety copies: killed trainings end with the same bits, and copies of others are not used."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace

import pytest
import torch

from experiments.networks.launch import launch_fabric
from experiments.networks.objective import CLASSIFICATION
from experiments.networks.resumption import discard_checkpoint, parameter_digest
from experiments.networks.settings import TrainingSettings
from experiments.networks.training import train
from tests.experiments.networks.helpers import (
    QUICK,
    StopAfter,
    Stopped,
    augmented,
    equal_parameters,
    noise,
    small_net,
    train_and_store,
    train_on_photographs,
    without_speed,
)

SETTINGS = TrainingSettings(epochs=2, **QUICK | {"batch_size": 8})


def data():
    return noise(160), noise(20, seed=1)


def place_of(path):
    """Return the epoch and the step of a copy; those of the start if there is none."""
    if not path.is_file():
        return 0, 0
    saved = torch.load(path, weights_only=True)["progress"]
    return saved["epoch"], saved["steps"]


def wait_for_copy(path, process):
    """Wait until a copy is later than the one that is there, and within an epoch."""
    past = place_of(path)
    while process.is_alive():
        place = place_of(path)
        if place > past and place[1]:
            return
        time.sleep(0.005)
    raise AssertionError("the training ended before it could be killed")


def test_a_training_killed_twice_ends_with_the_same_bits(tmp_path):
    """With dropout, augmentation, mixup and processes that read the images."""
    # A process that has imported everything and forks those that train.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.experiments.networks.helpers"])
    path = tmp_path / "training.ckpt"
    for _ in range(2):
        process = context.Process(target=train_and_store, args=(tmp_path,))
        process.start()
        wait_for_copy(path, process)
        time.sleep(random.uniform(0.0, 0.05))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert not (tmp_path / "net.pt").exists()
    process = context.Process(target=train_and_store, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert (tmp_path / "job.log").read_text().count("resuming after epoch") == 2
    expected = dict(train_on_photographs().state_dict())
    resumed = torch.load(tmp_path / "net.pt", weights_only=True)
    assert all(torch.equal(resumed[name], value) for name, value in expected.items())


def interrupted(path, calls, settings=SETTINGS):
    """Train until the loss fails."""
    own = replace(CLASSIFICATION, loss=StopAfter(calls))
    with pytest.raises(Stopped):
        train(small_net(), *data(), settings, 3, None, path, None, own, checkpoint_minutes=0.0)
    assert path.is_file()


def resumed(path, net=None, settings=SETTINGS, seed=3, objective=None, **options):
    net = net or small_net()
    own = objective or replace(CLASSIFICATION, loss=StopAfter(10_000))
    result = train(net, *data(), settings, seed, None, path, None, own, **options)
    return net, result


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "step", "constant"])
@pytest.mark.parametrize("calls", [15, 20, 36])
def test_an_interrupted_training_resumes_to_the_same_bits(tmp_path, schedule, calls):
    """After 10 of 20 steps; after an epoch; after 10 steps of the second."""
    settings = replace(SETTINGS, schedule=schedule, step_epochs=1)
    expected, uninterrupted = resumed(None, settings=settings)
    interrupted(tmp_path / "training.ckpt", calls, settings)
    net, result = resumed(tmp_path / "training.ckpt", settings=settings)
    assert equal_parameters(net, expected)
    assert result.best_epoch == uninterrupted.best_epoch
    assert without_speed(result.history)[1:] == without_speed(uninterrupted.history)[1:]


def test_images_before_the_interruption_are_not_read_again(tmp_path):
    path, settings = tmp_path / "training.ckpt", replace(SETTINGS, epochs=1)

    def run(calls):
        images = augmented(160)
        own = replace(CLASSIFICATION, loss=StopAfter(calls))
        options = {"objective": own, "checkpoint_minutes": 0.0}
        try:
            train(small_net(), images, None, settings, 3, checkpoint=path, **options)
        finally:
            reads.append(len(images.images.reads))

    reads = []
    with pytest.raises(Stopped):
        run(15)
    run(1000)
    assert reads == [16 * 8, 10 * 8]


def test_copies_within_an_epoch_wait_for_their_time(tmp_path):
    path = tmp_path / "training.ckpt"
    own = replace(CLASSIFICATION, loss=StopAfter(15))
    with pytest.raises(Stopped):
        train(small_net(), *data(), SETTINGS, 3, checkpoint=path, objective=own)
    assert not path.exists()


def test_the_copy_stays_until_it_is_discarded(tmp_path):
    path = tmp_path / "training.ckpt"
    first, result = resumed(path)
    assert path.is_file()

    def never(*arguments):
        raise AssertionError("a finished training has nothing to evaluate")

    own = replace(CLASSIFICATION, loss=StopAfter(0), evaluate=never)
    again, same = resumed(path, objective=own)
    assert equal_parameters(again, first)
    assert same.best_epoch == result.best_epoch and len(same.history) == 3
    path.with_name("training.ckpt.partial").write_bytes(b"torn")
    discard_checkpoint(path)
    discard_checkpoint(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"settings": replace(SETTINGS, learning_rate=1e-3)}, "settings"),
        ({"settings": replace(SETTINGS, epochs=1)}, "settings"),
        ({"seed": 4}, "seed"),
        ({"net": lambda: small_net(seed=8)}, "start"),
        ({"net": lambda: small_net(dropout=0.2).double().float()}, None),
        ({"identity": {"data": "0a1b"}}, "identity"),
        ({"objective": CLASSIFICATION}, "objective"),
        ({"settings": replace(SETTINGS, workers=1)}, None),
    ],
)
def test_a_copy_of_another_training_is_not_used(tmp_path, caplog, changed, named):
    path = tmp_path / "training.ckpt"
    interrupted(path, 36)
    options = {"settings": SETTINGS, "seed": 3, **changed}
    if "net" in options:
        options["net"] = options["net"]()
    with caplog.at_level("INFO"):
        net, _ = resumed(path, **options)
    if named is None:
        assert "resuming after epoch 1 and 10 further steps" in caplog.text
        return
    assert f"belongs to another training, with other {named}: training starts" in caplog.text
    if "net" in options:
        options["net"] = changed["net"]()
    assert equal_parameters(net, resumed(None, **options)[0])


def test_precision_and_sizes_of_the_data_belong_to_the_identity(tmp_path, caplog):
    path = tmp_path / "training.ckpt"
    interrupted(path, 36)
    own = replace(CLASSIFICATION, loss=StopAfter(1000))
    double = launch_fabric(torch.device("cpu"), "64-true")
    train(small_net(), noise(168), None, SETTINGS, 3, double, path, objective=own)
    assert "with other images, precision: training starts from scratch" in caplog.text


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda saved: [saved], "is not a copy of a training"),
        (lambda saved: {**saved, "progress": None}, "is not a copy of a training"),
        (lambda saved: without(saved, "processes"), "is not a copy of a training"),
        (lambda saved: {**saved, "parts": without(saved["parts"], "optimizer")}, "is incomplete"),
        (lambda saved: {**saved, "progress": without(saved["progress"], "best")}, "is incomplete"),
        (lambda saved: {**saved, "processes": []}, "is incomplete"),
        (lambda saved: {**saved, "processes": [{}]}, "is incomplete"),
        (lambda saved: longer(saved), "holds more than the 2 epochs asked for"),
    ],
)
def test_a_damaged_copy_is_not_used(tmp_path, caplog, damage, message):
    path = tmp_path / "training.ckpt"
    interrupted(path, 36)
    torch.save(damage(torch.load(path, weights_only=True)), path)
    net, _ = resumed(path)
    assert f"training.ckpt {message}: training starts from scratch" in caplog.text
    assert equal_parameters(net, resumed(None)[0])


def without(mapping, key):
    return {name: value for name, value in mapping.items() if name != key}


def longer(saved):
    rows = saved["progress"]["history"]
    return {**saved, "progress": {**saved["progress"], "history": rows * 3}}


@pytest.mark.parametrize("length", [0, 100, -200])
def test_a_torn_file_is_not_used(tmp_path, caplog, length):
    path = tmp_path / "training.ckpt"
    interrupted(path, 36)
    path.write_bytes(path.read_bytes()[:length])
    net, _ = resumed(path)
    assert "training.ckpt cannot be read" in caplog.text
    assert equal_parameters(net, resumed(None)[0])


class Unpickled:
    def __reduce__(self):
        return os.mkdir, (f"{os.environ['UNPICKLED']}",)


def test_nothing_is_executed_from_a_copy(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("UNPICKLED", str(tmp_path / "executed"))
    torch.save({"identity": Unpickled()}, tmp_path / "training.ckpt")
    resumed(tmp_path / "training.ckpt")
    assert "cannot be read" in caplog.text
    assert not (tmp_path / "executed").exists()


def test_the_digest_of_parameters_sees_every_bit_and_name():
    net = small_net()
    digest = parameter_digest(net)
    assert digest == parameter_digest(small_net())
    with torch.no_grad():
        net.get_parameter("4.bias")[3] += 1e-6
    renamed = torch.nn.Sequential(torch.nn.Identity(), *small_net())
    others = [parameter_digest(each) for each in (net, renamed, small_net().to(torch.bfloat16))]
    assert len({digest, *others}) == 4
