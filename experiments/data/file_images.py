"""Images that are decoded from their files on access, and a store built from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from experiments.data.decoding import ImageFileError, read_image, read_rgb, view
from experiments.data.index import Index
from experiments.data.preprocessing import Preprocessing
from experiments.data.stores import SHARD_BYTES, StoredImages, StoreWriter
from experiments.processes import end_with_parent

__all__ = ["FileImages", "build_store"]

_BATCH = 16


class FileImages:
    """Images of an index, decoded on access.

    Parameters
    ----------
    index : Index
        The files and their labels.
    preprocessing : Preprocessing
        Of the network; its ``resize`` and ``crop`` make the evaluation view.
    orient : bool
        Whether to rotate images as their EXIF data asks for, see
        `experiments.data.decoding.read_image`.

    Raises
    ------
    ImageFileError
        If the folder of the images is not there any more.
    """

    def __init__(self, index: Index, preprocessing: Preprocessing, orient: bool = False) -> None:
        if not index.folder.is_dir():
            raise ImageFileError(
                f"{index.folder} is missing, whose images {index.source} lists: put it back; if it "
                f"was downloaded, run snakemake --cores all --force {index.source}"
            )
        self.index, self.preprocessing, self.orient = index, preprocessing, orient
        self.labels: Tensor = torch.from_numpy(index.labels)
        self.facts: dict[str, Any] = index.facts

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.index)

    def read(self, position: int) -> Tensor:
        """Return a whole image as it is in its file, uint8 (3, H, W)."""
        return read_rgb(self.index.path(position), self.orient)

    def __getitems__(self, indices: Sequence[int] | Tensor) -> Tensor:
        """Return the evaluation view of some images, uint8 (n, 3, H, W).

        Raises
        ------
        ImageFileError
            If a file cannot be read, or the view leaves images of different sizes.
        """
        chosen = [int(position) for position in indices]
        paths = [self.index.path(position) for position in chosen]
        views = [view(read_image(path, self.orient), self.preprocessing) for path in paths]
        if not views:
            side = self.preprocessing.crop or 0
            return torch.empty((0, 3, side, side), dtype=torch.uint8)
        for path, image in zip(paths, views, strict=True):
            if image.shape != views[0].shape:
                raise ImageFileError(
                    f"{path}: {_size(image)} pixels after {_size(views[0])} of {paths[0]}; "
                    "images of different sizes need a preprocessing with a crop"
                )
        return torch.stack(views)


def _size(image: Tensor) -> str:
    return f"{image.shape[2]} × {image.shape[1]}"


class _Answers(Dataset[Any]):
    """Views of images, or the error instead of them.

    An error that a worker process raises would reach the user with a traceback in its message.
    """

    def __init__(self, files: FileImages) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __getitems__(self, indices: Sequence[int]) -> Tensor | ImageFileError:
        try:
            return self._files.__getitems__(indices)
        except ImageFileError as error:
            return error


def _as_is(batch: object) -> object:
    return batch


def build_store(
    files: FileImages,
    folder: str | Path,
    facts: dict[str, Any],
    workers: int = 0,
    progress: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    shard_bytes: int = SHARD_BYTES,
) -> StoredImages:
    """Decode images, in their order, into a store of their evaluation view.

    Parameters
    ----------
    files : FileImages
        The images.
    folder : str or Path
        The folder of the store.
    facts : dict
        JSON-serialisable; those of the index, ``view`` and ``exif_orientation`` are added.
    workers : int
        Processes that decode; 0 decodes in this one.
    progress : callable
        Wraps the batches of 16 images.
    shard_bytes : int
        Bytes of the pixels of one shard, at most.

    Returns
    -------
    StoredImages
        The store.

    Raises
    ------
    ImageFileError
        If a file cannot be read; then there is no store.
    """
    batches: DataLoader[Any] = DataLoader(
        _Answers(files),
        batch_size=_BATCH,
        num_workers=workers,
        collate_fn=_as_is,
        worker_init_fn=end_with_parent,
    )
    facts = {
        **files.index.facts,
        **facts,
        "view": files.preprocessing.view,
        "exif_orientation": "applied" if files.orient else "ignored",
    }
    done = 0
    with StoreWriter(folder, facts, shard_bytes) as store:
        for images in progress(batches):
            if isinstance(images, ImageFileError):
                raise images
            store.append(images, files.labels[done : done + len(images)])
            done += len(images)
    return StoredImages(folder)
