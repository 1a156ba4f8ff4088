"""DeepLIFT contributions of inputs to a logit (Shrikumar, Greenside, Kundaje 2017)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn

from xgradient._explained import (
    Explained,
    Inputs,
    Model,
    OutputSelector,
    explained,
    module_of,
)
from xgradient._inputs import check_positive_integer, evaluation_mode
from xgradient._targets import TargetLike
from xgradient.attribution._opaque import opaque_module
from xgradient.deeplift.handlers import HANDLERS, MODULES
from xgradient.deeplift.nonlinearities import Nonlinearities
from xgradient.deeplift.operations import UnsupportedOperationError
from xgradient.deeplift.references import Baselines, References, references_of
from xgradient.deeplift.rules import RuleChooser, RuleSpecification
from xgradient.deeplift.signals import Signal, Signed
from xgradient.deeplift.watch import Watch


class SummationToDeltaWarning(UserWarning):
    """Contributions do not sum to the difference of the logit from its reference."""


class SoftmaxWarning(UserWarning):
    """The network ends in a softmax, and the logit before it is explained."""


@overload
def deeplift(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    rule: RuleSpecification = "rescale",
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: str | nn.Module | None = None,
    nonlinearities: Sequence[Any] = (),
    max_pooling: str = "complete",
    mean_normalize: bool = False,
    multiply_by_inputs: bool = True,
    hypothetical: bool = False,
    internal_batch_size: int | None = None,
    progress: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
    return_convergence_delta: Literal[False] = False,
) -> Inputs: ...


@overload
def deeplift(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    rule: RuleSpecification = "rescale",
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: str | nn.Module | None = None,
    nonlinearities: Sequence[Any] = (),
    max_pooling: str = "complete",
    mean_normalize: bool = False,
    multiply_by_inputs: bool = True,
    hypothetical: bool = False,
    internal_batch_size: int | None = None,
    progress: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
    return_convergence_delta: Literal[True],
) -> tuple[Inputs, Tensor]: ...


def deeplift(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    rule: RuleSpecification = "rescale",
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: str | nn.Module | None = None,
    nonlinearities: Sequence[Any] = (),
    max_pooling: str = "complete",
    mean_normalize: bool = False,
    multiply_by_inputs: bool = True,
    hypothetical: bool = False,
    internal_batch_size: int | None = None,
    progress: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
    return_convergence_delta: bool = False,
) -> Inputs | tuple[Inputs, Tensor]:
    """Contributions of the inputs to the difference of a logit from its value at a reference.

    The network runs as it is, once on the inputs and references together, and every call of a
    torch function that it makes is watched: of modules, of functions and methods, in hooks and
    in any code that PyTorch runs. Rescale costs as much as one gradient, RevealCancel as much as
    about four, plus a second forward pass unless all inputs share one reference.

    Layers and operations that are linear in the inputs, maxima, products, elementwise
    nonlinearities, normalisation layers, attention and softmax have rules, so that contributions
    sum to the difference for any network that is made of them. A product of two signals is
    shared by the averaging rule ``Δ(ab) = ½(b + b⁰)Δa + ½(a + a⁰)Δb``, which is not in the paper
    but in the packages of its authors' line. Normalisation by the statistics of an input is
    composed of products and Rescale, a quotient is a product with the Rescale of the reciprocal.

    Parameters
    ----------
    model : callable
        Network, an ``nn.Module`` or a function, that maps inputs to logits (N, K). It is run in
        evaluation mode. If it ends in a softmax, the logit before it is explained, with a
        warning; a target that is a function of the outputs explains the probabilities. It sees
        N + R rows, those of the inputs and then those of the R references, and must not mix the
        rows of a batch.
    inputs : Tensor or tuple of these
        Inputs, each of shape (N, ...).
    target : optional
        Which logit to explain: an index, one per row or one for all; None for a network with one
        output. See `xgradient.attribution` for the other forms.
    baselines : optional
        The references of DeepLIFT.

        - None for zero, a number, or a tensor that broadcasts to the inputs. If its first axis
          has length 1 or is left out, all inputs share it, which saves time. With several inputs
          a tuple of these.
        - A tensor (N, R, ...) with one more axis than the inputs: R references of every input,
          or the same for all of them if N is 1.
        - A list of any of these.
        - A function of the inputs that returns one of these, such as shuffled sequences.

        Contributions are averaged over several references.
    rule : str, callable or Mapping
        Rule of the nonlinearities: ``"rescale"``, ``"revealcancel"`` or ``"genomics_default"``,
        which is RevealCancel behind fully connected layers and Rescale behind convolutions. A
        callable gets the name and the module of each nonlinearity (for a function: its name,
        ``"relu"``, ``"relu_1"`` and so on in the order of the calls, and ``None``), a mapping has
        names or types as its keys, names first; both give ``"rescale"``, ``"revealcancel"`` or a
        function like `xgradient.deeplift.rules.rescale`.
    additional_forward_args, output, layer : optional
        Common to all methods, see `xgradient.attribution`.
    nonlinearities : sequence, optional
        Functions or types of modules that are elementwise nonlinearities of this network; see
        `register_nonlinearity`.
    max_pooling : str, optional
        ``"complete"``: every window passes its whole difference to one of its inputs. Or
        ``"gradient"``, as in the authors' package: to the maximum of the input as it is, so that
        contributions may miss the difference of the logit.
    mean_normalize : bool, optional
        Whether to subtract the mean of the contributions to all K logits, which a softmax does
        not see (Sec. 3.6: "adjustments for softmax layers").
    multiply_by_inputs : bool, optional
        False for the multipliers instead of the contributions: what they would be per unit of the
        difference, in the direction of its sign.
    hypothetical : bool, optional
        Whether to return, for one-hot coded inputs (N, A, ...), what every letter of the alphabet
        A would contribute by the same multipliers: the sum over A of
        ``(one-hot letter - reference) · multiplier``.
    internal_batch_size : int, optional
        Number of pairs of an input and a reference that are evaluated at a time. By default the
        size of the batch, whatever the number of references.
    progress : callable, optional
        Wraps the sequence of the evaluations, for instance `tqdm.tqdm`.
    return_convergence_delta : bool, optional
        Whether to return by how much summation-to-delta fails.

    Returns
    -------
    attributions : Tensor or tuple of these
        Contributions, shaped like the inputs (or the values of the layer).
    delta : Tensor of shape (N,)
        Only with ``return_convergence_delta``: sum of the contributions minus the difference of
        the logit from its (mean) value at the references. With ``mean_normalize`` the logit is
        the one less the mean of all K.

    Raises
    ------
    UnsupportedOperationError
        If the network calls a function without a rule, mixes the rows of a batch, or does
        something with the inputs that cannot be seen; the message names it.
    ValueError, TypeError
        If inputs, baselines, target, rule and network do not fit together; the message says
        which.

    Warns
    -----
    SummationToDeltaWarning
        If the contributions miss the difference of the logit by more than rounding explains.
    SoftmaxWarning
        If the network ends in a softmax.
    """
    task = explained(
        model,
        inputs,
        target,
        additional_forward_args=additional_forward_args,
        output=output,
        layer=layer,
    )
    n_pairs = task.n_rows if internal_batch_size is None else internal_batch_size
    check_positive_integer("internal_batch_size", n_pairs)
    if hypothetical and not multiply_by_inputs:
        raise ValueError("hypothetical contributions are multiplied by the inputs: choose one")
    if hypothetical and any(values.dim() < 3 for values in task.inputs):
        raise ValueError(
            "hypothetical contributions need one-hot coded inputs of shape (N, A, ...), got "
            f"{[tuple(values.shape) for values in task.inputs]}"
        )
    module = module_of(model)
    _refuse_opaque(module)
    if max_pooling not in ("complete", "gradient"):
        raise ValueError(f"max_pooling must be 'complete' or 'gradient', got {max_pooling!r}")
    run = _Run(
        task,
        RuleChooser(rule),
        Nonlinearities(nonlinearities),
        mean_normalize,
        max_pooling == "gradient",
    )
    # Tensors made in inference mode are refused by autograd, which the passes use in places.
    with torch.inference_mode(False), torch.no_grad(), evaluation_mode(module):
        result = _Sums(task)
        groups = list(references_of(task, baselines))
        weight = 1.0 / sum(references.number for references in groups)
        parts = [
            (references, part)
            for references in groups
            for part in torch.arange(
                task.n_rows * references.number, device=task.inputs[0].device
            ).split(n_pairs)
        ]
        for references, part in parts if progress is None else progress(parts):
            rows, numbers = part // references.number, part % references.number
            explanation = run.explain(rows, references, numbers)
            result.add(rows, explanation, weight, multiply_by_inputs, hypothetical)
        run.rules.check_names()
        result.warn_if_missed()
        attributions: Any = task.returned(result.attributions)
    if run.found_softmax:
        warnings.warn(
            "the network ends in a softmax: the logit before it is explained, as DeepLIFT asks "
            "for; leave the softmax out, or use mean_normalize=True for what it does not see",
            SoftmaxWarning,
            stacklevel=2,
        )
    return (attributions, result.delta) if return_convergence_delta else attributions


class _Explanation:
    """Multipliers of some rows, and the change of their score."""

    def __init__(
        self,
        signals: Sequence[Signal],
        multipliers: Sequence[Signed | None],
        change: Tensor,
        size: Tensor,
    ) -> None:
        self.differences = [signal.difference for signal in signals]
        self.references = [signal.reference for signal in signals]
        self.multipliers = [
            torch.zeros_like(difference)
            if both is None
            else both.positive
            if both.equal
            else torch.where(difference < 0, both.negative, both.positive)
            for difference, both in zip(self.differences, multipliers, strict=True)
        ]
        self.change = change
        self.size = size

    def contributions(self) -> list[Tensor]:
        return [d * m for d, m in zip(self.differences, self.multipliers, strict=True)]

    def hypothetical(self) -> list[Tensor]:
        return [
            m - (reference * m).sum(1, keepdim=True)
            for m, reference in zip(self.multipliers, self.references, strict=True)
        ]


class _Run:
    """One network, with the rules for it."""

    def __init__(
        self,
        task: Explained,
        rules: RuleChooser,
        nonlinearities: Nonlinearities,
        mean_normalize: bool,
        gradient_of_max_pooling: bool,
    ) -> None:
        self.task = task
        self.rules = rules
        self.nonlinearities = nonlinearities
        self.mean_normalize = mean_normalize
        self.gradient_of_max_pooling = gradient_of_max_pooling
        self.found_softmax = False
        # What else enters the network follows the rows of the inputs, and so do references then.
        self._needs_pairs = task.layer is not None or any(
            isinstance(argument, Tensor) and argument.shape[:1] == (task.n_rows,)
            for argument in task.arguments
        )

    def explain(self, rows: Tensor, references: References, numbers: Tensor) -> _Explanation:
        signals = [
            Signal(values, reference.expand(len(rows), *reference.shape[1:]))
            if self._needs_pairs
            else Signal(values, reference)
            for values, reference in zip(
                self.task.rows(rows), references.of(rows, numbers), strict=True
            )
        ]
        shared = references.shared and not self._needs_pairs
        n_inputs, n_references = len(rows), 1 if shared else len(rows)
        watch = Watch(
            module_of(self.task.model),
            n_inputs,
            n_references,
            self.rules,
            self.nonlinearities,
            HANDLERS,
            MODULES,
            self.gradient_of_max_pooling,
        )
        leaves = [watch.leaf(signal.actual, signal.reference) for signal in signals]
        numbers_of_leaves = [watch.number_of(leaf) for leaf in leaves]
        output, number = self._output(watch, leaves, torch.cat([rows, rows[:n_references]]))
        del leaves
        actual, reference = output[:n_inputs], output[n_inputs:]
        weights = self._weights(actual, rows)
        change = ((actual - reference) * weights).reshape(n_inputs, -1).sum(dim=1)
        size = torch.maximum((actual * weights).abs().max(), (reference * weights).abs().max())
        return _Explanation(
            signals, watch.multipliers(number, weights, numbers_of_leaves), change, size
        )

    def _output(self, watch: Watch, leaves: list[Tensor], rows: Tensor) -> tuple[Tensor, int]:
        with watch.running():
            output = self.task.call(leaves, rows)
            if self.task.target.linear:
                node = watch.node_of(output)
            else:
                output = self.task.target(output, rows)
                node = watch.node_of(output)
        if node is None:
            raise UnsupportedOperationError(
                "the output of the model does not depend on its input through calls of torch "
                "functions that can be seen: look for a custom autograd function, a compiled or "
                "scripted function, or an output that is a constant"
            )
        if node.logits is not None and self.task.target.linear:
            output, node = node.logits
            self.found_softmax = True
        return output, node.number

    def _weights(self, output: Tensor, rows: Tensor) -> Tensor:
        if not self.task.target.linear:
            if self.mean_normalize:
                raise ValueError("mean_normalize needs a target that is an index or weights")
            return torch.ones_like(output)
        with torch.enable_grad():
            point = output.detach().requires_grad_()
            (weights,) = torch.autograd.grad(self.task.target(point, rows).sum(), point)
        if not self.mean_normalize:
            return weights
        if weights.dim() < 2:
            raise ValueError("mean_normalize needs a network with several logits, shape (N, K)")
        return weights - weights.mean(dim=1, keepdim=True)


class _Sums:
    """Attributions, and by how much they miss the change of the score."""

    def __init__(self, task: Explained) -> None:
        self.attributions = [torch.zeros_like(values) for values in task.inputs]
        self.delta = task.inputs[0].new_zeros(task.n_rows)
        self._largest = task.inputs[0].new_zeros(task.n_rows)
        self._size = task.inputs[0].new_zeros(())

    def add(
        self,
        rows: Tensor,
        explanation: _Explanation,
        weight: float,
        multiply_by_inputs: bool,
        hypothetical: bool,
    ) -> None:
        contributions = explanation.contributions()
        delta = sum(
            (values.reshape(len(rows), -1).sum(dim=1) for values in contributions),
            -explanation.change,
        )
        self._size = torch.maximum(self._size, explanation.size)
        # Not a number is the largest miss of all.
        missed = torch.where(delta.isnan(), torch.inf, delta.abs())
        self._largest.scatter_reduce_(0, rows, missed.to(self._largest), "amax")
        self.delta.index_add_(0, rows, delta.to(self.delta) * weight)
        parts = contributions if multiply_by_inputs else explanation.multipliers
        parts = explanation.hypothetical() if hypothetical else parts
        for total, part in zip(self.attributions, parts, strict=True):
            total.index_add_(0, rows, part * weight)

    def warn_if_missed(self) -> None:
        # Rounding errors grow with the size of what is summed, not with the sum.
        allowed = torch.finfo(self._largest.dtype).eps ** 0.5 * self._size
        # Not "largest > allowed", which a size that is not a number would pass.
        missed = ~(self._largest <= allowed)
        if missed.any():
            worst = int(self._largest.argmax())
            amount = float(self._largest[worst])
            warnings.warn(
                f"summation-to-delta fails: the contributions of input {worst} miss the "
                f"difference of its logit by {torch.nan if amount == torch.inf else amount:.3g}, "
                f"where logits are up to {float(self._size):.3g} in size ({int(missed.sum())} of "
                f"{len(missed)} inputs miss it)",
                SummationToDeltaWarning,
                stacklevel=3,
            )


def _refuse_opaque(module: nn.Module | None) -> None:
    if module is None:
        return
    opaque = opaque_module(module)
    if opaque is not None:
        raise UnsupportedOperationError(
            f"the operations inside module '{opaque}', which is compiled or scripted, cannot be "
            "seen: pass the network from before compilation"
        )
