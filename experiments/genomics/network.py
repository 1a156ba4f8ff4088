"""The network that tells which motifs a sequence has, as its authors released it."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from experiments.networks.keras_weights import load_keras_weights
from xgradient.models.genomics_convnet import genomics_convnet

# What the three logits tell, in this order.
TASKS = ("both", "GATA", "TAL")


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
        "conv1d_1": "conv1",
        "conv1d_2": "conv2",
        "dense_1": "fc1",
        "dense_2": "fc2",
    }
    # Global pooling leaves one position: there is no order of flattening to mind.
    load_keras_weights(path, model, layers)
    return model.eval()
