"""The front that all methods share: what is explained, by which inputs.

A caller has a net, one or several inputs and a score that a row of the output gives; a method
wants a function of several tensors with one score per row. `Explained` is that function.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from xgradient._inputs import check_inputs, evaluation_mode, usable, validated_baselines
from xgradient._layers import InputOf, Layer, LayerLike, found_layer
from xgradient._targets import Target, TargetLike, chosen_target

__all__ = [
    "Baselines",
    "Explained",
    "Inputs",
    "Model",
    "NonFiniteAttributionWarning",
    "OutputSelector",
    "explained",
    "module_of",
]

Model = Callable[..., Any]
"""An ``nn.Module``, or a function of the inputs."""
Inputs = TypeVar("Inputs", Tensor, tuple[Tensor, ...])
"""One tensor, or a tuple of them; the attribution has the same form."""
Baselines = Tensor | float | None | tuple[Tensor | float | None, ...]
"""One baseline for every input: None for zero, a number, or a tensor that broadcasts to it."""
OutputSelector = str | int | Callable[[Any], Tensor] | None


class NonFiniteAttributionWarning(UserWarning):
    """An attribution holds NaN or infinity."""


@dataclass(frozen=True)
class Explained:
    """A score of every row as a function of its inputs.

    Parameters
    ----------
    model : callable
        The net.
    inputs : tuple of Tensor, each of shape (N, ...)
        What is attributed to: the inputs of the net, or the values of an inner layer.
    single : bool
        Whether the attribution is one tensor, not a tuple.
    target : Target
        The choice of the score.
    arguments : tuple
        Further arguments of the net. A tensor of N rows goes with the rows.
    output : str, int, callable or None
        Which part of what the net returns is the tensor of outputs.
    layer : Layer, optional
        The layer whose values the inputs are.
    """

    model: Model
    inputs: tuple[Tensor, ...]
    single: bool
    target: Target
    arguments: tuple[Any, ...] = ()
    output: OutputSelector = None
    layer: Layer | None = None

    @property
    def n_rows(self) -> int:
        """Number N of rows of the batch."""
        return len(self.inputs[0])

    def all_rows(self) -> Tensor:
        """Return the numbers (N,) of all rows."""
        return torch.arange(self.n_rows, device=self.inputs[0].device)

    def rows(self, rows: Tensor | slice) -> tuple[Tensor, ...]:
        """Return the inputs of some rows."""
        return tuple(values[rows] for values in self.inputs)

    def call(self, points: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        """Run the net with other values of its inputs.

        Parameters
        ----------
        points : sequence of Tensor, each of shape (M, ...)
            Instead of the inputs; the net may overwrite them.
        rows : Tensor of shape (M,), int64, optional
            The row of the batch that each point belongs to; by default all rows in their order.

        Returns
        -------
        Tensor of shape (M, ...)
            Outputs.

        Raises
        ------
        TypeError, ValueError
            If the net does not return such a tensor.
        """
        n_rows = self.n_rows if rows is None else len(rows)

        def taken(argument: Any) -> Any:
            follows = isinstance(argument, Tensor) and argument.shape[:1] == (self.n_rows,)
            return argument[rows] if follows and rows is not None else argument

        arguments = [taken(argument) for argument in self.arguments]
        if self.layer is None:
            returned = self.model(*points, *arguments)
        else:
            feed = [taken(values).clone() for values in self.layer.feed]
            with self.layer.replaced(points):
                returned = self.model(*feed, *arguments)
        return _checked_output(_selected(returned, self.output), n_rows)

    def scores(self, points: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        """Return the score (M,) of every row; parameters as of `call`."""
        return self.target(self.call(points, rows), rows)

    def scores_in_parts(self, points: Sequence[Tensor], n_rows: int) -> Tensor:
        """Scores (N,) of all rows, a bounded number at a time, without gradients.

        Parameters
        ----------
        points : sequence of Tensor, each of shape (N, ...) or (1, ...)
            Instead of the inputs.
        n_rows : int
            At most so many at a time.
        """
        shared = all(len(values) == 1 for values in points)
        with torch.no_grad():
            if shared and not self.arguments and self.layer is None:
                output = self.call([values.clone() for values in points], self.all_rows()[:1])
                return self.target(output.expand(self.n_rows, *output.shape[1:]), None)
            every = [values.expand(self.n_rows, *values.shape[1:]) for values in points]
            parts = self.all_rows().split(n_rows)
            return torch.cat(
                [self.scores([values[rows] for values in every], rows) for rows in parts]
            )

    def baselines(self, baselines: Baselines) -> tuple[Tensor, ...]:
        """Baselines of all inputs, each of shape (N, ...) or (1, ...).

        Parameters
        ----------
        baselines : Tensor or float or tuple of these, optional
            Of the inputs of the net, also if an inner layer is explained: then its values for them
            are the baseline.

        Raises
        ------
        TypeError, ValueError
            If they are something else, do not broadcast, or hold NaN or infinity.
        """
        given = per_input(baselines, len(self.fed), "baselines")
        checked = [validated_baselines(b, x) for b, x in zip(given, self.fed, strict=True)]
        if self.layer is None:
            return tuple(checked)
        rows = [b.expand(len(x), *x.shape[1:]) for b, x in zip(checked, self.fed, strict=True)]
        return self.values_of(rows)

    def differences(self, baselines: Baselines) -> tuple[Tensor, ...]:
        """Subtract baselines from the inputs; None leaves these as they are."""
        if baselines is None:
            return self.inputs
        starts = self.baselines(baselines)
        return tuple(x - start for x, start in zip(self.inputs, starts, strict=True))

    @property
    def fed(self) -> tuple[Tensor, ...]:
        """Inputs of the net, also if an inner layer is explained."""
        return self.inputs if self.layer is None else self.layer.feed

    def values_of(self, feed: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Values of the layer for N other inputs of the net; without a layer these themselves."""
        if self.layer is None:
            return tuple(feed)
        with torch.no_grad():
            return self.layer.values(self.model, feed, self.arguments)

    def returned(self, attributions: Sequence[Tensor]) -> Any:
        """Attributions in the form of the inputs; warns if one is not finite."""
        for number, values in enumerate(attributions):
            finite = values.detach().isfinite()
            if not finite.all():
                rows = (~finite.reshape(len(values), -1).all(1)).nonzero().flatten().tolist()
                which = "" if self.single else f" of input {number}"
                warnings.warn(
                    f"the attributions{which} hold NaN or infinity in row {rows[0]} ("
                    f"{len(rows)} of {len(values)} rows): look for a function of the net whose "
                    "derivative is infinite at this point, such as a square root or a norm at "
                    "zero, or a number too large for the type",
                    NonFiniteAttributionWarning,
                    stacklevel=3,
                )
                break
        return attributions[0] if self.single else tuple(attributions)


