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


def normalisation_message(model: nn.Module, name: str, module: nn.Module) -> str:
    return (
        f"{described(model, name, module)} normalises its input, which is not homogeneous of "
        "degree 1: fold a BatchNorm into the layer before it with fold_batchnorm, or use a net "
        "without normalisation such as a Fixup ResNet"
    )


def structural_message(model: nn.Module, name: str, module: nn.Module) -> str | None:
    """Describe how a module's kind or parameters break homogeneity; None if they do not."""
    if isinstance(module, NORMALISATIONS):
        return normalisation_message(model, name, module)
    if isinstance(module, _SATURATING):
        return (
            f"{described(model, name, module)} is not homogeneous: use ReLU, LeakyReLU or PReLU "
            "instead, and attribute the logit before any softmax"
        )
    for parameter_name, parameter in module.named_parameters(recurse=False):
        if BIAS_NAME.fullmatch(parameter_name) and parameter.any():
            return (
                f"{described(model, name, module)} has the bias '{parameter_name}': remove it "
                "with remove_biases"
            )
    return None
