"""One training of a chunk of networks with an attribution prior, epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.adam import adam

from experiments.attribution_prior.perceptron import StackedPerceptrons, initial_parameters
from experiments.attribution_prior.repetitions import RepetitionData, repetition_generator
from experiments.attribution_prior.settings import WITHOUT_BIAS, WITHOUT_PRIOR, PriorSettings
from experiments.roc_auc import RankAUC
from xgradient.attribution import quadrature
from xgradient.priors import gini, prior_and_gradient

__all__ = ["Chunk", "NonFiniteLossError", "train_chunk"]

# Test rows per pass: few enough to stay in the cache.
_TEST_ROWS = 256


class NonFiniteLossError(ValueError):
    """The loss of a training became nan or infinite."""


@dataclass(frozen=True)
class Chunk:
    """The data of B repetitions, stacked.

    Parameters
    ----------
    repetitions : tuple of int
        Their numbers.
    train, validation, test : Tensor of shape (B, rows, F)
        Features.
    train_labels, validation_labels, test_labels : Tensor of shape (B, rows)
        0 or 1, of the dtype of the features.
    """

    repetitions: tuple[int, ...]
    train: Tensor
    validation: Tensor
    test: Tensor
    train_labels: Tensor
    validation_labels: Tensor
    test_labels: Tensor

    @classmethod
    def stack(
        cls,
        repetitions: Sequence[int],
        data: Sequence[RepetitionData],
        dtype: torch.dtype,
        device: torch.device,
    ) -> Chunk:
        """Stack the data of repetitions.

        Parameters
        ----------
        repetitions : sequence of int
            Their numbers.
        data : sequence of RepetitionData
            Their data, of the same shapes.
        dtype, device
            Of the tensors.

        Returns
        -------
        Chunk
            The stacked data.
        """

        def stacked(name: str) -> Tensor:
            values = np.stack([getattr(one, name) for one in data])
            return torch.from_numpy(values).to(device, dtype)

        names = ("train", "validation", "test")
        return cls(
            tuple(repetitions),
            **{name: stacked(name) for name in names},
            **{f"{name}_labels": stacked(f"{name}_labels") for name in names},
        )


class _GradientPoints:
    """Where a method takes input gradients and how it scales them.

    An attribution is ``sum_j scale_j * dz/dx(point_j)`` over the points of a training row: the row
    itself, or ``n_extra`` others, which are stored row by row behind the training rows.
    """

    def __init__(
        self, method: str, train: Tensor, settings: PriorSettings, generators: list[torch.Generator]
    ) -> None:
        self._train, self._generators = train, generators
        self.scale: Tensor | None = None
        self.n_extra = {"expected_gradients": settings.n_references, "ig": settings.n_steps}.get(
            method, 0
        )
        self.rows = train.repeat(1, 1 + self.n_extra, 1)
        self._extra = self.rows[:, train.shape[1] :]
        self._random = method == "expected_gradients"
        if method == "x_gradient":
            self.scale = train
        elif method == "ig":
            alphas, weights = quadrature("gausslegendre", self.n_extra)
            per_step = train.unsqueeze(2)
            self._extra.copy_((per_step * alphas.to(train).unsqueeze(-1)).flatten(1, 2))
            self.scale = (per_step * weights.to(train).unsqueeze(-1)).flatten(1, 2)

    def draw(self) -> None:
        """Draw the references and interpolation factors of an epoch, if the method has any.

        Official protocol: the references of an epoch are a random permutation of ``n_references``
        copies of the training rows, so that every row is a reference equally often (released
        ``expected_gradients.py``, whose data loader shuffles and draws without replacement).
        """
        if not self._random:
            return
        n_rows = self._train.shape[1]
        n_points = n_rows * self.n_extra
        references, alphas = [], []
        for rows, generator in zip(self._train, self._generators, strict=True):
            order = torch.randperm(n_points, generator=generator) % n_rows
            references.append(rows[order.to(rows.device)])
            alphas.append(torch.rand(n_points, 1, generator=generator))
        reference = torch.stack(references)
        difference = self._train.repeat_interleave(self.n_extra, 1) - reference
        alpha = torch.stack(alphas).to(reference)
        torch.addcmul(reference, difference, alpha, out=self._extra)
        self.scale = difference.div_(self.n_extra)

    def attributions(self, gradient: Tensor, scale: Tensor | None) -> Tensor:
        """Attributions (B, N, F) of the training rows from the gradients at the points."""
        scaled = gradient if scale is None else gradient * scale
        return scaled.unflatten(1, (-1, self.n_extra)).sum(2) if self.n_extra else scaled

    def spread(self, upstream: Tensor, scale: Tensor | None) -> Tensor:
        """Turn the derivative by the attributions into that by the gradients at the points."""
        if self.n_extra:
            upstream = upstream.repeat_interleave(self.n_extra, 1)
        return upstream if scale is None else upstream * scale


class _Adam:
    """Adam with the defaults of torch, on one tensor.

    The functional form of ``torch.optim.Adam(fused=True)``, whose bookkeeping would cost as much
    as the update of such a small network.
    """

    def __init__(self, parameters: Tensor, gradient: Tensor, learning_rate: float) -> None:
        self._learning_rate = learning_rate
        moments = torch.zeros_like(parameters), torch.zeros_like(parameters)
        step = torch.zeros((), device=parameters.device)
        self._state = [[tensor] for tensor in (parameters, gradient, *moments, step)]

    def step(self) -> None:
        """Update the parameters in place."""
        parameters, gradient, mean, mean_of_squares, step = self._state
        adam(
            parameters,
            gradient,
            mean,
            mean_of_squares,
            [],
            step,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )


def train_chunk(
    chunk: Chunk, method: str, strength: float, settings: PriorSettings, seed: int
) -> dict[str, Tensor]:
    """Train one network per repetition, select the epoch, and test.

    Parameters
    ----------
    chunk : Chunk
        The data of B repetitions.
    method : str
        Name of the method.
    strength : float
        lambda.
    settings : PriorSettings
        E epochs and the rest of the protocol.
    seed : int
        Seed of the experiment.

    Returns
    -------
    dict of str to Tensor
        ``loss``, ``penalty`` and ``validation_auc`` of shape (B, E) and ``epoch``, ``test_auc``,
        ``gini`` and ``seconds`` of shape (B,), as in `PriorTraining`.

    Raises
    ------
    NonFiniteLossError
        If a training diverges; the message names the repetition.
    """
    # One thread trains: its processor time does not depend on what else the machine does.
    clock = time.thread_time if chunk.train.device.type == "cpu" else time.perf_counter
    start = clock()
    train, train_labels = chunk.train, chunk.train_labels
    n_train = train.shape[1]
    generators = [repetition_generator(seed, number) for number in chunk.repetitions]
    bias, prior = method not in WITHOUT_BIAS, method not in WITHOUT_PRIOR
    widths = (train.shape[-1], *settings.hidden, 1)
    initial = torch.stack([initial_parameters(widths, bias, g) for g in generators])
    network = StackedPerceptrons(initial.to(train), widths, bias)
    optimiser = _Adam(network.parameters, network.gradient, settings.learning_rate)

    points = _GradientPoints(method, train, settings, generators)
    # Gradients are needed at the training rows and the points, attributions at the points alone.
    n_gradients = points.rows.shape[1]
    at_points = slice(n_train if points.n_extra else 0, n_gradients)
    validation_auc = RankAUC(chunk.validation_labels)
    best = network.parameters.clone()
    best_auc = torch.full_like(train[:, 0, 0], -math.inf, dtype=torch.float64)
    best_epoch = torch.zeros_like(best_auc, dtype=torch.int64)
    history: dict[str, list[Tensor]] = {"logits": [], "penalty": [], "auc": []}

    for epoch in range(settings.epochs):
        points.draw()
        activations, logits = network.forward(torch.cat([points.rows, chunk.validation], 1))
        probability = logits[:, :n_train].sigmoid()
        # Derivative of the mean cross-entropy by the logit.
        slope = (probability - train_labels).div_(n_train)
        gates = [hidden[:, :n_gradients].sign() for hidden in activations[1:]]
        deltas = network.backward(gates)
        tangents: list[Tensor] = []
        penalty = torch.full_like(best_auc, math.nan)
        if prior:
            gradient = network.input_gradient(deltas[0][:, at_points])
            scale = points.scale
            if method == "rrr":
                # d/dx [2 logsigmoid(z) - z] = (1 - 2 sigmoid(z)) dz/dx
                scale = (1 - 2 * probability).unsqueeze(-1)
            penalty, upstream = prior_and_gradient(points.attributions(gradient, scale))
            upstream *= strength
            if method == "rrr":
                slope -= 2 * probability * (1 - probability) * (upstream * gradient).sum(-1)
            directions = points.spread(upstream, scale)
            tangents = network.tangent(directions, [gate[:, at_points] for gate in gates])
        network.set_gradient(_lefts(activations, tangents, slope, points.n_extra), deltas, slope)

        # Official protocol: the epoch is judged before its step; epoch 0 is the untrained network.
        auc = validation_auc(logits[:, n_gradients:])
        improved = auc > best_auc
        if bool(improved.any()):
            best[improved] = network.parameters[improved]
            best_auc[improved] = auc[improved]
            best_epoch[improved] = epoch
        for name, value in (("logits", logits), ("penalty", penalty), ("auc", auc)):
            history[name].append(value)
        optimiser.step()

    seconds = (clock() - start) / len(chunk.repetitions)
    logits = torch.stack(history["logits"], 1).double()
    penalties = torch.stack(history["penalty"], 1).double()
    labels = train_labels.double().unsqueeze(1).expand(-1, settings.epochs, -1)
    loss = functional.binary_cross_entropy_with_logits(
        logits[..., :n_train], labels, reduction="none"
    ).mean(-1)
    if prior:
        loss += strength * penalties
    _check_finite(chunk, loss, logits, penalties, f"method {method!r}, strength {strength:g}")
    network.parameters.copy_(best)
    test_auc, importance = _test(chunk, network)
    return {
        "loss": loss,
        "penalty": penalties,
        "validation_auc": torch.stack(history["auc"], 1),
        "epoch": best_epoch,
        "test_auc": test_auc,
        "gini": gini(importance),
        "seconds": torch.full_like(test_auc, seconds),
    }


def _lefts(
    activations: list[Tensor], tangents: list[Tensor], slope: Tensor, n_extra: int
) -> list[Tensor]:
    """``c h + t`` for every layer; points other than the training rows have no ``c h``."""
    n_train = slope.shape[1]
    factor = slope.unsqueeze(-1)
    rows = [hidden[:, :n_train] for hidden in activations]
    if not tangents:
        return [hidden * factor for hidden in rows]
    pairs = zip(rows, tangents, strict=True)
    if n_extra:
        return [torch.cat([hidden * factor, tangent], 1) for hidden, tangent in pairs]
    return [torch.addcmul(tangent, hidden, factor) for hidden, tangent in pairs]


def _test(chunk: Chunk, network: StackedPerceptrons) -> tuple[Tensor, Tensor]:
    """Test ROC-AUC (B,) and mean absolute Input×Gradient of the test rows (B, F), float64."""
    scores = []
    importance = torch.zeros_like(chunk.test[:, 0], dtype=torch.float64)
    for rows in chunk.test.split(_TEST_ROWS, 1):
        activations, logits = network.forward(rows)
        first_delta = network.backward([hidden.sign() for hidden in activations[1:]])[0]
        importance += network.input_gradient(first_delta).mul_(rows).abs_().sum(1)
        scores.append(logits)
    return RankAUC(chunk.test_labels)(torch.cat(scores, 1)), importance / chunk.test.shape[1]


def _check_finite(
    chunk: Chunk, loss: Tensor, logits: Tensor, penalties: Tensor, setting: str
) -> None:
    """Refuse a diverged training, but only at its end: checking every epoch would take longer."""
    bad = ~(loss.isfinite() & logits.isfinite().all(-1))
    if not bool(bad.any()):
        return
    index, epoch = bad.nonzero()[0].tolist()
    if bool(logits[index, epoch].isfinite().all()) and bool(penalties[index, epoch].isnan()):
        reason = "every attribution of the training rows is 0, so that it has no Gini coefficient"
    else:
        reason = "the training diverged"
    raise NonFiniteLossError(
        f"repetition {chunk.repetitions[index]}: the loss is {loss[index, epoch].item():g} in "
        f"epoch {epoch} ({setting}): {reason}; use a smaller strength or learning rate"
    )
