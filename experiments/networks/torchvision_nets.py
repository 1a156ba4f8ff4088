"""The image classifiers of torchvision, made ready for attribution."""

from __future__ import annotations

import difflib

import torchvision
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from xgradient.homogeneous import fold_batchnorm, remove_biases
from xgradient.models import MaxPool2d

__all__ = ["torchvision_net"]

# Those with auxiliary heads for training, whose training mode returns several tensors. Their
# initialisation by truncated normals is asked for, since torchvision warns about the default.
_WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")


def torchvision_net(
    name: str,
    num_classes: int = 1000,
    in_channels: int = 3,
    bias: bool = True,
    folded: bool = False,
    dropout: float | None = None,
) -> nn.Module:
    """Build an image classifier of torchvision with its initial weights.

    The names of its modules, and so the keys of its state dict, are torchvision's. Every
    `torch.nn.MaxPool2d` becomes `xgradient.models.MaxPool2d`, whose values are the same; the
    functional poolings inside ``inception_v3`` stay. Auxiliary heads are left out.

    ``googlenet`` and ``inception_v3`` do not transform their inputs here, as torchvision does
    when it loads weights: the published weights expect images normalised with mean 0.5 and
    standard deviation 0.5 instead.

    Parameters
    ----------
    name : str
        As in ``torchvision.models.list_models(module=torchvision.models)``.
    num_classes : int
        Number of logits.
    in_channels : int
        Channels of the input image. If they are not 3, the first convolution is replaced by one
        with the initialisation of `torch.nn.Conv2d`.
    bias : bool
        ``False`` removes every bias (`xgradient.homogeneous.remove_biases`).
    folded : bool
        Whether to have the structure that `xgradient.homogeneous.fold_batchnorm` gives the net, so
        that the state dict of a folded net loads: no BatchNorm, and a bias in every layer before
        one.
    dropout : float, optional
        Probability of every `torch.nn.Dropout`, of which there may be none; by default
        torchvision's own.

    Returns
    -------
    torch.nn.Module
        Maps images (N, in_channels, H, W) to logits (N, num_classes).

    Raises
    ------
    ValueError
        If torchvision has no such classifier (the message lists similar names), a max pooling has
        options that ours lacks, a BatchNorm cannot be folded, or is to lose its bias without being
        folded, or ``dropout`` is not a probability.
    """
    net = _build(name, num_classes)
    if in_channels != 3:
        _replace_first_convolution(net, name, in_channels)
    if dropout is not None:
        _set_dropout(net, dropout)
    _replace_max_pooling(net)
    if folded:
        net = fold_batchnorm(net)
    elif not bias and any(isinstance(module, _BatchNorm) for module in net.modules()):
        raise ValueError(
            f"torchvision's {name} has BatchNorm layers, and without biases it would still not be "
            "homogeneous: set folded to true"
        )
    return net if bias else remove_biases(net)


def _build(name: str, num_classes: int) -> nn.Module:
    classifiers = torchvision.models.list_models(module=torchvision.models)
    if name not in classifiers:
        similar = difflib.get_close_matches(name.lower(), classifiers, n=5, cutoff=0.4)
        problem = (
            f"torchvision's {name} is not an image classifier"
            if name in torchvision.models.list_models()
            else f"torchvision has no image classifier {name!r}"
        )
        raise ValueError(
            f"{problem}: choose one of "
            + (f"{', '.join(similar)}, or any of " if similar else "")
            + "torchvision.models.list_models(module=torchvision.models)"
        )
    auxiliary = {"aux_logits": False, "init_weights": True}
    return torchvision.models.get_model(
        name,
        weights=None,
        num_classes=num_classes,
        **(auxiliary if name in _WITH_AUXILIARY_HEADS else {}),
    )


def _replace_first_convolution(net: nn.Module, name: str, in_channels: int) -> None:
    for conv in net.modules():
        if isinstance(conv, nn.Conv2d) and conv.in_channels == 3:
            conv.in_channels = in_channels
            conv.weight = nn.Parameter(
                conv.weight.new_empty(conv.out_channels, in_channels, *conv.kernel_size)
            )
            conv.reset_parameters()
            return
    raise ValueError(
        f"torchvision's {name} has no convolution of three channels: set in_channels to 3"
    )


def _set_dropout(net: nn.Module, probability: float) -> None:
    if not 0 <= probability <= 1:
        raise ValueError(f"dropout must be between 0 and 1, got {probability!r}")
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = probability


def _replace_max_pooling(net: nn.Module) -> None:
    for path, pool in list(net.named_modules()):
        if isinstance(pool, nn.MaxPool2d):
            sizes = pool.kernel_size, pool.stride, pool.padding
            dilated = pool.dilation not in (1, (1, 1))
            if dilated or pool.return_indices or not all(map(_is_square, sizes)):
                raise ValueError(
                    f"the max pooling '{path}' ({pool}) is dilated, not square or returns indices, "
                    "which xgradient.models.MaxPool2d cannot do"
                )
            kernel, stride, padding = (size if isinstance(size, int) else size[0] for size in sizes)
            net.set_submodule(path, MaxPool2d(kernel, stride, padding, ceil_mode=pool.ceil_mode))


def _is_square(size: int | tuple[int, ...]) -> bool:
    return isinstance(size, int) or len(set(size)) == 1
