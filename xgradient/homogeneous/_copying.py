"""Deep copies of nets that hold tensors which were computed, not trained."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_Net = TypeVar("_Net", bound=nn.Module)


class _Detaching(TorchFunctionMode):
    """While active, a deep copy of a tensor that has a history is a copy of its values."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is Tensor.__deepcopy__ and not args[0].is_leaf:
            return args[0].detach().clone()
        return func(*args, **(kwargs or {}))


def copied(model: _Net) -> _Net:
    """Copy a net and everything in it.

    `copy.deepcopy` refuses a tensor that autograd knows the history of: a weight that a hook
    computes (pruning, weight normalisation in its old form) or an activation that the net keeps
    after a forward pass. The copy has its values, without the history: what a hook computes it
    computes again, from the parameters of the copy.

    Parameters
    ----------
    model : nn.Module
        The net. It is left as it is.

    Returns
    -------
    nn.Module
        Shares no tensor with it.
    """
    with _Detaching():
        return copy.deepcopy(model)
