"""Biases that a module shows by its kind or by their names, and their removal."""

from __future__ import annotations

import re
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm

from xgradient.homogeneous._structure import BIAS_NAME, NotHomogeneousError, described

# What these call biases has other names, and counts as biases in them alone.
_NAMES_OF_KIND: tuple[tuple[type[nn.Module], re.Pattern[str]], ...] = (
    (nn.RNNBase, re.compile(r"bias_[ih]h_l\d+(_reverse)?")),
    (nn.RNNCellBase, re.compile(r"bias_[ih]h")),
    # A key and a value that attention appends to those of the input.
    (nn.MultiheadAttention, re.compile(r"in_proj_bias|bias_[kv]")),
)
_QUANTISED = (
    "torch.ao.nn.quantized",
    "torch.ao.nn.intrinsic.quantized",
    "torch.ao.nn.sparse.quantized",
)
# Float modules that only stand ready for quantisation.
_NOT_YET_QUANTISED = (
    "torch.ao.nn.quantized.reference",
    "torch.ao.nn.quantized.modules.functional_modules",
)
_PADDINGS = (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)


def own_biases(module: nn.Module) -> list[str]:
    """List the attributes of a module itself that are biases.

    Parameters
    ----------
    module : nn.Module
        Any module; its children are not looked at.

    Returns
    -------
    list of str
        Names of parameters, of buffers and other tensors of floating point, and of tensors that are
        computed from parameters, by pruning or a parametrisation.
    """
    patterns = [BIAS_NAME]
    patterns += [pattern for kind, pattern in _NAMES_OF_KIND if isinstance(module, kind)]
    named: dict[str, Any] = dict(module.named_parameters(recurse=False, remove_duplicate=False))
    computed: list[str] = []
    if parametrize.is_parametrized(module):
        computed = sorted(cast(nn.ModuleDict, module.parametrizations))
    for name, value in (
        *module.named_buffers(recurse=False, remove_duplicate=False),
        *vars(module).items(),
    ):
        # Integers and truth values are masks or counters.
        if isinstance(value, Tensor) and value.is_floating_point():
            named[name] = value
    return [
        name for name in [*named, *computed] if any(pattern.fullmatch(name) for pattern in patterns)
    ]


def remaining_message(model: nn.Module, name: str, module: nn.Module) -> str | None:
    """Describe what a module adds that cannot be taken from it; None if there is nothing.

    Parameters
    ----------
    model : nn.Module
        The net.
    name : str
        Name of the module in it.
    module : nn.Module
        One of its modules.

    Returns
    -------
    str or None
        A message that names the module and says what to do.
    """
    who = described(model, name, module)
    if isinstance(module, torch.jit.ScriptModule):
        return (
            f"{who} is compiled by TorchScript, and biases cannot be removed from compiled code: "
            "remove them from the net that it was made of, and compile the result"
        )
    if _is_quantised(module):
        return (
            f"{who} is quantised: its bias is packed together with its weight, and rounding is not "
            "homogeneous. Remove the biases of the net before it is quantised, and attribute that "
            "net"
        )
    if isinstance(module, _PADDINGS) and module.value != 0:
        return f"{who} adds a border of {module.value:g}, which is a bias: pad with 0"
    return None


def _is_quantised(module: nn.Module) -> bool:
    origins = [kind.__module__ for kind in type(module).__mro__]
    return any(
        origin.startswith(_QUANTISED) and not origin.startswith(_NOT_YET_QUANTISED)
        for origin in origins
    )


def remove_own_biases(model: nn.Module, name: str, module: nn.Module) -> None:
    """Set the biases of a module to None; those of a recurrent net no longer exist.

    Parameters
    ----------
    model : nn.Module
        The net, a copy of the user's.
    name : str
        Name of the module in it.
    module : nn.Module
        One of its modules, changed in place; its children are not.

    Raises
    ------
    NotHomogeneousError
        If a hook computes a bias, and would do so again.
    """
    biases = own_biases(module)
    for key in biases:
        _stop_computing(module, key)
        if key in vars(module) and module._forward_pre_hooks:
            raise NotHomogeneousError(
                f"{described(model, name, module)} has the bias '{key}', which is no parameter and "
                "which its forward pre-hook may compute again: remove the hook, and make it an "
                "nn.Parameter",
                name,
            )
        setattr(module, key, None)
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        module.bias = False
    if isinstance(module, nn.RNNBase) and biases:
        # As its constructor leaves it with bias=False: PyTorch's kernels take a list of weights.
        for key in biases:
            delattr(module, key)
        module._all_weights = [
            [key for key in keys if key not in biases] for keys in module._all_weights
        ]
        module._flat_weights_names = [key for keys in module._all_weights for key in keys]
        module._init_flat_weights()


def _stop_computing(module: nn.Module, key: str) -> None:
    """Make an attribute that PyTorch computes from parameters an ordinary one."""
    if parametrize.is_parametrized(module, key):
        _drop_parametrization(module, key)
    for hook in list(module._forward_pre_hooks.values()):
        if isinstance(hook, prune.BasePruningMethod) and hook._tensor_name == key:
            prune.remove(module, key)
        if isinstance(hook, WeightNorm) and hook.name == key:
            remove_weight_norm(module, key)


def _drop_parametrization(module: Any, key: str) -> None:
    """Forget a parametrised tensor.

    PyTorch makes a class for every such module and deletes the attribute from it, with which a deep
    copy would take it from the original, too: they share the class. So this one gets its own.
    """
    kind = type(module)
    del module.parametrizations[key]
    if len(module.parametrizations):
        members = {name: value for name, value in vars(kind).items() if name != key}
        module.__class__ = type(kind.__name__, kind.__bases__, members)
    else:
        del module.parametrizations
        module.__class__ = kind.__bases__[0]
    module.register_parameter(key, None)
