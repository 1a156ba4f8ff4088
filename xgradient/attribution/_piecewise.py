"""Where along a path the pieces of a piecewise linear net end.

The rows of a batch are points of a path in their order. A `torch.overrides.TorchFunctionMode` sees
every call that the net makes with them. An operation is affine, or it chooses: the side of a
kink, as ReLU does, or one of several values, as max pooling does. Between two neighbouring points
everything is affine up to the first call that chooses differently for the two, and so are the
arguments of this call: the places of the changes between both points are found by linear
interpolation. Every other operation is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from xgradient._calls import WITHOUT_VALUES, function_name, tensors_in
from xgradient._running import Modules
from xgradient.attribution._lipschitz import lipschitz_of_affine

__all__ = ["AllChanged", "NotPiecewiseLinearError", "PathWatch"]

# An argument of a choice counts as zero below so many units in the last place of the largest one:
# there its sign is a matter of rounding.
_ROUNDING = 64

# Affine in every argument, or at least in every floating-point one.
_AFFINE = frozenset(
    {
        *("add", "sub", "rsub", "neg", "positive", "sum", "mean", "cat", "stack", "hstack"),
        *("vstack", "dstack", "column_stack", "view", "reshape", "flatten", "ravel", "unflatten"),
        *("squeeze", "unsqueeze", "view_as", "reshape_as", "permute", "transpose", "movedim"),
        *("narrow", "select", "unfold", "t", ".T", ".mT", "adjoint", ".H", ".mH", "repeat"),
        *("tile", "repeat_interleave", "expand", "broadcast_to", "expand_as", "split", "chunk"),
        *("split_with_sizes", "tensor_split", "unbind", "hsplit", "vsplit", "dsplit"),
        *("flip", "roll", "rot90", "cumsum", "gather", "index_select", "take_along_dim"),
        *("diagonal", "tril", "triu", "clone", "contiguous", "alias", ".data", ".real"),
        *("detach", "requires_grad_", "lift_fresh", "to", "float", "double", "half", "bfloat16"),
        *("type", "type_as", "cpu", "cuda", "copy", "pixel_shuffle", "pixel_unshuffle"),
        *("channel_shuffle", "native_channel_shuffle", "fold", "im2col", "col2im", "pad"),
        *("interpolate", "upsample", "masked_fill", "where", "__getitem__", "__setitem__"),
        *(f"{kind}avg_pool{n}d" for kind in ("", "adaptive_") for n in (1, 2, 3)),
    }
)
# Affine in one argument while the others are constant.
_MULTILINEAR = frozenset(
    {
        *("linear", "mul", "div", "matmul", "rmatmul", "mm", "bmm", "mv", "einsum", "tensordot"),
        *(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)),
        "batch_norm",
    }
)
_DROPOUTS = frozenset(
    {
        *("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout"),
        *("alpha_dropout", "feature_alpha_dropout"),
    }
)
_POOLINGS = {
    f"{kind}max_pool{n}d{suffix}": (f"{kind}max_pool{n}d", n)
    for kind in ("", "adaptive_")
    for n in (1, 2, 3)
    for suffix in ("", "_with_indices")
}


class NotPiecewiseLinearError(ValueError):
    """A net is not seen to be piecewise linear; the message names the operation and its module."""


class AllChanged(Exception):
    """Every pair of neighbours has met a change: the rest of the net need not run."""


class PathWatch(TorchFunctionMode):
    """Sees the calls of one run of the net on points of paths, in their order along these.

    Parameters
    ----------
    model : nn.Module or None
        The net, whose modules give names; None for a function.
    pairs : Tensor of shape (M - 1,), bool
        Which of the M points are neighbours of the next one on the same path.
    may_stop : bool, default False
        Whether the run may end, by `AllChanged`, once every pair has met a change.
    lipschitz : bool, default False
        Whether to bound how much the net can amplify a change of its inputs.

    Attributes
    ----------
    unchanged : Tensor of shape (M - 1,), bool
        Pairs between which the net is linear.
    changes : list of (Tensor, Tensor)
        Of the other pairs, the number of the pair and the place of a change as a fraction of the
        way between its points.
    """

    def __init__(
        self,
        model: nn.Module | None,
        pairs: Tensor,
        may_stop: bool = False,
        lipschitz: bool = False,
    ) -> None:
        super().__init__()
        self.modules = Modules(model)
        self.unchanged = pairs.clone()
        self.changes: list[tuple[Tensor, Tensor]] = []
        self._may_stop = may_stop
        self._bounds = lipschitz
        # By tensor that depends on the inputs: the version of its memory when it was computed, and
        # its Lipschitz constant as a function of all inputs together, if this is asked for.
        self._known = WeakIdKeyDictionary()

    def follow(self, points: Sequence[Tensor]) -> None:
        """Take tensors for the inputs."""
        for values in points:
            self._keep(values, 1.0)

    def lipschitz(self, tensor: Tensor) -> float:
        """Lipschitz constant of a tensor as a function of the inputs, in Euclidean norms.

        Raises
        ------
        NotPiecewiseLinearError
            If the tensor does not depend on the inputs by calls that can be seen.
        """
        if tensor not in self._known:
            raise NotPiecewiseLinearError(
                "the scores do not depend on the inputs by calls of torch functions that can be "
                "seen: look for a detach, an autograd function, compiled code or NumPy in the net"
            )
        return float(self._known[tensor][1])

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one call, and note where it changes its choice."""
        kwargs = kwargs or {}
        tracked = [tensor for tensor in tensors_in((args, kwargs)) if tensor in self._known]
        if not tracked:
            return func(*args, **kwargs)
        name = function_name(func).name
        if name in WITHOUT_VALUES or name in (".requires_grad=", ".grad="):
            return func(*args, **kwargs)
        if name.startswith(".") and name not in _AFFINE:
            value = func(*args, **kwargs)
            if not isinstance(value, Tensor):
                return value
        for tensor in tracked:
            if self._known[tensor][0] != tensor._version:
                self._refuse(
                    name,
                    "works with a tensor that was overwritten in place through a view of it: let "
                    "the net work out of place",
                )
        return self._pass(func, name, args, kwargs, tracked)

    def _pass(
        self,
        func: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        tracked: list[Tensor],
    ) -> Any:
        if kwargs.get("out") is not None:
            self._refuse(name, "is called with out=, which is not followed")
        bounds = {id(tensor): self._known[tensor][1] for tensor in tracked}
        largest = sum(bound**2 for bound in bounds.values()) ** 0.5
        if name in _MULTILINEAR and len(tracked) > 1:
            self._refuse(name, "multiplies values that both depend on the inputs")
        if name == "batch_norm" and _argument(args, kwargs, 5, "training", False):
            self._refuse(name, "normalises by the statistics of the batch")
        if name == "div" and tracked[0] is not args[0]:
            self._refuse(name, "divides by values that depend on the inputs")
        if name in ("interpolate", "upsample") and "bicubic" in (*args[3:4], kwargs.get("mode")):
            self._refuse(name, "has no bound in the mode 'bicubic'")
        if name in _DROPOUTS:
            if _argument(args, kwargs, 2, "training", _argument(args, kwargs, 2, "train", True)):
                self._refuse(name, "is active in evaluation: call it with training=self.training")
            return self._kept(func(*args, **kwargs), largest)
        if name in _AFFINE or name in _MULTILINEAR:
            return self._affine(func, name, args, kwargs, tracked, largest)
        if name in _KINKS:
            found = _KINKS[name](args, kwargs)
            values = args[0] if args else kwargs["input"]
            if found is None or len(tracked) > 1 or tracked[0] is not values:
                self._refuse(name, "has bounds that depend on the inputs, or jumps")
            kinks, slope = found
            for kink in kinks:
                self._meet_signs(values - kink if _is_shift(kink) else values)
            return self._kept(func(*args, **kwargs), slope * largest)
        if name in _POOLINGS:
            return self._pool(name, args, kwargs, largest)
        if name in ("maximum", "minimum", "fmax", "fmin", "max", "min", "amax", "amin"):
            return self._extremum(func, name, args, kwargs, largest)
        self._refuse(name, "is not known to be piecewise linear")

    def _affine(
        self,
        func: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        tracked: list[Tensor],
        largest: float,
    ) -> Any:
        if name in ("__setitem__", "copy") and args[0]._is_view() and args[0] not in self._known:
            self._refuse(name, "writes into a view of a tensor: let the net work out of place")
        if self._bounds:
            largest *= lipschitz_of_affine(func, name, args, kwargs, tracked)
        output = func(*args, **kwargs)
        if name == "__setitem__":
            self._keep(args[0], largest)
            return output
        return self._kept(output, largest)

    def _pool(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], largest: float
    ) -> Any:
        base, n_axes = _POOLINGS[name]
        names = ["input", "kernel_size", "stride", "padding", "dilation", "ceil_mode"]
        if base.startswith("adaptive"):
            names = ["input", "output_size"]
        given = dict(zip(names, args, strict=False))
        given |= {key: value for key, value in kwargs.items() if key in names}
        given = {key: value for key, value in given.items() if value not in (None, [], ())}
        values = given.pop("input")
        maxima, indices = getattr(functional, base)(values, **given, return_indices=True)
        self._meet_choices(values.flatten(-n_axes), indices.flatten(-n_axes))
        overlap = 2.0**n_axes
        if base == name.removesuffix("_with_indices") and "kernel_size" in given:
            kernel = _spread(given["kernel_size"], n_axes)
            stride = _spread(given.get("stride", kernel), n_axes)
            overlap = 1.0
            for size, step in zip(kernel, stride, strict=True):
                overlap *= -(-size // step)
        self._keep(maxima, largest * overlap**0.5)
        wanted = kwargs.get("return_indices") or name.endswith("_with_indices") or True in args[6:]
        return (maxima, indices) if wanted else maxima

    def _extremum(
        self,
        func: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        largest: float,
    ) -> Any:
        second = args[1] if len(args) > 1 else kwargs.get("other", kwargs.get("dim"))
        if isinstance(second, Tensor):
            self._meet_signs(args[0] - second)
            return self._kept(func(*args, **kwargs), largest)
        values = args[0] if name in ("max", "amax") else -args[0]
        axes = [second] if isinstance(second, int) else list(second or ())
        axes = [axis % values.ndim for axis in axes]
        if not axes or 0 in axes:
            self._refuse(name, "compares the rows with each other: name the axes, without the 0th")
        kept = [axis for axis in range(values.ndim) if axis not in axes]
        lined = values.permute(*kept, *axes).flatten(len(kept))
        self._meet_choices(lined, lined.argmax(-1, keepdim=True))
        return self._kept(func(*args, **kwargs), largest)

    def _meet_signs(self, values: Tensor) -> None:
        """Look for values (M, ...) with opposite signs at neighbours."""
        values = self._by_row(values)
        # One byte each: this pass over all values costs less than the activation itself.
        positive = values > 0
        changed = (positive[:-1] ^ positive[1:]).logical_and_(self.unchanged[:, None])
        pairs, places = changed.nonzero(as_tuple=True)
        self._meet(pairs, values[pairs, places], values[pairs + 1, places], values)

    def _meet_choices(self, values: Tensor, chosen: Tensor) -> None:
        """Look for choices (M, ..., P) among values (M, ..., S) that differ at neighbours."""
        values = self._by_row(values).reshape(len(values), -1, values.shape[-1])
        chosen = chosen.reshape(len(values), values.shape[1], -1)
        changed = (chosen[:-1] != chosen[1:]).logical_and_(self.unchanged[:, None, None])
        pairs, line, _ = changed.nonzero(as_tuple=True)
        then, now = chosen[:-1][changed], chosen[1:][changed]
        first = values[pairs, line, then] - values[pairs, line, now]
        last = values[pairs + 1, line, then] - values[pairs + 1, line, now]
        self._meet(pairs, first, last, values)

    def _by_row(self, values: Tensor) -> Tensor:
        if values.shape[:1] != (len(self.unchanged) + 1,):
            raise NotPiecewiseLinearError(
                f"a tensor of shape {tuple(values.shape)} is not a row for each row of the inputs: "
                "keep the rows along the first axis"
            )
        return values.detach().reshape(len(values), -1)

    def _meet(self, pairs: Tensor, first: Tensor, last: Tensor, values: Tensor) -> None:
        """Note where differences that are linear between neighbours are zero."""
        if not len(pairs):
            return
        noise = (
            _ROUNDING
            * torch.finfo(values.dtype).eps
            * values.abs().reshape(len(values), -1).amax(1)
        )
        real = (first * last < 0) & (first.abs() > noise[pairs]) & (last.abs() > noise[pairs + 1])
        pairs, first, last = pairs[real], first[real].double(), last[real].double()
        if not len(pairs):
            return
        self.changes.append((pairs, first / (first - last)))
        self.unchanged[pairs] = False
        if self._may_stop and not self.unchanged.any():
            raise AllChanged

    def _kept(self, output: Any, bound: float) -> Any:
        for tensor in tensors_in(output):
            if tensor.is_floating_point():
                self._keep(tensor, bound)
        return output

    def _keep(self, tensor: Tensor, bound: float) -> None:
        self._known[tensor] = (tensor._version, bound)

    def _refuse(self, name: str, reason: str) -> NoReturn:
        where, module = self.modules.innermost
        caller = f"module '{where}' ({type(module).__name__})" if module and where else "the net"
        raise NotPiecewiseLinearError(
            f"{name.lstrip('.')}() called by {caller} {reason}, so that the integral cannot be "
            "taken piece by piece: use integrated_gradients"
        )


def _argument(
    args: tuple[Any, ...], kwargs: dict[str, Any], place: int, name: str, default: Any
) -> Any:
    return args[place] if len(args) > place else kwargs.get(name, default)


def _spread(sizes: Any, n_axes: int) -> list[int]:
    given = [sizes] if isinstance(sizes, int) else list(sizes)
    return given * n_axes if len(given) == 1 else given


def _is_shift(kink: Any) -> bool:
    return isinstance(kink, Tensor) or kink != 0


# From the arguments of a call to the places of its kinks and its steepest slope; None if its
# bounds depend on the inputs or its result jumps.
_Kinks = tuple[list[Any], float] | None
_KINKS: dict[str, Callable[[tuple[Any, ...], dict[str, Any]], _Kinks]] = {
    **dict.fromkeys(("relu", "abs"), lambda args, kwargs: ([0.0], 1.0)),
    "leaky_relu": lambda args, kwargs: (
        [0.0],
        max(1.0, abs(_argument(args, kwargs, 1, "negative_slope", 0.01))),
    ),
    "prelu": lambda args, kwargs: (
        [0.0],
        max(1.0, float(_argument(args, kwargs, 1, "weight", None).abs().max())),
    ),
    "rrelu": lambda args, kwargs: (
        None if _argument(args, kwargs, 3, "training", False) else ([0.0], 1.0)
    ),
    "relu6": lambda args, kwargs: ([0.0, 6.0], 1.0),
    "hardsigmoid": lambda args, kwargs: ([-3.0, 3.0], 1.0),
    "hardtanh": lambda args, kwargs: (
        [_argument(args, kwargs, 1, "min_val", -1.0), _argument(args, kwargs, 2, "max_val", 1.0)],
        1.0,
    ),
    "softshrink": lambda args, kwargs: (
        [sign * _argument(args, kwargs, 1, "lambd", 0.5) for sign in (-1, 1)],
        1.0,
    ),
    "threshold": lambda args, kwargs: (
        ([_argument(args, kwargs, 1, "threshold", None)], 1.0)
        if _argument(args, kwargs, 1, "threshold", None) == _argument(args, kwargs, 2, "value", 1)
        else None
    ),
    "clamp": lambda args, kwargs: (
        [
            bound
            for place, name in ((1, "min"), (2, "max"))
            if (bound := _argument(args, kwargs, place, name, None)) is not None
        ],
        1.0,
    ),
    "clamp_min": lambda args, kwargs: ([_argument(args, kwargs, 1, "min", None)], 1.0),
    "clamp_max": lambda args, kwargs: ([_argument(args, kwargs, 1, "max", None)], 1.0),
}
