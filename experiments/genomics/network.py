"""The network that tells which motifs a sequence has, as its authors released it."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from torch import nn

from experiments.genomics.sequences import BASES
from experiments.networks.keras_weights import load_keras_weights

# What the three logits tell, in this order.
TASKS = ("both", "GATA", "TAL")


def genomics_convnet() -> nn.Sequential:
    """Build the network of DeepLIFT's genomics experiment (Shrikumar et al. 2017, Sec. 4.2).

    The weights are drawn as Keras does, with which the released network was trained: uniformly by
    Glorot and Bengio (2010), and biases are zero. From PyTorch's own smaller values a training
    first spends half of its epochs on a plateau.

    Returns
    -------
    torch.nn.Sequential
        Maps one-hot sequences (N, 4, length) to logits (N, 3) of the tasks "both motifs", "GATA"
        and "TAL".
    """
    model = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv1d(len(BASES), 50, kernel_size=11),
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
    for layer in (model.conv1, model.conv2, model.fc1, model.fc2):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return model


def load_genomics_convnet(path: str | Path) -> nn.Sequential:
    """Build the network with the weights that its authors released.

    Parameters
    ----------
    path : str or Path
        ``keras2_conv1d_record_5_model_PQzyq_modelWeights.h5``.

    Returns
    -------
    torch.nn.Sequential
        As `genomics_convnet`, in evaluation mode.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    KerasWeightsError
        If it does not hold the weights of this network; the message names the layer.
    """
    model = genomics_convnet()
    layers = {
        "conv1d_1": model.conv1,
        "conv1d_2": model.conv2,
        "dense_1": model.fc1,
        "dense_2": model.fc2,
    }
    # Global pooling leaves one position: there is no order of flattening to mind.
    load_keras_weights(path, layers)
    return model.eval()
