"""Reading images against running networks: which of the two limits a training or an evaluation?

On generated JPEG files of the size of ImageNet's: the training pipeline (decode, cut out, resize,
mirror, normalise) with 0, 1 and 2 reading processes, the decoding of the store for evaluation, and
the store itself. Next to them, for every network of the published experiment and two SqueezeNets,
the time per image of a forward pass, of a gradient of a logit with respect to the input as IG takes
them (in float32, in float64, and with products rounded to TF32), and of a training step.

The result is the rates file of ``python -m experiments.scaling``. On a GPU:
``python benchmarks/input_pipeline.py --device cuda --batch-size 256``.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from common import Results, allow_tf32, argument_parser, interleaved_times, ratio_of_medians

# isort: split
import numpy as np
import torch
from PIL import Image, ImageFilter
from torch.nn import functional

from experiments.data.augmentation import AugmentedImages
from experiments.data.file_images import FileImages, build_store
from experiments.data.index import Index
from experiments.data.mirroring import Mirrored
from experiments.data.network_images import NetworkImages
from experiments.data.order import EpochBatches, epoch_order
from experiments.data.preprocessing import Preprocessing
from experiments.data.tensors import load_batches
from experiments.networks.architectures import architecture
from experiments.networks.checkpoints import build_network
from xgradient.attribution import integrated_gradients
from xgradient.rounding import rounded_forward

NETS = (
    "alexnet",
    "vgg16",
    "fixup_resnet50",
    "torchvision/squeezenet1_0",
    "torchvision/squeezenet1_1",
)
SPACE = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), resize=256, crop=224)
SIDE = 224
PER_IMAGE = "s per image"


def write_photographs(folder: Path, n_files: int) -> Index:
    """Write JPEG files of 500 × 400 pixels: large shapes under noise, about 100 kB each."""
    draws = np.random.default_rng(0)
    names = []
    for number in range(n_files):
        shapes = Image.fromarray(draws.integers(0, 256, (8, 10, 3), dtype=np.uint8))
        shapes = shapes.resize((500, 400), Image.Resampling.BICUBIC)
        noise = Image.fromarray(draws.integers(0, 256, (400, 500, 3), dtype=np.uint8))
        photograph = Image.blend(shapes, noise.filter(ImageFilter.GaussianBlur(0.7)), 0.35)
        names.append(f"{number:03}.jpg")
        photograph.save(folder / names[-1], quality=93)
    labels = np.zeros(n_files, dtype=np.int64)
    paths = np.array(names, dtype=np.dtypes.StringDType())
    return Index(folder, paths, labels, {"class_names": ["one"]})


def read_all(data, workers: int, n_images: int) -> None:
    """Read as a training does: whole batches in random order."""
    batches = EpochBatches(epoch_order(0, 1, n_images) % len(data), 16)
    for _ in load_batches(Mirrored(data, 0, 1), batches, workers):
        pass


def measure_reading(results: Results, n_images: int, repeats: int) -> float:
    """Time the pipelines; return the time per training image with one process."""
    with tempfile.TemporaryDirectory() as folder:
        index = write_photographs(Path(folder), 64)
        size = statistics.mean(path.stat().st_size for path in Path(folder).iterdir())
        setting = {"width": 500, "height": 400, "kilobytes": round(size / 1000)}
        every = index.select(np.arange(n_images) % len(index))
        files = FileImages(every, SPACE)
        augmented = AugmentedImages(FileImages(index, SPACE), SPACE, SIDE)
        stores = Path(folder) / "store"
        stored = NetworkImages(build_store(files, stores / "read", {}), SPACE)
        cases: dict[tuple[str, int], Callable[[], object]] = {}
        for workers in (0, 1, 2):
            cases["training images", workers] = lambda n=workers: read_all(augmented, n, n_images)
        for workers in (0, 2):
            target = stores / str(workers)
            cases["evaluation images", workers] = lambda n=workers, folder=target: build_store(
                files, folder, {}, n
            )
        cases["store", 0] = lambda: [
            stored.__getitems__(range(start, start + 16)) for start in range(0, n_images - 15, 16)
        ]
        times = interleaved_times(cases, repeats, warmup=0)
    for (case, workers), seconds in times.items():
        per_image = [value / n_images for value in seconds]
        results.add(case, "reading", per_image, PER_IMAGE, workers=workers, **setting)
    for case, workers in cases:
        if workers:
            ratio = ratio_of_medians(times[case, 0], times[case, workers])
            results.add(case, "speed over the process alone", ratio, "", workers=workers)
    return statistics.median(times["training images", 0]) / n_images


class Passes:
    """The passes of one network over a batch of random images.

    Parameters
    ----------
    key : str
        Architecture.
    device : torch.device
        Where to run.
    """

    def __init__(self, key: str, device: torch.device) -> None:
        kind = architecture(key)
        geometry = {"geometry": "imagenet"} if "geometry" in kind.options else {}
        torch.manual_seed(0)
        net = build_network(kind.builder, {**kind.arguments, "num_classes": 1000, **geometry})
        self.net = net.eval().to(device).to(memory_format=torch.channels_last)
        self.device = device
        self.optimizer = torch.optim.SGD(self.net.parameters(), 1e-6, momentum=0.9)

    def inputs(self, images: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return random images and labels."""
        draws = torch.Generator().manual_seed(0)
        inputs = torch.randn((images, 3, SIDE, SIDE), generator=draws)
        return inputs.to(self.device), torch.zeros(images, dtype=torch.int64, device=self.device)

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        """Evaluate."""
        with torch.no_grad():
            self.net(inputs)

    def gradient(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        """Take as many gradients as there are images: steps of IG, which most gradients are.

        They share the work of the first layer, and three forward passes of a single image.
        """
        images = len(inputs)
        integrated_gradients(
            self.net, inputs[:1], labels[:1], n_steps=images, internal_batch_size=images
        )

    def gradient_float64(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        """Attribute in double precision."""
        self.gradient(inputs.double(), labels)

    def gradient_rounded(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        """Attribute with products of operands rounded to TF32."""
        with rounded_forward(self.net, "tf32"):
            self.gradient(inputs, labels)

    def training(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        """Take a step of SGD."""
        self.net.train()
        self.optimizer.zero_grad()
        functional.cross_entropy(self.net(inputs), labels).backward()
        self.optimizer.step()
        self.net.eval()

    def times(
        self, kinds: tuple[str, ...], images: int, repeats: int, at_most: float
    ) -> dict[str, list[float]]:
        """Return seconds per image of several passes, taken in turn.

        Parameters
        ----------
        kinds : tuple of str
            Methods of this class.
        images : int
            Images per pass.
        repeats : int
            Rounds.
        at_most : float
            Seconds after which no further round is begun.
        """
        calls = {kind: self._call(kind, images) for kind in kinds}
        for kind in kinds:
            self._call(kind, images if self.device.type == "cuda" else 1)()
        start, seconds = time.perf_counter(), {kind: [] for kind in kinds}
        for _ in range(repeats):
            for kind, values in interleaved_times(calls, 1, warmup=0).items():
                seconds[kind].append(values[0] / images)
            if time.perf_counter() - start > at_most:
                break
        return seconds

    def _call(self, kind: str, images: int) -> Callable[[], None]:
        tensors = self.inputs(images)

        def call() -> None:
            getattr(self, kind)(*tensors)
            if self.device.type == "cuda":
                torch.cuda.synchronize()

        return call


def measure_net(results: Results, key: str, options, setting: Mapping[str, object]) -> float:
    """Time the passes of one network; return the time of a training step per image."""
    passes = Passes(key, torch.device(options.device))
    limits = {"repeats": options.repeats, "at_most": options.seconds}
    kinds = ("forward", "gradient", "gradient_rounded", "training")
    times = passes.times(kinds, options.batch_size, **limits)
    passes.optimizer.zero_grad()
    # On a processor, a few images in double precision take as long per image as a whole batch of
    # them, which would take minutes.
    few = options.batch_size if options.device == "cuda" else min(2, options.batch_size)
    single = passes.times(("gradient",), few, **limits)["gradient"]
    passes.net.double()
    double = passes.times(("gradient_float64",), few, **limits)["gradient_float64"]
    for kind, values in times.items():
        results.add(key, kind, values, PER_IMAGE, **setting)
    ratio = ratio_of_medians(double, single)
    few_images = {**setting, "batch_size": few}
    results.add(key, "gradient_float64, time over gradient", ratio, "", **few_images)
    estimate = ratio * statistics.median(times["gradient"])
    results.add(key, "gradient_float64", estimate, PER_IMAGE, **setting)
    return statistics.median(times["training"])


def main() -> None:
    """Run the benchmark."""
    parser = argument_parser(__doc__.partition("\n")[0])
    parser.set_defaults(repeats=3)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of the networks")
    parser.add_argument("--batch-size", type=int, default=16, help="images per pass")
    parser.add_argument("--nets", nargs="+", choices=NETS, default=NETS, help="networks to run")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="no further repeats of a network after so long"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    allow_tf32(False)
    n_images = 160
    if options.quick:
        options.batch_size, options.repeats, options.seconds, n_images = 2, 1, 1.0, 64
    results, load = Results("input_pipeline"), [os.getloadavg()[0]]
    reading = measure_reading(results, n_images, min(2, options.repeats))
    where = options.device
    if where == "cuda":
        where = torch.cuda.get_device_name().replace(" ", "_")
    setting = {"side": SIDE, "batch_size": options.batch_size, "device": where}
    for key in options.nets:
        training = measure_net(results, key, options, setting)
        ratio = reading / training
        results.add(key, "reading processes that training keeps busy", ratio, "", **setting)
    load.append(os.getloadavg()[0])
    results.add("machine", "load average before and after", load, "processes")
    print(results.write(options.output_dir))


if __name__ == "__main__":
    main()
