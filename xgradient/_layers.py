"""Inner layers: read their values, and run the rest of a net from other ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

__all__ = ["InputOf", "Layer", "LayerLike", "found_layer"]


@dataclass(frozen=True)
class InputOf:
    """As a ``layer``: the values that a layer is given, not those that it returns.

    Parameters
    ----------
    layer : str or nn.Module
        A module of the net, or its name in ``model.named_modules()``.
    """

    layer: str | nn.Module


LayerLike = str | nn.Module | InputOf | None
"""What a caller may pass as ``layer``: see `xgradient.attribution`."""


class Layer:
    """An inner layer of a net, with the inputs of the net that its values are computed from.

    Parameters
    ----------
    module : nn.Module
        The layer. It must be called once in every forward pass.
    feed : tuple of Tensor, each of shape (N, ...)
        Inputs of the net.
    before : bool, default False
        Whether its values are those that it is given, not those that it returns.
    """

    def __init__(self, module: nn.Module, feed: tuple[Tensor, ...], before: bool = False) -> None:
        self.module = module
        self.feed = feed
        self.before = before
        self.single = True

    def values(
        self, model: Callable[..., Any], feed: Sequence[Tensor], arguments: Sequence[Any]
    ) -> tuple[Tensor, ...]:
        """Values of the layer for inputs of the net.

        Parameters
        ----------
        model : callable
            The net.
        feed : sequence of Tensor, each of shape (N, ...)
            Its inputs.
        arguments : sequence
            Its further arguments.

        Returns
        -------
        tuple of Tensor, each of shape (N, ...)
            One, or as many as the layer returns or is given.

        Raises
        ------
        ValueError, TypeError
            If the layer is not called once, or has other values.
        """
        found: list[Any] = []
        # Copied at once: what follows may overwrite the values in place.
        handle = self._hook(lambda values: found.append(_copied(values)))
        try:
            model(*(values.clone() for values in feed), *arguments)
        finally:
            handle.remove()
        self._check_calls(len(found))
        self.single = isinstance(found[0], Tensor)
        values = (found[0],) if self.single else found[0]
        verb = "be given" if self.before else "return"
        if not isinstance(values, tuple) or not all(isinstance(v, Tensor) for v in values):
            raise TypeError(
                f"layer must {verb} a Tensor or a tuple of them, got {type(found[0]).__name__}"
            )
        for each in values:
            if each.ndim == 0 or len(each) != len(feed[0]) or not each.is_floating_point():
                raise ValueError(
                    f"layer must {verb} floating-point values of shape ({len(feed[0])}, ...), a "
                    f"row for each row of the inputs, got {tuple(each.shape)} of {each.dtype}"
                )
        return values

    @contextmanager
    def replaced(self, points: Sequence[Tensor]) -> Iterator[None]:
        """Let the layer return other values.

        Parameters
        ----------
        points : sequence of Tensor
            As many as `values` returns.

        Yields
        ------
        None
            While the layer returns them.

        Raises
        ------
        ValueError
            If the layer was not called once.
        """
        calls = []

        def replace(values: Any) -> Any:
            calls.append(values)
            return points[0] if self.single else tuple(points)

        handle = self._hook(replace)
        try:
            yield
        finally:
            handle.remove()
        self._check_calls(len(calls))

    def _hook(self, function: Callable[[Any], Any]) -> RemovableHandle:
        """Call a function of the values; what it returns, unless None, replaces them."""
        if self.before:
            # A single value by itself: returned by a hook, it replaces all arguments.
            return self.module.register_forward_pre_hook(
                lambda _, args: function(args[0] if len(args) == 1 else args)
            )
        return self.module.register_forward_hook(lambda _, __, output: function(output))

    def _check_calls(self, number: int) -> None:
        if number != 1:
            raise ValueError(
                f"layer must be called once in a forward pass, but this "
                f"{type(self.module).__name__} is called {number} times: choose another one"
            )


def found_layer(model: nn.Module | None, layer: str | nn.Module) -> nn.Module:
    """Find a layer by itself or by its name.

    Parameters
    ----------
    model : nn.Module or None
        The net.
    layer : str or nn.Module
        A module of the net, or its name in ``model.named_modules()``.

    Returns
    -------
    nn.Module
        The layer.

    Raises
    ------
    ValueError
        If the net has no such layer.
    """
    if isinstance(layer, nn.Module):
        if model is not None and all(layer is not module for module in model.modules()):
            raise ValueError(f"layer must be a module of the net, got another {type(layer)}")
        return layer
    names = dict(model.named_modules()) if model is not None else {}
    if layer not in names:
        known = ", ".join(repr(name) for name in names if name) or "none"
        raise ValueError(f"layer must be the name of a module of the net ({known}), got {layer!r}")
    return names[layer]


def _copied(output: Any) -> Any:
    if isinstance(output, Tensor):
        return output.clone()
    return tuple(_copied(each) for each in output) if isinstance(output, tuple) else output
