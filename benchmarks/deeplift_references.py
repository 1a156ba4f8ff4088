"""DeepLIFT with many references per input, here and in the packages that are installed beside.

A network like Basset (three convolutions with BatchNorm, ReLU and max pooling, two linear layers)
on one-hot sequences of 600 letters, each against shuffled references; all in one run. Captum is
always there; tangermeme and shap are measured where they are installed (the extra ``peers``).
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable

from common import Results, argument_parser, interleaved_times, peak_memory, ratio_of_medians

# isort: split
import torch
from captum.attr import DeepLift
from torch import Tensor, nn
from torch.nn.functional import one_hot

from xgradient.deeplift import deeplift

LENGTH = 600
OURS = "this project"


def basset() -> nn.Module:
    """Return an untrained network like Basset; its cost does not depend on the weights."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(4, 300, 19, padding=9),
        nn.BatchNorm1d(300),
        nn.ReLU(),
        nn.MaxPool1d(3),
        nn.Conv1d(300, 200, 11, padding=5),
        nn.BatchNorm1d(200),
        nn.ReLU(),
        nn.MaxPool1d(4),
        nn.Conv1d(200, 200, 7, padding=3),
        nn.BatchNorm1d(200),
        nn.ReLU(),
        nn.MaxPool1d(4),
        nn.Flatten(),
        nn.Linear(200 * (LENGTH // 48), 1000),
        nn.ReLU(),
        nn.Linear(1000, 1),  # shap explains all outputs, the others one
    ).eval()


def sequences(n_sequences: int, n_references: int) -> tuple[Tensor, Tensor]:
    """Return one-hot sequences (N, 4, L) and references (N, R, 4, L) of the same letters."""
    generator = torch.Generator().manual_seed(0)
    letters = torch.randint(4, (n_sequences, LENGTH), generator=generator)
    orders = torch.rand(n_sequences, n_references, LENGTH, generator=generator).argsort(-1)
    shuffled = letters[:, None].expand(-1, n_references, -1).gather(-1, orders)
    coded = one_hot(letters, 4).transpose(-1, -2).float()
    return coded, one_hot(shuffled, 4).transpose(-1, -2).float()


def attribution(case: str, n_sequences: int, n_references: int, batch: int) -> Callable[[], Tensor]:
    """Prepare one attribution for the measurements."""
    net, (inputs, references) = basset(), sequences(n_sequences, n_references)
    if case == OURS:
        return lambda: deeplift(net, inputs, 0, baselines=references, internal_batch_size=batch)
    if case == "tangermeme":
        from tangermeme.deep_lift_shap import deep_lift_shap

        return lambda: deep_lift_shap(
            net, inputs, references=references, batch_size=batch, device="cpu"
        )
    if case == "shap":
        import shap

        def with_shap() -> Tensor:
            values = [
                shap.DeepExplainer(net, own).shap_values(row[None], check_additivity=False)
                for row, own in zip(inputs, references, strict=True)
            ]
            return torch.tensor(values[0])

        return with_shap

    def with_captum() -> Tensor:
        explainer, parts = DeepLift(net), []
        pairs = inputs.repeat_interleave(n_references, 0)
        for some, starts in zip(
            pairs.split(batch), references.flatten(0, 1).split(batch), strict=True
        ):
            parts.append(explainer.attribute(some, starts, target=0).detach())
        return torch.cat(parts).unflatten(0, (n_sequences, n_references)).mean(1)

    return with_captum


def main() -> None:
    """Run the benchmark."""
    parser = argument_parser(__doc__, clock=True)
    parser.add_argument("--sequences", type=int, default=32)
    parser.add_argument("--references", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32, help="pairs in the network at a time")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    sizes = (2, 2, 4) if options.quick else (options.sequences, options.references, options.batch)
    installed = [name for name in ("tangermeme", "shap") if importlib.util.find_spec(name)]
    cases = [OURS, "Captum", *installed]
    results = Results("deeplift_references")
    setting = dict(zip(("sequences", "references", "batch"), sizes, strict=True))
    setting["clock"] = options.clock
    calls = {case: attribution(case, *sizes) for case in cases}
    repeats = 2 if options.quick else options.repeats
    times = interleaved_times(calls, repeats, clock=options.clock)
    for case in cases:
        results.add(case, "time", times[case], "s", **setting)
        peak = peak_memory(attribution, case, *sizes, threads=options.threads)
        results.add(case, "peak memory", peak, "MiB", **setting)
        if case != OURS:
            ratio = ratio_of_medians(times[OURS], times[case])
            results.add(f"{OURS} / {case}", "time", ratio, "", **setting)
    print(results.write(options.output_dir))


if __name__ == "__main__":
    main()
