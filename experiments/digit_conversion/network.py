"""The network of the digit conversion with the weights of its authors."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from experiments.networks.keras_weights import channels_first, load_keras_weights
from xgradient.models import digit_convnet


def load_digit_convnet(path: str | Path) -> nn.Sequential:
    """Build the network of the paper with the weights that its authors released.

    Parameters
    ----------
    path : str or Path
        ``keras2_mnist_cnn_allconv.h5``.

    Returns
    -------
    torch.nn.Sequential
        As `digit_convnet`, in evaluation mode.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    KerasWeightsError
        If it does not hold the weights of this network; the message names the layer.
    """
    model = digit_convnet()
    layers = {
        "conv2d_1": model.conv1,
        "conv2d_2": model.conv2,
        "dense_1": model.fc1,
        "dense_2": model.fc2,
    }
    load_keras_weights(path, layers)
    channels_first(model.fc1, channels=model.conv2.out_channels)
    return model.eval()


def scale_input(model: nn.Sequential, factor: float) -> None:
    """Let the network take inputs in another unit.

    Parameters
    ----------
    model : torch.nn.Sequential
        From `digit_convnet`; changed in place.
    factor : float
        The network then returns for ``inputs`` what it returned for ``factor * inputs``.
    """
    with torch.no_grad():
        model.conv1.weight.mul_(factor)
