"""Tables of features and mortality, read as the catalogue describes them.

Imputation and standardisation belong to the experiment, which fits them on its training rows.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.data.catalogue import Dataset, read_verified
from experiments.data.mortality_section import FollowUpLabels, LabelColumn, LabelFile, Mortality
from experiments.spelling import did_you_mean

__all__ = ["MortalityTable", "read_mortality"]


@dataclass(frozen=True)
class MortalityTable:
    """Features and mortality of the participants of a survey.

    Parameters
    ----------
    name : str
        Of the data set.
    features : numpy.ndarray of shape (n, F), float64
        nan where a value is missing.
    labels : numpy.ndarray of shape (n,), int64
        1 died within the follow-up, 0 survived it.
    feature_names : tuple of str
        In the order of the columns.
    dropped : mapping of str to str
        Columns of the file that are not features, with the reasons.
    excluded : mapping of str to int
        Number of participants left out, by reason.
    """

    name: str
    features: np.ndarray
    labels: np.ndarray
    feature_names: tuple[str, ...]
    dropped: Mapping[str, str] = field(default_factory=dict)
    excluded: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the properties that every experiment relies on."""
        if self.features.shape != (len(self.labels), len(self.feature_names)):
            raise ValueError(
                f"{self.name}: features of shape {self.features.shape} do not fit "
                f"{len(self.labels)} labels and {len(self.feature_names)} names"
            )
        if set(np.unique(self.labels)) != {0, 1}:
            raise ValueError(f"{self.name}: labels must be 0 and 1, and both must occur")
        for values, column in zip(self.features.T, self.feature_names, strict=True):
            if np.isinf(values).any():
                raise ValueError(f"{self.name}: column {column} has an infinite value")
            if np.isnan(values).all():
                raise ValueError(f"{self.name}: column {column} has no value at all; drop it")


def read_mortality(dataset: Dataset, folder: str | Path) -> MortalityTable:
    """Read the table of features and deaths of a data set.

    The files are verified as they are read, and nothing is unpickled.

    Parameters
    ----------
    dataset : Dataset
        An entry of the catalogue with a section ``mortality``.
    folder : str or Path
        The folder of its files.

    Returns
    -------
    MortalityTable
        The participants in the order of the file. Those whose follow-up does not tell whether they
        were alive at the horizon are left out: with label 0 the deaths among them would be wrong
        labels.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    DigestError
        If a file is not the one that the catalogue describes.
    ValueError
        If the data set has no such section, or the files are not as it describes them.
    """
    section = dataset.mortality
    if section is None:
        raise ValueError(f"data set {dataset.name} has no section 'mortality'")
    path = Path(folder) / section.table
    table = _read_frame(dataset, folder, section.table, section.index_column)
    _check_columns(dataset, section, table, path)
    known = np.ones(len(table), dtype=bool)
    excluded: dict[str, int] = {}
    if isinstance(section.labels, LabelColumn):
        labels = _numbers(table.pop(section.labels.column), path)
        source = f"{path}: column {section.labels.column}"
    elif isinstance(section.labels, LabelFile):
        source = str(Path(folder) / section.labels.file)
        labels = _read_array(dataset, folder, section.labels.file, table, path)
    else:
        source = str(Path(folder) / section.labels.follow_up)
        labels, known, excluded = _read_follow_up(dataset, folder, section.labels, table, path)
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"{source}: labels must be 0 or 1")
    columns = _features(section, table.drop(columns=list(section.not_features)), path)
    return MortalityTable(
        name=dataset.name,
        features=np.stack(list(columns.values()), axis=1)[known],
        labels=labels.astype(np.int64)[known],
        feature_names=tuple(columns),
        dropped=section.not_features,
        excluded=excluded,
    )


