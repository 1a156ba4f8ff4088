"""Which functions and modules are elementwise nonlinearities."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

from xgradient._calls import function_name

# Functions of torch by their name, in whatever form they are called.
_NAMES = {
    *("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "threshold"),
    *("sigmoid", "tanh", "gelu", "silu", "mish", "softplus", "softsign", "log_sigmoid"),
    *("logsigmoid", "hardtanh", "hardsigmoid", "hardswish", "hardshrink", "softshrink"),
    *("tanhshrink", "clamp", "clamp_min", "clamp_max", "exp", "exp2", "expm1", "log", "log2"),
    *("log10", "log1p", "logit", "sqrt", "rsqrt", "reciprocal", "abs", "square", "pow", "rpow"),
    *("float_power", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh"),
    *("acosh", "atanh", "erf", "erfc", "erfinv", "special_expit", "sinc", "nan_to_num"),
}


class Nonlinearities:
    """A set of elementwise nonlinearities.

    Parameters
    ----------
    added : iterable
        Functions and types of modules, besides those that are known.
    """

    def __init__(self, added: Iterable[Any] = ()) -> None:
        self._functions: set[Any] = set()
        self._names: set[str] = set()
        self._types: tuple[type[nn.Module], ...] = ()
        for each in added:
            self.add(each)

    def add(self, nonlinearity: Any) -> None:
        """Add one; see `register_nonlinearity`."""
        if isinstance(nonlinearity, type) and issubclass(nonlinearity, nn.Module):
            self._types += (nonlinearity,)
        elif callable(nonlinearity) and not isinstance(nonlinearity, (type, nn.Module)):
            self._functions.add(nonlinearity)
            # What torch.overrides.wrap_torch_function makes passes on the function inside.
            self._functions.add(getattr(nonlinearity, "__wrapped__", nonlinearity))
            self._names.add(function_name(nonlinearity).name)
        else:
            raise TypeError(
                "a nonlinearity must be a torch function or a type of modules, got "
                f"{nonlinearity!r}"
            )

    def include(self, function: Callable[..., Any], name: str) -> bool:
        """Whether a function is one of them."""
        return any(
            name in each._names or function in each._functions for each in (self, _REGISTERED)
        )

    def include_module(self, module: nn.Module) -> bool:
        """Whether all that a module does is one of them."""
        return isinstance(module, self._types + _REGISTERED._types)


def register_nonlinearity(nonlinearity: Any) -> Any:
    """Let DeepLIFT treat a function, or all modules of a type, as an elementwise nonlinearity.

    Parameters
    ----------
    nonlinearity : callable or type
        An elementwise function of one tensor of PyTorch, such as ``torch.erf``, in any of its
        forms; a function of your own that `torch.overrides.wrap_torch_function` makes visible;
        or a type of modules whose output is an elementwise function of their one input.

    Returns
    -------
    callable or type
        The same, so that this can be a decorator.

    Raises
    ------
    TypeError
        If it is something else.

    Examples
    --------
    >>> register_nonlinearity(torch.special.i0)
    """
    _REGISTERED.add(nonlinearity)
    return nonlinearity


_REGISTERED = Nonlinearities()
_REGISTERED._names |= _NAMES
