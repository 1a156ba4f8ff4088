"""Constants in a graph of calls: which of them are added to what depends on the input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, fx, nn

_Group = tuple[int | str, ...]


def _groups(*parts: str) -> tuple[_Group, ...]:
    """Read "0 input": an argument by position and keyword; several are factors of one summand."""
    return tuple(
        tuple(int(word) if word.isdigit() else word for word in part.split()) for part in parts
    )


_SUM = _groups("0 input self", "1 other")
_PRODUCT_SUM = _groups("0 input", "1 2 mat1 mat2 batch1 batch2 vec vec1 vec2 tensor1 tensor2 mat")
_LAYER = _groups("0 1 input weight", "2 bias")
# The summands of functions and methods, by their plain names.
_SUMMANDS: dict[str, tuple[_Group, ...]] = {
    **dict.fromkeys(("add", "iadd", "radd", "sub", "isub", "rsub", "subtract"), _SUM),
    **dict.fromkeys(("addcmul", "addcdiv", "addmm", "addmv", "addr"), _PRODUCT_SUM),
    **dict.fromkeys(("addbmm", "baddbmm"), _PRODUCT_SUM),
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "convolution"), _LAYER),
    **{f"conv_transpose{n}d": _LAYER for n in (1, 2, 3)},
    "bilinear": _groups("0 1 2 input1 input2 weight", "3 bias"),
    "pad": _groups("0 input", "3 value"),
    "constant_pad_nd": _groups("0 input", "2 value"),
    "multi_head_attention_forward": _groups(
        "0 query", "6 in_proj_bias", "7 bias_k", "8 bias_v", "12 out_proj_bias"
    ),
}
_JOINS = ("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack")
_NORMALISE = (
    *("layer_norm", "batch_norm", "group_norm", "instance_norm", "rms_norm"),
    *("local_response_norm", "native_layer_norm", "native_batch_norm", "native_group_norm"),
)
# What these return does not change if their input is scaled: masks and sizes count as constants.
_INVARIANT = (
    *("size", "dim", "numel", "ndimension", "stride", "len", "nelement", "element_size"),
    *("gt", "lt", "ge", "le", "eq", "ne", "greater", "less", "sign", "sgn", "heaviside"),
    *("argmax", "argmin", "argsort", "is_floating_point", "isnan", "isfinite", "logical_not"),
    *("ones_like", "full_like", "rand_like", "randn_like", "new_ones", "new_full", "new_tensor"),
)
_INVARIANT_ATTRIBUTES = ("shape", "ndim", "dtype", "device", "layout", "is_cuda", "requires_grad")
_ZERO = ("zeros", "zeros_like", "new_zeros")
# Zeros stay zeros.
_KEEP_ZERO = (
    *("view", "reshape", "expand", "expand_as", "to", "type_as", "type", "float", "double", "half"),
    *("repeat", "unsqueeze", "squeeze", "permute", "transpose", "contiguous", "clone", "detach"),
    *("mul", "neg", "cuda", "cpu", "getitem", "flatten", "broadcast_to", "tile", "movedim"),
)

# What fails if the bias that it is given has been removed.
_ARITHMETIC = (
    *("add", "iadd", "radd", "sub", "isub", "rsub", "subtract", "mul", "imul", "rmul", "multiply"),
    *("truediv", "itruediv", "div", "divide", "matmul", "addmm", "baddbmm", "addmv"),
)
_SKIP = "if it is a bias, skip it where it is None, as nn.Linear does"


class Summands:
    """Which values of a graph depend on its input, and which are zero.

    Parameters
    ----------
    root : nn.Module
        Holds the tensors that the graph names.
    """

    def __init__(self, root: nn.Module) -> None:
        self._root = root
        self._varies: set[fx.Node] = set()
        self._zero: set[fx.Node] = set()

    def added_by(self, node: fx.Node) -> Iterator[tuple[str, Any]]:
        """Take in the next node of the graph, and look for constants among its summands.

        Parameters
        ----------
        node : fx.Node
            All nodes before it have been taken in.

        Yields
        ------
        does : str
            What the call does, as the predicate of a sentence.
        constant : fx.Node, int, float or None
            What it adds; None if the sentence is complete without.
        """
        arguments = [*node.args, *node.kwargs.values()]
        if node.op == "placeholder":
            self._varies.add(node)
        elif node.op == "get_attr":
            if self._is_zero_attribute(str(node.target)):
                self._zero.add(node)
        elif node.op == "call_module":
            if self._depends(arguments):
                self._varies.add(node)
        elif node.op in ("call_function", "call_method"):
            name = _plain_name(node.target)
            if name in _ZERO or (name in _KEEP_ZERO and self._is_zero(node.args[:1])):
                self._zero.add(node)
            elif self._depends(arguments) and not _is_invariant(name, node):
                self._varies.add(node)
                yield from self._constants(name, node)

    def describe(self, constant: Any, inner: str) -> tuple[str, bool]:
        """Name a constant as a user finds it in the code.

        Parameters
        ----------
        constant : fx.Node, int or float
            Found by `added_by`.
        inner : str
            Name of the module whose code adds it, which the names of its tensors begin with.

        Returns
        -------
        what : str
            Such as "the parameter 'offset'".
        trained : bool
            Whether it depends on a parameter.
        """
        if not isinstance(constant, fx.Node):
            return f"the number {constant:g}", False
        sources = {name: self._value(name) for name in self._sources(constant)}
        trained = any(
            isinstance(value, nn.Parameter) or getattr(value, "requires_grad", False)
            for value in sources.values()
        )
        for kind in (nn.Parameter, Tensor):
            for name, value in sources.items():
                if isinstance(value, kind) and not name.startswith("_tensor_constant"):
                    short = name.removeprefix(f"{inner}.") if inner else name
                    return f"the {kind.__name__.lower()} '{short}'", trained
        if sources:
            return "a constant tensor", trained
        return f"the constant that {_plain_name(constant.target)}() returns", False

    def _constants(self, name: str, node: fx.Node) -> Iterator[tuple[str, Any]]:
        if name in _NORMALISE:
            advice = "use a net without normalisation such as a Fixup ResNet"
            yield f"calls {name}(), which normalises and is not homogeneous: {advice}", None
            return
        if name in _ARITHMETIC and None in node.args[:2]:
            yield f"calculates with a tensor that is None: {_SKIP}", None
            return
        if name in _JOINS:
            joined = node.args[0] if node.args else node.kwargs.get("tensors", ())
            summands = [[each] for each in joined] if isinstance(joined, (list, tuple)) else []
            verb = "joins its values with"
        else:
            summands = [_arguments(node, group) for group in _SUMMANDS.get(name, ())]
            verb = "adds"
        if any(self._depends(summand) for summand in summands):
            for summand in summands:
                constants = [each for each in summand if isinstance(each, (fx.Node, int, float))]
                if constants and not self._depends(summand) and not self._is_zero(summand):
                    yield verb, constants[0]

    def _depends(self, values: Any) -> bool:
        return any(node in self._varies for node in _nodes(values))

    def _is_zero(self, values: Any) -> bool:
        """Whether a product is zero, since one of its factors is."""
        return any(
            value in self._zero
            if isinstance(value, fx.Node)
            else isinstance(value, (int, float)) and value == 0
            for value in values
        )

    def _is_zero_attribute(self, name: str) -> bool:
        value = self._value(name)
        if not isinstance(value, Tensor) or isinstance(value, nn.Parameter) or value.is_meta:
            return False
        return not bool(value.detach().any())

    def _value(self, name: str) -> Any:
        value: Any = self._root
        for part in name.split("."):
            value = getattr(value, part, None)
        return value

    def _sources(self, node: fx.Node) -> list[str]:
        """Names of the tensors that a constant is computed from."""
        nodes = [node]
        for each in nodes:
            nodes += [before for before in each.all_input_nodes if before not in nodes]
        return [str(each.target) for each in nodes if each.op == "get_attr"]


def _nodes(values: Any) -> Iterator[fx.Node]:
    if isinstance(values, fx.Node):
        yield values
    elif isinstance(values, Mapping):
        yield from _nodes(tuple(values.values()))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _nodes(value)


def _arguments(node: fx.Node, group: _Group) -> list[Any]:
    found = [node.args[i] for i in group if isinstance(i, int) and i < len(node.args)]
    return found + [node.kwargs[key] for key in group if key in node.kwargs]


def _plain_name(target: Any) -> str:
    """Name of a function or method without what marks its variants, as in add_ and add.Tensor."""
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    return str(name).split(".")[0].strip("_")


def _is_invariant(name: str, node: fx.Node) -> bool:
    if name == "getattr":
        return len(node.args) > 1 and node.args[1] in _INVARIANT_ATTRIBUTES
    return name in _INVARIANT
