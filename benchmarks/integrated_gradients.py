"""Integrated Gradients with 50 steps, here and in Captum.

On a multilayer perceptron, VGG11 at 64 pixels and AlexNet at 224 pixels, all in one run: each
library as it is without options, and both with the same number of path points in the net at a time.
Captum by default evaluates all points of all images at once.
"""

from __future__ import annotations

from collections.abc import Callable

from common import Results, argument_parser, interleaved_times, peak_memory, ratio_of_medians

# isort: split
import torch
import torchvision
from captum.attr import IntegratedGradients
from torch import nn

from xgradient.attribution import integrated_gradients

STEPS = 50
EQUAL = 16


def perceptron() -> nn.Module:
    """Return a net of three linear layers."""
    widths = (784, 512, 512, 10)
    layers = [nn.Linear(widths[i], widths[i + 1]) for i in range(3)]
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


NETS: dict[str, tuple[tuple[int, ...], int, Callable[[], nn.Module]]] = {
    "perceptron": ((784,), 64, perceptron),
    "VGG11, 64 px": ((3, 64, 64), 4, lambda: torchvision.models.vgg11(num_classes=10)),
    "AlexNet, 224 px": ((3, 224, 224), 4, lambda: torchvision.models.alexnet()),
}
CASES = ("this project", "Captum", "this project, equal batch", "Captum, equal batch")


def attribution(case: str, name: str) -> Callable[[], object]:
    """Prepare one attribution of a batch for the measurements."""
    torch.manual_seed(0)
    shape, n_inputs, build = NETS[name]
    net = build().eval()
    inputs = torch.randn(n_inputs, *shape)
    target = torch.zeros(n_inputs, dtype=torch.long)
    rows = {"internal_batch_size": EQUAL} if case.endswith("equal batch") else {}
    if case.startswith("Captum"):
        explainer = IntegratedGradients(net)
        return lambda: explainer.attribute(inputs, target=target, n_steps=STEPS, **rows)
    return lambda: integrated_gradients(net, inputs, target, n_steps=STEPS, **rows)


def main() -> None:
    """Run the benchmark."""
    options = argument_parser(__doc__, clock=True).parse_args()
    torch.set_num_threads(options.threads)
    repeats = 2 if options.quick else options.repeats
    results = Results("integrated_gradients")
    for name in NETS:
        if options.quick and name != "perceptron":
            continue
        setting = {"net": name, "batch_size": NETS[name][1], "clock": options.clock}
        calls = {case: attribution(case, name) for case in CASES}
        times = interleaved_times(calls, repeats, clock=options.clock)
        for case in CASES:
            results.add(case, "time", times[case], "s", **setting)
            peak = peak_memory(attribution, case, name, threads=options.threads)
            results.add(case, "peak memory", peak, "MiB", **setting)
        for suffix in ("", ", equal batch"):
            ratio = ratio_of_medians(times[f"this project{suffix}"], times[f"Captum{suffix}"])
            results.add(f"this project / Captum{suffix}", "time", ratio, "", **setting)
    print(results.write(options.output_dir))


if __name__ == "__main__":
    main()
