"""Web addresses, fetched within bounded time.

Why not pooch (1.9): it would contribute a temporary file, a SHA-256 and a rename. Tried against the
server of the tests, it reads a body to its end however large it is and however slowly it drips,
requests again after a status 404 or a wrong digest, where the answer can only be the same, verifies
before decompression, knows no git blob ids, and leaves files that only their owner can read. Its
downloader class would have to be replaced by this module, its verification by `fetch`.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from experiments.data.catalogue import DataFile
from experiments.data.delivery import (
    Consume,
    Options,
    SourceError,
    cleaned,
    decompressed,
    without_passwords,
)
from experiments.data.sources import UrlSource
from experiments.data.transfers import Interrupted, NoAnswer, Stalled, Transfer

__all__ = ["Web", "WebAddress", "is_encoded"]

Result = TypeVar("Result")

_LOG = logging.getLogger(__name__)
# Answers that a second request may improve on.
_TRANSIENT_STATUS = (408, 429, 500, 502, 503, 504)
_MOST_REDIRECTS = 10


class _Refused(SourceError):
    """An answer that a later request may improve on, after the wait that it asks for."""

    def __init__(self, message: str, wait: float | None) -> None:
        super().__init__(message)
        self.wait = wait


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]  # without a name and a password


def _asked_wait(response: requests.Response) -> float | None:
    """Return the seconds that a server asks to wait, as a number or as a date."""
    with suppress(HTTPError, ValueError, OverflowError):
        return Retry().get_retry_after(response.raw)
    return None


def _length(response: requests.Response) -> int | None:
    # A header may hold any digits, of which Python converts neither all nor many.
    length = re.fullmatch("[0-9]{1,18}", response.headers.get("Content-Length", ""))
    return int(length[0]) if length else None


class _Session(requests.Session):
    """Leaves redirects to its user: requests would read their bodies, however long they are."""

    def resolve_redirects(self, *arguments: Any, **named: Any) -> Iterator[Any]:
        return iter(())


class Web:
    """Requests of bounded duration: those to one host wait for it no longer than the patience.

    Parameters
    ----------
    options : Options
        Time limits and retries.
    """

    def __init__(self, options: Options) -> None:
        self._session, self._options = _Session(), options
        self._session.headers["User-Agent"] = "xgradient"
        # Shared by all addresses: trying a host again for each of many files would only repeat the
        # wait. By host, the seconds that were waited for nothing, and why it is left alone.
        self._waited: dict[str, float] = {}
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
        try:
            host = _host(url)
        except ValueError as error:
            raise SourceError(f"{url} is no address: {error}") from error
        if host in self._silent:
            raise SourceError(self._silent[host])
        for attempt in range(1, self._options.retries + 2):
            start = time.monotonic()
            try:
                with self._open(url, title, accept) as (response, stream):
                    return consume(response, stream)
            except (NoAnswer, Interrupted, _Refused) as error:
                wait = self._wait_after(error, host, attempt, time.monotonic() - start)
                _LOG.warning("%s: %s; the next attempt is in %.3g s", title, error, wait)
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _wait_after(self, error: SourceError, host: str, attempt: int, seconds: float) -> float:
        """Return how long to wait for the next attempt, or raise the error if there is none."""
        idle = isinstance(error, (NoAnswer, Stalled))
        waited = self._waited.get(host, 0.0) + idle * min(seconds, self._options.timeout)
        asked = error.wait if isinstance(error, _Refused) else None
        wait = self._options.backoff * 2 ** (attempt - 1) if asked is None else asked
        impatient = waited + wait > self._options.patience
        if attempt <= self._options.retries and not impatient:
            self._waited[host] = waited + wait
            return wait
        said = f"{error} ({attempt} attempts)" if attempt > 1 else f"{error}"
        if impatient and asked is not None:
            said += f"; it asks to wait {asked:.3g} s, more than is waited for a server"
        if impatient or idle:
            self._silent[host] = said
        raise SourceError(said) from error

    @contextmanager
    def _open(
        self, url: str, title: str, accept: str
    ) -> Iterator[tuple[requests.Response, IO[bytes]]]:
        transfer = Transfer(lambda: self._request(url, accept), _host(url), self._options.timeout)
        with transfer as response:
            if response.status_code != requests.codes.ok:
                said = f"HTTP {response.status_code} {cleaned(response.reason, 80)}"
                if response.status_code in _TRANSIENT_STATUS:
                    raise _Refused(said, _asked_wait(response))
                raise SourceError(said)
            with tqdm(
                desc=title,
                total=_length(response),
                unit="B",
                unit_scale=True,
                disable=None if self._options.progress is None else not self._options.progress,
            ) as bar:
                yield response, transfer.body(bar)

    def _request(self, url: str, accept: str) -> requests.Response:
        """Request an address and those that it redirects to; no body is read."""
        for _ in range(_MOST_REDIRECTS + 1):
            if urlsplit(url).scheme not in ("http", "https"):
                raise SourceError(f"{without_passwords(url)} is no http or https address")
            response = self._session.get(
                url,
                stream=True,
                timeout=self._options.timeout,
                headers={"Accept-Encoding": "identity", "Accept": accept},
            )
            target = self._session.get_redirect_target(response)
            if target is None:
                return response
            response.close()
            url = urljoin(url, target)
        raise SourceError(f"more than {_MOST_REDIRECTS} redirects")


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
