"""SqueezeNet by the names of its layers in Caffe, converted to those of torchvision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["convert_squeezenet"]

# Place of the fire modules in torchvision's squeezenet1_1: between them are pooling layers.
_FIRES = {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}
_PARTS = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}
_LAYERS = {
    "conv1": "features.0",
    **{
        f"fire{number}/{part}": f"features.{place}.{own}"
        for number, place in _FIRES.items()
        for part, own in _PARTS.items()
    },
    "conv10": "classifier.1",
}


def _some(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)[:10])


def convert_squeezenet(layers: Any) -> dict[str, Tensor]:
    """Rename and transpose the weights of SqueezeNet 1.1.

    Parameters
    ----------
    layers : mapping of str to list of numpy.ndarray
        By the name of each of the 26 convolutions in Caffe, such as ``"fire2/squeeze1x1"``: the
        kernel (height, width, in, out), and the bias (out,).

    Returns
    -------
    dict of str to torch.Tensor
        By the names of torchvision's ``squeezenet1_1``: weights (out, in, height, width), biases
        (out,).

    Raises
    ------
    ValueError
        If a layer is missing or unknown, or is not such a pair of arrays.
    """
    if not isinstance(layers, Mapping):
        raise ValueError(f"it holds a {type(layers).__name__} instead of layers by name")
    missing, unknown = _LAYERS.keys() - layers.keys(), layers.keys() - _LAYERS.keys()
    if missing:
        raise ValueError(f"it lacks the layers of SqueezeNet 1.1 {_some([*missing])}")
    if unknown:
        raise ValueError(f"SqueezeNet 1.1 has no layers {_some([str(name) for name in unknown])}")
    converted = {}
    for name, own in _LAYERS.items():
        pair = layers[name]
        if not (
            isinstance(pair, (list, tuple))
            and len(pair) == 2
            and all(isinstance(part, np.ndarray) for part in pair)
            and (pair[0].ndim, pair[1].ndim) == (4, 1)
            and pair[0].shape[-1] == len(pair[1])
        ):
            raise ValueError(f"layer {name} is not a kernel (height, width, in, out) and a bias")
        kernel = pair[0].transpose(3, 2, 0, 1)
        for kind, values in (("weight", kernel), ("bias", pair[1])):
            native = np.array(values, dtype=values.dtype.newbyteorder("="), order="C")
            converted[f"{own}.{kind}"] = torch.from_numpy(native)
    return converted
