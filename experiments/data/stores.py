"""A store of images: a folder of memory-mapped shards, for data sets of any size.

Evaluation reads the same pixels many times, so they are decoded and cropped once. A shard is a
safetensors file of ``images``, uint8 (n, C, H, W), and ``labels``, int64 (n,); ``index.json`` is
written last and says what the store holds.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from experiments.intermediates import DamagedFileError, read_json
from experiments.writing import write_tensors, write_text

__all__ = ["SHARD_BYTES", "StoreError", "StoreWriter", "StoredImages"]

SHARD_BYTES = 128 << 20
"""Bytes of the pixels of one shard, at most."""

_MAPPED = 2
_INDEX = "index.json"


class StoreError(ValueError):
    """A store is incomplete or damaged; the message names the file and what to do."""


def _shard_name(number: int) -> str:
    return f"{number:05}.safetensors"


def _digest(images: Tensor) -> str:
    return f"sha256:{hashlib.sha256(images.numpy().data).hexdigest()}"


class StoreWriter:
    """Write a store, image by image or in batches; use it as a context manager.

    Nothing but whole shards ever has its final name, and without the index that is written at the
    end, after success, the folder is not a store.

    Parameters
    ----------
    folder : str or Path
        The folder; made if it is missing. A store that it holds is replaced.
    facts : dict
        JSON-serialisable: data set, split, view, ``class_names``, and the like.
    shard_bytes : int
        Bytes of the pixels of one shard, at most; a shard has at least one image.
    """

    def __init__(
        self, folder: str | Path, facts: dict[str, Any], shard_bytes: int = SHARD_BYTES
    ) -> None:
        self._folder, self._facts, self._shard_bytes = Path(folder), facts, shard_bytes
        self._images: Tensor | None = None
        self._labels: list[Tensor] = []
        self._filled = 0
        self._counts: list[int] = []
        self._digests: list[str] = []

    def __enter__(self) -> StoreWriter:
        """Remove what an earlier writer left in the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for pattern in (_INDEX, "[0-9]*.safetensors", ".*.part"):
            for path in self._folder.glob(pattern):
                path.unlink()
        return self

    def append(self, images: Tensor, labels: Tensor) -> None:
        """Add a batch at the end.

        Parameters
        ----------
        images : torch.Tensor
            uint8 (n, C, H, W), of the shape of all before.
        labels : torch.Tensor
            Integers (n,).

        Raises
        ------
        ValueError
            If the batch is of another kind or shape.
        """
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(
                f"images must be uint8 (n, C, H, W), got {images.dtype} {tuple(images.shape)}"
            )
        if labels.shape != images.shape[:1]:
            raise ValueError(f"{len(images)} images but labels of shape {tuple(labels.shape)}")
        if self._images is None:
            # Memory that is not written to is not occupied, so that a small store costs little.
            capacity = max(1, self._shard_bytes // max(1, images.shape[1:].numel()))
            self._images = torch.empty((capacity, *images.shape[1:]), dtype=torch.uint8)
        if images.shape[1:] != self._images.shape[1:]:
            raise ValueError(
                f"images of shape {tuple(images.shape[1:])} in a store of shape "
                f"{tuple(self._images.shape[1:])}"
            )
        done = 0
        while done < len(images):
            n = min(len(images) - done, len(self._images) - self._filled)
            self._images[self._filled : self._filled + n] = images[done : done + n]
            self._labels.append(labels[done : done + n].to(torch.int64))
            self._filled += n
            done += n
            if self._filled == len(self._images):
                self._flush()

    def _flush(self) -> None:
        assert self._images is not None
        images = self._images[: self._filled]
        target = self._folder / _shard_name(len(self._counts))
        write_tensors(target, {"images": images, "labels": torch.cat(self._labels)})
        self._counts.append(self._filled)
        self._digests.append(_digest(images))
        self._labels, self._filled = [], 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the last shard and the index, unless an error ended the writing."""
        if error is not None:
            return
        if self._filled:
            self._flush()
        if self._images is None or not self._counts:
            raise ValueError(f"{self._folder}: no images were added to the store")
        content = {
            "shape": list(self._images.shape[1:]),
            "counts": self._counts,
            "digests": self._digests,
            "facts": self._facts,
        }
        write_text(self._folder / _INDEX, json.dumps(content, indent=1) + "\n")


class StoredImages:
    """Images and labels of a store, read when they are asked for.

    At most two shards are mapped into memory at a time, so that a data set may be larger than the
    memory. Reading in order, or from a store of at most two shards, is fastest; a batch of indices
    all over a larger store maps each of its shards once.

    Parameters
    ----------
    folder : str or Path
        A folder written by `StoreWriter`.

    Raises
    ------
    StoreError
        If the folder is not a complete store.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        path = self.folder / _INDEX
        remedy = f"delete {self.folder} and run again"
        if not path.exists():
            raise StoreError(f"{path} is missing, so the store is incomplete: {remedy}")
        try:
            content = read_json(path, remedy)
            self.shape: tuple[int, ...] = tuple(content["shape"])
            self.facts: dict[str, Any] = content["facts"]
            self._counts: list[int] = content["counts"]
            self._digests: list[str] = content["digests"]
            if not self._counts:
                raise ValueError("no shards")
            self._ends = torch.tensor(self._counts, dtype=torch.int64).cumsum(0)
        except DamagedFileError as error:
            raise StoreError(str(error)) from error
        except (ValueError, TypeError, RuntimeError) as error:
            raise StoreError(f"{path} is not the index of a store: {remedy}") from error
        self._mapped: OrderedDict[int, Tensor] = OrderedDict()
        self.labels: Tensor = torch.cat([self._open(n)[1] for n in range(len(self._counts))])

    def __len__(self) -> int:
        """Return the number of images."""
        return int(self._ends[-1])

    def __getstate__(self) -> dict[str, Any]:
        """Leave the mapped shards behind: another process maps its own."""
        return {**self.__dict__, "_mapped": OrderedDict()}

    def _open(self, number: int) -> tuple[Tensor, Tensor]:
        """Map one shard, and read its labels."""
        path = self.folder / _shard_name(number)
        try:
            # Images come as a view of the file, of which the system reads what is accessed.
            with safe_open(str(path), framework="pt") as file:
                images: Tensor = file.get_tensor("images")
                labels: Tensor = file.get_tensor("labels").clone()
        except FileNotFoundError as error:
            problem = "is missing"
            raise self._damaged(path, problem) from error
        except (SafetensorError, OSError) as error:
            raise self._damaged(path, f"is damaged ({error})") from error
        expected = (self._counts[number], *self.shape)
        if images.dtype != torch.uint8 or images.shape != expected:
            raise self._damaged(
                path, f"holds {images.dtype} {tuple(images.shape)} instead of uint8 {expected}"
            )
        if labels.shape != expected[:1]:
            raise self._damaged(path, f"has labels of shape {tuple(labels.shape)}")
        return images, labels

    def _damaged(self, path: Path, problem: str) -> StoreError:
        return StoreError(f"{path} {problem}: delete {self.folder} and run again")

    def _shard(self, number: int) -> Tensor:
        if number in self._mapped:
            self._mapped.move_to_end(number)
        else:
            while len(self._mapped) >= _MAPPED:  # before another one is mapped
                self._mapped.popitem(last=False)
            self._mapped[number] = self._open(number)[0]
        return self._mapped[number]

    def __getitems__(self, indices: Sequence[int] | Tensor) -> Tensor:
        """Return a copy of some images, uint8 (n, C, H, W), in the order of the indices.

        Raises
        ------
        IndexError
            If an index is not from 0 to N - 1.
        """
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        if not len(chosen):
            return torch.empty((0, *self.shape), dtype=torch.uint8)
        first, last = int(chosen.min()), int(chosen.max())
        if first < 0 or last >= len(self):
            raise IndexError(f"images {first} to {last} of a store of {len(self)}")
        if len(self._counts) == 1:
            return _rows(self._shard(0), chosen)
        images = torch.empty((len(chosen), *self.shape), dtype=torch.uint8)
        shards = torch.bucketize(chosen, self._ends, right=True)
        for number in shards.unique().tolist():
            places = (shards == number).nonzero().flatten()
            start = int(self._ends[number]) - self._counts[number]
            images[places] = _rows(self._shard(number), chosen[places] - start)
        return images

    def verify(self) -> None:
        """Compare the pixels of every shard with their digests.

        Raises
        ------
        StoreError
            If they differ.
        """
        for number, digest in enumerate(self._digests):
            if _digest(self._shard(number)) != digest:
                path = self.folder / _shard_name(number)
                raise self._damaged(path, "does not hold the pixels that were written")


def _rows(images: Tensor, rows: Tensor) -> Tensor:
    """Copy some of the images; neighbours in one piece, which is several times as fast."""
    start, n = int(rows[0]), len(rows)
    if torch.equal(rows, torch.arange(start, start + n)):
        return images[start : start + n].clone()
    return images[rows]
