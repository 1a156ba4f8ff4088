"""Seeds of jobs."""

from __future__ import annotations

import hashlib

__all__ = ["job_seed"]


def job_seed(seed: int, *names: str) -> int:
    """Derive the seed of one job from the seed of the experiment and the job's own names.

    Hashed with SHA-256, since Python's own hash differs from process to process; so a result
    depends neither on the order nor on the number of jobs.

    Parameters
    ----------
    seed : int
        Of the experiment.
    *names : str
        What tells this job from all others.

    Returns
    -------
    int
        Between 0 and 2**31 - 1.
    """
    digest = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
