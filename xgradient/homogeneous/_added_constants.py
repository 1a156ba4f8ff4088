"""Constants that the code of a net adds to what it computes, whatever they are called.

A bias need not be a parameter named bias: ``x + self.offset``, ``x - 0.5``, a linear function with
weights of other names, a class token in front of a sequence. The graph of the net's calls shows
which values depend on its input. A constant that is added to one of them, or joined with it, is a
bias; one that multiplies is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from xgradient.homogeneous._structure import described
from xgradient.homogeneous._summands import Summands
from xgradient.tracing import UntraceableError, caller, trace

_ADVICE = (
    ", which no scaling of the input scales. If it is a bias, name it 'bias' and skip it where it "
    "is None, as nn.Linear does; otherwise leave it out of the code"
)


@dataclass(frozen=True)
class AddedConstant:
    """A call that adds a constant to what depends on the input.

    Attributes
    ----------
    module_name : str
        Module whose code makes the call; the empty string is the net itself.
    message : str
        Says what is added, where, and what to do.
    certain : bool
        Whether it is a break whatever the numbers say: a parameter may be zero until it is trained.
    """

    module_name: str
    message: str
    certain: bool


@dataclass(frozen=True)
class Unseen:
    """A module whose calls no graph shows.

    Attributes
    ----------
    module_name : str
        Its name; the empty string is the net itself.
    reason : str
        Why, as the end of a sentence.
    """

    module_name: str
    reason: str


class AddedConstants:
    """What the code of a net adds, as far as it can be seen.

    Parameters
    ----------
    model : nn.Module
        The net, in evaluation mode. It is left as it is.

    Attributes
    ----------
    found : list of AddedConstant
        In the order of the calls.
    unseen : list of Unseen
        Modules that may add more.
    """

    def __init__(self, model: nn.Module) -> None:
        self.found: list[AddedConstant] = []
        self.unseen: list[Unseen] = []
        self._model = model
        self._names = {module: name for name, module in model.named_modules()}
        self._done: set[nn.Module] = set()
        self._look_into(model)

    def _look_into(self, module: nn.Module) -> None:
        """Find what the code of a module adds, and the code of all that it calls."""
        if module in self._done:
            return
        self._done.add(module)
        if not _is_code(module) or not self._look_at_calls(module):
            for child in module.children():
                self._look_into(child)

    def _look_at_calls(self, module: nn.Module) -> bool:
        """Read the graph of a module, if there is one."""
        opaque: set[nn.Module] = set()
        graph = None
        while graph is None:
            try:
                graph, root = trace(module, lambda each: each in opaque or not _is_code(each))
            except UntraceableError as error:
                culprit = module.get_submodule(error.module_name)
                if culprit is module or culprit in opaque:
                    self._cannot_see(module, "torch.fx cannot show its operations as a graph")
                    return False
                # One call of it will do to see what comes before and after.
                opaque.add(culprit)
        self._check_call(module)
        self._read(graph, root, module)
        for node in graph.nodes:
            if node.op == "call_module":
                called = root.get_submodule(str(node.target))
                if called is module:
                    return self._is_whole(module)
                self._check_call(called)
                if called in opaque or next(called.children(), None) is not None:
                    self._look_into(called)
        return True

    def _is_whole(self, module: nn.Module) -> bool:
        """Whether there is no more to see of a module that is a single call by itself."""
        kind = type(module)
        if parametrize.is_parametrized(module) and not _is_torchs(kind.__bases__[0]):
            self._cannot_see(module, "its parameters are computed by a parametrisation")
        return next(module.children(), None) is None

    def _check_call(self, module: nn.Module) -> None:
        """Look for what runs with a call besides the code of the class."""
        hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
        # Those of PyTorch compute parameters: pruning, weight normalisation, lazy layers.
        if not all(
            (getattr(hook, "__module__", None) or "").startswith("torch.nn") for hook in hooks
        ):
            self._cannot_see(module, "it has forward hooks")
        if "forward" in vars(module) and _is_code(module):
            self._cannot_see(module, "its forward has been replaced")

    def _cannot_see(self, module: nn.Module, reason: str) -> None:
        name = self._names[module]
        if all(each.module_name != name for each in self.unseen):
            self.unseen.append(Unseen(name, reason))

    def _read(self, graph: fx.Graph, root: nn.Module, module: nn.Module) -> None:
        summands = Summands(root)
        for node in graph.nodes:
            for does, constant in summands.added_by(node):
                inner, outer = caller(node), self._names[module]
                name = ".".join(part for part in (outer, inner) if part)
                who = described(self._model, name, self._model.get_submodule(name))
                if constant is None:
                    self.found.append(AddedConstant(name, f"{who} {does}", certain=True))
                    continue
                what, trained = summands.describe(constant, inner)
                message = f"{who} {does} {what} in its forward pass{_ADVICE}"
                self.found.append(AddedConstant(name, message, certain=trained))


def _is_code(module: nn.Module) -> bool:
    """Whether a module is more than a container, or a wrapper that torch.compile made."""
    compiled = hasattr(module, "_orig_mod") or isinstance(module, torch.jit.ScriptModule)
    return not compiled and type(module).forward is not nn.Module.forward


def _is_torchs(kind: type) -> bool:
    return kind.__module__.startswith("torch.nn")
