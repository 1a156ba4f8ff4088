"""Methods that average gradients along paths from baselines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xgradient._explained import Baselines, Inputs, Model
from xgradient._inputs import check_positive_integer
from xgradient._targets import TargetLike
from xgradient.attribution import expected_gradients, integrated_gradients
from xgradient.captum._attribution import Attribution, like_captum
from xgradient.captum._batches import (
    averaged,
    distribution,
    noisy,
    repeated,
    repeated_arguments,
    repeated_target,
)


class IntegratedGradients(Attribution):
    """Integrated Gradients: `xgradient.attribution.integrated_gradients`.

    The trapezoid rule has weights that sum to one; in Captum they sum to ``(n_steps - 1) /
    n_steps``.

    Parameters
    ----------
    forward_func : nn.Module or callable
        The net.
    multiply_by_inputs : bool, default True
        Whether to multiply the averaged gradient with ``inputs - baselines``.
    """

    def __init__(self, forward_func: Model, multiply_by_inputs: bool = True) -> None:
        super().__init__(forward_func)
        self._multiply_by_inputs = multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` takes ``return_convergence_delta``: it does."""
        return True

    @like_captum
    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: str = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Attribute to inputs.

        Parameters
        ----------
        inputs : Tensor of shape (N, ...) or tuple of these
            Batch.
        baselines : Tensor or float, or tuple of these, optional
            Start of the path; None for zero.
        target, additional_forward_args : optional
            See `xgradient.attribution`.
        n_steps : int, default 50
            Number of gradients per row.
        method : str, default "gausslegendre"
            One of `xgradient.attribution.QUADRATURE_METHODS`.
        internal_batch_size : int, optional
            Number of rows per pass.
        return_convergence_delta : bool, default False
            Whether to return the error of completeness as well.

        Returns
        -------
        attributions : Tensor or tuple of Tensor
            Shaped like the inputs.
        delta : Tensor of shape (N,)
            Only with ``return_convergence_delta``.

        Raises
        ------
        CaptumArgumentError, CaptumTypeError
            If inputs, baselines, target and net do not fit together, or an option is unknown.
        """
        attributions = integrated_gradients(
            self.forward_func,
            inputs,
            target,
            baselines=baselines,
            additional_forward_args=additional_forward_args,
            layer=self._place,
            n_steps=n_steps,
            method=method,
            internal_batch_size=internal_batch_size,
            multiply_by_inputs=self.multiplies_by_inputs,
        )
        if not return_convergence_delta:
            return attributions
        return attributions, self.compute_convergence_delta(
            attributions, baselines, inputs, target, additional_forward_args
        )


class GradientShap(Attribution):
    """Expected gradients of noisy inputs: `xgradient.attribution.expected_gradients`.

    Parameters
    ----------
    forward_func : nn.Module or callable
        The net.
    multiply_by_inputs : bool, default True
        Whether to multiply the gradients with ``inputs - references``.
    """

    def __init__(self, forward_func: Model, multiply_by_inputs: bool = True) -> None:
        super().__init__(forward_func)
        self._multiply_by_inputs = multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        """Whether `attribute` takes ``return_convergence_delta``: it does."""
        return True

    @like_captum
    def attribute(
        self,
        inputs: Inputs,
        baselines: Tensor | tuple[Tensor, ...] | Callable[..., Any],
        n_samples: int = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: TargetLike = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Attribute to inputs.

        Parameters
        ----------
        inputs : Tensor of shape (N, ...) or tuple of these
            Batch.
        baselines : Tensor of shape (R, ...) or tuple of these, or callable
            The distribution of references, or a function that returns it, of no argument or of
            the inputs.
        n_samples : int, default 5
            Number of draws per row: of noise, a reference and a point between them.
        stdevs : float or tuple of float, default 0
            Standard deviation of the noise that is added to the inputs, for each or for all.
        target, additional_forward_args : optional
            See `xgradient.attribution`.
        return_convergence_delta : bool, default False
            Whether to return the error of completeness of every sample as well.

        Returns
        -------
        attributions : Tensor or tuple of Tensor
            Shaped like the inputs.
        delta : Tensor of shape (N * n_samples,)
            Only with ``return_convergence_delta``; the samples of a row follow each other.

        Raises
        ------
        CaptumArgumentError, CaptumTypeError
            If inputs, baselines, target and net do not fit together.
        """
        check_positive_integer("n_samples", n_samples)
        references = distribution(baselines, inputs)
        samples: Any = noisy(repeated(inputs, n_samples), stdevs)
        n_rows = len(inputs[0] if isinstance(inputs, tuple) else inputs)
        drawn = torch.randint(len(references[0]), (n_rows * n_samples,))
        starts = tuple(values[drawn.to(values.device)] for values in references)
        target = repeated_target(target, n_rows, n_samples)
        arguments = repeated_arguments(additional_forward_args, n_rows, n_samples)
        # One reference for each sample: which it is, the error of completeness has to know.
        attributions = expected_gradients(
            self.forward_func,
            samples,
            target,
            baselines=tuple(values[:, None] for values in starts),
            additional_forward_args=arguments,
            layer=self._place,
            multiply_by_inputs=self.multiplies_by_inputs,
        )
        result = averaged(attributions, n_samples)
        if not return_convergence_delta:
            return result
        delta = self.compute_convergence_delta(attributions, starts, samples, target, arguments)
        return result, delta


class ExpectedGradients(GradientShap):
    """The same as `GradientShap`, by the name of Erion et al. (2021)."""
