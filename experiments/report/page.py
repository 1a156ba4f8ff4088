"""The page itself: verdicts, then one picture per experiment, then everything else."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, StrictUndefined

from experiments.claim_counts import OUTCOMES, count_by_paper, outcome, read_verdicts, reasons
from experiments.claims import readable
from experiments.report.captions import caption
from experiments.report.embedding import (
    as_download,
    as_picture,
    notebook_body,
    page_parts,
    table_rows,
    thumbnail,
)

__all__ = ["build_page"]

# The list of verdicts is the page itself.
_CLAIMS = "claims"


@dataclass(frozen=True)
class _Shown:
    """An output that a rule announced: see ``in_report`` in workflow/rules/common.smk."""

    kind: str
    experiment: str
    name: str
    title: str
    path: str
    caption: str
    wildcards: Mapping[str, str] = field(default_factory=dict)


def build_page(
    frame: str | Path,
    introduction: str | Path,
    shown: Iterable[Mapping[str, Any]],
    *,
    verdicts: str | Path,
    config: str | Path,
    commit: str,
    processor: str,
) -> str:
    """Return the results of a run as one HTML page that loads nothing.

    Parameters
    ----------
    frame : path
        The template of the page, in Jinja.
    introduction : path
        What the run is about, in reStructuredText.
    shown : iterable of mapping
        The outputs in order: ``kind`` ("table", "notebook", "figure", "page" or "training"),
        ``experiment``, ``name``, ``title``, ``path``, ``caption`` (a file) and ``wildcards``.
    verdicts : path
        The table of `experiments.claims.judge_claims`.
    config : path
        The configuration of the run.
    commit, processor : str
        Of the checkout and the machine.

    Returns
    -------
    str
        HTML.
    """
    settings = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    items = [_Shown(**each) for each in shown]
    experiments = _experiments([each for each in items if each.experiment != _CLAIMS], settings)
    judged = read_verdicts(verdicts)
    claims = _claims(judged, experiments)
    for each in experiments.values():
        each["claims"] = [claim for claim in claims if claim["experiment"] == each["key"]]
    counts = count_by_paper(judged)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(Path(frame).read_text(encoding="utf-8"))
    return template.render(
        introduction=caption(introduction, settings, {}),
        outcomes=OUTCOMES,
        papers=[
            {"name": paper, "counts": dict(zip(OUTCOMES, map(int, row), strict=True))}
            for paper, row in zip(counts.index, counts.to_numpy(), strict=True)
        ],
        claims=claims,
        reasons=reasons(judged),
        verdicts=as_download(verdicts),
        experiments=list(experiments.values()),
        trainings=_trainings(items, settings),
        config=Path(config).read_text(encoding="utf-8"),
        commit=commit,
        processor=processor,
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _experiments(items: Sequence[_Shown], config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is shown of each experiment, in the order of the run."""
    found: dict[str, dict[str, Any]] = {}
    notebooks = {each.name: each.path for each in items if each.kind == "notebook"}
    for each in items:
        if each.kind not in ("table", "figure", "page"):
            continue
        experiment = found.setdefault(
            each.experiment,
            # By what is announced first.
            {
                "key": each.experiment,
                "title": each.title.partition(":")[0],
                "picture": None,
                "figures": [],
                "pages": [],
                "tables": [],
            },
        )
        common = {
            "name": each.name,
            "title": each.title,
            "path": each.path,
            "caption": caption(each.caption, config, each.wildcards),
        }
        if each.kind == "figure":
            address, width, height = as_picture(each.path)
            experiment["picture"] = experiment["picture"] or thumbnail(each.path)
            experiment["figures"].append(
                {**common, "address": address, "width": width, "height": height}
            )
        elif each.kind == "page":
            style, content = page_parts(each.path)
            experiment["pages"].append({**common, "style": style, "content": content})
        else:
            experiment["tables"].append({**common, **_table(each.path, notebooks.get(each.name))})
    return found


def _table(path: str, notebook: str | None = None) -> dict[str, Any]:
    """Return the content of a table: as its notebook shows it, or else its first rows."""
    rows, n_rows = table_rows(path)
    return {
        "content": rows if notebook is None else notebook_body(notebook),
        "from_notebook": notebook is not None,
        "n_rows": n_rows,
        "n_shown": rows.count("<tr") - 1,
        "address": as_download(path),
        "file": Path(path).name,
    }


def _claims(
    judged: pd.DataFrame, experiments: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the claims, each with the places of its evidence: a table and perhaps a figure."""
    of_table = {
        table["name"]: experiment
        for experiment in experiments.values()
        for table in experiment["tables"]
    }
    claims = []
    for number, (row, text) in enumerate(
        zip(judged.to_dict("records"), readable(judged).to_dict("records"), strict=True), start=1
    ):
        experiment = of_table[row["table"]]
        figures = [figure["name"] for figure in experiment["figures"]]
        # That of the same name, or the picture of the experiment.
        figure = row["table"] if row["table"] in figures else next(iter(figures), None)
        claims.append(
            {
                **{str(name): value for name, value in text.items()},
                "number": number,
                "outcome": outcome(row["verdict"], row["scope"]),
                "table": row["table"],
                "figure": figure,
                "experiment": experiment["key"],
                "experiment_title": experiment["title"],
            }
        )
    return claims


def _trainings(items: Sequence[_Shown], config: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "caption": caption(each.caption, config, each.wildcards),
            **_table(each.path),
        }
        for each in items
        if each.kind == "training"
    ]
