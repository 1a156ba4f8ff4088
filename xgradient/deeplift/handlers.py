"""The table of the handlers: by the name of a function, how DeepLIFT passes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xgradient.deeplift import arithmetic, compositions, layers, maxima, rearranging, values
from xgradient.deeplift.calls import Call

HANDLERS: dict[str, Callable[[Call], Any]] = {
    **values.HANDLERS,
    **rearranging.HANDLERS,
    **arithmetic.HANDLERS,
    **maxima.HANDLERS,
    **layers.HANDLERS,
    **compositions.HANDLERS,
}
