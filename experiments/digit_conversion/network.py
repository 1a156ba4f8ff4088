"""The network of the digit conversion, built anew or with the weights of its authors."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

from experiments.networks.keras_weights import channels_first, load_keras_weights


def digit_convnet(bias: bool = True) -> nn.Sequential:
    """Build the network of the paper for MNIST, 239,594 parameters.

    Parameters
    ----------
    bias : bool, optional
        ``False`` builds its X-DNN twin.

    Returns
    -------
    torch.nn.Sequential
        Maps raw images (N, 1, 28, 28), grey values 0 to 255, to logits (N, 10).
    """
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 32, kernel_size=4, stride=2, bias=bias),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(32, 64, kernel_size=4, stride=2, bias=bias),
            relu2=nn.ReLU(),
            dropout1=nn.Dropout(0.25),
            flatten=nn.Flatten(),
            fc1=nn.Linear(64 * 5 * 5, 128, bias=bias),
            relu3=nn.ReLU(),
            dropout2=nn.Dropout(0.5),
            fc2=nn.Linear(128, 10, bias=bias),
        )
    )


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
