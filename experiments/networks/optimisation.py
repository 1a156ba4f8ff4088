"""Groups of parameters, the optimiser, and the course of the learning rate."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from experiments.networks.settings import TrainingSettings
from xgradient.homogeneous import BIAS_NAME

__all__ = ["make_optimizer", "make_schedule", "parameter_groups"]


def parameter_groups(model: nn.Module, settings: TrainingSettings) -> list[dict[str, Any]]:
    """Divide the parameters by learning rate.

    Parameters
    ----------
    model : torch.nn.Module
        The network.
    settings : TrainingSettings
        With a ``scalar_learning_rate``, all that is named ``bias``, ``bias1a`` and so on, or
        ``scale``, forms a group of its own, as in the published training of ResNet-50 (Fixup).

    Returns
    -------
    list of dict
        ``params`` and ``lr``, without empty groups.
    """
    if settings.scalar_learning_rate is None:
        return [{"params": list(model.parameters()), "lr": settings.learning_rate}]
    scalars: list[nn.Parameter] = []
    weights: list[nn.Parameter] = []
    for path, parameter in model.named_parameters():
        name = path.rpartition(".")[2]
        slow = name == "scale" or BIAS_NAME.fullmatch(name)
        (scalars if slow else weights).append(parameter)
    groups = [
        {"params": weights, "lr": settings.learning_rate},
        {"params": scalars, "lr": settings.scalar_learning_rate},
    ]
    return [group for group in groups if group["params"]]


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Build the optimiser of a network; the group of the weights comes first."""
    groups = parameter_groups(model, settings)
    decay = settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=0.9, weight_decay=decay)
    return torch.optim.AdamW(groups, weight_decay=decay)


def make_schedule(
    optimizer: torch.optim.Optimizer, settings: TrainingSettings, steps_per_epoch: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Build the course of the learning rate, which is to be stepped after every step.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its groups have the largest learning rates of the course.
    settings : TrainingSettings
        With at least one epoch.
    steps_per_epoch : int
        Updates per epoch.
    """
    steps = settings.epochs * steps_per_epoch
    schedulers = torch.optim.lr_scheduler
    if settings.schedule == "one_cycle":
        # torch divides by the length of the rise less one step.
        rise = 0.2 if 0.2 * steps != 1 else 0.4
        largest = [group["lr"] for group in optimizer.param_groups]
        return schedulers.OneCycleLR(optimizer, largest, total_steps=steps, pct_start=rise)
    if settings.schedule == "cosine":
        return schedulers.CosineAnnealingLR(optimizer, steps)
    if settings.schedule == "step":
        return schedulers.StepLR(optimizer, settings.step_epochs * steps_per_epoch, gamma=0.1)
    return schedulers.ConstantLR(optimizer, factor=1.0)
