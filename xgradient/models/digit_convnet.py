"""The network of the digit conversion (Shrikumar, Greenside, Kundaje 2017, Sec. 4.1)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def digit_convnet(bias: bool = True) -> nn.Sequential:
    """Build the network of DeepLIFT's digit conversion on MNIST, 239,594 parameters.

    Parameters
    ----------
    bias : bool, optional
        ``False`` builds its X-DNN twin.

    Returns
    -------
    nn.Sequential
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
