"""DeepLIFT, from one reference or a distribution of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xgradient._explained import Baselines, Inputs, Model, attributing, explained
from xgradient._targets import TargetLike
from xgradient.captum._attribution import Attribution, like_captum
from xgradient.captum._batches import (
    averaged,
    distribution,
    repeated,
    repeated_arguments,
    repeated_target,
)
from xgradient.deeplift import deeplift

CustomAttribution = Callable[
    [tuple[Tensor, ...], tuple[Tensor, ...], tuple[Tensor, ...]], tuple[Tensor, ...]
]
"""Attributions from multipliers, inputs and baselines, a tuple of each."""


class _OneReference(Attribution):
    """DeepLIFT of rows that have one reference each; parameters as of `DeepLift`."""

    rule = "rescale"

    def __init__(
        self, model: Model, multiply_by_inputs: bool = True, eps: float | None = None
    ) -> None:
        super().__init__(model)
        self.model = model
        self._multiply_by_inputs = multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` takes ``return_convergence_delta``: it does."""
        return True

    def _attributed(
        self,
        inputs: Any,
        baselines: Baselines,
        target: TargetLike,
        additional_forward_args: Any,
        return_convergence_delta: bool,
        custom_attribution_func: CustomAttribution | None,
    ) -> Any:
        multiply = self.multiplies_by_inputs and custom_attribution_func is None
        layer: Any = self._place
        attributions: Any = deeplift(
            self.forward_func,
            inputs,
            target,
            baselines=baselines,
            rule=self.rule,
            additional_forward_args=additional_forward_args,
            output=_as_returned,
            layer=layer,
            multiply_by_inputs=multiply,
        )
        if custom_attribution_func is not None:
            attributions = self._custom(
                custom_attribution_func, attributions, inputs, baselines, additional_forward_args
            )
        if not return_convergence_delta:
            return attributions
        return attributions, self.compute_convergence_delta(
            attributions, baselines, inputs, target, additional_forward_args
        )

    def _custom(
        self,
        function: CustomAttribution,
        multipliers: Any,
        inputs: Any,
        baselines: Baselines,
        additional_forward_args: Any,
    ) -> Any:
        task = explained(
            self.forward_func,
            inputs,
            None,
            additional_forward_args=additional_forward_args,
            layer=self._place,
        )
        with attributing(self.forward_func):
            starts = [
                b.expand_as(x) for b, x in zip(task.baselines(baselines), task.inputs, strict=True)
            ]
        given = (multipliers,) if task.single else multipliers
        rows = [b.expand_as(x) for b, x in zip(starts, task.inputs, strict=True)]
        made = function(tuple(given), task.inputs, tuple(rows))
        return made[0] if task.single else tuple(made)


class DeepLift(_OneReference):
    """DeepLIFT with the Rescale rule: `xgradient.deeplift.deeplift`.

    Parameters
    ----------
    model : nn.Module
        The net.
    multiply_by_inputs : bool, default True
        Whether to multiply the multipliers with ``inputs - baselines``.
    eps : float, optional
        Not used; accepted for Captum's signature. Where the input of a nonlinearity hardly differs
        from its reference, the derivative takes the place of the quotient.
    """

    @like_captum
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        custom_attribution_func: CustomAttribution | None = None,
    ) -> Any:
        """Attribute to inputs.

        Parameters
        ----------
        inputs : Tensor of shape (N, ...) or tuple of these
            Batch.
        baselines : Tensor or float, or tuple of these, optional
            The reference; None for zero.
        target, additional_forward_args : optional
            See `xgradient.attribution`.
        return_convergence_delta : bool, default False
            Whether to return the error of summation-to-delta as well.
        custom_attribution_func : callable, optional
            Makes the attributions of the multipliers, inputs and baselines.

        Returns
        -------
        attributions : Tensor or tuple of Tensor
            Shaped like the inputs.
        delta : Tensor of shape (N,)
            Only with ``return_convergence_delta``.

        Raises
        ------
        UnsupportedOperationError
            If the net holds an operation without a rule.
        CaptumArgumentError, CaptumTypeError
            If inputs, baselines, target and net do not fit together.
        """
        return self._attributed(
            inputs,
            baselines,
            target,
            additional_forward_args,
            return_convergence_delta,
            custom_attribution_func,
        )


class DeepLiftShap(_OneReference):
    """DeepLIFT averaged over a distribution of references; parameters as of `DeepLift`."""

    @like_captum
    def attribute(
        self,
        inputs: Inputs,
        baselines: Tensor | tuple[Tensor, ...] | Callable[..., Any],
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        custom_attribution_func: CustomAttribution | None = None,
    ) -> Any:
        """Attribute to inputs.

        Parameters
        ----------
        inputs : Tensor of shape (N, ...) or tuple of these
            Batch.
        baselines : Tensor of shape (R, ...) or tuple of these, or callable
            The references, or a function that returns them, of no argument or of the inputs.
        target, additional_forward_args, return_convergence_delta : optional
            As for `DeepLift.attribute`.
        custom_attribution_func : callable, optional
            As for `DeepLift.attribute`.

        Returns
        -------
        attributions : Tensor or tuple of Tensor
            Shaped like the inputs.
        delta : Tensor of shape (N * R,)
            Only with ``return_convergence_delta``; the references of a row follow each other.

        Raises
        ------
        UnsupportedOperationError
            If the net holds an operation without a rule.
        CaptumArgumentError, CaptumTypeError
            If inputs, baselines, target and net do not fit together.
        """
        references = distribution(baselines, inputs)
        n_rows = len(inputs[0] if isinstance(inputs, tuple) else inputs)
        times = len(references[0])
        tiled = tuple(torch.cat([values] * n_rows) for values in references)
        result = self._attributed(
            repeated(inputs, times),
            tiled,
            repeated_target(target, n_rows, times),
            repeated_arguments(additional_forward_args, n_rows, times),
            return_convergence_delta,
            custom_attribution_func,
        )
        if not return_convergence_delta:
            return averaged(result, times)
        attributions, delta = result
        return averaged(attributions, times), delta


class RevealCancel(DeepLift):
    """DeepLIFT with the RevealCancel rule; parameters as of `DeepLift`."""

    rule = "revealcancel"


def _as_returned(outputs: Tensor) -> Tensor:
    """Let a softmax at the end of the net be explained: without this, it would be left out."""
    return outputs + 0
