"""The weights that torchvision releases, as entries of the catalogue made on demand.

torchvision states the address of every file, and its own preprocessing; the first eight digits of
the SHA-256 stand in the file name. Importing torchvision takes seconds, so it is imported when the
first entry is made: the catalogue is read whenever the workflow is parsed.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from experiments.data.catalogue import Dataset

__all__ = ["torchvision_dataset"]


def _weights(name: str, weights: str) -> Any:
    import torchvision

    # Other submodules are for segmentation, detection, video and quantised networks.
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=4)
        raise ValueError(
            f"torchvision has no classifier of images {name!r}; "
            f"{'similar ones are' if close else 'it has'} {', '.join(close or known)}"
        )
    offered = torchvision.models.get_model_weights(name)
    # DEFAULT is an alias of one of the others.
    if weights not in offered.__members__:
        raise ValueError(
            f"torchvision has no weights {weights!r} of {name}; it has "
            f"{', '.join(offered.__members__)}"
        )
    return offered[weights]


def torchvision_dataset(name: str, weights: str = "DEFAULT") -> Dataset:
    """Describe the weights of a classifier of torchvision as an entry of the catalogue.

    Parameters
    ----------
    name : str
        Name of the network in torchvision, such as ``"squeezenet1_1"``.
    weights : str
        Name of its weights in torchvision, such as ``"IMAGENET1K_V1"``; by default the best ones.

    Returns
    -------
    Dataset
        With one file and the section ``weights``. Its name contains those of the network and of the
        weights, such as ``"torchvision_squeezenet1_1_imagenet1k_v1"``.

    Raises
    ------
    ValueError
        If torchvision has no such network or weights, states no digest of their file, or
        preprocesses images in a way that `NetworkInputs` cannot express.
    """
    chosen = _weights(name, weights)
    title = f"{name} {chosen.name} of torchvision"
    file_name = chosen.url.rpartition("/")[2]
    digits = re.search(r"-([0-9a-f]{8,})\.pth$", file_name)
    if digits is None:
        raise ValueError(f"{title}: the file name {file_name} states no digest")
    transform = chosen.transforms()
    interpolation = transform.interpolation.value
    if interpolation != "bilinear":
        raise ValueError(
            f"{title} were trained on images resized by {interpolation} interpolation, but images "
            "are resized by bilinear interpolation here; choose other weights"
        )
    (resize,), (crop,) = transform.resize_size, transform.crop_size
    return Dataset.model_validate(
        {
            "name": f"torchvision_{name}_{chosen.name.lower()}",
            "title": f"Weights {chosen.name} of {name} for ImageNet, as released with torchvision",
            "homepage": "https://docs.pytorch.org/vision/stable/models.html",
            "licence": "BSD-3-Clause for torchvision; the training data are under ImageNet's terms",
            "citation": "TorchVision maintainers and contributors. TorchVision: PyTorch's computer "
            "vision library. https://github.com/pytorch/vision, 2016.",
            "mirror": "torchvision",
            "sources": [{"url": f"{chosen.url.rpartition('/')[0]}/{{name}}"}],
            "files": [{"name": file_name, "sha256_prefix": digits[1]}],
            "weights": {
                "format": "torch",
                "outputs": "imagenet",
                "preprocessing": {
                    "resize": resize,
                    "crop": crop,
                    "mean": transform.mean,
                    "std": transform.std,
                },
                "files": {f"torchvision/{name}": {"regular": file_name}},
                "classes": chosen.meta["categories"] or (),
            },
        }
    )
