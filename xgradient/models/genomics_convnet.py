"""The network of the simulated genomics (Shrikumar, Greenside, Kundaje 2017, Sec. 4.2)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def genomics_convnet() -> nn.Sequential:
    """Build the network of DeepLIFT's genomics experiment (Shrikumar et al. 2017, Sec. 4.2).

    The weights are drawn as Keras does, with which the released network was trained: uniformly by
    Glorot and Bengio (2010), and biases are zero. From PyTorch's own smaller values a training
    first spends half of its epochs on a plateau.

    Returns
    -------
    nn.Sequential
        Maps one-hot sequences (N, 4, length) to logits (N, 3) of the tasks "both motifs", "GATA"
        and "TAL".
    """
    model = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv1d(4, 50, kernel_size=11),
            relu1=nn.ReLU(),
            conv2=nn.Conv1d(50, 50, kernel_size=11),
            relu2=nn.ReLU(),
            pool=nn.AdaptiveAvgPool1d(1),
            flatten=nn.Flatten(),
            fc1=nn.Linear(50, 50),
            relu3=nn.ReLU(),
            dropout=nn.Dropout(0.5),
            fc2=nn.Linear(50, 3),
        )
    )
    for layer in model:
        if isinstance(layer, (nn.Conv1d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model
