"""Groups of parameters and the course of the learning rate."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from experiments.networks.optimisation import make_optimizer, make_schedule, parameter_groups
from experiments.networks.settings import TrainingSettings
from xgradient.models import AlexNet, FixupResNet50

RECIPE = {
    "epochs": 100,
    "batch_size": 256,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "scalar_learning_rate": 0.01,
    "weight_decay": 1e-4,
    "schedule": "step",
    "clip_norm": None,
}


def names_of(model, groups):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [{names[id(parameter)] for parameter in group["params"]} for group in groups]


def test_the_scalars_of_a_fixup_net_learn_more_slowly():
    """16 blocks of 6 biases and a multiplier, 2 biases outside of them, that of the last layer."""
    model = FixupResNet50(geometry="small", num_classes=10, in_channels=1)
    groups = parameter_groups(model, TrainingSettings(**RECIPE))
    weights, scalars = names_of(model, groups)
    assert [group["lr"] for group in groups] == [0.1, 0.01]
    assert len(scalars) == 16 * 7 + 3
    # The rule of the released script.
    assert scalars == {n for n, _ in model.named_parameters() if "bias" in n or "scale" in n}
    assert len(weights) == 16 * 3 + 4 + 2
    assert weights | scalars == {name for name, _ in model.named_parameters()}


def test_nets_without_scalars_and_settings_without_a_rate_have_one_group():
    x_net = FixupResNet50(geometry="small", num_classes=10, in_channels=1, bias=False)
    (group,) = parameter_groups(x_net, TrainingSettings(**RECIPE))
    assert len(group["params"]) == 54 and group["lr"] == 0.1
    model = AlexNet(geometry="small", num_classes=10, in_channels=1)
    one_rate = TrainingSettings(**RECIPE | {"scalar_learning_rate": None})
    (group,) = parameter_groups(model, one_rate)
    assert len(group["params"]) == len(list(model.parameters()))


def rates(settings, steps_per_epoch, steps):
    """Learning rates of both groups in every step."""
    model = nn.Linear(2, 2)
    optimizer = make_optimizer(model, settings)
    schedule = make_schedule(optimizer, settings, steps_per_epoch)
    found = []
    for _ in range(steps):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return found


def test_the_published_step_schedule():
    """``lr * 0.1 ** (epoch // 30)``, epochs from 0, for both groups."""
    found = rates(TrainingSettings(**RECIPE), steps_per_epoch=2, steps=200)
    for epoch in (0, 29, 30, 59, 60, 89, 90, 99):
        expected = [0.1 * 0.1 ** (epoch // 30), 0.01 * 0.1 ** (epoch // 30)]
        assert found[2 * epoch] == pytest.approx(expected)
        assert found[2 * epoch + 1] == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "constant"])
def test_the_groups_keep_their_ratio(schedule):
    settings = TrainingSettings(**RECIPE | {"epochs": 5, "schedule": schedule})
    found = rates(settings, steps_per_epoch=4, steps=20)
    assert all(slow == pytest.approx(fast / 10) for fast, slow in found)
    assert max(fast for fast, _ in found) == pytest.approx(0.1)


@pytest.mark.parametrize(("optimizer", "kind"), [("sgd", "SGD"), ("adamw", "AdamW")])
def test_every_group_has_the_decay(optimizer, kind):
    settings = TrainingSettings(**RECIPE | {"optimizer": optimizer})
    made = make_optimizer(nn.Linear(2, 2), settings)
    assert type(made) is getattr(torch.optim, kind)
    assert [group["weight_decay"] for group in made.param_groups] == [1e-4, 1e-4]
    assert optimizer == "adamw" or [group["momentum"] for group in made.param_groups] == [0.9, 0.9]
