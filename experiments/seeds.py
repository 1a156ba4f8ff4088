"""Seeds of jobs."""

from __future__ import annotations

import hashlib

__all__ = ["job_seed"]


def job_seed(seed: int, *names: str) -> int:
    """Derive the seed of one job from the seed of the experiment and the names of the job.

    SHA-256 is used because Python's hash differs from process to process. A result therefore
    depends neither on the order nor on the number of jobs.

    Parameters
    ----------
    seed : int
        Of the experiment.
    *names : str
        Names that identify the job.

    Returns
    -------
    int
        Between 0 and 2**31 - 1.
    """
    digest = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
