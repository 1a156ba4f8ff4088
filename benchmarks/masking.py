"""Masking metrics against their literal reference: speed, share of the forward passes, memory.

Three questions. What is the cost of everything but the forward pass, that is, mask construction and
replacement? It is timed with a net that does nothing, against `tests/oracles/masking.py` and
against one ``torch.topk`` per mask. How much of an evaluation is spent in a real net? And is the
peak memory bounded by ``batch_size``, whatever the number of images?
"""

from __future__ import annotations

import time

from common import Results, argument_parser, interleaved_times, peak_memory, ratio_of_medians

# isort: split
import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from tests.oracles import masking as reference
from xgradient.masking import CURVES, blur_size_for, channel_mean, masking_curves

FRACTIONS = [float(fraction) for fraction in np.geomspace(0.01, 1, 16)]


class NoNet(nn.Module):
    """Costs nothing: what remains of an evaluation is the masking itself."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return two logits per image without looking at it."""
        return inputs.new_zeros(len(inputs), 2)


class Clocked(nn.Module):
    """Count the images and the seconds that pass through a net."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.images = 0
        self.seconds = 0.0

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the net and keep the time."""
        start = time.perf_counter()
        logits = self.net(inputs)
        self.seconds += time.perf_counter() - start
        self.images += len(inputs)
        return logits


def fashion_net() -> nn.Module:
    """Return a small net for 28 pixels: the least work that masks could be compared with."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128 * 49, 256),
        nn.ReLU(),
        nn.Linear(256, 10),
    )


def build(name: str) -> nn.Module:
    """Return an untrained net by name; a timing does not depend on the weights."""
    return (fashion_net() if name == "fashion" else torchvision.models.alexnet(weights=None)).eval()


def data(n_images: int, channels: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return random inputs, targets and attributions."""
    generator = torch.Generator().manual_seed(0)
    shape = (n_images, channels, side, side)
    inputs = torch.randn(shape, generator=generator)
    target = torch.randint(2, (n_images,), generator=generator)
    return inputs, target, torch.randn(shape, generator=generator)


def literal(net: nn.Module, inputs: Tensor, target: Tensor, attributions: Tensor) -> Tensor:
    """Evaluate by the definitions, the replacement once per image."""
    size = blur_size_for(inputs.shape[-1])
    replacement = torch.stack([torch.from_numpy(reference.blur(x.numpy(), *size)) for x in inputs])
    return reference.masking_curves(net, inputs, target, attributions, FRACTIONS, replacement)[0]


def topk_per_mask(net: nn.Module, inputs: Tensor, target: Tensor, attributions: Tensor) -> Tensor:
    """Evaluate with vectorised selections, but one for each mask, all masks of an image at once."""
    kernel_size, sigma = blur_size_for(inputs.shape[-1])
    radius = kernel_size // 2
    offsets = torch.arange(-radius, radius + 1) / (2 * sigma)
    kernel = torch.exp(-(offsets**2))
    kernel = torch.outer(kernel, kernel) / kernel.sum() ** 2
    channels = inputs.shape[1]
    weight = kernel.expand(channels, 1, -1, -1).contiguous()
    mean = channel_mean(attributions)
    logits = []
    for n in range(len(inputs)):
        masks = []
        for curve in CURVES:
            signal = {"P": mean[n], "N": -mean[n], "A": mean[n].abs()}[curve[1]]
            positive = signal.clamp(min=0).flatten()
            available = int(positive.count_nonzero())
            for fraction in FRACTIONS:
                k = int(min(fraction * positive.numel(), available))
                keep = curve.startswith("K")
                values = positive if keep else positive.masked_fill(positive == 0, torch.inf)
                kept = values.topk(k, largest=keep).indices
                masks.append(torch.zeros_like(positive, dtype=torch.bool).index_fill_(0, kept, 1))
        masks = torch.stack(masks).view(-1, 1, *inputs.shape[-2:])
        padded = functional.pad(inputs[n : n + 1], (radius,) * 4, mode="reflect")
        blurred = functional.conv2d(padded, weight, groups=channels)
        with torch.no_grad():
            logits.append(net(torch.where(masks, inputs[n], blurred))[:, target[n]])
    return torch.stack(logits).view(len(inputs), len(CURVES), len(FRACTIONS))