def _read_frame(
    dataset: Dataset, folder: str | Path, name: str, index_column: int | None
) -> pd.DataFrame:
    path = Path(folder) / name
    content = io.BytesIO(read_verified(path, dataset.file(name)))
    try:
        if name.endswith(".csv"):
            return pd.read_csv(content, index_col=index_column)
        table = pd.read_stata(content)
        return table if index_column is None else table.set_index(table.columns[index_column])
    except (IndexError, ValueError) as error:
        said = " ".join(str(error).split())
        index = "" if index_column is None else f", with mortality.index_column {index_column}"
        raise ValueError(f"{path} cannot be read as a table{index}: {said}") from error


def _check_columns(dataset: Dataset, section: Mortality, table: pd.DataFrame, path: Path) -> None:
    """Refuse names of columns that the table does not have."""
    for key, columns in [*section.columns_by_key(), ("columns", section.columns or ())]:
        for column in columns:
            if column not in table:
                raise ValueError(
                    f"{path} has no column {column}, which mortality.{key} of {dataset.name}.yaml "
                    f"names{did_you_mean(column, map(str, table))}"
                )
    unlisted = set(table).difference(section.columns) if section.columns is not None else ()
    if unlisted:
        raise ValueError(
            f"{path} has columns that mortality.columns of {dataset.name}.yaml lacks: "
            f"{', '.join(sorted(map(str, unlisted)))}"
        )


def _numbers(column: pd.Series, path: str | Path) -> np.ndarray:
    """Return a column as float64; the labels of Stata's coded values are the codes as text."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.astype(str).where(column.notna())
        numbers = pd.to_numeric(codes, errors="coerce")
        if (numbers.isna() & column.notna()).any():
            raise ValueError(f"{path}: column {column.name} holds text, not numbers")
        column = numbers
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise ValueError(f"{path}: column {column.name} holds {column.dtype}, not numbers")
    return column.to_numpy(dtype=np.float64)


def _features(section: Mortality, table: pd.DataFrame, path: Path) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    for name in table:
        values = _numbers(table[name], path)
        if name in section.missing_codes:
            values = np.where(values == section.missing_codes[str(name)], np.nan, values)
        if name not in section.nominal:
            columns[str(name)] = values
            continue
        known = ~np.isnan(values)
        for code in np.unique(values[known]):
            columns[f"{name}={code:g}"] = np.where(known, values == code, np.nan)
    return columns


def _read_array(
    dataset: Dataset, folder: str | Path, name: str, table: pd.DataFrame, table_path: Path
) -> np.ndarray:
    path = Path(folder) / name
    try:
        labels: np.ndarray = np.load(
            io.BytesIO(read_verified(path, dataset.file(name))), allow_pickle=False
        )
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a plain NumPy array: {error}") from error
    labels = labels.reshape(-1) if labels.shape == (len(table), 1) else labels
    if labels.shape != (len(table),):
        raise ValueError(
            f"{path} has labels of shape {labels.shape} for the {len(table)} rows of {table_path}"
        )
    return labels


def _read_follow_up(
    dataset: Dataset,
    folder: str | Path,
    section: FollowUpLabels,
    table: pd.DataFrame,
    table_path: Path,
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Return labels, a mask of the participants whose label is known, and counts of the others."""
    path, horizon = Path(folder) / section.follow_up, section.horizon
    assert dataset.mortality is not None
    follow_up = _read_frame(dataset, folder, section.follow_up, dataset.mortality.index_column)
    if list(follow_up.columns) != [section.column] or not table.index.equals(follow_up.index):
        raise ValueError(
            f"{table_path} and {path} do not have the same rows, or the latter has other columns "
            f"than {section.column}"
        )
    years = _numbers(follow_up[section.column], path)
    if not np.isfinite(years).all():
        raise ValueError(f"{path}: a follow-up time is missing or infinite")
    undocumented = years == 0
    censored = (years < 0) & (-years < horizon)
    excluded = {
        "follow-up undocumented": int(undocumented.sum()),
        f"censored within {horizon:g} years": int(censored.sum()),
    }
    return (years > 0) & (years <= horizon), ~(undocumented | censored), excluded