def explained(
    model: Model,
    inputs: Tensor | tuple[Tensor, ...],
    target: TargetLike,
    *,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
    layer: LayerLike = None,
    create_graph: bool = False,
) -> Explained:
    """Check what every method is given, and put it into one form.

    Parameters
    ----------
    model : callable
        An ``nn.Module`` or a function.
    inputs : Tensor or tuple of Tensor, each of shape (N, ...)
        Batch. With a ``layer`` they may be integers, such as the numbers of words.
    target : optional
        See `xgradient._targets.chosen_target`.
    additional_forward_args : optional
        Further positional arguments of the net, a tuple if there are several. A tensor whose first
        axis has N entries goes with the rows.
    output : str, int or callable, optional
        Which part of what the net returns holds the outputs: the key of a dictionary, the name of
        an attribute, the place in a tuple, or a function of it.
    layer : str, nn.Module or InputOf, optional
        Inner layer, or its name in ``model.named_modules()``, whose values are attributed to
        instead of the inputs.
    create_graph : bool, default False
        Whether the attribution is to be differentiated: then the inputs keep their graph.

    Returns
    -------
    Explained
        The score as a function of the inputs.

    Raises
    ------
    TypeError, ValueError
        If they cannot be used or do not fit together; the message says which and why.
    """
    check_callable(model)
    single = isinstance(inputs, Tensor)
    given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    if not given:
        raise ValueError("inputs must hold at least one Tensor, got an empty tuple")
    for number, values in enumerate(given):
        name = "inputs" if len(given) == 1 and single else f"inputs[{number}]"
        check_inputs(values, name, floating=layer is None)
        if len(values) != len(given[0]):
            raise ValueError(
                f"inputs must have the same number of rows, got {len(given[0])} in inputs[0] and "
                f"{len(values)} in {name}"
            )
    tensors = tuple(usable(values if create_graph else values.detach()) for values in given)
    arguments = as_tuple(additional_forward_args)
    chosen = chosen_target(target, len(tensors[0]), tensors[0].device)
    if layer is None:
        return Explained(model, tensors, single, chosen, arguments, output)
    before = isinstance(layer, InputOf)
    named = layer.layer if isinstance(layer, InputOf) else layer
    place = Layer(found_layer(module_of(model), named), tensors, before)
    with attributing(model), torch.set_grad_enabled(create_graph):
        inner = place.values(model, tensors, arguments)
    return Explained(model, inner, place.single, chosen, arguments, output, place)


