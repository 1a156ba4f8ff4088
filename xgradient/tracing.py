"""The calls that a network makes, as a graph found by `torch.fx`."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import fx, nn

from xgradient.models.pooling import MaxPool2d

__all__ = ["UntraceableError", "caller", "trace"]


class UntraceableError(ValueError):
    """The code of a network cannot be shown as a graph.

    Attributes
    ----------
    module_name : str
        Name, as in ``model.named_modules()``, of the innermost module whose code failed; the empty
        string is the model itself.
    """

    def __init__(self, message: str, module_name: str) -> None:
        super().__init__(message)
        self.module_name = module_name


class _Tracer(fx.Tracer):
    def __init__(self, is_leaf: Callable[[nn.Module], bool]) -> None:
        super().__init__()
        self._is_leaf = is_leaf

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # Our max pooling looks at its values, which no graph can show.
        return (
            isinstance(m, MaxPool2d)
            or self._is_leaf(m)
            or super().is_leaf_module(m, module_qualified_name)
        )


def trace(
    model: nn.Module, is_leaf: Callable[[nn.Module], bool] = lambda module: False
) -> tuple[fx.Graph, nn.Module]:
    """Find the operations of a network in the order in which they run.

    Parameters
    ----------
    model : nn.Module
        The network, in evaluation mode. It is left as it is.
    is_leaf : callable, optional
        Which modules are to be one call each, besides those of `torch.nn` and
        `xgradient.models.MaxPool2d`.

    Returns
    -------
    graph : torch.fx.Graph
        Its calls of modules, of functions and of methods.
    root : nn.Module
        Holds the modules and constants that the graph names; the modules are those of the model.

    Raises
    ------
    UntraceableError
        If the code of the network cannot be traced.
    """
    tracer = _Tracer(is_leaf)
    # A layer of torch.nn is one operation only as part of another module. And fx leaves the
    # constants that it meets as attributes of what it traces: of this copy, not of the model.
    root = nn.Sequential(model) if tracer.is_leaf_module(model, "") else copy.copy(model)
    # A net that keeps its activations would keep those of the trace, which are no tensors.
    attributes = [(vars(module), dict(vars(module))) for module in model.modules()]
    try:
        return tracer.trace(root), root
    except Exception as error:
        # fx takes a module from its stack when the call has returned.
        stack = [name for name, _ in tracer.module_stack.values()]
        name = stack[-1] if stack else ""
        where = f"in module '{name}' of " if name else ""
        raise UntraceableError(
            f"torch.fx cannot show the operations {where or 'of '}{type(model).__name__} as a "
            f"graph: {error}",
            name,
        ) from error
    finally:
        for kept, before in attributes:
            kept.clear()
            kept.update(before)


def caller(node: fx.Node) -> str:
    """Return which module's code made a call.

    Parameters
    ----------
    node : torch.fx.Node
        Call in a graph that `trace` found.

    Returns
    -------
    str
        Name, as in ``model.named_modules()``, of the innermost module; empty for the model itself.
    """
    stack = [name for name, _ in node.meta.get("nn_module_stack", {}).values()]
    return stack[-1] if stack else ""
