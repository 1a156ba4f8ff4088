"""Weights that Keras 2 saved as HDF5, as arrays and as parameters of PyTorch layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor, nn


class KerasWeightsError(ValueError):
    """A file of Keras weights does not fit a network."""


def load_keras_weights(path: str | Path, model: nn.Module, layers: Mapping[str, str]) -> None:
    """Copy the kernels and biases of a Keras file into the layers of a network.

    Keras keeps the output channels last, PyTorch first: ``(*kernel, in, out)`` becomes
    ``(out, in, *kernel)``. Nothing is copied if anything does not fit.

    Parameters
    ----------
    path : str or Path
        File written by ``model.save`` or ``model.save_weights`` of Keras 2.
    model : torch.nn.Module
        Changed in place.
    layers : mapping of str to str
        Name of the Linear, Conv1d or Conv2d of the network by the name of the layer in the file.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    KerasWeightsError
        If it is not an HDF5 file, if a layer or one of its arrays is missing, or if a shape is not
        that of the layer.
    """
    path = Path(path)
    parameters = {
        name: (model.get_parameter(f"{own}.weight"), model.get_parameter(f"{own}.bias"))
        for name, own in layers.items()
    }
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise KerasWeightsError(f"{path} is not an HDF5 file: {error}") from error
    with file, _readable(path):
        # A complete saved model has its weights in a separate group.
        group = file.get("model_weights", file)
        converted = {
            name: (
                _array(path, group, name, "kernel", _keras_shape(weight)),
                _array(path, group, name, "bias", tuple(bias.shape)),
            )
            for name, (weight, bias) in parameters.items()
        }
    with torch.no_grad():
        for name, (weight, bias) in parameters.items():
            kernel, offsets = converted[name]
            weight.copy_(torch.from_numpy(kernel).movedim((-1, -2), (0, 1)))
            bias.copy_(torch.from_numpy(offsets))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    # h5py raises any of them where what a valid header announces is damaged.
    except (OSError, RuntimeError, KeyError, AttributeError) as error:
        raise KerasWeightsError(f"{path} is damaged: {' '.join(str(error).split())}") from error


def channels_first(weight: Tensor, channels: int) -> None:
    """Reorder the inputs of a fully connected layer from a channels-last to a channels-first map.

    Keras flattens a feature map in the order (*spatial, channels), PyTorch in the order
    (channels, *spatial): the weights move with their inputs.

    Parameters
    ----------
    weight : torch.Tensor of shape (out, in)
        Of the layer behind the flattening, with the input order of Keras; changed in place.
    channels : int
        Channels of the feature map.
    """
    with torch.no_grad():
        by_position = weight.view(len(weight), -1, channels)
        weight.copy_(by_position.transpose(1, 2).flatten(1))


def _keras_shape(weight: Tensor) -> tuple[int, ...]:
    out_channels, in_channels, *kernel = weight.shape
    return (*kernel, in_channels, out_channels)


def _array(
    path: Path, group: h5py.Group, layer: str, kind: str, shape: tuple[int, ...]
) -> np.ndarray:
    if layer not in group:
        raise KerasWeightsError(
            f"{path} has no layer '{layer}': its layers are {', '.join(sorted(group)) or 'none'}"
        )
    key = f"{layer}/{layer}/{kind}:0"
    dataset = group.get(key)
    if not isinstance(dataset, h5py.Dataset):
        raise KerasWeightsError(f"{path}: layer '{layer}' has no {kind} (looked for {key})")
    if dataset.shape != shape:
        raise KerasWeightsError(
            f"{path}: the {kind} of layer '{layer}' has shape {dataset.shape}, not {shape}"
        )
    return dataset[()]
