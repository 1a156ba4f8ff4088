"""Operations without a rule of their own, as the simpler ones that they consist of.

Each function below takes the arguments of the torch function that it stands for, and the calls
that it makes are passed one by one. So summation-to-delta holds for them as for these. Their
nonlinearities have the Rescale rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from xgradient.deeplift.calls import Call


def _standardised(values: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    centred = values - values.mean(axes, keepdim=True)
    return centred * ((centred * centred).mean(axes, keepdim=True) + eps).rsqrt()


def _layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    axes = range(input.dim() - len(normalized_shape), input.dim())
    output = _standardised(input, tuple(axes), eps)
    output = output if weight is None else output * weight
    return output if bias is None else output + bias


def _rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    axes = tuple(range(input.dim() - len(normalized_shape), input.dim()))
    eps = torch.finfo(input.dtype).eps if eps is None else eps
    output = input * ((input * input).mean(axes, keepdim=True) + eps).rsqrt()
    return output if weight is None else output * weight


def _group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    groups = input.reshape(input.shape[0], num_groups, -1)
    output = _standardised(groups, (2,), eps).reshape(input.shape)
    shape = (-1, *[1] * (input.dim() - 2))
    output = output if weight is None else output * weight.view(shape)
    return output if bias is None else output + bias.view(shape)


def _instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:
    if not use_input_stats:
        return F.batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    return _group_norm(input, input.shape[1], weight, bias, eps)


def _softmax(
    input: Tensor,
    dim: int | None = None,
    dtype: torch.dtype | None = None,
    _stacklevel: int = 3,
) -> Tensor:
    return _log_softmax(input, dim, dtype).exp()


def _log_softmax(
    input: Tensor,
    dim: int | None = None,
    dtype: torch.dtype | None = None,
    _stacklevel: int = 3,
) -> Tensor:
    if dim is None:
        dim = 0 if input.dim() in (0, 1, 3) else 1
    input = input if dtype is None else input.to(dtype)
    return input - input.logsumexp(dim, keepdim=True)


def _softmin(
    input: Tensor, dim: int | None = None, dtype: torch.dtype | None = None, _stacklevel: int = 3
) -> Tensor:
    return _softmax(-input, dim, dtype)


def _glu(input: Tensor, dim: int = -1) -> Tensor:
    first, second = input.chunk(2, dim)
    return first * second.sigmoid()


def _lp_pool(n_axes: int) -> Callable[..., Tensor]:
    average: Callable[..., Tensor] = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[n_axes - 1]

    def pool(
        input: Tensor,
        norm_type: float,
        kernel_size: int | Sequence[int],
        stride: Any = None,
        ceil_mode: bool = False,
    ) -> Tensor:
        sizes = [kernel_size] * n_axes if isinstance(kernel_size, int) else list(kernel_size)
        n_values = float(torch.Size(sizes).numel())
        means = average(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
        return (means * n_values).pow(1.0 / norm_type)

    return pool


def _variance(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    if isinstance(dim, bool):
        raise ValueError("DeepLIFT has a rule for the variance along given axes only")
    correction = float(unbiased is not False) if correction is None else correction
    centred = input - input.mean(dim, keepdim=True)
    axes = [dim] if isinstance(dim, int) else list(dim)
    n_values = float(torch.Size([input.shape[axis] for axis in axes]).numel())
    return (centred * centred).sum(dim, keepdim) * (1.0 / max(0.0, n_values - correction))


def _deviation(*args: Any, **kwargs: Any) -> Tensor:
    return _variance(*args, **kwargs).sqrt()


def _norm(
    input: Tensor,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> Tensor:
    if dtype is not None:
        input = input.to(dtype)
    axes = tuple(range(input.dim())) if dim is None else dim
    if p in (2, "fro", None):
        return (input * input).sum(axes, keepdim).sqrt()
    if p == 1:
        return input.abs().sum(axes, keepdim)
    if p == float("inf"):
        return input.abs().amax(axes, keepdim)
    return input.abs().pow(p).sum(axes, keepdim).pow(1.0 / p)


def _vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    return _norm(x, ord, dim, keepdim, dtype)


def _normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None
) -> Tensor:
    return input / _norm(input, p, dim, True).clamp_min(eps)


def _addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1.0) -> Tensor:
    return input + tensor1 * tensor2 * value


def _addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1.0) -> Tensor:
    return input + tensor1 / tensor2 * value


def _addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0
) -> Tensor:
    return torch.matmul(mat1, mat2) * alpha + input * beta


def _lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    return input + (end - input) * weight


def _bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    # One matrix product with a constant, one of the two signals.
    first = torch.einsum("...i,kij->...kj", input1, weight)
    output = (first * input2.unsqueeze(-2)).sum(-1)
    return output if bias is None else output + bias


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    if dropout_p > 0.0:
        raise ValueError("dropout is active at evaluation too; call it with dropout_p=0.0")
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    weights = torch.matmul(query, key.transpose(-2, -1))
    weights = weights * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        size = (query.shape[-2], key.shape[-2])
        attn_mask = torch.ones(size, dtype=torch.bool, device=query.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        weights = weights.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        weights = weights + attn_mask
    return torch.matmul(_softmax(weights, -1), value)


def _composed(function: Callable[..., Tensor]) -> Callable[[Call], Tensor]:
    return lambda call: call.watch.compose(call, function)


def _final_softmax(function: Callable[..., Tensor]) -> Callable[[Call], Tensor]:
    """Make the handler of a softmax, before which the network ends if it is its output."""

    def handler(call: Call) -> Tensor:
        logits, node = call.tensors[0].detach(), call.nodes[0]
        output = call.watch.compose(call, function)
        made = call.watch.node_of(output)
        if made is not None:
            call.watch.share(output, made, (logits, node))
        return output

    return handler


_COMPOSITIONS: dict[str, Callable[..., Tensor]] = {
    "softmin": _softmin,
    **{f"lp_pool{n}d": _lp_pool(n) for n in (1, 2, 3)},
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "glu": _glu,
    "var": _variance,
    "std": _deviation,
    "norm": _norm,
    "linalg_vector_norm": _vector_norm,
    "normalize": _normalize,
    "addcmul": _addcmul,
    "addcdiv": _addcdiv,
    "addmm": _addmm,
    "lerp": _lerp,
    "bilinear": _bilinear,
    "scaled_dot_product_attention": _attention,
}

HANDLERS: dict[str, Callable[[Call], Any]] = {
    "softmax": _final_softmax(_softmax),
    "log_softmax": _final_softmax(_log_softmax),
    **{name: _composed(function) for name, function in _COMPOSITIONS.items()},
}
