"""The section ``mortality`` of an entry of the catalogue: a table of features and deaths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Discriminator, Field, Tag, model_validator

from experiments.data.entries import Count, Entry, FileName, Text, matching
from experiments.spelling import did_you_mean

__all__ = ["FollowUpLabels", "LabelColumn", "LabelFile", "Labels", "Mortality"]


class LabelColumn(Entry):
    """Labels in a column of the table: 1 for death, 0 for survival.

    Parameters
    ----------
    column : str
        Name of the column.
    period : str
        Time of the deaths, to follow the word "mortality" in captions.
    """

    column: Text
    period: Text


class LabelFile(Entry):
    """Labels in a NumPy array of their own: 1 for death, 0 for survival.

    Parameters
    ----------
    file : str
        Name of the ``.npy`` file, one label per row of the table.
    period : str
        Time of the deaths, to follow the word "mortality" in captions.
    """

    file: Annotated[FileName, matching(r".*\.npy", "the name of a .npy file")]
    period: Text


class FollowUpLabels(Entry):
    """Labels from signed times of follow-up.

    Parameters
    ----------
    follow_up : str
        Name of the CSV file, with the rows of the table.
    column : str
        Its only column: dead after ``y`` years for y > 0, last known alive after ``-y`` years for
        y < 0, undocumented for y = 0.
    horizon : float
        Years within which a death gives label 1.
    """

    follow_up: Annotated[FileName, matching(r".*\.csv", "the name of a .csv file")]
    column: Text
    horizon: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]

    @property
    def period(self) -> str:
        """Time of the deaths, to follow the word "mortality" in captions."""
        return f"within {self.horizon:g} years"


def _form(labels: object) -> str | None:
    for key, form in (("follow_up", FollowUpLabels), ("file", LabelFile), ("column", LabelColumn)):
        if isinstance(labels, form) or (isinstance(labels, dict) and key in labels):
            return f"<{key}>"
    return None


Labels = Annotated[
    Annotated[LabelColumn, Tag("<column>")]
    | Annotated[LabelFile, Tag("<file>")]
    | Annotated[FollowUpLabels, Tag("<follow_up>")],
    Discriminator(
        _form,
        custom_error_type="labels_form",
        custom_error_message=(
            "must have the keys column and period, or file and period, or follow_up, column and "
            "horizon"
        ),
    ),
]


class Mortality(Entry):
    """A table of features, and labels of death.

    Parameters
    ----------
    table : str
        Name of the file of features, ``.csv`` or ``.dta``.
    labels : LabelColumn, LabelFile or FollowUpLabels
        Where the labels are.
    rows : int, optional
        Number of participants that are used, so that a split of more is refused before any job.
    columns : tuple of str, optional
        All columns of the table, so that a name that it does not have is refused before any job.
    index_column : int, optional
        Position of a column that only numbers the rows.
    note : str, optional
        A sentence for the notes below the table of results.
    leaks : dict of str to str
        Columns known only after the start of the follow-up, with the reason. Never features.
    dropped : dict of str to str
        Other columns that are not features, with the reason.
    missing_codes : dict of str to float
        Code that stands for a missing value, by column.
    nominal : tuple of str
        Columns of codes without an order; each code becomes an indicator, such as ``marital=2``.
    """

    table: Annotated[FileName, matching(r".*\.(csv|dta)", "the name of a .csv or .dta file")]
    labels: Labels
    rows: Count | None = None
    columns: tuple[Text, ...] | None = None
    index_column: Annotated[int, Field(strict=True, ge=0)] | None = None
    note: Text | None = None
    leaks: dict[Text, Text] = Field(default_factory=dict)
    dropped: dict[Text, Text] = Field(default_factory=dict)
    missing_codes: dict[Text, Annotated[float, Field(strict=True, allow_inf_nan=False)]] = Field(
        default_factory=dict
    )
    nominal: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _check_columns(self) -> Mortality:
        twice = sorted(self.leaks.keys() & self.dropped.keys())
        if twice:
            raise ValueError(f"column {twice[0]} is listed in leaks and in dropped: keep one")
        if isinstance(self.labels, LabelColumn) and self.labels.column in self.not_features:
            raise ValueError(
                f"{self.labels.column} is the label and never a feature: leave it out of leaks and "
                "dropped"
            )
        if self.columns is not None:
            for key, named in self.columns_by_key():
                for column in sorted(set(named).difference(self.columns)):
                    raise ValueError(
                        f"{key} names {column}, which is not among the columns"
                        f"{did_you_mean(column, self.columns)}"
                    )
        return self

    def columns_by_key(self) -> Iterator[tuple[str, Iterable[str]]]:
        """Yield the keys that name columns of the table, dotted, with the names."""
        yield "leaks", self.leaks
        yield "dropped", self.dropped
        yield "missing_codes", self.missing_codes
        yield "nominal", self.nominal
        if isinstance(self.labels, LabelColumn):
            yield "labels.column", [self.labels.column]

    @property
    def not_features(self) -> dict[str, str]:
        """Reason by column, for all columns that are not features."""
        return {**self.leaks, **self.dropped}

    def used_files(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted key and the name of every file that the section mentions."""
        yield "table", self.table
        if isinstance(self.labels, LabelFile):
            yield "labels.file", self.labels.file
        elif isinstance(self.labels, FollowUpLabels):
            yield "labels.follow_up", self.labels.follow_up
