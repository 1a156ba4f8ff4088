"""DeepLIFT against one forward and backward pass, and against Captum's DeepLift.

The project's bound: with any rule, time and peak memory stay within six times
those of one forward pass and one backward pass to the inputs. A zero reference is shared by all
inputs; a reference per input costs a second forward pass, which Captum always makes.
"""

from __future__ import annotations

from collections.abc import Callable

from common import Results, argument_parser, interleaved_times, peak_memory, ratio_of_medians

# isort: split
import torch
import torchvision
from captum.attr import DeepLift
from torch import Tensor, nn

from xgradient.deeplift import deeplift
from xgradient.models import digit_convnet, genomics_convnet

GRADIENT = "forward and backward"
CASES = (
    GRADIENT,
    "rescale",
    "rescale, reference per input",
    "revealcancel",
    "revealcancel, reference per input",
    "genomics_default",
    "Captum DeepLift",
)


def build(net: str) -> nn.Module:
    """Return an untrained net by name; its cost does not depend on the weights."""
    nets: dict[str, Callable[[], nn.Module]] = {
        "digits": digit_convnet,
        "genomics": genomics_convnet,
        "alexnet": lambda: torchvision.models.alexnet(weights=None),
    }
    return nets[net]().eval()


def inputs_of(net: str, n_inputs: int) -> Tensor:
    """Return random inputs of the size that a net expects."""
    shape = {"digits": (1, 28, 28), "genomics": (4, 200), "alexnet": (3, 224, 224)}[net]
    return torch.rand((n_inputs, *shape), generator=torch.Generator().manual_seed(0))


def attribution(case: str, net: str, n_inputs: int) -> Callable[[], object]:
    """Prepare one attribution for the measurements."""
    model, inputs = build(net), inputs_of(net, n_inputs)
    target = torch.zeros(n_inputs, dtype=torch.long)
    if case == GRADIENT:

        def gradient() -> Tensor:
            points = inputs.detach().requires_grad_()
            (result,) = torch.autograd.grad(model(points)[:, 0].sum(), points)
            return result

        return gradient
    if case == "Captum DeepLift":
        # Captum refuses a module that is used twice, and hooks those of this copy.
        explainer = DeepLift(model)
        return lambda: explainer.attribute(inputs, torch.zeros_like(inputs), target=target)
    rule, _, reference = case.partition(", ")
    baselines = torch.zeros_like(inputs) if reference else None
    return lambda: deeplift(model, inputs, target, baselines=baselines, rule=rule)


def prepared(case: str, net: str, n_inputs: int) -> Callable[[], object]:
    """Prepare one attribution after a small one has loaded the libraries."""
    attribution(case, net, 1)()
    return attribution(case, net, n_inputs)


def main() -> None:
    """Run the benchmark."""
    options = argument_parser(__doc__, clock=True).parse_args()
    torch.set_num_threads(options.threads)
    repeats = 2 if options.quick else options.repeats
    results = Results("deeplift")
    sizes = {"digits": 256, "genomics": 128, "alexnet": 8}
    if options.quick:
        sizes = {"digits": 64, "genomics": 32}
    for net, n_inputs in sizes.items():
        setting = {"net": net, "batch_size": n_inputs, "clock": options.clock}
        times = interleaved_times(
            {case: attribution(case, net, n_inputs) for case in CASES},
            repeats,
            clock=options.clock,
        )
        peaks = {
            case: peak_memory(prepared, case, net, n_inputs, threads=options.threads)
            for case in CASES
        }
        for case in CASES:
            results.add(case, "time", times[case], "s", **setting)
            results.add(case, "peak memory", peaks[case], "MiB", **setting)
            if case != GRADIENT:
                ratio = ratio_of_medians(times[case], times[GRADIENT])
                results.add(case, f"time / {GRADIENT}", ratio, "", **setting)
                ratio = peaks[case] / peaks[GRADIENT]
                results.add(case, f"peak memory / {GRADIENT}", ratio, "", **setting)
    print(results.write(options.output_dir))


if __name__ == "__main__":
    main()
