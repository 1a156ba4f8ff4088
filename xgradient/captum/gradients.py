"""Methods that take one gradient."""

from __future__ import annotations

from typing import Any

from xgradient._explained import Baselines, Inputs, Model
from xgradient._targets import TargetLike
from xgradient.attribution import (
    deconvolution,
    guided_backprop,
    input_x_gradient,
    saliency,
    x_gradient,
)
from xgradient.captum._attribution import Attribution, like_captum


class Saliency(Attribution):
    """Size of the gradient: `xgradient.attribution.saliency`, by default its absolute value.

    Parameters
    ----------
    forward_func : nn.Module or callable
        The net.
    """

    @like_captum
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        abs: bool = True,
        additional_forward_args: Any = None,
    ) -> Inputs:
        """Attribute to inputs.

        Parameters
        ----------
        inputs : Tensor of shape (N, ...) or tuple of these
            Batch.
        target, additional_forward_args : optional
            See `xgradient.attribution`.
        abs : bool, default True
            Whether to take the absolute value.

        Returns
        -------
        Tensor or tuple of Tensor
            Shaped like the inputs.

        Raises
        ------
        CaptumArgumentError, CaptumTypeError
            If inputs, target and net do not fit together.
        """
        return saliency(
            self.forward_func,
            inputs,
            target,
            additional_forward_args=additional_forward_args,
            layer=self._place,
            abs=abs,
        )


class InputXGradient(Attribution):
    """Input times gradient: `xgradient.attribution.input_x_gradient`.

    Parameters
    ----------
    forward_func : nn.Module or callable
        The net.
    """

    _multiply_by_inputs = True

    @like_captum
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
    ) -> Inputs:
        """Attribute to inputs; parameters, result and errors as of `Saliency.attribute`."""
        method = input_x_gradient if self.multiplies_by_inputs else saliency
        return method(
            self.forward_func,
            inputs,
            target,
            additional_forward_args=additional_forward_args,
            layer=self._place,
        )


class GuidedBackprop(Attribution):
    """Guided backpropagation: `xgradient.attribution.guided_backprop`.

    Unlike Captum's, it also sees ReLUs that are functions.

    Parameters
    ----------
    model : nn.Module
        The net.
    """

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.model = model

    @like_captum
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
    ) -> Inputs:
        """Attribute to inputs; parameters, result and errors as of `Saliency.attribute`."""
        return guided_backprop(
            self.forward_func,
            inputs,
            target,
            additional_forward_args=additional_forward_args,
            layer=self._place,
        )


class Deconvolution(Attribution):
    """Deconvolution: `xgradient.attribution.deconvolution`.

    Unlike Captum's, it also sees ReLUs that are functions.

    Parameters
    ----------
    model : nn.Module
        The net.
    """

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.model = model

    @like_captum
    def attribute(
        self,
        inputs: Inputs,
        target: TargetLike = None,
        additional_forward_args: Any = None,
    ) -> Inputs:
        """Attribute to inputs; parameters, result and errors as of `Saliency.attribute`."""
        return deconvolution(
            self.forward_func,
            inputs,
            target,
            additional_forward_args=additional_forward_args,
            layer=self._place,
        )


class XGradient(Attribution):
    """X-Gradient: `xgradient.attribution.x_gradient`, the Integrated Gradients of an X-DNN.

    Parameters
    ----------
    forward_func : nn.Module or callable
        Homogeneous net.
    degree : float, default 1
        Its degree of homogeneity.
    check : bool, default True
        Whether to refuse a net that is not homogeneous.
    """

    _multiply_by_inputs = True

    def __init__(self, forward_func: Model, degree: float = 1, check: bool = True) -> None:
        super().__init__(forward_func)
        self.degree = degree
        self.check = check

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
        return_convergence_delta: bool = False,
    ) -> Any:
        """Attribute to inputs.

        Parameters
        ----------
        inputs : Tensor of shape (N, ...) or tuple of these
            Batch.
        baselines : optional
            None or zero.
        target, additional_forward_args : optional
            See `xgradient.attribution`.
        return_convergence_delta : bool, default False
            Whether to return the error of completeness as well, which is rounding.

        Returns
        -------
        attributions : Tensor or tuple of Tensor
            Shaped like the inputs.
        delta : Tensor of shape (N,)
            Only with ``return_convergence_delta``.

        Raises
        ------
        NotHomogeneousError
            If the net is not homogeneous of this degree.
        CaptumArgumentError, CaptumTypeError
            If inputs, target and net do not fit together, or a baseline is not zero.
        """
        attributions = x_gradient(
            self.forward_func,
            inputs,
            target,
            baselines=baselines,
            additional_forward_args=additional_forward_args,
            layer=self._place,
            degree=self.degree,
            check=self.check,
        )
        if not return_convergence_delta:
            return attributions
        return attributions, self.compute_convergence_delta(
            attributions, baselines, inputs, target, additional_forward_args
        )
