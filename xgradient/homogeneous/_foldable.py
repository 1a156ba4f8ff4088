"""Which layer every BatchNorm can be folded into, read from the graph of calls, or why not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from xgradient.homogeneous._structure import NotHomogeneousError, described
from xgradient.tracing import UntraceableError, caller, trace

# Which BatchNorm normalises the channels that a layer puts out. A SyncBatchNorm takes any shape.
_NORM_OF_LAYER: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: nn.BatchNorm1d,
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
    nn.ConvTranspose1d: nn.BatchNorm1d,
    nn.ConvTranspose2d: nn.BatchNorm2d,
    nn.ConvTranspose3d: nn.BatchNorm3d,
}
_LAYERS = tuple(_NORM_OF_LAYER)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)

_FUNCTIONAL = (functional.batch_norm, torch.batch_norm, torch.native_batch_norm)

BY_HAND = (
    "fold its BatchNorms by hand with torch.nn.utils.fusion.fuse_conv_bn_eval, or use a net "
    "without normalisation such as a Fixup ResNet"
)


class Calls:
    """Who calls what in a net, as far as folding must know.

    Parameters
    ----------
    model : nn.Module
        The net, in evaluation mode.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        try:
            graph, root = trace(model, _is_layer_or_norm)
        except UntraceableError as error:
            raise NotHomogeneousError(
                f"no BatchNorm can be folded, since {error}; {BY_HAND}", error.module_name
            ) from error
        self.nodes = list(graph.nodes)
        self.names = {module: name for name, module in model.named_modules()}
        self.modules = {
            node: root.get_submodule(str(node.target))
            for node in self.nodes
            if node.op == "call_module"
        }
        self.calls_of: dict[nn.Module, list[fx.Node]] = defaultdict(list)
        for node, module in self.modules.items():
            self.calls_of[module].append(node)
        # Parameters and buffers that the code of the net reads, instead of the module that has
        # them. The graph names tensors of the root, which has constants of the code as well.
        self.readers_of: dict[str, fx.Node] = {
            str(node.target): next(iter(node.users))
            for node in self.nodes
            if node.op == "get_attr" and node.users
        }
        self.owners_of: dict[int, list[str]] = defaultdict(list)
        for name, module in model.named_modules():
            for key, parameter in module.named_parameters(name, recurse=False):
                self.owners_of[id(parameter)].append(key)

    def listing(self) -> list[tuple[str, ...]]:
        """Return all calls with their arguments, to be compared with those of another net."""
        return [
            (node.op, str(node.target), str(node.args), str(node.kwargs)) for node in self.nodes
        ]

    def refuse_functional_batch_norm(self) -> None:
        for node in self.nodes:
            if node.op == "call_function" and node.target in _FUNCTIONAL:
                name = caller(node)
                module = self.model.get_submodule(name)
                raise NotHomogeneousError(
                    f"{described(self.model, name, module)} calls the function batch_norm, which "
                    "cannot be folded: use an nn.BatchNorm module there",
                    name,
                )

    def layer_before(self, norm: nn.Module) -> nn.Module:
        """Return the layer that a BatchNorm can be folded into."""
        self._check_module(norm, _NORMS, norm)
        if getattr(norm, "running_mean", None) is None:
            raise self.refusal(
                norm,
                "it has no running statistics (track_running_stats=False) and normalises every "
                "batch by its own: train the net with running statistics",
            )
        node = self._only_call(norm, norm)
        before = node.all_input_nodes[0]
        layer = self.modules.get(before)
        if not isinstance(layer, _LAYERS):
            raise self.refusal(
                norm,
                f"it follows {self.describe(before)}, and not directly a convolution, transposed "
                "convolution or linear layer. A net that normalises before its convolutions, such "
                "as DenseNet, cannot be folded: use one that normalises after them, or one without "
                "normalisation such as a Fixup ResNet",
            )
        # Before its hooks, since a hook may compute the weight, and this message says what to do.
        self._check_parameters(norm, layer)
        self._check_module(layer, _LAYERS, norm)
        self._check_kinds(norm, layer)
        self._only_call(layer, norm)
        others = [user for user in before.users if user is not node]
        if others:
            raise self.refusal(
                norm,
                f"the output of {self.describe(before)} before it is also used by "
                f"{self.describe(others[0])}: {BY_HAND}",
            )
        return layer

    def refusal(self, norm: nn.Module, reason: str) -> NotHomogeneousError:
        name = self.names[norm]
        return NotHomogeneousError(
            f"{described(self.model, name, norm)} cannot be folded: {reason}", name
        )

    def describe(self, node: fx.Node) -> str:
        """Name a call as a user finds it in the code of the net."""
        if node in self.modules:
            module = self.modules[node]
            return described(self.model, self.names[module], module)
        if node.op == "placeholder":
            return f"the input '{node.target}' of the net"
        if node.op == "output":
            return "the output of the net"
        if node.op == "get_attr":
            return f"the tensor '{node.target}'"
        name = caller(node)
        return (
            f"{getattr(node.target, '__name__', node.target)}() called by "
            f"{described(self.model, name, self.model.get_submodule(name))}"
        )

    def _describe_module(self, module: nn.Module, norm: nn.Module) -> str:
        """Name a module in a sentence about a BatchNorm."""
        if module is norm:
            return "it"
        return f"{described(self.model, self.names[module], module)} before it"

    def _check_module(
        self, module: nn.Module, kinds: tuple[type[nn.Module], ...], norm: nn.Module
    ) -> None:
        """Refuse a module that may compute something else than its class in `torch.nn` does."""
        who = self._describe_module(module, norm)
        kind = next((kind for kind in kinds if isinstance(module, kind)), None)
        if kind is None and not _is_frozen(module):
            raise self.refusal(norm, f"its class is not one of {_listed(kinds)}: use one of them")
        if kind is not None and ("forward" in vars(module) or _own_code(type(module), kind)):
            raise self.refusal(
                norm,
                f"{who} has a forward of its own, which may do more than {kind.__name__}: use a "
                f"plain {kind.__name__}, and a module for everything else",
            )
        if module._forward_hooks or module._forward_pre_hooks:
            raise self.refusal(
                norm, f"{who} has forward hooks, which may change what it computes: remove them"
            )

    def _check_kinds(self, norm: nn.Module, layer: nn.Module) -> None:
        expected = next(norm for kind, norm in _NORM_OF_LAYER.items() if isinstance(layer, kind))
        fits = isinstance(norm, (expected, nn.SyncBatchNorm))
        if not fits and not (_is_frozen(norm) and expected is nn.BatchNorm2d):
            raise self.refusal(
                norm,
                f"it follows {described(self.model, self.names[layer], layer)}, whose channels it "
                f"does not normalise: use {expected.__name__}",
            )

    def _check_parameters(self, norm: nn.Module, layer: nn.Module) -> None:
        """Refuse to change parameters of a layer that something else depends on."""
        who = self._describe_module(layer, norm)
        for key in ("weight", "bias"):
            if key not in layer._parameters:
                raise self.refusal(
                    norm,
                    f"the {key} of {who} is computed from other tensors, as by weight "
                    "normalisation or pruning: make it a parameter first, with "
                    "torch.nn.utils.parametrize.remove_parametrizations, "
                    "torch.nn.utils.prune.remove or torch.nn.utils.remove_weight_norm",
                )
            parameter = layer._parameters[key]
            own = f"{self.names[layer]}.{key}"
            others = [name for name in self.owners_of[id(parameter)] if name != own]
            if parameter is not None and others:
                raise self.refusal(
                    norm,
                    f"the {key} of {who} is shared with '{others[0]}': give every layer "
                    "parameters of its own",
                )
        for module in (layer, norm):
            for key in (*module._parameters, *module._buffers):
                reader = self.readers_of.get(f"{self.names[module]}.{key}")
                if reader is not None:
                    raise self.refusal(
                        norm,
                        f"the {key} of {self._describe_module(module, norm)} is also read by "
                        f"{self.describe(reader)}: {BY_HAND}",
                    )

    def _only_call(self, module: nn.Module, norm: nn.Module) -> fx.Node:
        nodes = self.calls_of[module]
        if len(nodes) > 1:
            raise self.refusal(
                norm,
                f"{self._describe_module(module, norm)} is called {len(nodes)} times: use a module "
                "of its own for every call",
            )
        if not nodes:
            raise self.refusal(
                norm,
                "no call of it is seen in evaluation mode: remove the branch that holds it, such "
                f"as an auxiliary head, or {BY_HAND}",
            )
        return nodes[0]


def _is_layer_or_norm(module: nn.Module) -> bool:
    return isinstance(module, _LAYERS) or is_batch_norm(module)


def is_batch_norm(module: nn.Module) -> bool:
    return isinstance(module, _BatchNorm) or _is_frozen(module)


def _is_frozen(module: nn.Module) -> bool:
    """Whether a module is the frozen BatchNorm of torchvision or detectron2, not imported here."""
    return (
        type(module).__name__ == "FrozenBatchNorm2d"
        and {"weight", "bias", "running_mean", "running_var"} <= module._buffers.keys()
        and hasattr(module, "eps")
    )


def _own_code(actual: type[nn.Module], kind: type[nn.Module]) -> bool:
    """Whether a subclass computes in another way than a class of `torch.nn`."""
    return any(
        getattr(actual, method, None) is not getattr(kind, method, None)
        for method in ("__call__", "forward", "_conv_forward")
    )


def _listed(kinds: Iterable[type[nn.Module]]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)
