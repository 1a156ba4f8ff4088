"""The network of the digit conversion: released weights, and its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from experiments.data.tensors import ImageTensors
from experiments.networks.keras_weights import channels_first, load_keras_weights
from experiments.networks.settings import TrainingSettings
from experiments.networks.training import train
from experiments.seeds import job_seed
from xgradient.homogeneous import remove_biases
from xgradient.models.digit_convnet import digit_convnet


def load_digit_convnet(path: str | Path) -> nn.Sequential:
    """Build the network of the paper with the weights that the authors released.

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
        If the file does not exist.
    KerasWeightsError
        If the file does not contain the weights of this network; the message names the layer.
    """
    model = digit_convnet()
    layers = {
        "conv2d_1": "conv1",
        "conv2d_2": "conv2",
        "dense_1": "fc1",
        "dense_2": "fc2",
    }
    load_keras_weights(path, model, layers)
    channels = len(model.get_parameter("conv2.weight"))
    channels_first(model.get_parameter("fc1.weight"), channels)
    return model.eval()


def scale_input(model: nn.Sequential, factor: float) -> None:
    """Make the network take inputs in another unit.

    Parameters
    ----------
    model : torch.nn.Sequential
        From `digit_convnet`; changed in place.
    factor : float
        The network then returns for ``inputs`` what it returned for ``factor * inputs``.
    """
    with torch.no_grad():
        model.get_parameter("conv1.weight").mul_(factor)


def train_twins(
    regular: nn.Module,
    splits: Sequence[ImageTensors],
    settings: Mapping[str, Mapping[str, Any]],
    seed: int,
    fabric: Fabric,
    label: str,
) -> tuple[dict[str, nn.Module], list[dict[str, Any]]]:
    """Train a net and its X-DNN on grey values of 0 to 1, for a fixed number of epochs.

    They are trained on all training images, and the test images are not used. Learning from 0 to
    255 directly takes many more epochs, since the logits start, and stay, hundreds of times too
    large for the softmax.

    Parameters
    ----------
    regular : torch.nn.Module
        The net with biases; trained in place.
    splits : sequence of ImageTensors
        Images (N, 1, H, W) to train on, put together.
    settings : mapping of str to mapping
        Settings of the trainings ``regular`` and ``x``.
    seed : int
        Each training derives its own from it.
    fabric : lightning_fabric.Fabric
        Launched; it decides the device.
    label : str
        Of the progress bars.

    Returns
    -------
    nets : dict of str to torch.nn.Module
        ``regular``, and ``x``, which starts from it without its biases.
    history : list of dict
        One row per net and epoch: ``network``, ``epoch``, ``train_loss``, ``learning_rate``.
    """
    data = ImageTensors(
        torch.cat([split.images for split in splits]),
        torch.cat([split.labels for split in splits]),
        mean=[0.0],
        std=[1.0],
    )
    nets: dict[str, nn.Module] = {"regular": regular}
    history = []
    for network in ("regular", "x"):
        if network == "x":
            nets["x"] = remove_biases(regular)
        # Adam as in the paper; a mirrored digit is no digit.
        chosen = TrainingSettings(
            **settings[network], optimizer="adamw", weight_decay=0.0, horizontal_flip=False
        )
        name = f"{label} {network}"
        own_seed = job_seed(seed, network)
        result = train(nets[network], data, None, chosen, own_seed, fabric, progress=name)
        for row in result.history:
            shown = {key: row[key] for key in ("epoch", "train_loss", "learning_rate")}
            history.append({"network": network, **shown})
    return {name: net.cpu() for name, net in nets.items()}, history
