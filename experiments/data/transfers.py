"""One answer of a web server, bounded as a whole: no server keeps its reader waiting.

The time-outs of requests hold for each operation on a socket: for each address of a host, for each
byte of a header. The search for the name of a host has none. So a thread makes the request and
reads the answer, and its reader waits for the thread no longer than it wants.
"""

from __future__ import annotations

import io
import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

import requests
from tqdm import tqdm

from experiments.data.delivery import CHUNK, SourceError, explain

__all__ = ["Interrupted", "NoAnswer", "Stalled", "Transfer"]

# A transfer that stays slower than this for as long as the time-out counts as stalled.
_SLOWEST = 8192  # bytes per second
_CHUNKS_AHEAD = 4


class Interrupted(SourceError):
    """A transfer broke off; another attempt may succeed."""


class Stalled(Interrupted):
    """A transfer took too long."""


class NoAnswer(SourceError):
    """A host cannot be reached, or does not answer; another attempt may succeed."""


class Transfer:
    """A request and its answer, as a context manager.

    Parameters
    ----------
    request : callable
        Makes the request, in the thread, and returns an answer whose body has not been read.
    host : str
        Its name in messages.
    timeout : float
        Seconds until the head of the answer must have arrived, and for data.

    Raises
    ------
    NoAnswer
        On entering, if there is no answer.
    SourceError
        On entering, if the answer makes no sense.
    """

    def __init__(self, request: Callable[[], requests.Response], host: str, timeout: float) -> None:
        self._request, self._host, self._timeout = request, host, timeout
        self._arrived: queue.Queue[requests.Response | bytes | Exception] = queue.Queue(
            _CHUNKS_AHEAD
        )
        self._left = threading.Event()

    def __enter__(self) -> requests.Response:
        """Make the request, and wait for the head of the answer."""
        # A daemon: the program can end while a server still keeps the thread waiting.
        threading.Thread(target=self._run, daemon=True).start()
        try:
            first = self._arrived.get(timeout=self._timeout)
        except queue.Empty:
            self._left.set()
            raise NoAnswer(f"{self._host} does not answer within {self._timeout:g} s") from None
        if isinstance(first, requests.Response):
            return first
        assert isinstance(first, Exception)  # nothing comes before the head
        if isinstance(first, SourceError):
            raise first
        if isinstance(first, (requests.ConnectionError, requests.Timeout)):
            raise NoAnswer(f"{self._host} does not answer: {explain(first)}") from first
        raise SourceError(f"its answer makes no sense: {explain(first)}") from first

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the thread close the connection."""
        self._left.set()

    def body(self, bar: tqdm[NoReturn]) -> io.BufferedReader:
        """Return the body as it arrives, to be read once."""
        return io.BufferedReader(_Body(self._arrived, bar, self._timeout), CHUNK)

    def _run(self) -> None:
        # What a server sends makes the libraries raise almost anything.
        try:
            response = self._request()
        except Exception as error:
            self._put(error)
            return
        with response:
            self._put(response)
            data = b" "
            while data and not self._left.is_set():
                try:
                    # read1 returns what has arrived; read would wait for all requested bytes.
                    data = response.raw.read1(CHUNK, decode_content=False) or b""
                except Exception as error:
                    self._put(error)
                    return
                self._put(data)

    def _put(self, item: requests.Response | bytes | Exception) -> None:
        while not self._left.is_set():
            try:
                self._arrived.put(item, timeout=0.1)
                return
            except queue.Full:
                pass
        if isinstance(item, requests.Response):
            item.close()


class _Body(io.RawIOBase):
    """The body of an answer as a file: with a progress bar, and never stalling for long."""

    def __init__(self, arrived: queue.Queue[Any], bar: tqdm[NoReturn], timeout: float) -> None:
        self._arrived, self._bar, self._timeout = arrived, bar, timeout
        self._since, self._received = time.monotonic(), 0
        self._rest, self._ended = b"", False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest and not self._ended:
            self._rest = self._next()
            self._ended = not self._rest
        data, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)

    def _next(self) -> bytes:
        left = self._since + self._timeout - time.monotonic()
        try:
            data = self._arrived.get(timeout=max(0.0, left))
        except queue.Empty:
            data = None
        if isinstance(data, Exception):
            raise Interrupted(f"the transfer broke off: {explain(data)}") from data
        self._received += len(data or b"")
        self._bar.update(len(data or b""))
        elapsed = time.monotonic() - self._since
        if data is None and not self._received:
            raise Stalled(f"no data for {elapsed:.3g} s")
        if data != b"" and elapsed >= self._timeout:
            if self._received < _SLOWEST * elapsed:
                raise Stalled(f"{self._received} bytes in {elapsed:.3g} s is too slow")
            self._since, self._received = time.monotonic(), 0
        return self._next() if data is None else data
