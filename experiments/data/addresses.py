"""Web addresses, fetched within bounded time.

Why not pooch (1.9): it would contribute a temporary file, a SHA-256 and a rename. Tried against the
server of the tests, it reads a body to its end however large it is and however slowly it drips,
requests again after a status 404 or a wrong digest, where the answer can only be the same, verifies
before decompression, knows no git blob ids, and leaves files that only their owner can read. Its
downloader class would have to be replaced by this module, its verification by `fetch`.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util.retry import Retry

from experiments.data.catalogue import DataFile
from experiments.data.delivery import (
    CHUNK,
    Consume,
    Options,
    SourceError,
    decompressed,
    explain,
)
from experiments.data.sources import UrlSource

__all__ = ["Web", "WebAddress", "is_encoded"]

Result = TypeVar("Result")

_LOG = logging.getLogger(__name__)
# Answers that a second request may improve on.
_TRANSIENT_STATUS = (408, 429, 500, 502, 503, 504)
# A transfer that stays slower than this for as long as the time-out counts as stalled.
_SLOWEST = 1024  # bytes per second
_LONGEST_WAIT = 60  # seconds between two attempts, also where a server asks for more


class _Interrupted(SourceError):
    """A transfer broke off; another attempt may succeed."""


class _Stalled(_Interrupted):
    """A transfer took too long."""


class _Body(io.RawIOBase):
    """The body of a response as a file: with a progress bar, and never stalling for long."""

    def __init__(self, response: requests.Response, bar: tqdm[NoReturn], timeout: float) -> None:
        self._raw, self._bar, self._timeout = response.raw, bar, timeout
        self._since, self._received = time.monotonic(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            # read1 returns what has arrived; read would wait for all requested bytes.
            data = self._raw.read1(len(buffer), decode_content=False) or b""
        except ReadTimeoutError as error:
            raise _Stalled(f"no data for {self._timeout:g} s") from error
        except (HTTPError, OSError) as error:
            raise _Interrupted(f"the transfer broke off: {explain(error)}") from error
        buffer[: len(data)] = data
        self._bar.update(len(data))
        self._received += len(data)
        elapsed = time.monotonic() - self._since
        if elapsed > self._timeout:
            if data and self._received < _SLOWEST * elapsed:
                raise _Stalled(f"{self._received} bytes in {elapsed:.0f} s is too slow")
            self._since, self._received = time.monotonic(), 0
        return len(data)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]  # without a name and a password


class Web:
    """Requests of bounded duration; the number of attempts is bounded per request and transfer.

    Parameters
    ----------
    options : Options
        Time limits and retries.
    """

    def __init__(self, options: Options) -> None:
        self._session, self._options = _open_session(options), options
        # Hosts that did not answer, shared by all addresses: trying them again for each of many
        # files would only repeat the wait.
        self._silent: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def receive(
        self,
        url: str,
        title: str,
        consume: Callable[[requests.Response, IO[bytes]], Result],
        accept: str = "*/*",
    ) -> Result:
        """Request an address, hand over the body of the answer and return what comes of it.

        Parameters
        ----------
        url : str
            http or https address.
        title : str
            Name beside the progress bar.
        consume : callable
            Gets the answer and its body as a stream, again from the start if a transfer broke off.
        accept : str
            Media types for the request.

        Raises
        ------
        SourceError
            If there is no answer, or another one than the content.
        """
        host = _host(url)
        if host in self._silent:
            raise SourceError(self._silent[host])
        for attempt in range(self._options.retries + 1):
            try:
                with self._open(url, title, accept) as (response, stream):
                    return consume(response, stream)
            except _Interrupted as error:
                _LOG.warning("%s of %s: %s", title, host, error)
                if attempt == self._options.retries:
                    if isinstance(error, _Stalled):
                        self._silent[host] = str(error)
                    raise SourceError(f"{error} ({attempt + 1} attempts)") from error
                time.sleep(min(self._options.backoff * 2**attempt, _LONGEST_WAIT))
        raise AssertionError("unreachable")

    @contextmanager
    def _open(
        self, url: str, title: str, accept: str
    ) -> Iterator[tuple[requests.Response, IO[bytes]]]:
        try:
            response = self._session.get(
                url,
                stream=True,
                timeout=self._options.timeout,
                headers={"Accept-Encoding": "identity", "Accept": accept},
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            host = _host(url)
            self._silent[host] = f"{host} does not answer: {explain(error)}"
            raise SourceError(self._silent[host]) from error
        except requests.RequestException as error:
            raise SourceError(explain(error)) from error
        with response:
            if response.status_code != requests.codes.ok:
                raise SourceError(f"HTTP {response.status_code} {response.reason}")
            length = response.headers.get("Content-Length", "")
            with tqdm(
                desc=title,
                total=int(length) if length.isdigit() else None,
                unit="B",
                unit_scale=True,
                disable=None if self._options.progress is None else not self._options.progress,
            ) as bar:
                yield (
                    response,
                    io.BufferedReader(_Body(response, bar, self._options.timeout), CHUNK),
                )


def is_encoded(response: requests.Response) -> bool:
    """Whether the body is compressed by gzip on its way; it is handed over as it arrives."""
    return response.headers.get("Content-Encoding", "").lower() in ("gzip", "x-gzip")


class WebAddress:
    """A web address."""

    def __init__(self, source: UrlSource, web: Web) -> None:
        self.label, self._source, self._web = source.label, source, web

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        """Hand the decompressed content to ``consume`` and return its result."""

        def unpack(response: requests.Response, stream: IO[bytes]) -> Path:
            # Some servers declare every .gz file as an encoded plain one: it is unpacked once.
            encoded = is_encoded(response)
            return consume(decompressed(stream, "gzip" if encoded else self._source.compression))

        return self._web.receive(self._source.url.replace("{name}", file.name), file.name, unpack)


def _open_session(options: Options) -> requests.Session:
    """Return a session that repeats requests where a repetition may help."""
    session = requests.Session()
    retry = Retry(
        total=options.retries,
        backoff_factor=options.backoff,
        backoff_max=_LONGEST_WAIT,
        retry_after_max=_LONGEST_WAIT,
        status_forcelist=_TRANSIENT_STATUS,
        raise_on_status=False,  # the last answer says more than "too many errors"
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    session.headers["User-Agent"] = "xgradient"
    return session
