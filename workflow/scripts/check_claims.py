"""Fail if a claim fails that must hold exactly (strict_claims)."""

import sys

from experiments.claim_counts import failing_exactly, read_verdicts, summary
from experiments.job import Job

with Job(snakemake) as job:
    verdicts = read_verdicts(snakemake.input.verdicts)
    failing = failing_exactly(verdicts)
    if failing:
        job.log.error("%s", summary(verdicts))
        sys.exit(
            f"strict_claims: {len(failing)} of the claims of scope exact fail: {' '.join(failing)}"
        )
