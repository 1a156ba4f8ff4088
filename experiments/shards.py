"""Work that is spread over jobs: blocks of images, and the part of one job.

The images of an experiment are cut into blocks, and a shard is a run of whole blocks. Rounding
depends on which images share a batch, that is on the block; a random draw depends on the image.
Nothing depends on the shard, so that merged results are the same, to the last bit, for every
number of shards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["blocks_of", "shard_of"]

T = TypeVar("T")


def blocks_of(images: Sequence[int], batch_size: int) -> list[Sequence[int]]:
    """Cut images into blocks.

    Parameters
    ----------
    images : sequence of int
        Indices of the images of an experiment.
    batch_size : int
        Images per block; the last block may be shorter.
    """
    return [images[start : start + batch_size] for start in range(0, len(images), batch_size)]


def shard_of(work: Sequence[T], scatter_item: str) -> Sequence[T]:
    """Return the part of some work that belongs to one shard.

    Parameters
    ----------
    work : sequence
        Such as the blocks of an experiment.
    scatter_item : str
        The shard and their number, as Snakemake writes it: ``"2-of-5"``.

    Returns
    -------
    sequence
        A consecutive part; the lengths of any two shards differ by at most one. It is empty if
        there are more shards than work.
    """
    shard, n_shards = map(int, scatter_item.split("-of-"))
    first, last = (len(work) * number // n_shards for number in (shard - 1, shard))
    return work[first:last]
