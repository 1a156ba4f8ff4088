"""Training with attribution priors in a plain loop, written down from the definitions.

One repetition, one network, one step at a time: modules, double backpropagation, a standard
optimiser and a metric per epoch. It shares no code with `xgradient.priors`; the tests compare the
two, and the benchmark measures one against the other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

WITHOUT_BIAS = ("unregularised_without_bias", "x_gradient")


def split(n: int, repetition: int, n_train: int, n_validation: int) -> tuple[np.ndarray, ...]:
    """Row numbers of the training, validation and test set.

    A seeded shuffle puts the rows that are left over first, the wanted ones after them; the second
    shuffle does so among the wanted ones.
    """
    n_rest = n_train + n_validation
    shuffled = np.random.RandomState(repetition).permutation(n)
    test, rest = shuffled[: n - n_rest], shuffled[n - n_rest :]
    shuffled = np.random.RandomState(repetition).permutation(n_rest)
    validation, train = rest[shuffled[:n_validation]], rest[shuffled[n_validation:]]
    return train, validation, test


def standardise(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Impute the training mean, then standardise with training mean and deviation, by feature."""
    result = np.empty_like(features)
    for f in range(features.shape[1]):
        column = features[:, f].copy()
        present = [value for value in column[train] if not np.isnan(value)]
        column[np.isnan(column)] = np.mean(present)
        centre = np.mean(column[train])
        deviation = np.sqrt(np.mean((column[train] - centre) ** 2))
        # A constant feature has a deviation of rounding errors at most.
        constant = deviation <= 1e-12 * max(1, abs(centre))
        result[:, f] = (column - centre) / (1 if constant else deviation)
    return result


def gini(values: torch.Tensor) -> torch.Tensor:
    """Half the mean absolute difference of all pairs, over the mean."""
    differences = (values.reshape(-1, 1) - values.reshape(1, -1)).abs()
    return 0.5 * differences.mean() / values.mean()


def roc_auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of the pairs of a positive and a negative that are in order; ties count one half."""
    positives, negatives = scores[labels == 1].reshape(-1, 1), scores[labels == 0]
    twice_wins = 2 * np.sum(positives > negatives) + np.sum(positives == negatives)
    return twice_wins / (2 * positives.size * negatives.size)


def perceptron(
    n_features: int, hidden: tuple[int, ...], bias: bool, generator: torch.Generator
) -> nn.Sequential:
    """ReLU perceptron with one logit; weights drawn before biases, uniform in 1/sqrt(fan-in)."""
    layers: list[nn.Module] = []
    for n_inputs, n_outputs in zip((n_features, *hidden), (*hidden, 1), strict=True):
        layers += [nn.Linear(n_inputs, n_outputs, bias=bias), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer in linear:
            bound = layer.in_features**-0.5
            drawn = torch.empty(layer.in_features, layer.out_features)
            layer.weight.copy_(drawn.uniform_(-bound, bound, generator=generator).T)
        for layer in linear:
            if bias:
                bound = layer.in_features**-0.5
                layer.bias.copy_(
                    torch.empty(layer.out_features).uniform_(-bound, bound, generator=generator)
                )
    return model


def input_gradient(model: nn.Module, points: torch.Tensor) -> torch.Tensor:
    """Gradient of the logit with respect to the points, itself differentiable."""
    points = points.clone().requires_grad_()
    return torch.autograd.grad(model(points).sum(), points, create_graph=True)[0]


def attribution(
    method: str,
    model: nn.Module,
    x: torch.Tensor,
    generator: torch.Generator,
    n_references: int,
    n_steps: int,
) -> torch.Tensor:
    """Attributions of the training rows, differentiable with respect to the parameters."""
    if method == "gradient":
        return input_gradient(model, x)
    if method == "x_gradient":
        return x * input_gradient(model, x)
    if method == "rrr":
        points = x.clone().requires_grad_()
        logits = model(points)
        log_probabilities = 2 * nn.functional.logsigmoid(logits) - logits
        return torch.autograd.grad(log_probabilities.sum(), points, create_graph=True)[0]
    n_rows = len(x)
    if method == "expected_gradients":
        # Every training row is a reference n_references times, in random order.
        order = torch.randperm(n_rows * n_references, generator=generator) % n_rows
        alphas = torch.rand(n_rows * n_references, generator=generator).to(x)
        total = torch.zeros_like(x)
        for j in range(n_references):
            references = x[order[j::n_references]]
            alpha = alphas[j::n_references].reshape(-1, 1)
            points = alpha * x + (1 - alpha) * references
            total = total + (x - references) * input_gradient(model, points)
        return total / n_references
    if method == "ig":
        nodes, weights = np.polynomial.legendre.leggauss(n_steps)
        total = torch.zeros_like(x)
        for node, weight in zip(nodes, weights, strict=True):
            total = total + float(weight / 2) * input_gradient(model, float((node + 1) / 2) * x)
        return x * total
    raise ValueError(method)


def train_repetition(
    features: np.ndarray,
    labels: np.ndarray,
    repetition: int,
    method: str,
    strength: float,
    *,
    n_train: int = 100,
    n_validation: int = 100,
    hidden: tuple[int, ...] = (512, 128, 32),
    epochs: int = 100,
    learning_rate: float = 1e-3,
    n_references: int = 1,
    n_steps: int = 32,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    auc_of: Callable[[np.ndarray, np.ndarray], float] = roc_auc,
) -> dict:
    """Train one network; returns what every epoch saw and what came of the chosen one."""
    train, validation, test = split(len(features), repetition, n_train, n_validation)
    x = torch.tensor(standardise(features, train), dtype=dtype)
    y = torch.tensor(labels, dtype=dtype).reshape(-1, 1)
    state = np.random.SeedSequence([seed, repetition]).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(state))
    bias = method not in WITHOUT_BIAS
    model = perceptron(features.shape[1], hidden, bias, generator).to(dtype)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    loss_function = nn.BCEWithLogitsLoss()
    record = {"loss": [], "penalty": [], "validation_auc": []}
    best, best_auc, best_epoch = None, -np.inf, None
    for epoch in range(epochs):
        loss = loss_function(model(x[train]), y[train])
        penalty = torch.tensor(np.nan)
        if not method.startswith("unregularised"):
            attributions = attribution(method, model, x[train], generator, n_references, n_steps)
            penalty = -gini(attributions.abs().mean(0))
            loss += strength * penalty
        with torch.no_grad():
            scores = model(x[validation])
        auc = auc_of(scores.flatten().numpy(), labels[validation])
        record["loss"].append(loss.item())
        record["penalty"].append(penalty.item())
        record["validation_auc"].append(auc)
        if auc > best_auc:
            best, best_auc, best_epoch = copy.deepcopy(model), auc, epoch
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        scores = best(x[test])
    record["test_auc"] = auc_of(scores.flatten().numpy(), labels[test])
    with torch.enable_grad():
        importance = (x[test] * input_gradient(best, x[test])).abs().mean(0).detach()
    record["gini"] = gini(importance).item()
    return record | {"epoch": best_epoch}
