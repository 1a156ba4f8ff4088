"""Downloaded files that turn out to be missing or wrong when a job reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["fetch_again"]


@contextmanager
def fetch_again(sign: str | Path | None) -> Iterator[None]:
    """Have the next run look for the files anew if reading them fails.

    Files may be deleted or altered between the job that fetched them and the one that reads them,
    above all if another run takes place in between.

    Parameters
    ----------
    sign : str or Path or None
        The file that says that they have been fetched, which is deleted; nothing: none were.
    """
    try:
        yield
    except (ValueError, FileNotFoundError):
        if sign:
            Path(sign).unlink(missing_ok=True)
        raise
