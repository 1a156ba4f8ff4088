"""Find the single linear layer that reads the input, and run the net from its output on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xgradient.attribution._opaque import opaque_module


class BehindLayer:
    """The part of a net after its first layer, as a function of that layer's output."""

    def __init__(self, layer: nn.Module, model: Callable[..., Any], like: Tensor) -> None:
        self.layer = layer
        self.model = model
        self.blank = like.new_full((1,) * like.ndim, torch.nan)
        self.shape = like.shape[1:]

    def __call__(self, layer_output: Tensor) -> Tensor:
        # The input is never read: give it a shape and no storage. NaN, so that a reader shows.
        blank = self.blank.expand(len(layer_output), *self.shape)
        self.layer.forward = lambda _: layer_output
        try:
            return self.model(blank)
        finally:
            del self.layer.forward


def only_reader(model: nn.Module, row: Tensor) -> nn.Module | None:
    """Find the linear or convolution layer that alone reads the input; None if there is none.

    The net is run on one row while every torch function is watched for the input among its
    arguments. The layer found is then verified: given the output of this layer, the net
    must return the same logits for an input of NaN.
    """
    if opaque_module(model) is not None or any("forward" in vars(m) for m in model.modules()):
        # A replaced forward changes or observes the arithmetic: skip none of it.
        return None
    with torch.no_grad():
        row = row.clone()
        readers = _Readers(row)
        handles = []
        for module in model.modules():
            if _is_plain_linear(module):
                handles.append(module.register_forward_pre_hook(readers.enter))
                handles.append(module.register_forward_hook(readers.leave, always_call=True))
        try:
            with readers:
                logits = model(row)
        finally:
            for handle in handles:
                handle.remove()
        layer = readers.only()
        if layer is None:
            return None
        repeated = BehindLayer(layer, model, row)(layer(row))
    same = isinstance(logits, Tensor) and torch.allclose(logits, repeated, rtol=1e-3)
    return layer if same else None


def _is_plain_linear(module: nn.Module) -> bool:
    # Subclasses, parametrisations and hooks may do something that is not linear. A hook that
    # changes what goes in need not be looked for: it reads the input.
    plain = type(module) in (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    hooks = module._forward_hooks or module._backward_hooks or module._backward_pre_hooks
    return plain and not hooks


class _Readers(TorchFunctionMode):
    """Watch which layers, and whether anything else, read the values of one tensor."""

    _WITHOUT_VALUES = (
        *(
            getattr(Tensor, name).__get__
            for name in ("shape", "ndim", "dtype", "device", "layout", "is_cuda", "requires_grad")
        ),
        Tensor.size,
        Tensor.dim,
        Tensor.numel,
        Tensor.__len__,
        Tensor.is_floating_point,
    )

    def __init__(self, tensor: Tensor) -> None:
        super().__init__()
        self.tensor = tensor
        self.calls: list[tuple[nn.Module, bool]] = []
        self.inside: list[nn.Module] = []
        self.elsewhere = False

    def enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self.inside.append(module)
        self.calls.append((module, len(args) == 1 and args[0] is self.tensor))

    def leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        self.inside.pop()

    def only(self) -> nn.Module | None:
        readers = [module for module, reads in self.calls if reads]
        if self.elsewhere or len(readers) != 1:
            return None
        # A layer that is called again would get the given output there, too.
        calls = [module for module, _ in self.calls if module is readers[0]]
        return readers[0] if len(calls) == 1 else None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if (
            not self.inside
            and func not in self._WITHOUT_VALUES
            and _contains((args, kwargs), self.tensor)
        ):
            self.elsewhere = True
        return func(*args, **kwargs)


def _contains(arguments: Any, tensor: Tensor) -> bool:
    if isinstance(arguments, dict):
        arguments = tuple(arguments.values())
    if isinstance(arguments, (tuple, list)):
        return any(_contains(argument, tensor) for argument in arguments)
    return arguments is tensor
