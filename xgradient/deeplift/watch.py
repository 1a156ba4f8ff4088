"""DeepLIFT over the calls that a network makes, as it makes them.

The network runs once, on the inputs and their references together: N rows of inputs, then R rows of
references. Every tensor that depends on them keeps these rows along its first axis. A
`torch.overrides.TorchFunctionMode` sees every call of a torch function, so that hooks, branches on
shapes, optional arguments and functional code are seen as they run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from xgradient._calls import FunctionName, function_name, tensors_in
from xgradient._running import Modules
from xgradient.deeplift.calls import Call
from xgradient.deeplift.nodes import Node, WatchedSignal, version_of
from xgradient.deeplift.nonlinearities import Nonlinearities
from xgradient.deeplift.operations import Passed, Pullback, UnsupportedOperationError, elementwise
from xgradient.deeplift.rules import Elementwise, Nonlinearity, Rule, RuleChooser, rescale
from xgradient.deeplift.signals import Parts, Signal, Signed

Handler = Callable[[Call], Any]
Step = tuple[int, list[int], Pullback]


class Watch(TorchFunctionMode):
    """Sees the calls of one run of the network and keeps how to pull multipliers back.

    Parameters
    ----------
    model : nn.Module or None
        The network, whose modules give names; None for a function.
    n_inputs, n_references : int
        Numbers of rows N and R. Either R = N, or R = 1 if all inputs share the reference.
    rules : RuleChooser
        Which rule each nonlinearity has.
    nonlinearities : Nonlinearities
        What counts as one.
    handlers : dict
        By the name of a function, how DeepLIFT passes it.
    modules : dict
        By the type of a module, a function of the module and its arguments that computes the same
        and is watched instead.
    gradient_of_max_pooling : bool, default False
        Whether max pooling passes its gradient.
    """

    def __init__(
        self,
        model: nn.Module | None,
        n_inputs: int,
        n_references: int,
        rules: RuleChooser,
        nonlinearities: Nonlinearities,
        handlers: dict[str, Handler],
        modules: dict[type[nn.Module], Callable[..., Any]],
        gradient_of_max_pooling: bool = False,
    ) -> None:
        super().__init__()
        self.n_inputs = n_inputs
        self.n_rows = n_inputs + n_references
        self.modules = Modules(model)
        self.gradient_of_max_pooling = gradient_of_max_pooling
        self._rules = rules
        self._nonlinearities = nonlinearities
        self._handlers = handlers
        self._module_functions = modules
        self._nodes = WeakIdKeyDictionary()
        self._n_nodes = 0
        self._steps: list[Step] = []
        self._function_calls: Counter[str] = Counter()
        # Inside a call that is composed of others, and inside a module that is one nonlinearity.
        self._composed: list[Call] = []
        self._unseen: list[tuple[nn.Module, Call, Signed | Callable[..., Any]]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch a run of the network."""
        with self.modules.followed(self._is_special, self._enter, self._leave), self:
            yield

    def leaf(self, actual: Tensor, reference: Tensor) -> Tensor:
        """Make one tensor of an input and its reference, from which all others are computed.

        Parameters
        ----------
        actual : Tensor of shape (N, ...)
            Input.
        reference : Tensor of shape (R, ...)
            Reference.

        Returns
        -------
        Tensor
            Shape (N + R, ...), which the network may overwrite.
        """

        def find_parts() -> Signed:
            difference = actual - reference
            return Signed(difference.clamp(min=0), difference.clamp(max=0))

        whole = torch.cat([actual, reference])
        self._track(whole, Parts(find_parts), frozenset())
        return whole

    def number_of(self, tensor: Tensor) -> int:
        """Return the number of a tensor, for `multipliers`."""
        node = self.node_of(tensor)
        assert node is not None
        return node.number

    def node_of(self, tensor: Tensor) -> Node | None:
        """Return what is known of a tensor; None if it does not depend on the inputs.

        Raises
        ------
        UnsupportedOperationError
            If it was overwritten after it was computed.
        """
        node: Node | None = self._nodes.get(tensor)
        if node is not None and node.version != version_of(tensor):
            name, _ = self.modules.innermost
            raise UnsupportedOperationError(
                f"a tensor of shape {tuple(tensor.shape)} that is used "
                f"{f'in module {name!r}' if name else 'by the model itself'} was overwritten by "
                "an operation that works in place on memory it shares with another tensor: let "
                "the model work out of place"
            )
        return node

    def signal(self, tensor: Tensor, node: Node) -> Signal:
        """Rows of the inputs and of the references."""
        return WatchedSignal(tensor, self.n_inputs, node)

    def record(
        self, output: Tensor, passed: Passed, nodes: Sequence[Node], dense: bool | None
    ) -> None:
        """Keep how the multipliers of a tensor are pulled back; see `Call.emit`."""
        kinds = frozenset[bool]().union(*(node.dense for node in nodes))
        if dense is not None:
            kinds = frozenset({dense})
        parts = passed.parts if self._rules.may_ask_for_parts else None
        self._track(output, parts, kinds)
        self._steps.append((self._n_nodes, [node.number for node in nodes], passed.pullback))

    def share(self, output: Tensor, node: Node, logits: tuple[Tensor, Node] | None = None) -> None:
        """Let a tensor be the same as another one."""
        self._keep(output, node.number, node.parts, node.dense, logits or node.logits)

    def forget(self, tensor: Tensor) -> None:
        """Let a tensor not depend on the inputs any more."""
        self._nodes.pop(tensor, None)

    def multipliers(
        self, output: int, multipliers: Tensor, leaves: Sequence[int]
    ) -> list[Signed | None]:
        """Carry multipliers from a tensor to the inputs.

        Parameters
        ----------
        output : int
            Number of the tensor.
        multipliers : Tensor of shape (N, ...)
            Its multipliers.
        leaves : sequence of int
            Numbers of the inputs.

        Returns
        -------
        list of Signed or None
            Multipliers of the inputs, shapes (N, ...); None for one that has no effect.
        """
        pending = {output: Signed(multipliers, multipliers)}
        # Emptied on the way, to free what the pullbacks hold.
        while self._steps:
            number, sources, pullback = self._steps.pop()
            if number not in pending:
                continue  # its value never reaches the output
            for source, below in zip(sources, pullback(pending.pop(number)), strict=True):
                pending[source] = pending[source] + below if source in pending else below
        return [pending.get(leaf) for leaf in leaves]

    def pass_nonlinearity(self, call: Call) -> Tensor:
        """Pass a call by the rule of its nonlinearity."""
        if len(call.signals) != 1:
            raise call.refusal("DeepLIFT has no rule for it with several signals")
        (signal,) = call.signals
        function = call.elementwise()
        rule = self._rule(call)
        if call.in_place:
            local = rule(function, signal)
            output = call.run()
        else:
            output = call.run()
            local = rule(_Known(function, signal, output, self.n_inputs), signal)
        return call.emit(output, self._pass_locally(call, local, signal))

    def compose(self, call: Call, function: Callable[..., Tensor]) -> Tensor:
        """Pass a call as the calls that another function makes with the same arguments."""
        self._composed.append(call)
        try:
            with self:
                output = function(*call.args, **call.kwargs)
        finally:
            self._composed.pop()
        if not call.in_place:
            return output
        node = self.node_of(output)
        target: Tensor = call.args[0]
        target.copy_(output)
        if node is not None:
            self.share(target, node)
        return target

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Pass one call."""
        kwargs = kwargs or {}
        if self._unseen:
            return func(*args, **kwargs)
        name = function_name(func)
        if name.name == "__setitem__":
            self._renew(*args)
        tracked = [
            (tensor, node)
            for tensor in tensors_in((args, kwargs))
            if (node := self.node_of(tensor)) is not None
        ]
        if not tracked:
            return func(*args, **kwargs)
        return self._pass(Call(self, func, name, args, kwargs, tracked))

    def _pass(self, call: Call) -> Any:
        if call.kwargs.get("out") is not None:
            raise call.refusal("DeepLIFT has no rule for it with out=")
        if self._nonlinearities.include(call.function, call.name):
            return self.pass_nonlinearity(call)
        handler = self._handlers.get(call.name)
        if handler is not None:
            return handler(call)
        if call.name.startswith("."):
            # An attribute: of the tensor's form, unless it is another tensor.
            value = call.run()
            if not isinstance(value, Tensor):
                return value
        reason = "DeepLIFT has no rule for this operation"
        if self._composed:
            raise self._composed[-1].refusal(f"{reason}, of which {call.name}() is a part")
        raise call.refusal(
            f"{reason}; if it is an elementwise nonlinearity, name it in nonlinearities="
        )

    def _is_special(self, module: nn.Module) -> bool:
        return self._nonlinearities.include_module(module) or type(module) in self._module_functions

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._unseen:
            return
        with torch._C.DisableTorchFunction():
            tracked = [
                (tensor, node)
                for tensor in tensors_in((args, kwargs))
                if (node := self.node_of(tensor)) is not None
            ]
            if not tracked:
                return
            name = FunctionName(type(module).__name__, False)
            call = Call(self, _copying(module.forward), name, args, kwargs, tracked)
            if not self._nonlinearities.include_module(module):
                self._unseen.append((module, call, self._module_functions[type(module)]))
                return
            if len(tracked) != 1:
                raise call.refusal("a nonlinearity must have one input")
            qualified = self.modules.innermost[0]
            use = Nonlinearity(qualified, module, call.nodes[0].dense == {True})
            # Before the module runs: it may overwrite its input.
            local = self._rules.choose(use)(call.elementwise(), call.signals[0])
            self._unseen.append((module, call, local))

    def _leave(self, module: nn.Module, output: Any) -> Any:
        if not self._unseen or self._unseen[-1][0] is not module:
            return None
        _, call, passed = self._unseen.pop()
        if isinstance(passed, Signed):
            with torch._C.DisableTorchFunction():
                self._leave_nonlinearity(call, passed, output)
            return None
        self._composed.append(call)
        try:
            return passed(module, *call.args, **call.kwargs)
        finally:
            self._composed.pop()

    def _leave_nonlinearity(self, call: Call, local: Signed, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise call.refusal("a nonlinearity must return one tensor")
        call.emit(output, self._pass_locally(call, local, call.signals[0]))

    def _pass_locally(self, call: Call, local: Signed, signal: Signal) -> Passed:
        if not local.equal and signal.parts is None:
            raise call.refusal("its rule needs parts of a difference that are not known")
        return elementwise(local, signal)

    def _rule(self, call: Call) -> Rule:
        if self._composed:
            # A part of an operation that the paper has no rule for, such as a normalisation.
            return rescale
        name, module = call.module or (self._function_name(call.name), None)
        return self._rules.choose(Nonlinearity(name, module, call.nodes[0].dense == {True}))

    def _function_name(self, name: str) -> str:
        while True:
            count = self._function_calls[name]
            self._function_calls[name] += 1
            numbered = f"{name}_{count}" if count else name
            if not self.modules.is_name(numbered):
                return numbered

    def _track(self, tensor: Tensor, parts: Parts | None, dense: frozenset[bool]) -> None:
        self._n_nodes += 1
        self._keep(tensor, self._n_nodes, parts, dense)

    def _keep(
        self,
        tensor: Tensor,
        number: int,
        parts: Parts | None,
        dense: frozenset[bool],
        logits: tuple[Tensor, Node] | None = None,
    ) -> None:
        version = version_of(tensor)
        before: Node | None = self._nodes.get(tensor)
        since = version if before is None else before.since
        self._nodes[tensor] = Node(number, version, since, parts, dense, logits)

    def _renew(self, target: Tensor, index: Any, value: Any) -> None:
        """Trust a tensor again if all that was written to its memory went into a view of it.

        That is so at the end of ``target[index] += ...``, which is in-place addition to the view
        and then this assignment of the view to its own place.
        """
        node: Node | None = self._nodes.get(target)
        view: Node | None = self._nodes.get(value) if isinstance(value, Tensor) else None
        if node is None or view is None or node.version == version_of(target):
            return
        place = target[index]
        if (
            view.version == version_of(target)
            and view.since == node.version
            and place.data_ptr() == value.data_ptr()
            and (place.shape, place.stride()) == (value.shape, value.stride())
        ):
            self._nodes[target] = replace(node, version=view.version)


class _Known:
    """A function whose values at a signal are known already."""

    def __init__(
        self, function: Elementwise, signal: Signal, output: Tensor, n_inputs: int
    ) -> None:
        self._function = function
        self._signal = signal
        self._actual, self._reference = output[:n_inputs], output[n_inputs:]

    def __call__(self, points: Tensor) -> Tensor:
        if points is self._signal.actual:
            return self._actual
        if points is self._signal.reference:
            return self._reference
        return self._function(points)


def _copying(forward: Callable[..., Any]) -> Callable[..., Any]:
    def on_copies(*args: Any, **kwargs: Any) -> Any:
        copies = [arg.clone() if isinstance(arg, Tensor) else arg for arg in args]
        return forward(*copies, **kwargs)

    return on_copies
