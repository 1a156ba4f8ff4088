"""What all classes have in common: the protocol by which Captum's own tools use a method."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, cast

import torch
from torch import Tensor, nn

from xgradient._explained import Baselines, Model, attributing, explained
from xgradient._layers import InputOf, LayerLike
from xgradient._targets import TargetLike

__all__ = ["Attribution", "CaptumArgumentError", "CaptumTypeError", "LayerMixin", "like_captum"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class CaptumArgumentError(ValueError, AssertionError):
    """A `ValueError` that callers written for Captum catch: there, it is an `AssertionError`."""


class CaptumTypeError(TypeError, AssertionError):
    """A `TypeError` that callers written for Captum catch: there, it is an `AssertionError`."""


class Attribution:
    """An attribution method of one net.

    Parameters
    ----------
    forward_func : nn.Module or callable
        The net, or a function of the inputs.
    """

    _multiply_by_inputs = False
    _place: LayerLike = None

    def __init__(self, forward_func: Model) -> None:
        self.forward_func = forward_func

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether gradients or multipliers are multiplied with the inputs."""
        return self._multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` takes ``return_convergence_delta``."""
        return False

    def attribute(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Attribute to inputs; every class has its own arguments."""
        raise NotImplementedError(f"{type(self).__name__} does not attribute")

    def attribute_future(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse to work asynchronously.

        Raises
        ------
        NotImplementedError
            Always: call `attribute`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no attribute_future: call attribute instead"
        )

    @classmethod
    def get_name(cls) -> str:
        """Return the name of the class in separate words."""
        return "".join(f" {c}" if c.isupper() and i else c for i, c in enumerate(cls.__name__))

    def compute_convergence_delta(
        self,
        attributions: Tensor | tuple[Tensor, ...],
        start_point: Baselines,
        end_point: Tensor | tuple[Tensor, ...],
        target: TargetLike = None,
        additional_forward_args: Any = None,
    ) -> Tensor:
        """Error of completeness.

        Parameters
        ----------
        attributions : Tensor or tuple of Tensor, each of shape (N, ...)
            Attributions to the inputs, or to the values of the layer.
        start_point : Tensor or float, or tuple of these, optional
            Baselines.
        end_point : Tensor or tuple of Tensor, each of shape (N, ...)
            Inputs.
        target, additional_forward_args : optional
            As for `attribute`.

        Returns
        -------
        Tensor of shape (N,)
            ``sum(attributions) - (F(end_point) - F(start_point))`` of each row.

        Raises
        ------
        CaptumArgumentError, CaptumTypeError
            If they do not fit together.
        """
        given = attributions if isinstance(attributions, tuple) else (attributions,)
        with _errors_of_captum():
            task = explained(
                self.forward_func,
                end_point,
                target,
                additional_forward_args=additional_forward_args,
                layer=self._place,
            )
            sizes = [len(values) for values in given]
            if set(sizes) != {task.n_rows}:
                raise ValueError(
                    f"attributions must have the {task.n_rows} rows of end_point, got {sizes}"
                )
            with attributing(self.forward_func), torch.no_grad():
                starts = task.baselines(start_point)
                change = task.scores_in_parts(task.inputs, task.n_rows)
                change = change - task.scores_in_parts(starts, task.n_rows)
        return (
            torch.stack([values.reshape(task.n_rows, -1).sum(1) for values in given]).sum(0)
            - change
        )


class _errors_of_captum:
    """Raise errors about arguments also as `AssertionError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        # The exact types: a subclass says more than the two that would replace it.
        if type(error) is ValueError:
            raise CaptumArgumentError(*error.args) from error
        if type(error) is TypeError:
            raise CaptumTypeError(*error.args) from error


def like_captum(attribute: _Function) -> _Function:
    """Give a method ``__wrapped__``, by which Captum's tools call it, and Captum's errors."""

    @functools.wraps(attribute)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _errors_of_captum():
            return attribute(self, *args, **kwargs)

    @functools.wraps(checked)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        return checked(self, *args, **kwargs)

    return cast(_Function, called)


class LayerMixin(Attribution):
    """Attribution to the values of an inner layer.

    Parameters
    ----------
    forward_func : nn.Module
        The net.
    layer : nn.Module or str
        A module of it, or its name, that is called once and returns a tensor or a tuple of them.
    device_ids : optional
        Not used; accepted for the common signature.
    options
        Of the class for inputs.

    Raises
    ------
    CaptumTypeError
        If it is a list of layers.
    """

    def __init__(
        self, forward_func: Model, layer: nn.Module | str, device_ids: Any = None, **options: Any
    ) -> None:
        super().__init__(forward_func, **options)
        if not isinstance(layer, (nn.Module, str)):
            raise CaptumTypeError(
                "layer must be one nn.Module or its name, got "
                f"{type(layer).__name__}: attribute to several layers one after the other"
            )
        self.layer = self._place = layer
        self.device_ids = device_ids

    @like_captum
    def attribute(
        self,
        inputs: Any,
        *args: Any,
        attribute_to_layer_input: bool = False,
        grad_kwargs: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Attribute to the values of the layer.

        Parameters
        ----------
        inputs : Tensor of shape (N, ...) or tuple of these
            Inputs of the net.
        args, kwargs
            Of the class for inputs.
        attribute_to_layer_input : bool, default False
            Whether to attribute to the values that the layer is given, not those it returns.
        grad_kwargs : optional
            Not used; accepted for the common signature. Values that the outputs do not depend on
            always get zero.

        Returns
        -------
        Tensor or tuple of Tensor
            Shaped like the values of the layer; with the error of completeness where it is asked
            for.

        Raises
        ------
        CaptumArgumentError, CaptumTypeError
            If what is given does not fit together.
        """
        chosen = self
        if attribute_to_layer_input:
            chosen = copy.copy(self)
            chosen._place = InputOf(self.layer)
        return super(LayerMixin, chosen).attribute(inputs, *args, **kwargs)
