"""Training with attribution priors: batched against a plain loop, and the cost of each prior.

All in one run on random data of the shape of NHEFS: the trainer of `experiments.attribution_prior`
against the literal loop of `tests/oracles/priors.py` (modules, double backpropagation, Adam and, as
in the published code, the ROC-AUC of scikit-learn) with the same threads; the cost of an epoch with
each prior, including Integrated Gradients with 32 steps, against an unregularised one; and the
expected duration of the default experiment. A training of one epoch separates the cost of an epoch
from that of preparing the data and testing, which every training does once.
"""

from __future__ import annotations

import statistics
from functools import partial

from common import Results, argument_parser, interleaved_times, ratio_of_medians

# isort: split
import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from experiments.attribution_prior.settings import METHODS, STRENGTHS, PriorSettings
from experiments.attribution_prior.training import train_repetitions
from tests.oracles import priors as reference

N_ROWS, N_FEATURES = 1629, 53
WITHOUT_PRIOR = ("unregularised", "unregularised_without_bias")
# Without Integrated Gradients, which are only timed.
EXPERIMENT = tuple(method for method in METHODS if method != "ig")
EXPERIMENT_REPETITIONS, EXPERIMENT_EPOCHS = 30, 100


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return features and labels that can be learned."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(N_ROWS, N_FEATURES))
    labels = features[:, :5].sum(1) + 2 * rng.normal(size=N_ROWS) > 2.5
    return features, labels.astype(np.int64)


def batched(method: str, repetitions: int, epochs: int, chunk_size: int | None = None) -> None:
    """Train with this project's trainer."""
    features, labels = data()
    strengths = None if method in WITHOUT_PRIOR else [1.0]
    settings = PriorSettings(epochs=epochs)
    train_repetitions(
        features, labels, range(repetitions), method, strengths, settings, chunk_size=chunk_size
    )


def plain(method: str, repetitions: int, epochs: int) -> None:
    """Train with the plain loop."""
    features, labels = data()
    for repetition in range(repetitions):
        reference.train_repetition(
            features,
            labels,
            repetition,
            method,
            1.0,
            epochs=epochs,
            auc_of=lambda scores, truth: roc_auc_score(truth, scores),
        )


def main() -> None:
    """Run the benchmark."""
    options = argument_parser(__doc__, clock=True).parse_args()
    torch.set_num_threads(options.threads)
    rounds = 2 if options.quick else options.repeats
    repetitions, epochs = (2, 6) if options.quick else (4, 20)
    results = Results("priors")

    stacked = partial(batched, chunk_size=4)
    cases = {"batched": batched, "plain loop": plain, "stacked by 4": stacked}
    # Few epochs of Integrated Gradients are enough: each is as long as dozens of the others.
    lengths = {method: epochs if method != "ig" else 3 for method in METHODS}
    functions = {
        (method, case, length): partial(train, method, repetitions, length)
        for method in METHODS
        for case, train in cases.items()
        for length in (1, lengths[method])
    }
    times = interleaved_times(functions, rounds, clock=options.clock)

    per_epoch, whole = {}, {}
    for method, length in lengths.items():
        setting = {"repetitions": repetitions, "epochs": length, "clock": options.clock}
        for case in cases:
            name = f"{method}, {case}"
            once, total = times[method, case, 1], times[method, case, length]
            results.add(name, "time", total, "s", **setting)
            pairs = list(zip(once, total, strict=True))
            per_epoch[method, case] = [(b - a) / (length - 1) / repetitions for a, b in pairs]
            results.add(name, "time of an epoch", per_epoch[method, case], "s", **setting)
            more = EXPERIMENT_EPOCHS - 1
            whole[method, case] = [
                a / repetitions + more * epoch
                for a, epoch in zip(once, per_epoch[method, case], strict=True)
            ]
        for case in ("plain loop", "stacked by 4"):
            ratio = ratio_of_medians(whole[method, case], whole[method, "batched"])
            quantity = f"{case} / batched, {EXPERIMENT_EPOCHS} epochs"
            results.add(method, quantity, ratio, "", clock=options.clock)
    for method in METHODS:
        for case in ("batched", "plain loop"):
            ratio = ratio_of_medians(per_epoch[method, case], per_epoch["unregularised", case])
            quantity = "epoch / unregularised epoch"
            results.add(f"{method}, {case}", quantity, ratio, "", clock=options.clock)

    estimate = EXPERIMENT_REPETITIONS * sum(
        statistics.median(whole[method, "batched"])
        * (1 if method in WITHOUT_PRIOR else len(STRENGTHS))
        for method in EXPERIMENT
    )
    results.add(
        "default experiment",
        "estimated time",
        estimate,
        "s",
        repetitions=EXPERIMENT_REPETITIONS,
        epochs=EXPERIMENT_EPOCHS,
        clock=options.clock,
    )
    print(results.write(options.output_dir))


if __name__ == "__main__":
    main()
