"""Nets of a configuration: the images that they take, what they are made from, their bytes."""

from __future__ import annotations

from functools import cache
from typing import Any

from experiments.networks.architectures import architecture
from experiments.networks.config import Network
from experiments.networks.origin import released
from experiments.settings import catalogue

__all__ = ["image_shape", "model_bytes", "origin"]


def image_shape(network: Network) -> tuple[int, int, int]:
    """Return channels, height and width of the images that a net takes.

    Raises
    ------
    ValueError
        If they have the size of their files.
    """
    images = catalogue()[network.dataset].images
    if images is not None and images.FORM == "idx":
        return (1, *images.shape)  # type: ignore[union-attr]
    crop = network.space.crop
    if crop is None:
        raise ValueError(
            f"images of {network.dataset} have the size of their files: give the network a "
            "preprocessing with a crop"
        )
    return 3, crop, crop


def origin(net: Network, variant: str) -> tuple[str, str | None]:
    """Return the rule that makes a variant, and the variant that it starts from."""
    if variant == "x" and net.x is not None:
        return "train", "stripped" if net.x.init == "stripped" else None
    if variant == "stripped" or (variant == "x" and not net.has_x_weights):
        return "strip_biases", "regular"
    if variant == "regular" and net.regular is not None:
        return "train", None if net.weights is None else "pretrained"
    return "read_weights", None


def model_bytes(net: Network, variant: str) -> int:
    """Return the bytes of the tensors of a model file."""
    kind, (rule, start) = architecture(str(net.architecture)), origin(net, variant)
    if net.weights is None:
        classes = catalogue()[net.dataset].n_classes
    else:
        # Training keeps the classes of the net that it starts from.
        source = released(net, variant if rule == "read_weights" else "regular")
        keep = source["keep"]
        classes = source["num_classes"] if keep is None else len(keep)
    arguments = {
        **kind.arguments,
        "in_channels": image_shape(net)[0],
        "bias": variant not in ("x", "stripped"),
        "num_classes": classes,
        **{name: getattr(net, name) for name in kind.options},
        **(kind.stripped if rule == "strip_biases" or start == "stripped" else {}),
        # Nets of torchvision are kept without their BatchNorm.
        **({"folded": True} if "name" in kind.arguments else {}),
    }
    return _tensor_bytes(kind.builder, tuple(sorted(arguments.items())))


@cache
def _tensor_bytes(builder: str, arguments: tuple[tuple[str, Any], ...]) -> int:
    # Imported here, as it takes longer than all the rest.
    import torch

    from experiments.networks.checkpoints import build_network

    with torch.device("meta"):
        model = build_network(builder, dict(arguments))
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
