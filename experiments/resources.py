"""Time and memory that a job asks a cluster for.

The requests are upper bounds, from the number of images, passes through the net and pixels. They
need not be exact: a job that is stopped for taking more is started again with twice as much.
"""

from __future__ import annotations

import math
import re

__all__ = ["megabytes", "minutes", "share_of_shard"]

# Processor time, in seconds per pixel of one image, of VGG16, the most expensive published net: 6.2
# and 13 microseconds were measured on one core for images of 224 × 224 pixels. A training step also
# has the gradients of the weights and the update.
_SECONDS = {"forward": 6.2e-6, "gradient": 13e-6, "training": 26e-6}
_REFERENCE_PIXELS = 224**2
# Other processors, and other work on the same one.
_MARGIN = 4
# A GPU is faster by more than this.
_GPU_SPEEDUP = 20
# Any job: start Python, read files, write files, wait for a slow file system.
_LEAST_MINUTES = 10

# A process that has imported torch and opened its files: 0.5 to 1 GB were measured. CUDA's
# libraries take more.
_PROCESS_MEGABYTES = {False: 2000, True: 6000}
# Activations of one image, in bytes per pixel. With their gradients 5000 were measured, for VGG16.
# A forward pass alone keeps no more than two layers at a time: 512 bytes for VGG16; 350 were
# measured for SqueezeNet, with the images themselves.
_BYTES_PER_PIXEL = {"forward": 1500, "gradient": 6000, "training": 6000}


def minutes(
    kind: str,
    n_images: int,
    n_steps: int = 1,
    *,
    pixels: int,
    gpu: bool = False,
    attempt: int = 1,
) -> int:
    """Return the time limit of a job.

    Nets for small images are also narrower: the time per pixel grows with the side of the image,
    which fits the measured times (0.5 and 1.8 microseconds for Fixup ResNet-50 at 28 × 28 pixels).

    Parameters
    ----------
    kind : str
        What is done in a step: ``forward``, ``gradient`` or ``training``.
    n_images : int
        Images, or sequences.
    n_steps : int
        Steps per image: epochs of a training, steps of IG, masked versions of an image, each over
        all methods of the job.
    pixels : int
        Pixels of one image.
    gpu : bool
        Whether the net runs on a GPU.
    attempt : int
        1 for the first start of the job; every further one doubles the limit.

    Returns
    -------
    int
        Minutes.

    Raises
    ------
    ValueError
        If `kind` is unknown.
    """
    _check_kind(kind)
    per_image = _SECONDS[kind] * pixels * math.sqrt(pixels / _REFERENCE_PIXELS)
    seconds = _MARGIN * n_images * n_steps * per_image / (_GPU_SPEEDUP if gpu else 1)
    return (_LEAST_MINUTES + math.ceil(seconds / 60)) * 2 ** (attempt - 1)


def megabytes(
    kind: str,
    batch_size: int = 0,
    *,
    pixels: int,
    stored: int = 0,
    gpu: bool = False,
    attempt: int = 1,
) -> int:
    """Return the main memory of a job.

    Parameters
    ----------
    kind : str
        What is done: ``forward``, ``gradient`` or ``training``.
    batch_size : int
        Images that are in the net at a time. On a GPU they are in the memory of the GPU.
    pixels : int
        Pixels of one image.
    stored : int
        Numbers (float32) that the job holds in memory: images, attributions.
    gpu : bool
        Whether the net runs on a GPU.
    attempt : int
        1 for the first start of the job; every further one doubles the memory.

    Returns
    -------
    int
        Megabytes.

    Raises
    ------
    ValueError
        If `kind` is unknown.
    """
    _check_kind(kind)
    activations = 0 if gpu else batch_size * pixels * _BYTES_PER_PIXEL[kind]
    needed = _PROCESS_MEGABYTES[gpu] + math.ceil((activations + 4 * stored) / 10**6)
    return needed * 2 ** (attempt - 1)


def _check_kind(kind: str) -> None:
    if kind not in _SECONDS:
        raise ValueError(f"kind is {kind!r}, but must be one of {', '.join(_SECONDS)}")


def share_of_shard(total: int, scatteritem: str) -> int:
    """Return how many of `total` things one of several equal shards has, rounded up.

    Parameters
    ----------
    total : int
        Images or repetitions of all shards.
    scatteritem : str
        Snakemake's name of a shard, such as ``2-of-20``.

    Returns
    -------
    int
        The size of the shard.

    Raises
    ------
    ValueError
        If the name of the shard has another form.
    """
    match = re.fullmatch(r"\d+-of-([1-9]\d*)", scatteritem)
    if match is None:
        raise ValueError(f"the shard {scatteritem!r} is not of the form 2-of-20")
    return math.ceil(total / int(match[1]))
