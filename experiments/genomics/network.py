"""The network that detects the motifs of a sequence, as its authors released it."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from experiments.networks.keras_weights import load_keras_weights
from xgradient.models.genomics_convnet import genomics_convnet

# The tasks of the three logits, in this order.
TASKS = ("both", "GATA", "TAL")


def load_genomics_convnet(path: str | Path) -> nn.Sequential:
    """Build the network with the weights that the authors released.

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
        If the file does not exist.
    KerasWeightsError
        If the file does not contain the weights of this network; the message names the layer.
    """
    model = genomics_convnet()
    layers = {
        "conv1d_1": "conv1",
        "conv1d_2": "conv2",
        "dense_1": "fc1",
        "dense_2": "fc2",
    }
    # Global pooling leaves one position, so that the order of flattening does not matter.
    load_keras_weights(path, model, layers)
    return model.eval()
