"""Cost of attributions: X-Gradient, and Integrated Gradients here and in Captum.

On AlexNet with the geometry of ImageNet, all in one run: X-Gradient against one forward and one
backward pass of the same X-DNN; Integrated Gradients with 128 nodes against Captum's, with the
same number of images in the net at a time; and X-Gradient against both.
"""

from __future__ import annotations

from common import Results, argument_parser, interleaved_times, peak_memory, ratio_of_medians

# isort: split
import torch
import torchvision
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from xgradient.attribution import integrated_gradients, x_gradient
from xgradient.homogeneous import remove_biases


def build(variant: str, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Return an untrained AlexNet; a cost does not depend on the weights."""
    torch.manual_seed(0)
    net = torchvision.models.alexnet(weights=None).eval().to(dtype)
    return remove_biases(net) if variant == "x" else net


def data(images: int, side: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Return random inputs and targets."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn((images, 3, side, side), generator=generator, dtype=dtype)
    return inputs, torch.randint(1000, (images,), generator=generator)


def forward_backward(net: nn.Module, inputs: Tensor, target: Tensor) -> Tensor:
    """Take the gradient of the target logit, and nothing else."""
    leaf = inputs.clone().requires_grad_()
    logits = net(leaf).gather(1, target[:, None])
    return torch.autograd.grad(logits.sum(), leaf)[0]


def xg(net: nn.Module, inputs: Tensor, target: Tensor) -> Tensor:
    """X-Gradient of a net that is known to be homogeneous."""
    return x_gradient(net, inputs, target, check=False)


def checked_xg(net: nn.Module, inputs: Tensor, target: Tensor) -> Tensor:
    """X-Gradient with the check that the net is homogeneous."""
    return x_gradient(net, inputs, target)


def ig(net: nn.Module, inputs: Tensor, target: Tensor, n_steps: int, batch: int) -> Tensor:
    """Integrated Gradients of this project."""
    return integrated_gradients(net, inputs, target, n_steps=n_steps, internal_batch_size=batch)


def captum_ig(net: nn.Module, inputs: Tensor, target: Tensor, n_steps: int, batch: int) -> Tensor:
    """Integrated Gradients of Captum."""
    return IntegratedGradients(net).attribute(
        inputs, target=target, n_steps=n_steps, method="gausslegendre", internal_batch_size=batch
    )


def prepare(attribute, variant: str, images: int, side: int, *arguments: int):
    """Build net and images, use the libraries once, and return the call to measure."""
    net, (inputs, target) = build(variant), data(images, side)
    attribute(net, *data(1, 64), *arguments)
    return lambda: attribute(net, inputs, target, *arguments)


def main() -> None:
    """Run the benchmark."""
    parser = argument_parser(__doc__, clock=True)
    parser.add_argument("--images", type=int, default=16, help="images per batch of X-Gradient")
    parser.add_argument("--n-steps", type=int, default=128, help="nodes of Integrated Gradients")
    parser.add_argument("--internal-batch-size", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    repeats, n_steps, side, images = options.repeats, options.n_steps, 224, options.images
    if options.quick:
        repeats, n_steps, side, images = 2, 32, 96, 4
    batch = options.internal_batch_size
    results = Results("xgradient_cost")

    # X-Gradient against one forward and one backward pass of the same net and batch.
    net, tensors = build("x"), data(images, side)
    setting = {"net": "X-AlexNet", "side": side, "images": images, "clock": options.clock}
    cases = {"one forward, one backward": forward_backward, "XG": xg, "XG, checked": checked_xg}
    passes = interleaved_times(
        {name: lambda f=f: f(net, *tensors) for name, f in cases.items()},
        repeats,
        clock=options.clock,
    )
    for name, seconds in passes.items():
        results.add(name, "time per image", [t / images for t in seconds], "s", **setting)
    for name in ("XG", "XG, checked"):
        ratio = ratio_of_medians(passes[name], passes["one forward, one backward"])
        results.add(name, "time over one forward, one backward", ratio, "", **setting)
    for name, attribute in cases.items():
        peak = peak_memory(prepare, attribute, "x", images, side, threads=options.threads)
        results.add(name, "peak memory", peak, "MiB", **setting)

    # Integrated Gradients of one image, on the regular net, and X-Gradient of the X-DNN.
    regular, one = build("regular"), data(1, side)
    setting = {"side": side, "images": 1, "n_steps": n_steps, "internal_batch_size": batch}
    setting["clock"] = options.clock
    times = interleaved_times(
        {
            "IG": lambda: ig(regular, *one, n_steps, batch),
            "IG of Captum": lambda: captum_ig(regular, *one, n_steps, batch),
            "XG": lambda: xg(net, *one),
        },
        max(2, repeats // 2 + 1),
        clock=options.clock,
    )
    for name, seconds in times.items():
        results.add(name, "time per image", seconds, "s", **setting)
    for name, other in (("IG of Captum", "IG"), ("IG", "XG"), ("IG of Captum", "XG")):
        ratio = ratio_of_medians(times[name], times[other])
        results.add(name, f"time over {other}", ratio, "", **setting)
    for name, attribute, variant, arguments in (
        ("IG", ig, "regular", (n_steps, batch)),
        ("IG of Captum", captum_ig, "regular", (n_steps, batch)),
        ("XG", xg, "x", ()),
    ):
        peak = peak_memory(
            prepare, attribute, variant, 1, side, *arguments, threads=options.threads
        )
        results.add(name, "peak memory", peak, "MiB", **setting)

    # The same numbers, in double precision: few nodes do, since all nodes are treated alike.
    double, exact = build("regular", torch.float64), data(1, side, torch.float64)
    ours, theirs = ig(double, *exact, 8, 4), captum_ig(double, *exact, 8, 4)
    difference = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    results.add("IG", "largest relative difference to Captum, float64", difference, "", n_steps=8)

    print(results.write(options.output_dir))


if __name__ == "__main__":
    main()
