"""The network as a graph of calls, found by `torch.fx`."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

from xgradient import tracing
from xgradient.deeplift.operations import UnsupportedOperationError
from xgradient.deeplift.signals import Signal


def trace(model: nn.Module) -> tuple[fx.Graph, nn.Module]:
    """Find the operations of a network in the order in which they run.

    Parameters
    ----------
    model : torch.nn.Module
        The network, in evaluation mode.

    Returns
    -------
    graph : torch.fx.Graph
        Its calls of modules of `torch.nn`, of functions and of methods.
    root : torch.nn.Module
        Holds the modules and constants that the graph names.

    Raises
    ------
    UnsupportedOperationError
        If the code of the network cannot be traced.
    """
    try:
        return tracing.trace(model)
    except tracing.UntraceableError as error:
        raise UnsupportedOperationError(str(error)) from error


@dataclass(frozen=True)
class Sizes:
    """Value computed from the shape of an input, which the references need not share.

    Parameters
    ----------
    actual, reference : Any
        The value for the inputs and for the references.
    """

    actual: Any
    reference: Any


@dataclass(frozen=True)
class _Slot:
    """Place of a signal among the arguments of a call."""

    index: int


class Call:
    """One call of a module, a function or a method of a tensor.

    Parameters
    ----------
    node : torch.fx.Node
        The call in the graph.
    root : torch.nn.Module
        Holds the modules that the graph names.

    Attributes
    ----------
    module : torch.nn.Module or None
        The called module; ``None`` for a function or method.
    name : str
        Qualified name of the module, as in ``model.named_modules()``; for a function or method
        the name of the node.
    keys : tuple
        Identity of the call, most specific first: the types of the module, the function, or the
        name of the method.
    sources : list of torch.fx.Node
        Nodes of the signals among the arguments. Known after `bind`.
    """

    def __init__(self, node: fx.Node, root: nn.Module) -> None:
        self.node = node
        self.module = root.get_submodule(str(node.target)) if node.op == "call_module" else None
        self.name = node.name if self.module is None else str(node.target)
        self.keys: tuple[Any, ...] = (
            (node.target,) if self.module is None else type(self.module).__mro__
        )
        self.sources: list[fx.Node] = []
        self._arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def __str__(self) -> str:
        """Name the call as a user finds it in the code of the model."""
        if self.module is not None:
            return f"module '{self.name}' ({type(self.module).__name__})"
        called = getattr(self.node.target, "__name__", self.node.target)
        # The modules whose code made the call, the innermost last.
        inside = [name for name in self.node.meta.get("nn_module_stack", ()) if name]
        where = f"module '{inside[-1]}'" if inside else "the model itself"
        return f"{called}() called by {where} (graph node '{self.node.name}')"

    def bind(self, values: dict[fx.Node, Any]) -> list[Signal]:
        """Put the values of earlier nodes into the arguments and return the signals among them.

        Parameters
        ----------
        values : dict
            Values of the earlier nodes.

        Returns
        -------
        list of Signal
            One for each entry of `sources`. The call keeps their places, not the signals.
        """

        def slot(source: fx.Node) -> Any:
            if not isinstance(values[source], Signal):
                return values[source]
            self.sources.append(source)
            return _Slot(len(self.sources) - 1)

        self._arguments = fx.node.map_arg((self.node.args, dict(self.node.kwargs)), slot)
        return [values[source] for source in self.sources]

    def setting(self, name: str) -> Any:
        """Attribute of the called module."""
        return getattr(self.module, name)

    def argument(self, position: int, name: str, default: Any) -> Any:
        """Value of an argument, given by position or by name."""
        args, kwargs = self._arguments
        return args[position] if len(args) > position else kwargs.get(name, default)

    def operands(self, signals: Sequence[Signal]) -> list[Any]:
        """Signals and constants among the positional arguments, in their order."""
        args, kwargs = self._arguments
        if kwargs:
            raise UnsupportedOperationError(f"DeepLIFT has no rule for it with {sorted(kwargs)}")
        return [
            signals[argument.index] if isinstance(argument, _Slot) else _of(argument, "actual")
            for argument in args
        ]

    def on_actual(self, *tensors: Tensor, **replaced: Any) -> Any:
        """Make the call with one tensor per signal, as for the inputs."""
        return self._make(tensors, replaced, "actual")

    def on_reference(self, *tensors: Tensor, **replaced: Any) -> Any:
        """Make the call with one tensor per signal, as for the references."""
        return self._make(tensors, replaced, "reference")

    @property
    def reads_shape(self) -> bool:
        """Whether the call returns sizes of a tensor and not its values."""
        if self.node.target is builtins.getattr:
            return self.node.args[1] in ("shape", "ndim")
        return self.node.op == "call_method" and self.node.target in ("size", "dim")

    @property
    def overwrites_value_used_later(self) -> bool:
        """Whether the call works in place on a value that another call needs afterwards."""
        in_place = getattr(self.module, "inplace", False) or self.node.kwargs.get("inplace", False)
        if not in_place:
            return False
        nodes = list(self.node.graph.nodes)
        later = nodes[nodes.index(self.node) + 1 :]
        return any(user in later for source in self.sources for user in source.users)

    def _make(self, tensors: Sequence[Tensor], replaced: dict[str, Any], side: str) -> Any:
        def fill(argument: Any) -> Any:
            return tensors[argument.index] if isinstance(argument, _Slot) else _of(argument, side)

        args, kwargs = fx.node.map_aggregate(self._arguments, fill)
        kwargs = {**kwargs, **replaced}
        if self.module is not None:
            return self.module(*args, **kwargs)
        if isinstance(self.node.target, str):
            return getattr(args[0], self.node.target)(*args[1:], **kwargs)
        return self.node.target(*args, **kwargs)


def _of(value: Any, side: str) -> Any:
    return getattr(value, side) if isinstance(value, Sizes) else value