@contextmanager
def attributing(model: Model) -> Iterator[None]:
    """Run the net in evaluation mode and with gradients, whatever the caller switched off."""
    with evaluation_mode(module_of(model)), torch.inference_mode(False), torch.enable_grad():
        yield


def module_of(model: Model) -> nn.Module | None:
    """Return the module whose mode decides what a model computes; None if there is none.

    That is the model itself, the owner of a method, and of a function the module that its code
    names, so that a lambda around a net does not leave dropout active. If it names several, they
    come in an ``nn.ModuleList``.
    """
    if isinstance(model, nn.Module):
        return model
    if isinstance(model, functools.partial):
        named = [model.func, *model.args, *model.keywords.values()]
    elif inspect.ismethod(model):
        named = [model.__self__]
    elif inspect.isfunction(model):
        variables = inspect.getclosurevars(model)
        named = [*variables.nonlocals.values(), *variables.globals.values()]
    else:
        named = list(getattr(model, "__dict__", {}).values())
    modules = [each for each in named if isinstance(each, nn.Module)]
    return modules[0] if len(modules) == 1 else nn.ModuleList(modules) if modules else None


def check_callable(model: Model) -> None:
    """Refuse what is no net."""
    if not callable(model):
        raise TypeError(f"model must be an nn.Module or a function, got {type(model).__name__}")


def per_input(given: Any, n_inputs: int, name: str) -> tuple[Any, ...]:
    """Give every input its own argument: a tuple is spread, anything else serves all."""
    if not isinstance(given, tuple):
        return (given,) * n_inputs
    if len(given) != n_inputs:
        raise ValueError(f"{name} must be one for each of {n_inputs} inputs, got {len(given)}")
    return given


def as_tuple(arguments: Any) -> tuple[Any, ...]:
    """Put further arguments of a net into a tuple; None stands for none."""
    if arguments is None:
        return ()
    return arguments if isinstance(arguments, tuple) else (arguments,)


def _selected(returned: Any, output: OutputSelector) -> Any:
    if output is None:
        return returned
    if callable(output):
        return output(returned)
    if isinstance(output, str) and not isinstance(returned, dict):
        if not hasattr(returned, output):
            raise ValueError(
                f"output={output!r} is no attribute of the {type(returned).__name__} that the net "
                "returns"
            )
        return getattr(returned, output)
    try:
        return returned[output]
    except (KeyError, IndexError, TypeError) as error:
        keys = f" with the keys {sorted(map(str, returned))}" if isinstance(returned, dict) else ""
        raise ValueError(
            f"output={output!r} is not in the {type(returned).__name__}{keys} that the net returns"
        ) from error


def _checked_output(outputs: Any, n_rows: int) -> Tensor:
    if not isinstance(outputs, Tensor):
        hint = ""
        if isinstance(outputs, dict):
            hint = f" with the keys {sorted(map(str, outputs))}"
        elif dataclasses.is_dataclass(outputs):
            hint = f" with the fields {[field.name for field in dataclasses.fields(outputs)]}"
        raise TypeError(
            f"the net must return a Tensor, got {type(outputs).__name__}{hint}: say with output= "
            "which part of it holds the outputs"
        )
    if outputs.ndim == 0 and n_rows == 1:
        return outputs.view(1)
    if outputs.ndim == 0 or len(outputs) != n_rows:
        raise ValueError(
            f"the net must return outputs of shape ({n_rows}, K), a row for each row of the "
            f"inputs, got {tuple(outputs.shape)}"
        )
    return outputs
