"""Names in claims: one that does not exist at all is a mistake, not a claim about another run."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from experiments.claim_list import Claim, ClaimError, Selection
from experiments.config_source import read_config_file
from experiments.methods import methods
from experiments.names import BY_CHANGES, QUADRATURES, VARIANTS
from experiments.networks.architectures import image_architectures, torchvision_names
from experiments.settings import catalogue
from experiments.shared_config import SharedConfig
from experiments.spelling import did_you_mean

__all__ = ["check_names"]

_ROOT = Path(__file__).parents[1]


def check_names(claims: Iterable[Claim], config: SharedConfig, root: str | Path = _ROOT) -> None:
    """Refuse claims that name something that no run can have.

    Parameters
    ----------
    claims : iterable of Claim
        The list of claims.
    config : SharedConfig
        The configuration, whose networks need not be used in this run.
    root : path
        The checkout: its captions tell which tables there are, its overlays further networks.

    Raises
    ------
    ClaimError
        In one line, with the claim, the key, the name and the nearest known one.
    """
    root = Path(root)
    tables = _tables(root)
    known = {name: tuple(values) for name, values in _vocabulary(config, root).items()}
    for claim in claims:
        _check(claim, "table", claim.table, tables, "the tables are")
        for key, selection in _selections(claim):
            for column, wanted in selection.items():
                if column in known:
                    for value in wanted if isinstance(wanted, list) else [wanted]:
                        _check(claim, f"{key}.{column}", value, known[column], "the known ones are")
        if claim.published is not None:
            _check_published(claim, root / "workflow" / "published")


def _selections(claim: Claim) -> Iterator[tuple[str, Selection]]:
    yield "needs", claim.needs
    yield "rows", claim.rows
    yield "against", claim.against or {}


def _tables(root: Path) -> tuple[str, ...]:
    """Return the names of all tables: each has a caption."""
    stems = sorted(path.stem for path in (root / "workflow" / "report").glob("*.rst"))
    others = ("workflow", "claims")
    return tuple(
        stem
        for stem in stems
        if not stem.endswith(("_figure", "_page", "history")) and stem not in others
    )


def _vocabulary(config: SharedConfig, root: Path) -> Mapping[str, Iterable[str]]:
    return {
        "variant": VARIANTS,
        "method": (*methods(), *QUADRATURES, BY_CHANGES),
        "reference": ("steps", "exact"),
        "dataset": catalogue(),
        # The networks of the digit conversion are named by their variant.
        "network": (*config.networks.entries, *_shipped_networks(root), "regular", "x"),
        "architecture": (
            *image_architectures(),
            *(f"torchvision/{name}" for name in torchvision_names()),
        ),
        "weights": ("trained", "published"),
        "erasing": ("published", "fixed"),
        "exclusion": ("official", "fixed"),
        "dtype": (
            *("float32", "float64", "bfloat16", "tf32"),
            *(f"{bits} bits" for bits in range(1, 24)),
        ),
    }


def _shipped_networks(root: Path) -> Iterator[str]:
    for path in sorted((root / "config").glob("*.yaml")):
        yield from read_config_file(path).get("networks", {})


def _check(claim: Claim, key: str, given: object, known: tuple[str, ...], which: str) -> None:
    if given not in known:
        near = did_you_mean(given, known)
        listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise ClaimError(
            f"workflow/claims.yaml: claim {claim.claim[:80]!r}: {key} is {given!r}, which does not "
            f"exist; {which} {listed}{near}"
        )


def _check_published(claim: Claim, folder: Path) -> None:
    source = claim.published
    assert source is not None
    tables = tuple(sorted(path.stem for path in folder.glob("*.csv")))
    _check(claim, "published.table", source.table, tables, "the tables of workflow/published are")
    with (folder / f"{source.table}.csv").open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    # What `experiments.published.read_published` makes of the column model.
    columns += ["architecture", "variant"] if "model" in columns else []
    wanted = {f"published.rows.{name}": name for name in source.rows}
    wanted |= {f"published.by.{number}": name for number, name in enumerate(source.by)}
    names = [source.column] if source.column else claim.column
    wanted |= {
        "published.column" if source.column else "column": name
        for name in ([names] if isinstance(names, str) else names)
    }
    for key, name in wanted.items():
        _check(claim, key, name, tuple(columns), f"the columns of {source.table} are")
