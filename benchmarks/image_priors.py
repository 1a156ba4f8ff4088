"""A training step with a prior on the attributions of images, against one without.

One net, one batch, one run: the unregularised step, and the step with the prior on X-Gradient, on
Expected Gradients with one reference and on Integrated Gradients. A step is what a training does:
loss, attribution with ``create_graph=True``, penalty, backward pass, update. The memory is that of
the activations that wait for the second backward pass.
"""

from __future__ import annotations

from collections.abc import Callable

from common import Results, argument_parser, interleaved_times, peak_memory, ratio_of_medians

# isort: split
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from xgradient.attribution import expected_gradients, integrated_gradients, x_gradient
from xgradient.homogeneous import remove_biases
from xgradient.models import AlexNet, digit_convnet
from xgradient.priors import attribution_prior_loss

N_CLASSES = 10
# An X-DNN without max pooling, and two with: of 28-pixel images and of ImageNet's.
NETS: dict[str, tuple[int, int, Callable[[], nn.Module]]] = {
    "digit ConvNet": (1, 28, digit_convnet),
    "small AlexNet": (1, 28, lambda: AlexNet(N_CLASSES, 1, geometry="small")),
    "AlexNet": (3, 224, lambda: AlexNet(N_CLASSES)),
}
CASES = ("unregularised", "XG", "EG(1)", "IG(8)", "IG(32)")


def attribute(case: str, net: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Attribution of a case, with its graph."""
    if case == "XG":
        return x_gradient(net, images, labels, check=False, create_graph=True)
    if case == "EG(1)":
        return expected_gradients(net, images, labels, baselines=images, create_graph=True)
    n_steps = int(case[3:-1])
    return integrated_gradients(net, images, labels, n_steps=n_steps, create_graph=True)


def training_step(case: str, prior: str, name: str, batch: int) -> Callable[[], None]:
    """Return one step of training with a prior."""
    torch.manual_seed(0)
    channels, side, build = NETS[name]
    net = remove_biases(build())
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)
    images = torch.randn(batch, channels, side, side)
    labels = torch.randint(N_CLASSES, (batch,))

    def step() -> None:
        net.train()
        loss = cross_entropy(net(images), labels)
        if case != "unregularised":
            attributions = attribute(case, net, images, labels)
            loss = loss + 0.1 * attribution_prior_loss(attributions, prior)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def main() -> None:
    """Run the benchmark."""
    parser = argument_parser(__doc__, clock=True)
    parser.add_argument("--batch", type=int, default=64, help="images of 28 pixels per step")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    repeats = 2 if options.quick else options.repeats
    results = Results("image_priors")
    for name, (_, side, _) in NETS.items():
        if side > 28 and options.quick:
            continue
        batch = 8 if options.quick or side > 28 else options.batch
        # Integrated Gradients hold the activations of all their steps until the second pass.
        cases = CASES if side == 28 else CASES[:-1]
        for prior in ("image_gini", "total_variation"):
            setting = {"net": name, "batch": batch, "prior": prior, "clock": options.clock}
            steps = {case: training_step(case, prior, name, batch) for case in cases}
            seconds = interleaved_times(steps, repeats, clock=options.clock)
            for case in cases:
                results.add(case, "time of a step", seconds[case], "s", **setting)
                ratio = ratio_of_medians(seconds[case], seconds["unregularised"])
                results.add(case, "step / unregularised step", ratio, "", **setting)
        for case in cases:
            peak = peak_memory(training_step, case, prior, name, batch, threads=options.threads)
            results.add(case, "peak memory of a step", peak, "MiB", **setting)
    print(results.write(options.output_dir))


if __name__ == "__main__":
    main()
