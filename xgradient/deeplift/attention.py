"""Multi-head attention as the simpler operations that it consists of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xgradient.deeplift.operations import UnsupportedOperationError


def multi_head_attention(
    module: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Compute what `nn.MultiheadAttention` does, which puts the batch elsewhere on its way.

    Parameters
    ----------
    module : nn.MultiheadAttention
        The module; the other parameters are those of its call.

    Returns
    -------
    output : Tensor
        Shape (N, L, E).
    weights : Tensor or None
        Shape (N, L, S), or (N, H, L, S) if not averaged over the heads.

    Raises
    ------
    UnsupportedOperationError
        If the batch is not the first axis, or the module adds a key.
    """
    if not module.batch_first or query.dim() != 3:
        raise UnsupportedOperationError(
            "DeepLIFT has a rule for nn.MultiheadAttention with batch_first=True only: the first "
            "axis of every tensor must stay that of the inputs"
        )
    if module.bias_k is not None or module.add_zero_attn:
        raise UnsupportedOperationError(
            "DeepLIFT has no rule for nn.MultiheadAttention with add_bias_kv or add_zero_attn"
        )
    heads = [
        _project(values, weight, bias).unflatten(-1, (module.num_heads, -1)).transpose(1, 2)
        for values, (weight, bias) in zip((query, key, value), _projections(module), strict=True)
    ]
    scores = torch.matmul(heads[0], heads[1].transpose(2, 3)) * module.head_dim**-0.5
    if key_padding_mask is not None:
        scores = _masked(scores, key_padding_mask[:, None, None])
    if attn_mask is not None:
        # One mask for all, or one for every row and head.
        per_head = attn_mask.dim() == 3
        scores = _masked(scores, attn_mask.view(scores.shape) if per_head else attn_mask)
    weights = scores.softmax(-1)
    output = torch.matmul(weights, heads[2]).transpose(1, 2).flatten(2)
    output = F.linear(output, module.out_proj.weight, module.out_proj.bias)
    if not need_weights:
        return output, None
    return output, weights.mean(1) if average_attn_weights else weights


def _project(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return F.linear(values, weight, bias)


def _projections(module: nn.MultiheadAttention) -> list[tuple[Tensor, Tensor | None]]:
    if module.in_proj_weight is not None:
        weights = list(module.in_proj_weight.chunk(3))
    else:
        weights = [module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]
    biases: list[Tensor | None] = [None] * 3
    if module.in_proj_bias is not None:
        biases = list(module.in_proj_bias.chunk(3))
    return list(zip(weights, biases, strict=True))


def _masked(scores: Tensor, mask: Tensor) -> Tensor:
    return scores.masked_fill(mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
