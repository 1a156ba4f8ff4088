"""What an experiment costs, beside the tables and figures of the papers that it replicates.

``python -m experiments.artifact docs/run/run.json`` prints the table of docs/artifact.md; the file
is what `experiments.record` writes of a run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.config import experiment_names

__all__ = ["ITEMS", "SHARED", "cost_table", "experiment_of", "main"]

SHARED = "data and networks"
"""Of the rules that several experiments need."""

ITEMS = {
    "Hesse et al. 2021, Table 1: axioms": ("axioms", "tables/axioms"),
    "Hesse et al. 2021, Sec. 4.1: accuracy": ("accuracy", "tables/accuracy"),
    "Hesse et al. 2021, Sec. 4.1: difference between IG and Input×Gradient": (
        "mean_relative_difference",
        "tables/mean_relative_difference",
    ),
    "Hesse et al. 2021, appendix: convergence of IG": ("ig_convergence", "figures/ig_convergence"),
    "Hesse et al. 2021, Sec. 4.2: masking metrics": ("masking", "tables/masking"),
    "Hesse et al. 2021, Sec. 4.3: attribution priors": (
        "attribution_prior",
        "tables/attribution_prior",
    ),
    "Hesse et al. 2021, Sec. 4.3: Expected Gradients by number of references": (
        "attribution_prior",
        "figures/attribution_prior_eg_references",
    ),
    "Hesse et al. 2021, Sec. 4.4: accuracy against contrast": ("contrast", "figures/contrast"),
    "Hesse et al. 2021, Sec. 4.4: attributions at several contrasts": (
        "attribution_maps",
        "figures/attribution_maps_alexnet",
    ),
    "Shrikumar et al. 2017, Figures 1 to 3: toy functions": ("toys", "figures/toys"),
    "Shrikumar et al. 2017, Figure 4: digit conversion": (
        "digit_conversion",
        "figures/digit_conversion",
    ),
    "Shrikumar et al. 2017, Sec. 4.2: missed motifs": ("genomics", "tables/genomics"),
}
"""Table or figure of a paper: the experiment, which is the target, and its output."""


def experiment_of(rule: str) -> str:
    """Return the experiment whose name a rule bears, or `SHARED`."""
    found = [name for name in experiment_names() if name in rule]
    return max(found, key=len, default=SHARED)


def cost_table(facts: Mapping[str, Any]) -> str:
    """Return what every item costs, as a table in Markdown.

    Parameters
    ----------
    facts : mapping
        From `experiments.record.run_facts`.

    Returns
    -------
    str
        A row per item of `ITEMS`, with the time of all jobs of its experiment together and the
        memory of the largest, and one for what they share.
    """
    costs: dict[str, list[Mapping[str, float]]] = {}
    for rule, cost in facts["rules"].items():
        costs.setdefault(experiment_of(rule), []).append(cost)

    def row(item: str, command: str, experiment: str, output: str) -> str:
        own = costs.get(experiment, [])
        minutes = sum(each["seconds"] for each in own) / 60
        memory = max((each["max_rss_mb"] for each in own), default=0) / 1000
        return f"| {item} | {command} | {minutes:.1f} | {memory:.1f} | {output} |"

    lines = [
        "| in the paper | `snakemake --cores all` … | job minutes | GB | output in `results/` |",
        "|---|---|---|---|---|",
        *(row(item, f"`{name}`", name, f"`{output}`") for item, (name, output) in ITEMS.items()),
        row("what they share", "", SHARED, "data sets, networks"),
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.artifact", description="Print what the items of papers cost."
    )
    parser.add_argument("facts", help="run.json of a run that experiments.record keeps")
    path = Path(parser.parse_args(arguments).facts)
    print(cost_table(json.loads(path.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
