"""A network of images as jobs use it: the model, how it takes images, and what its logits mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from experiments.data.network_images import NetworkImages
from experiments.data.open_images import open_images
from experiments.data.preprocessing import Preprocessing
from experiments.networks.checkpoints import load_model, read_header

__all__ = ["Network", "load_network"]


@dataclass(frozen=True)
class Network:
    """A network, with how it takes images and what its logits stand for.

    Parameters
    ----------
    model : torch.nn.Module
        Maps images (N, C, H, W) to logits (N, K).
    preprocessing : Preprocessing
        Brings images into the space that the model takes.
    outputs : str
        The classes of its logits: the name of a data set, or ``"imagenet"``.
    """

    model: nn.Module
    preprocessing: Preprocessing
    outputs: str

    def open_images(self, path: str | Path) -> NetworkImages:
        """Return the images of a store or an index, as this network takes them."""
        return open_images(path, self.preprocessing, self.outputs)


def load_network(path: str | Path, device: torch.device | str = "cpu") -> Network:
    """Rebuild a network of images, in evaluation mode, on a device.

    Raises
    ------
    ValueError
        As `load_model`, or if the file does not say how the network takes images.
    """
    header = read_header(path)
    if "preprocessing" not in header:
        raise ValueError(f"{path} does not say how its network takes images; delete it, run again")
    # This memory layout is faster on most processors.
    model = load_model(path).to(device).to(memory_format=torch.channels_last)
    return Network(model, header["preprocessing"], header["outputs"])
