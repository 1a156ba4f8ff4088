"""What is known of the tensors that depend on the inputs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from xgradient.deeplift.operations import UnsupportedOperationError
from xgradient.deeplift.signals import Parts, Signal


@dataclass(frozen=True)
class Node:
    """What is known of one tensor that depends on the inputs.

    Parameters
    ----------
    number : int
        Tells it from the others.
    version : int or None
        Version of the tensor's memory when it was computed.
    since : int or None
        The version when the tensor was made, if all that happened to the memory since then
        happened to this tensor.
    parts : Parts or None
        The parts of its difference.
    dense : frozenset of bool
        Kinds of the layers that weighted it last: whether fully connected.
    logits : tuple of (Tensor, Node), optional
        What a softmax was taken of.
    """

    number: int
    version: int | None
    since: int | None
    parts: Parts | None
    dense: frozenset[bool] = frozenset()
    logits: tuple[Tensor, Node] | None = None


class WatchedSignal(Signal):
    """Signal of a tensor that the network may overwrite after it was seen."""

    def __init__(self, whole: Tensor, n_inputs: int, node: Node) -> None:
        # The rows of a detached tensor do not keep the tensor itself alive, as its own would.
        self._whole = whole.detach()
        self._version = node.version
        super().__init__(self._whole[:n_inputs], self._whole[n_inputs:], node.parts)

    @property
    def difference(self) -> Tensor:
        """Difference from the reference, unless the tensor was overwritten since it was seen."""
        if version_of(self._whole) != self._version:
            raise UnsupportedOperationError(
                f"a tensor of shape {tuple(self._whole.shape)} was overwritten by an operation "
                "that works in place before DeepLIFT had used it: let the model work out of place"
            )
        return super().difference


def version_of(tensor: Tensor) -> int | None:
    """How often the memory of a tensor was written to; None in inference mode."""
    return None if tensor.is_inference() else tensor._version
