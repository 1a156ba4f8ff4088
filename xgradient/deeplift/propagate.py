"""The two passes of DeepLIFT over a network.

The forward pass carries the signals of the inputs and of their references through every
operation; the backward pass carries multipliers from the logits to the inputs.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from xgradient.deeplift import operations
from xgradient.deeplift.dispatch import is_nonlinearity, nonlinear_function, pass_operation
from xgradient.deeplift.graph import Call, Sizes, trace
from xgradient.deeplift.operations import Passed, Pullback, UnsupportedOperationError
from xgradient.deeplift.rules import Nonlinearity, Rule, RuleSpecification, choose_rule, rescale
from xgradient.deeplift.signals import Signal, Signed

Step = tuple[Call, Pullback]


class Network:
    """A network as a graph of calls, with the rule of every nonlinearity in it.

    Parameters
    ----------
    model : torch.nn.Module
        The network, in evaluation mode.
    rule : str or callable or Mapping
        As in `xgradient.deeplift.deeplift`.

    Raises
    ------
    UnsupportedOperationError
        If the network cannot be seen as a graph.
    ValueError
        If the rules do not fit the nonlinearities of the network.
    """

    def __init__(self, model: nn.Module, rule: RuleSpecification) -> None:
        self._graph, self._root = trace(model)
        self._output = next(node for node in self._graph.nodes if node.op == "output")
        self._last_uses = _last_uses(self._graph)
        self._rules = self._choose_rules(rule)
        self._with_parts = self._find_parts()
        self._model = model

    def forward(self, inputs: Tensor, references: Tensor) -> tuple[Signal, list[Step]]:
        """Carry the signal of the inputs to the logits.

        Parameters
        ----------
        inputs : torch.Tensor
            Inputs, shape (N, ...).
        references : torch.Tensor
            References, shape (N, ...) or (1, ...).

        Returns
        -------
        logits : Signal
            Logits of inputs and references, shapes (N, K) and (N or 1, K).
        steps : list
            Calls with their pullbacks, for `backward`.

        Raises
        ------
        UnsupportedOperationError
            If the network holds an operation without a rule.
        """
        values: dict[fx.Node, Any] = {}
        steps: list[Step] = []
        for node in self._graph.nodes:
            if node.op == "placeholder":
                values[node] = self._placeholder(node, inputs, references, first=not values)
            elif node.op == "get_attr":
                values[node] = operator.attrgetter(node.target)(self._root)
            elif node is not self._output:
                values[node] = self._operate(Call(node, self._root), values, steps)
                # A signal is the largest thing here: none may outlive its last use.
                for finished in self._last_uses.get(node, ()):
                    del values[finished]
        returned = self._output.args[0]
        logits = values[returned] if isinstance(returned, fx.Node) else None
        if not isinstance(logits, Signal) or logits.actual.dim() != 2:
            raise UnsupportedOperationError(
                "the model must return one tensor of logits, shape (N, K), computed from its input"
            )
        return logits, steps

    def backward(self, steps: list[Step], multipliers: Tensor) -> Signed:
        """Carry multipliers from the logits to the inputs.

        Parameters
        ----------
        steps : list
            From `forward`. Emptied on the way, to free what the pullbacks hold.
        multipliers : torch.Tensor
            Multipliers of the logits, shape (N, K).

        Returns
        -------
        Signed
            Multipliers of the inputs, shape (N, ...).
        """
        pending = {self._output.args[0]: Signed(multipliers, multipliers)}
        while steps:
            call, pullback = steps.pop()
            if call.node not in pending:
                continue  # its value never reaches the logits
            for source, below in zip(call.sources, pullback(pending.pop(call.node)), strict=True):
                pending[source] = pending[source] + below if source in pending else below
        (at_inputs,) = pending.values()
        return at_inputs

    def verify(self, inputs: Tensor, logits: Tensor) -> None:
        """Make sure that the graph computes what the model computes.

        Parameters
        ----------
        inputs : torch.Tensor
            Inputs, shape (N, ...). The first alone is compared.
        logits : torch.Tensor
            Logits of the graph for them, shape (N, K).

        Raises
        ------
        UnsupportedOperationError
            If the model has other logits.
        """
        # Cloned since a model may work in place.
        expected = self._model(inputs[:1].clone())
        # Far more than rounding changes, also that of TF32, and far less than another computation.
        tolerance = torch.finfo(logits.dtype).eps ** 0.25 * expected.nan_to_num().abs().max()
        if torch.allclose(logits[:1], expected, rtol=0, atol=float(tolerance), equal_nan=True):
            return
        hooks = [
            f"the forward hook of module '{name}' ({type(module).__name__})"
            for name, module in self._model.named_modules()
            if module._forward_hooks or module._forward_pre_hooks
        ]
        raise UnsupportedOperationError(
            "the operations that torch.fx shows give other logits than the model does: look at "
            + (" and ".join(hooks) or "operations that work in place, such as +=")
        )

    def _choose_rules(self, specification: RuleSpecification) -> dict[fx.Node, Rule]:
        # Per node, the kinds of the layers that weighted its value last: is each a dense one?
        last_dense: dict[fx.Node, frozenset[bool]] = {}
        uses: dict[fx.Node, Nonlinearity] = {}
        for node in self._graph.nodes:
            call = Call(node, self._root)
            last_dense[node] = frozenset().union(*(last_dense[n] for n in node.all_input_nodes))
            if isinstance(call.module, operations.LINEAR_MODULES):
                last_dense[node] = frozenset({isinstance(call.module, nn.Linear)})
            elif is_nonlinearity(call):
                uses[node] = Nonlinearity(call.name, call.module, last_dense[node] == {True})
        names = [use.name for use in uses.values()]
        for key in specification if isinstance(specification, Mapping) else ():
            if isinstance(key, str) and key not in names:
                raise ValueError(
                    f"the mapping of DeepLIFT rules names {key!r}, which is no nonlinearity of "
                    f"the model: these are {', '.join(map(repr, names)) or 'none'}"
                )
        return {node: choose_rule(specification, use) for node, use in uses.items()}

    def _find_parts(self) -> set[fx.Node]:
        # Rescale alone does not look at the parts of a difference, and a linear layer makes new
        # parts whatever entered it: only what lies between the two needs any.
        needed: set[fx.Node] = set()
        for node in reversed(self._graph.nodes):
            asks = node in self._rules and self._rules[node] is not rescale
            module = Call(node, self._root).module
            passes = node in needed and not isinstance(module, operations.LINEAR_MODULES)
            if asks or passes:
                needed.update(node.all_input_nodes)
        return needed

    def _operate(self, call: Call, values: dict[fx.Node, Any], steps: list[Step]) -> Any:
        signals = call.bind(values)
        if not signals or call.reads_shape:
            return Sizes(
                call.on_actual(*(signal.actual for signal in signals)),
                call.on_reference(*(signal.reference for signal in signals)),
            )
        if call.overwrites_value_used_later:
            raise UnsupportedOperationError(
                f"{call} overwrites a value that the model uses again: let it work out of place"
            )
        try:
            output, pullback = self._pass(call, signals)
        except UnsupportedOperationError as error:
            raise UnsupportedOperationError(f"{call}: {error}") from None
        n_inputs = len(signals[0].actual)
        if output.actual.dim() == 0 or len(output.actual) != n_inputs:
            raise UnsupportedOperationError(
                f"{call} returns shape {tuple(output.actual.shape)}: its first axis must be that "
                f"of the {n_inputs} inputs"
            )
        steps.append((call, pullback))
        return output

    def _pass(self, call: Call, signals: list[Signal]) -> Passed:
        if call.node in self._rules:
            rule = self._rules[call.node]
            return operations.elementwise(nonlinear_function(call), rule, *signals)
        if isinstance(call.module, operations.LINEAR_MODULES):
            (signal,) = signals
            return operations.linear(call.module, signal, call.node in self._with_parts)
        return pass_operation(call, signals)

    def _placeholder(
        self, node: fx.Node, inputs: Tensor, references: Tensor, first: bool
    ) -> Signal | Any:
        if first:
            parts = None
            if node in self._with_parts:
                difference = inputs - references
                parts = Signed(difference.clamp(min=0), difference.clamp(max=0))
            return Signal(inputs, references, parts)
        if node.args:
            return node.args[0]
        raise UnsupportedOperationError(
            f"the model takes a second input '{node.target}': DeepLIFT here is for models of one"
        )


def _last_uses(graph: fx.Graph) -> dict[fx.Node, list[fx.Node]]:
    last = {source: node for node in graph.nodes for source in node.all_input_nodes}
    uses: dict[fx.Node, list[fx.Node]] = {}
    for source, node in last.items():
        uses.setdefault(node, []).append(source)
    return uses
