"""The tables of the handlers: by the name of a function, how DeepLIFT passes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from xgradient.deeplift import arithmetic, compositions, layers, maxima, rearranging, values
from xgradient.deeplift.attention import multi_head_attention
from xgradient.deeplift.calls import Call

HANDLERS: dict[str, Callable[[Call], Any]] = {
    **values.HANDLERS,
    **rearranging.HANDLERS,
    **arithmetic.HANDLERS,
    **maxima.HANDLERS,
    **layers.HANDLERS,
    **compositions.HANDLERS,
}

# Modules that are watched as other code which computes the same.
MODULES: dict[type[nn.Module], Callable[..., Any]] = {nn.MultiheadAttention: multi_head_attention}
