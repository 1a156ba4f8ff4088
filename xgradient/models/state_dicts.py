"""State dicts of nets that were saved inside a wrapper, renamed for the net itself.

`nn.DataParallel`, DistributedDataParallel and `torch.compile` hold the net, or the part of it
that they were put around, as a child, whose name then stands in the middle of the names of all
weights beneath: ``module.features.0.weight``, ``features._orig_mod.0.weight``. The names no longer
fit the net that was wrapped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from torch import nn

__all__ = ["unwrapped_state_dict"]

_Value = TypeVar("_Value")

# Under which name each wrapper of PyTorch holds what it wraps.
_WRAPPERS = (
    "module",  # DataParallel, DistributedDataParallel
    "_orig_mod",  # torch.compile
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
)


def unwrapped_state_dict(state_dict: Mapping[str, _Value], model: nn.Module) -> dict[str, _Value]:
    """Rename the entries of a state dict that was saved from a wrapped net to fit a net.

    What DataParallel, DistributedDataParallel or `torch.compile` insert into the names is removed,
    at the beginning as well as inside, in any nesting, so that
    ``net.load_state_dict(unwrapped_state_dict(saved, net))`` loads the weights. The names of the
    net itself decide: one that has a child called ``module`` keeps it, and if the net is wrapped
    and the saved one was not, names gain what the wrapper inserts.

    Parameters
    ----------
    state_dict : mapping of str to any
        By name, such as ``torch.load(path, weights_only=True)`` returns; of a checkpoint its part
        with the weights.
    model : nn.Module
        The net that the state dict is to be loaded into. It is left as it is.

    Returns
    -------
    dict of str to any
        The same values in the same order. Names that the net lacks are kept, without what wrappers
        inserted, so that ``load_state_dict`` reports them.

    Raises
    ------
    TypeError
        If the model is no module, or a name no string, as in a checkpoint that holds the state
        dict next to other things.
    ValueError
        If two entries would have the same name: the message has both.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be an nn.Module, got {type(model).__name__}")
    for name in state_dict:
        if not isinstance(name, str):
            raise TypeError(f"state_dict must have names of tensors as keys, got {name!r:.60}")
    own = _by_bare_name(model.state_dict())
    renamed: dict[str, str] = {}
    for bare, saved in _by_bare_name(state_dict).items():
        renamed.update(_renamed(saved, own.get(bare, []), bare))
    return {renamed[name]: value for name, value in state_dict.items()}


def _renamed(saved: list[str], own: list[str], bare: str) -> dict[str, str]:
    """Pair the saved names with those of the net that are equal to them but for wrappers."""
    if set(saved) <= set(own):
        return {name: name for name in saved}
    if not own and len(saved) == 1:
        return {saved[0]: bare}
    if len(saved) > max(1, len(own)):
        raise ValueError(
            f"there are two tensors '{own[0] if own else bare}' in the state dict, saved as "
            f"'{saved[0]}' and '{saved[1]}': keep those of one net"
        )
    # Whatever is wrapped, each name has its wrappers and those of the net itself: those of the net
    # order them. Of a net that has more such names than were saved, the plainest are meant.
    return dict(zip(saved, own, strict=False))


def _by_bare_name(names: Iterable[str]) -> dict[str, list[str]]:
    """Group names that differ by wrappers alone, those with fewer of them first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[".".join(part for part in name.split(".") if part not in _WRAPPERS)].append(name)
    return {
        bare: sorted(group, key=lambda name: (name.count("."), name))
        for bare, group in groups.items()
    }
