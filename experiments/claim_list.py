"""The list of claims under test, ``workflow/claims.yaml``, as typed models.

Kept apart from their judge, `experiments.claims`: the workflow reads the list at every start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from experiments.config_numbers import read_text
from experiments.data.entries import read_yaml
from experiments.spelling import did_you_mean

__all__ = ["Claim", "ClaimError", "Expectation", "PublishedNumber", "load_claims"]

Value = str | int | float | bool
Selection = dict[str, Value | Annotated[list[Value], Field(min_length=1)]]
Names = Annotated[list[str], Field(min_length=1)]

_LONGEST = 80


class ClaimError(ValueError):
    """A claim that is malformed and cannot be judged."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Expectation(_Entry):
    """Bounds that every value, or difference, must meet.

    ``within`` bounds the absolute value, ``equals`` the value itself, and ``same`` asks for equal
    texts.
    """

    at_least: float | None = None
    more_than: float | None = None
    at_most: float | None = None
    less_than: float | None = None
    within: float | None = Field(None, ge=0)
    equals: float | None = None
    same: Literal[True] | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _read_text(cls, value: Any) -> Any:
        """Take 1e-3 as a number, though YAML reads it as a text."""
        return read_text(value)

    @model_validator(mode="after")
    def _asks_for_something(self) -> Expectation:
        if not self.model_fields_set:
            raise ValueError(f"give one or more of {', '.join(type(self).model_fields)}")
        return self

    def __str__(self) -> str:
        """Return the bounds in symbols."""
        if self.same:
            return "the same"
        symbols = {
            "at_least": "≥",
            "more_than": ">",
            "at_most": "≤",
            "less_than": "<",
            "within": "±",
            "equals": "=",
        }
        bounds = {name: getattr(self, name) for name in symbols}
        return ", ".join(f"{symbols[name]} {b:g}" for name, b in bounds.items() if b is not None)


class PublishedNumber(_Entry):
    """A number of ``workflow/published/TABLE.csv``, of rows that agree in the columns ``by``."""

    table: str
    by: Names
    column: str | None = Field(None, description="by default that of the claim")
    rows: Selection = {}


class Claim(_Entry):
    """A statement of a paper and the numbers of this project that decide about it.

    ``rows`` of ``table`` give the value of ``column``, or of each of several columns. With
    ``against`` the value of other rows of the table, equal to them in ``by``, is subtracted; with
    ``published`` a number that the paper prints. ``needs`` names the rows without which the claim
    cannot be tested. ``not_where_both`` leaves out pairs in which both values are this one, since
    they allow no comparison, and ``enough`` rows on which chance decides: it gives the smallest
    value of a column, such as ``n_images``. With fewer than ``enough_cases`` cases the claim cannot
    be tested.
    """

    claim: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    scope: Literal["exact", "qualitative"]
    table: str
    rows: Selection
    column: str | Names
    expect: Expectation
    needs: Selection = {}
    against: Selection | None = None
    by: Names | None = None
    published: PublishedNumber | None = None
    not_where_both: float | None = None
    enough: dict[str, Annotated[int, Field(ge=2)]] = {}
    enough_cases: int | None = Field(None, ge=2)

    @model_validator(mode="after")
    def _fits_together(self) -> Claim:
        if (self.against is None) != (self.by is None):
            raise ValueError("against and by belong together: give both or neither")
        if self.against is not None and self.published is not None:
            raise ValueError("give against or published, not both")
        if self.not_where_both is not None and self.against is None:
            raise ValueError("not_where_both needs against")
        return self


def _mistake(error: ValidationError) -> str:
    """Describe the first mistake in a claim: the key, what is wrong, what was given."""
    errors = error.errors()
    # Unknown keys first: a misspelt key can be the cause of the other mistakes.
    first = min(errors, key=lambda each: each["type"] != "extra_forbidden")
    where = ".".join(map(str, first["loc"])) or "the claim"
    said, raised = first["msg"], first.get("ctx", {}).get("error")
    if first["type"] == "extra_forbidden":
        parts: dict[str, type[_Entry]] = {"expect": Expectation, "published": PublishedNumber}
        model = parts.get(str(first["loc"][0]) if len(first["loc"]) > 1 else "", Claim)
        names = list(model.model_fields)
        return (
            f"{where}: unknown key; allowed here: {', '.join(names)}"
            f"{did_you_mean(first['loc'][-1], names)}"
        )
    if raised is not None or first["type"] == "missing":
        return f"{where}: {said if raised is None else raised}"
    given = repr(first["input"])
    return f"{where}: {said}, got {given if len(given) <= 60 else f'{given[:57]}...'}"


def load_claims(path: str | Path) -> list[Claim]:
    """Read the list of claims and check it.

    Raises
    ------
    ClaimError
        In one line: the file, the claim, the key, and what is wrong with it.
    """
    try:
        entries = read_yaml(path)
    except FileNotFoundError as error:
        raise ClaimError(f"{path}: there is no such file: put the list of claims there") from error
    except ValueError as error:
        raise ClaimError(f"{path}: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise ClaimError(f"{path}: must be a list of claims")
    claims = []
    for position, entry in enumerate(entries, start=1):
        try:
            claims.append(Claim.model_validate(entry))
        except ValidationError as error:
            name = entry.get("claim", "") if isinstance(entry, dict) else ""
            raise ClaimError(
                f"{path}: claim {position} {str(name)[:_LONGEST]!r}: {_mistake(error)}"
            ) from error
    return claims
