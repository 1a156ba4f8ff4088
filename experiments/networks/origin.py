"""Where the weights of a network come from, as the configuration names it."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from experiments.data.catalogue import Dataset
from experiments.data.label_spaces import IMAGENET_CLASSES
from experiments.networks.torchvision_weights import torchvision_dataset
from experiments.settings import Refusal, catalogue, nearest

if TYPE_CHECKING:
    from experiments.networks.config import Network

__all__ = [
    "FORMATS",
    "check_weights",
    "is_file",
    "is_torchvision",
    "released",
    "torchvision_name",
    "weights_entry",
]

FORMATS = {
    ".safetensors": "safetensors",
    ".npz": "npz",
    ".pth": "torch",
    ".pt": "torch",
    ".tar": "torch",
}
"""Format of a weight file by the end of its name."""


def is_file(weights: str) -> bool:
    """Whether the weights are a file of the user's."""
    return PurePath(weights).suffix in FORMATS


def is_torchvision(weights: str) -> bool:
    """Whether the weights are those that torchvision releases."""
    return weights.split("/")[0] == "torchvision" and not is_file(weights)


def weights_entry(weights: str, architecture: str) -> Dataset:
    """Return the files of released weights, as an entry of the catalogue.

    Parameters
    ----------
    weights : str
        The name of an entry, ``torchvision`` or ``torchvision/VERSION``.
    architecture : str
        Key of the architecture.
    """
    if not is_torchvision(weights):
        return catalogue()[weights]
    return torchvision_dataset(*_torchvision_name(weights, architecture))


def torchvision_name(network: Network) -> tuple[str, str]:
    """Return the name of a net and of its weights in torchvision."""
    return _torchvision_name(str(network.weights), str(network.architecture))


def _torchvision_name(weights: str, architecture: str) -> tuple[str, str]:
    return architecture.partition("/")[2], weights.partition("/")[2] or "DEFAULT"


def check_weights(weights: str, architecture: str, key: str = "weights") -> None:
    """Refuse weights that do not exist, or not for this architecture.

    Parameters
    ----------
    weights : str
        A file, ``torchvision``, ``torchvision/VERSION`` or an entry of the catalogue.
    architecture : str
        Key of the architecture.
    key : str
        Where the configuration names them.

    Raises
    ------
    experiments.settings.Refusal
        Which says what is allowed.
    """
    if is_file(weights):
        path = Path(weights)
        if not path.is_file():
            where = "" if path.is_absolute() else f" in {Path.cwd()}"
            raise Refusal(f"is {weights!r}, but there is no such file{where}", key)
        return
    if is_torchvision(weights):
        if not architecture.startswith("torchvision/"):
            raise Refusal(
                f"is {weights!r}, but the architecture is {architecture}: torchvision releases "
                "weights for torchvision/NAME",
                "weights",
            )
        return
    entries = {name: entry.weights for name, entry in catalogue().items() if entry.weights}
    found = entries.get(weights)
    if found is None:
        near = nearest(weights, entries)
        hint = f"; did you mean {near}?" if near else ""
        raise Refusal(
            f"is {weights!r}, but must be one of {', '.join(entries)}, torchvision, or a file "
            f"({', '.join(FORMATS)}){hint}",
            "weights",
        )
    if architecture not in found.files:
        raise Refusal(
            f"is {weights!r}, which has no weights for {architecture}, only for "
            f"{', '.join(found.files)}",
            "weights",
        )


def released(network: Network, variant: str) -> dict[str, Any]:
    """Return what a job needs to read the weights of a net, JSON-serialisable.

    Parameters
    ----------
    network : experiments.networks.config.Network
        Its entry of the configuration.
    variant : str
        ``"x"`` for the weights of the X-DNN; anything else for those of the regular net.

    Returns
    -------
    dict
        ``file``, its name (None if it is the user's), and ``format``; ``outputs`` of the net,
        ``num_classes`` of the file, and ``keep``, the outputs to keep in their new order, or None
        for all; ``torchvision``, the name of the net and of its weights there, or None.
    """
    assert network.weights is not None and network.architecture is not None
    dataset = catalogue()[network.dataset]
    found: dict[str, Any] = {"file": None, "keep": None, "torchvision": None}
    if is_file(network.weights):
        path = network.x_weights if variant == "x" else network.weights
        found["format"] = FORMATS[PurePath(str(path)).suffix]
        outputs = "imagenet" if network.outputs == "imagenet" else dataset.label_space
    else:
        weights = weights_entry(network.weights, network.architecture).weights
        assert weights is not None  # as check_weights says
        files = weights.files[network.architecture]
        found["file"] = files["x" if variant == "x" else "regular"]
        found["format"], outputs = weights.format, weights.outputs
        if is_torchvision(network.weights):
            found["torchvision"] = torchvision_name(network)
    found["num_classes"] = _number_of_classes(outputs)
    if network.outputs == "dataset" and outputs != dataset.label_space:
        found["keep"], outputs = list(dataset.outputs_in(outputs)), dataset.label_space
    return {**found, "outputs": outputs}


def _number_of_classes(outputs: str) -> int | None:
    """Return the number of classes of a label space."""
    return IMAGENET_CLASSES if outputs == "imagenet" else catalogue()[outputs].n_classes
