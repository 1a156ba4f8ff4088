"""Data sets of image files in one folder per class: which images there are, and their labels.

The order is that of torchvision's ImageFolder: classes by the name of their folder, then files by
name. Whatever could make a label wrong without notice is an error here.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

from experiments.data.image_sections import Folders

__all__ = ["FolderError", "class_folders", "class_names", "scan_folder"]

_LOG = logging.getLogger(__name__)
_WORDNET = re.compile(r"n\d{8}")
_FLAT_VALIDATION = re.compile(r"ILSVRC2012_val_\d{8}\.JPEG")
# Files that operating systems leave in folders of images; hidden ones are left out in any case.
_OF_SYSTEMS = ("thumbs.db", "desktop.ini")
_MOST_NAMED = 10
# Those of torchvision, whose import takes longer than to list a data set.
_ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class FolderError(ValueError):
    """A folder of images is not the one that the catalogue describes."""


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _visible(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name.lower() not in _OF_SYSTEMS:
                yield entry


def class_folders(folder: str | Path, layout: Folders) -> list[str]:
    """Return the names of the class folders, after comparing them with the declared ones.

    Parameters
    ----------
    folder : str or Path
        The folder that holds the class folders of one split.
    layout : Folders
        The section ``images`` of the data set's entry in the catalogue.

    Returns
    -------
    list of str
        In alphabetical order, that of the labels 0, 1, 2, ...

    Raises
    ------
    FolderError
        If the folder is missing, or its class folders are not the declared ones; the message names
        at most ten of them.
    """
    if not os.path.isdir(folder):
        there = "is not a folder" if os.path.lexists(folder) else "does not exist"
        raise FolderError(
            f"{folder} {there}: it must hold one folder of images per class; check the path in the "
            "configuration"
        )
    found, flat = [], 0
    for entry in _visible(os.fspath(folder)):
        if entry.is_dir():
            found.append(entry.name)
        elif _FLAT_VALIDATION.fullmatch(entry.name):
            flat += 1
    if flat:
        raise FolderError(_unsorted(folder, flat))
    if not found:
        raise FolderError(
            f"{folder} holds no class folders: it must hold one folder of images per class"
        )
    found.sort()
    if layout.classes is not None:
        missing = sorted(layout.classes.keys() - set(found))
        unexpected = sorted(set(found) - layout.classes.keys())
        parts = [
            f"{what} {_listed(names)}"
            for what, names in (("missing:", missing), ("unexpected:", unexpected))
            if names
        ]
        if parts:
            raise FolderError(
                f"{folder}: the class folders are not the {len(layout.classes)} declared ones; "
                f"{'; '.join(parts)}. Complete the folder, or move what does not belong there away."
            )
    if layout.wordnet:
        others = [name for name in found if not _WORDNET.fullmatch(name)]
        if others:
            raise FolderError(
                f"{folder}: class folders must be named by WordNet ids such as n01440764, but "
                f"there are {_listed(others)}. Rename them, or move them away."
            )
    if layout.number_of_classes not in (None, len(found)):
        raise FolderError(
            f"{folder} holds {len(found)} class folders instead of {layout.number_of_classes}: "
            "complete the folder, or move what does not belong there away"
        )
    return found


def _unsorted(folder: str | Path, n_images: int) -> str:
    return (
        f"{folder}: {n_images} validation images of ILSVRC2012 lie directly in the folder, so that "
        "their classes are unknown. Sort them into one folder per class, named by WordNet id such "
        "as n01440764: line i of data/ILSVRC2012_validation_ground_truth.txt in the development "
        "kit (ILSVRC2012_devkit_t12.tar.gz) is the ILSVRC2012_ID of image i, and data/meta.mat "
        "gives the WordNet id of each ILSVRC2012_ID. These are not the labels 0 to 999 of "
        "networks, which follow the sorted WordNet ids. "
        'torchvision.datasets.ImageNet(FOLDER, split="val") does it if FOLDER holds the kit and '
        "ILSVRC2012_img_val.tar."
    )


def class_names(folders: list[str], layout: Folders) -> list[str]:
    """Return the printed names of class folders: the declared ones, else those of the folders."""
    return folders if layout.classes is None else [layout.classes[name] for name in folders]


class _Class:
    """Images of one class folder, and what else was found there."""

    def __init__(self, folder: str) -> None:
        self.empty: list[str] = []
        self.n_others = 0
        self._found: list[tuple[str, list[str]]] = []
        self._look_into(folder, ())
        # Inner folders in the order of torchvision, which sorts by the whole path.
        self.images = [
            f"{inner[len(folder) + 1 :]}/{name}" if inner != folder else name
            for inner, names in sorted(self._found)
            for name in names
        ]

    def _look_into(self, folder: str, parents: tuple[tuple[int, int], ...]) -> None:
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in parents:
            raise FolderError(f"{folder} is a link to a folder above it: remove it")
        names = []
        for entry in _visible(folder):
            if entry.is_dir():
                self._look_into(entry.path, (*parents, (here.st_dev, here.st_ino)))
            elif not entry.name.lower().endswith(_ENDINGS):
                self.n_others += 1
            else:
                names.append(entry.name)
                try:
                    size = entry.stat().st_size  # of the file that a link points to
                except FileNotFoundError as error:
                    raise FolderError(
                        f"{entry.path} is a link to a file that does not exist: remove or repair it"
                    ) from error
                if not size:
                    self.empty.append(entry.path)
        self._found.append((folder, sorted(names)))


def scan_folder(
    folder: str | Path, layout: Folders, split: str, allow_fewer: bool = False
) -> list[tuple[str, int]]:
    """List the images of one split with their labels, and check all that is declared.

    Extensions are those of torchvision's ImageFolder, in upper or lower case. Hidden files and
    files of other kinds are left out; the latter are counted in the log. Links are followed.

    Parameters
    ----------
    folder : str or Path
        The folder that holds the class folders of the split.
    layout : Folders
        The section ``images`` of the data set's entry in the catalogue.
    split : {"train", "test"}
        Which of the declared counts applies.
    allow_fewer : bool
        Whether there may be fewer images than declared, and classes without any, for example
        because only some are used.

    Returns
    -------
    list of tuple of str and int
        Path relative to the folder, with ``/`` between its parts, and label; classes in the
        alphabetical order of their folders, and in each the files in that of their names.

    Raises
    ------
    FolderError
        If the class folders are not the declared ones, a class has no images, or all have none, a
        file is empty, or the number of images is not the declared one; the message names the path.
    """
    classes = class_folders(folder, layout)
    rows: list[tuple[str, int]] = []
    empty: list[str] = []
    without: list[str] = []
    n_others = 0
    for label, name in enumerate(classes):
        found = _Class(os.path.join(folder, name))
        rows += [(f"{name}/{image}", label) for image in found.images]
        empty += found.empty
        n_others += found.n_others
        if not found.images:
            without.append(name)
    if without and not (rows and allow_fewer):
        raise FolderError(
            f"{folder}: there are no images in the class folders {_listed(without)}; fill them, or "
            "unpack the data set again"
        )
    if empty:
        raise FolderError(
            f"{folder}: {len(empty)} files have no content: {_listed(empty)}; replace them"
        )
    declared = layout.counts.get(split)  # type: ignore[call-overload]
    if declared is not None and len(rows) != declared:
        if len(rows) > declared or not allow_fewer:
            raise FolderError(
                f"{folder} holds {len(rows)} images instead of the {declared} declared for the "
                f"{split} split: complete the folder, or remove what does not belong there"
            )
        _LOG.warning("%s: %d of the %d images are there", folder, len(rows), declared)
    if n_others:
        _LOG.info("%s: %d files that are not images are left out", folder, n_others)
    _LOG.info("%s: %d images of %d classes", folder, len(rows), len(classes))
    return rows