def prepare_evaluation(evaluate, net: str, images: int, channels: int, side: int, batch_size: int):
    """Build everything but the evaluation itself, whose memory is measured."""
    model, tensors = build(net), data(images, channels, side)
    evaluate(model, *data(1, channels, 28 if net == "fashion" else 64), 1)  # loads libraries
    return lambda: evaluate(model, *tensors, batch_size)


def this_project(net, inputs, target, attributions, batch_size: int) -> Tensor:
    """Evaluate with `xgradient.masking`."""
    return masking_curves(net, inputs, target, attributions, batch_size=batch_size).target_logit


def all_masks_at_once(net, inputs, target, attributions, batch_size: int) -> Tensor:
    """Evaluate with `topk_per_mask`, which has no batch size."""
    return topk_per_mask(net, inputs, target, attributions)


def compare(
    results: Results, quantity: str, net: nn.Module, tensors, repeats: int, setting
) -> dict[str, Tensor]:
    """Time this project, one top-k per mask and the literal reference; return their scores."""
    scores: dict[str, Tensor] = {}

    def case(name, evaluate, *arguments):
        def run() -> None:
            scores[name] = evaluate(net, *tensors, *arguments)

        return name, run

    ours, topk, slow = (
        case("this project", this_project, setting["batch_size"]),
        case("topk per mask", topk_per_mask),
        case("literal reference", literal),
    )
    times = interleaved_times(dict([ours, topk]), repeats, clock=setting["clock"])
    # The literal reference is too slow for many repeats: each is run between two fast ones.
    for _ in range(min(repeats, 2)):
        more = interleaved_times(dict([slow, ours]), 1, warmup=0, clock=setting["clock"])
        for name, seconds in more.items():
            times.setdefault(name, []).extend(seconds)
    images = len(tensors[0])
    for name, seconds in times.items():
        results.add(name, f"{quantity}, per image", [t / images for t in seconds], "s", **setting)
    for name in ("topk per mask", "literal reference"):
        ratio = ratio_of_medians(times[name], times["this project"])
        results.add(name, f"{quantity}, time over this project", ratio, "", **setting)
    return scores


def share_of_the_net(results: Results, net: nn.Module, tensors, repeats: int, setting) -> None:
    """Measure how much of an evaluation is spent in the forward passes."""
    clocked = Clocked(net)
    shares = []
    for _ in range(repeats):
        clocked.seconds, clocked.images = 0.0, 0
        start = time.perf_counter()
        this_project(clocked, *tensors, setting["batch_size"])
        shares.append(clocked.seconds / (time.perf_counter() - start))
    results.add("this project", "share of time in the net", shares, "", **setting)
    evaluated = clocked.images / len(tensors[0])
    results.add("this project", "masked images evaluated, of 96", evaluated, "", **setting)


def main() -> None:
    """Run the benchmark."""
    parser = argument_parser(__doc__, clock=True)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    repeats = 2 if options.quick else options.repeats
    side = 96 if options.quick else 224
    results = Results("masking")

    for name, channels, size, images in (("fashion", 1, 28, 8), ("alexnet", 3, side, 1)):
        setting = {"net": name, "side": size, "batch_size": options.batch_size}
        setting["clock"] = options.clock
        net, tensors = build(name), data(images, channels, size)
        compare(results, "masks alone", NoNet(), tensors, repeats, setting)
        scores = compare(results, "end to end", net, tensors, repeats, setting)
        for case in ("topk per mask", "literal reference"):
            difference = (scores[case] - scores["this project"]).abs().max().item()
            results.add(case, "largest difference of a score", difference, "logit", **setting)
        share_of_the_net(results, net, tensors, repeats, setting)

    # More images than fit into a batch need no more memory; larger batches do.
    for images, batch_size in ((1, 4), (4, 4), (8, 4), (1, 32), (1, 96)):
        setting = {"net": "alexnet", "side": side, "batch_size": batch_size, "images": images}
        arguments = ("alexnet", images, 3, side, batch_size)
        peak = peak_memory(prepare_evaluation, this_project, *arguments, threads=options.threads)
        results.add("this project", "peak memory", peak, "MiB", **setting)
    peak = peak_memory(
        prepare_evaluation, all_masks_at_once, "alexnet", 1, 3, side, 96, threads=options.threads
    )
    setting = {"net": "alexnet", "side": side, "batch_size": 96, "images": 1}
    results.add("topk per mask", "peak memory", peak, "MiB", **setting)

    print(results.write(options.output_dir))


if __name__ == "__main__":
    main()
