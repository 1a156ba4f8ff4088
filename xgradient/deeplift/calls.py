"""One call of a torch function, with the signals among its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from xgradient._calls import FunctionName, map_tensors, out_of_place, signature
from xgradient._running import Modules
from xgradient.deeplift.nodes import Node
from xgradient.deeplift.operations import Passed, UnsupportedOperationError
from xgradient.deeplift.signals import Signal


class Watcher(AbstractContextManager[Any], Protocol):
    """What a call needs of the `xgradient.deeplift.watch.Watch` that saw it."""

    n_inputs: int
    n_rows: int
    modules: Modules
    gradient_of_max_pooling: bool

    def signal(self, tensor: Tensor, node: Node) -> Signal:
        """Return the rows of the inputs and of the references."""
        ...

    def node_of(self, tensor: Tensor) -> Node | None:
        """Return what is known of a tensor."""
        ...

    def record(
        self, output: Tensor, passed: Passed, nodes: Sequence[Node], dense: bool | None
    ) -> None:
        """Keep how the multipliers of a tensor are pulled back."""
        ...

    def share(self, output: Tensor, node: Node, logits: tuple[Tensor, Node] | None = None) -> None:
        """Let a tensor be the same as another one."""
        ...

    def forget(self, tensor: Tensor) -> None:
        """Let a tensor not depend on the inputs any more."""
        ...

    def pass_nonlinearity(self, call: Call) -> Tensor:
        """Pass a call by the rule of its nonlinearity."""
        ...

    def compose(self, call: Call, function: Callable[..., Tensor]) -> Tensor:
        """Pass a call as the calls that another function makes."""
        ...


@dataclass(frozen=True)
class _Slot:
    """Place of a signal among the arguments of a call."""

    index: int


class Call:
    """One call of a torch function.

    Parameters
    ----------
    watch : Watcher
        Who saw it.
    function : callable
        What was called.
    name : FunctionName
        Its name.
    args, kwargs : tuple, dict
        Its arguments.
    tracked : list of (Tensor, Node)
        Those among them that depend on the inputs, each once for every time it occurs.
    """

    def __init__(
        self,
        watch: Watcher,
        function: Callable[..., Any],
        name: FunctionName,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        tracked: list[tuple[Tensor, Node]],
    ) -> None:
        self.watch = watch
        self.function = function
        self.name = name.name
        self.in_place = name.in_place
        self._in_place_form = name.in_place
        self._original = (args, kwargs)
        # Where an argument asks for it to work in place, this one is changed.
        self.args = args
        self.kwargs = kwargs
        self.tensors = [tensor for tensor, _ in tracked]
        self.nodes = [node for _, node in tracked]
        self.signals: list[Signal] = [watch.signal(*each) for each in tracked]
        self._where = watch.modules.innermost
        self._bind_in_place()

    def __str__(self) -> str:
        """Name the call as a user finds it in the code of the model."""
        name, module = self._where
        if module is not None and is_leaf(module):
            return f"module '{name}' ({type(module).__name__})"
        where = f"module '{name}'" if name else "the model itself"
        return f"{self.name.lstrip('.')}() called by {where}"

    @property
    def module(self) -> tuple[str, nn.Module] | None:
        """Name and module if the call is all that a module of `torch.nn` does."""
        name, module = self._where
        return (name, module) if module is not None and is_leaf(module) else None

    def refusal(self, reason: str) -> UnsupportedOperationError:
        """Make the error that says why this call has no rule."""
        return UnsupportedOperationError(f"{self}: {reason}")

    def argument(self, position: int, *names: str, default: Any = None) -> Any:
        """Value of an argument, given by position or by one of its names."""
        if len(self.args) > position:
            return self.args[position]
        return next((self.kwargs[name] for name in names if name in self.kwargs), default)

    def integers(self, position: int, *names: str) -> tuple[int, ...] | None:
        """Integers given one by one from a position, or as a sequence; None if none are given."""
        given = self.args[position:] or tuple(
            self.kwargs[name] for name in names if name in self.kwargs
        )
        if len(given) == 1 and isinstance(given[0], (tuple, list)):
            given = tuple(given[0])
        return tuple(int(each) for each in given) if given and given != (None,) else None

    def run(self) -> Any:
        """Do what the model asked for."""
        args, kwargs = self._original
        return self.function(*args, **kwargs)

    def is_tracked(self, value: Any) -> bool:
        """Whether a value depends on the inputs."""
        return isinstance(value, Tensor) and any(value is tensor for tensor in self.tensors)

    def signal_of(self, tensor: Tensor) -> Signal:
        """Signal of one of the tracked arguments."""
        return next(s for t, s in zip(self.tensors, self.signals, strict=True) if t is tensor)

    def node_of(self, tensor: Tensor) -> Node:
        """Node of one of the tracked arguments."""
        return next(n for t, n in zip(self.tensors, self.nodes, strict=True) if t is tensor)

    def constant_rows(self, value: Any, rank: int, shared: bool = False) -> Any:
        """Rows of a constant that belong to the inputs, if it has one for each.

        Parameters
        ----------
        value : Any
            The constant.
        rank : int
            Number of axes of the tensor that it meets.
        shared : bool, default False
            Whether to return the rows of the references instead, which are one if all inputs
            share it.

        Raises
        ------
        UnsupportedOperationError
            If the rows of the references differ from those of the inputs.
        """
        n_inputs, n_rows = self.watch.n_inputs, self.watch.n_rows
        if not isinstance(value, Tensor) or value.dim() != rank or value.shape[0] != n_rows:
            return value
        if self.is_tracked(value):
            return value
        actual, reference = value[:n_inputs], value[n_inputs:]
        if not torch.equal(actual, reference.expand_as(actual)):
            raise self.refusal(
                "a tensor that enters it differs between the inputs and their references, but "
                "does not depend on the inputs through calls that can be seen; it may come from "
                "random numbers, from a custom autograd function or from memory shared with "
                "another tensor that was overwritten in place"
            )
        return reference if shared else actual

    def on_rows(
        self,
        select: Callable[[Any], Any] = lambda output: output,
        of: Sequence[Tensor] | None = None,
        without_constants: bool = False,
        rows_of_constants: bool = True,
        **replaced: Any,
    ) -> Callable[..., Tensor]:
        """Make the function of the rows of the inputs alone that the call computes.

        Parameters
        ----------
        select : callable, optional
            Takes the result apart.
        of : sequence of Tensor, optional
            The arguments that it is a function of, by default the tracked ones.
        without_constants : bool, default False
            Whether the other tensors are to be zero, so that an affine function becomes linear.
        rows_of_constants : bool, default True
            Whether a constant with a row for each row of the signals goes with these.
        **replaced
            Keyword arguments to set.

        Returns
        -------
        callable
            Takes these tensors, in the order of the call's arguments, and returns one. It raises
            an `UnsupportedOperationError` if the call does not keep the rows apart.
        """
        arguments = self._slots(
            of or self.tensors, {**self.kwargs, **replaced}, False, rows_of_constants
        )
        if without_constants:
            arguments = map_tensors(torch.zeros_like, arguments)
        function, rows = self._plain(), self.watch.n_inputs

        def apply(*tensors: Tensor) -> Tensor:
            args, kwargs = _filled(arguments, tensors)
            try:
                output = select(function(*args, **kwargs))
            except (RuntimeError, IndexError, ValueError) as error:
                raise self.refusal(f"{_AXIS}, but with other rows it fails: {error}") from error
            if output.dim() == 0 or len(output) != rows:
                raise self.refusal(f"{_AXIS}, but for {rows} rows it gives {tuple(output.shape)}")
            return output

        return apply

    def elementwise(self) -> Callable[[Tensor], Tensor]:
        """Make the function of one tensor that the call of a nonlinearity computes.

        Returns
        -------
        callable
            It never works in place: its argument is needed again.
        """
        arguments = self._slots(self.tensors, self.kwargs, shared=True)
        function = self._plain()

        def apply(tensor: Tensor) -> Tensor:
            args, kwargs = _filled(arguments, [tensor])
            return function(*args, **kwargs)

        return apply

    def emit(
        self,
        output: Tensor,
        passed: Passed,
        nodes: Sequence[Node] | None = None,
        dense: bool | None = None,
    ) -> Tensor:
        """Keep what DeepLIFT knows of the result.

        Parameters
        ----------
        output : Tensor
            Result, N + R rows.
        passed : Passed
            Its multipliers and parts.
        nodes : sequence of Node, optional
            Of the signals that it was computed from; all by default.
        dense : bool, optional
            Given for layers that weight: whether fully connected.

        Returns
        -------
        Tensor
            The output.

        Raises
        ------
        UnsupportedOperationError
            If it does not have a row for each row of the inputs.
        """
        if output.dim() == 0 or len(output) != self.watch.n_rows:
            raise self.refusal(
                f"it returns shape {tuple(output.shape)}, but {_AXIS} "
                f"(of which there are {self.watch.n_rows} here, with those of the references)"
            )
        self.watch.record(output, passed, self.nodes if nodes is None else nodes, dense)
        return output

    def _plain(self) -> Callable[..., Any]:
        if not self._in_place_form:
            return self.function
        function = out_of_place(self.name)
        if function is None:
            raise self.refusal("it works in place, and has no other form")
        return function

    def _bind_in_place(self) -> None:
        known = signature(self.function)
        if known is None or "inplace" not in known.parameters:
            return
        bound = known.bind(*self.args, **self.kwargs)
        if bound.arguments.get("inplace"):
            self.in_place = True
            bound.arguments["inplace"] = False
            self.args, self.kwargs = bound.args, bound.kwargs

    def _slots(
        self, of: Sequence[Tensor], kwargs: dict[str, Any], shared: bool, rows: bool = True
    ) -> Any:
        rank = max(tensor.dim() for tensor in self.tensors)
        count = iter(range(len(of)))

        def slot(value: Tensor) -> Any:
            if any(value is tensor for tensor in of):
                return _Slot(next(count))
            return self.constant_rows(value, rank, shared) if rows else value

        return map_tensors(slot, (self.args, kwargs))


_AXIS = "the first axis of every tensor must stay that of the inputs"


def is_leaf(module: nn.Module) -> bool:
    """Whether a module is one operation, not code that calls several."""
    package = type(module).__module__
    return package.startswith(("torch.nn.", "torch.ao.nn.")) and not isinstance(
        module, (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    )


def _filled(arguments: Any, tensors: Sequence[Tensor]) -> Any:
    if isinstance(arguments, _Slot):
        return tensors[arguments.index]
    if type(arguments) in (tuple, list):
        return type(arguments)(_filled(each, tensors) for each in arguments)
    if type(arguments) is dict:
        return {key: _filled(each, tensors) for key, each in arguments.items()}
    return arguments
