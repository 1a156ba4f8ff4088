"""Structural breaks of homogeneity, and the error that reports them."""

from __future__ import annotations

import re

from torch import nn

BIAS_NAME = re.compile(r"bias(\d+[a-z]?)?")
"""Names of biases. Fixup residual blocks have bias1a, bias1b, bias2a, ... (Zhang et al. 2019)."""


NORMALISATIONS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.LocalResponseNorm,
    nn.CrossMapLRN2d,
)


_SATURATING = (
    nn.Sigmoid,
    nn.LogSigmoid,
    nn.Hardsigmoid,
    nn.Tanh,
    nn.Tanhshrink,
    nn.Hardtanh,  # ReLU6 is a Hardtanh
    nn.GELU,
    nn.SiLU,
    nn.Hardswish,
    nn.Mish,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.Softplus,
    nn.Softsign,
    nn.Softshrink,
    nn.Hardshrink,
    nn.GLU,
    nn.Softmax,
    nn.Softmax2d,
    nn.Softmin,
    nn.LogSoftmax,
    nn.LSTM,
    nn.LSTMCell,
    nn.GRU,
    nn.GRUCell,
    nn.MultiheadAttention,
)


class NotHomogeneousError(ValueError):
    """A net is not nonnegatively homogeneous, or not of the required degree.

    Attributes
    ----------
    module_name : str
        Name, as in ``model.named_modules()``, of the first module that breaks homogeneity; the
        empty string is the model itself.
    """

    def __init__(self, message: str, module_name: str) -> None:
        super().__init__(message)
        self.module_name = module_name


def described(model: nn.Module, name: str, module: nn.Module) -> str:
    kind = type(module).__name__
    return f"the model itself ({kind})" if module is model else f"module '{name}' ({kind})"


def is_normalisation(module: nn.Module) -> bool:
    """Whether a module normalises, by its kind or since it has running statistics.

    Those are how the frozen BatchNorms of torchvision, detectron2 and others are recognised, which
    are no BatchNorms of PyTorch.
    """
    statistics = {"running_mean", "running_var"}
    return isinstance(module, NORMALISATIONS) or statistics <= set(module._buffers.keys())


def is_saturating(module: nn.Module) -> bool:
    """Whether a module is or contains an activation that is not homogeneous."""
    if isinstance(module, (nn.RNN, nn.RNNCell)):
        return module.nonlinearity != "relu"
    return isinstance(module, _SATURATING)


def normalisation_message(model: nn.Module, name: str, module: nn.Module) -> str:
    return (
        f"{described(model, name, module)} normalises its input, which is not homogeneous of "
        "degree 1: fold a BatchNorm into the layer before it with fold_batchnorm, or use a net "
        "without normalisation such as a Fixup ResNet"
    )
