"""The paper's numbers on a GPU: XG against IG (128), MARD by precision, masking, training.

On AlexNet with the geometry of ImageNet and random images, all in one run. On a machine without a
GPU every quantity is written as "not measured".
"""

from __future__ import annotations

import copy
import csv

from common import (
    Results,
    allow_tf32,
    argument_parser,
    environment,
    interleaved_times,
    ratio_of_medians,
)

# isort: split
import torch
from torch import Tensor, nn
from torch.nn import functional

from xgradient.attribution import input_x_gradient, integrated_gradients, x_gradient
from xgradient.homogeneous import remove_biases
from xgradient.masking import masking_curves
from xgradient.models import AlexNet
from xgradient.relative_difference import mean_absolute_relative_difference

QUANTITIES = (
    ("XG", "time per image"),
    ("IG", "time per image"),
    ("IG", "time over XG"),
    ("X-DNN, float64", "MARD in percent"),
    ("X-DNN, float32", "MARD in percent"),
    ("X-DNN, TF32", "MARD in percent"),
    ("masking curves", "masked images per second"),
    ("training step", "images per second"),
)


def finished(call):
    """Return a function that waits for the GPU to finish the call."""

    def run() -> None:
        call()
        torch.cuda.synchronize()

    return run


def relative_difference(net: nn.Module, inputs: Tensor, target: Tensor, n_steps: int) -> float:
    """Return the relative difference of one batch, in percent."""
    ig = integrated_gradients(net, inputs, target, n_steps=n_steps, internal_batch_size=64)
    return 100 * mean_absolute_relative_difference(ig, input_x_gradient(net, inputs, target))


def training_step(net: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, target: Tensor):
    """Take one step of SGD."""
    optimizer.zero_grad()
    functional.cross_entropy(net(inputs), target).backward()
    optimizer.step()


def measure(results: Results, images: int, n_steps: int, repeats: int) -> None:
    """Measure every quantity on the GPU."""
    device = torch.device("cuda")
    torch.manual_seed(0)
    regular = AlexNet().eval().to(device)
    net = remove_biases(regular)
    inputs = torch.randn(images, 3, 224, 224, device=device)
    target = torch.randint(1000, (images,), device=device)
    setting = {"gpu": torch.cuda.get_device_name().replace(" ", "_"), "images": images}

    allow_tf32(False)
    times = interleaved_times(
        {
            "XG": finished(lambda: x_gradient(net, inputs, target, check=False)),
            "IG": finished(
                lambda: integrated_gradients(
                    net, inputs, target, n_steps=n_steps, internal_batch_size=16 * images
                )
            ),
        },
        repeats,
    )
    for name, seconds in times.items():
        results.add(name, "time per image", [t / images for t in seconds], "s per image", **setting)
    results.add("IG", "time over XG", ratio_of_medians(times["IG"], times["XG"]), "", **setting)

    for name, dtype, tf32 in (
        ("float64", torch.float64, False),
        ("float32", torch.float32, False),
        ("TF32", torch.float32, True),
    ):
        allow_tf32(tf32)
        same = copy.deepcopy(net).to(dtype)
        value = relative_difference(same, inputs.to(dtype), target, n_steps)
        results.add(f"X-DNN, {name}", "MARD in percent", value, "", n_steps=n_steps, **setting)
    allow_tf32(False)

    means = input_x_gradient(net, inputs, target).mean(1, keepdim=True)
    curves = interleaved_times(
        {"all": finished(lambda: masking_curves(net, inputs, target, means, batch_size=96))},
        repeats,
    )["all"]
    rate = [6 * 16 * images / seconds for seconds in curves]
    results.add("masking curves", "masked images per second", rate, "", **setting)

    trained = copy.deepcopy(regular).train()
    optimizer = torch.optim.SGD(trained.parameters(), lr=1e-3, momentum=0.9)
    steps = interleaved_times(
        {"one": finished(lambda: training_step(trained, optimizer, inputs, target))}, repeats, 3
    )["one"]
    rate = [images / seconds for seconds in steps]
    results.add("training step", "images per second", rate, "", **setting)


def write_unmeasured(path) -> None:
    """Write a row for every quantity that says that it was not measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ("benchmark", "case", "quantity", "median", *environment())
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=names, lineterminator="\n")
        writer.writeheader()
        for case, quantity in QUANTITIES:
            row = {"benchmark": "gpu", "case": case, "quantity": quantity}
            writer.writerow({**row, "median": "not measured", **environment()})


def main() -> None:
    """Run the benchmark."""
    parser = argument_parser(__doc__)
    parser.add_argument("--images", type=int, default=16, help="images per batch")
    parser.add_argument("--n-steps", type=int, default=128, help="nodes of Integrated Gradients")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if not torch.cuda.is_available():
        path = options.output_dir / "gpu.csv"
        write_unmeasured(path)
        print(f"there is no GPU: {path} says 'not measured'")
        return
    results = Results("gpu")
    measure(results, options.images, options.n_steps, 2 if options.quick else options.repeats)
    print(results.write(options.output_dir))


if __name__ == "__main__":
    main()
