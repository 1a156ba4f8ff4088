"""Three tables of NHANES I with mortality: features at the examination of 1971-75, label death.

The First National Health and Nutrition Examination Survey was followed up until 1992. The readers
take files that are on disk already and return plain arrays; imputation and standardisation belong
to the experiment, which fits them on its training rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["MortalityTable", "nhanes", "nhanes18", "nhefs"]

_NHEFS_LABEL = "death"

# Known only after the start of the follow-up: the date of death, and what the second questionnaire
# of 1982 asked or measured. The variable labels of the file say so for all of them but `censored`
# (no weight in 1982), `smkintensity82_71` and `tax82`, whose label repeats that of `tax71`.
_NHEFS_LATER = frozenset(
    (
        "yrdth",
        "modth",
        "dadth",
        "qsmk",
        "sbp",
        "dbp",
        "wt82",
        "wt82_71",
        "smkintensity82_71",
        "hightax82",
        "price82",
        "tax82",
        "price71_82",
        "tax71_82",
        "censored",
    )
)

# Codes that stand for "missing" or "unknown" (variable labels of the file; codebook of
# Hernan and Robins, "Causal Inference: What If", for birthcontrol).
_NHEFS_MISSING = {
    "hbp": 2,
    "diabetes": 2,
    "pica": 2,
    "hbpmed": 2,
    "boweltrouble": 2,
    "birthcontrol": 2,
    "alcoholpy": 2,
    "alcoholfreq": 5,
    "marital": 8,
}

# Codes without an order: they become one indicator per code.
_NHEFS_NOMINAL = ("marital", "alcoholtype", "birthplace")


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
        Columns of the file that are no features, with the reason.
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
        """Check what every experiment relies on."""
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


def nhefs(path: str | Path, drop: Sequence[Mapping[str, str]]) -> MortalityTable:
    """Read the NHANES I Epidemiologic Follow-up Study: 1,629 smokers of 1971, death by 1992.

    All of them lived to answer the questionnaire of 1982, so the deaths are those of 1983 to 1992.
    What was known only then is no feature of a prediction from 1971, and a reading that would keep
    it is refused. Codes for "missing" become nan; unordered codes (marital status, usual drink,
    state of birth) become one indicator per code, named as in ``marital=2``.

    Parameters
    ----------
    path : str or Path
        ``nhefs.dta`` of the Python package ``causaldata``.
    drop : sequence of mapping
        Columns that shall be no features, each as ``{"column": ..., "reason": ...}``. It must hold
        the date of death and everything from 1982.

    Returns
    -------
    MortalityTable
        1,629 participants.

    Raises
    ------
    ValueError
        If the list is malformed, names a column that is not there, or lacks one that leaks.

    References
    ----------
    Hernan and Robins (2020), "Causal Inference: What If", Sec. 12.1.
    """
    table = pd.read_stata(path)
    if _NHEFS_LABEL not in table:
        raise ValueError(f"{path} has no column {_NHEFS_LABEL}, so it is not the NHEFS table")
    dropped = _validated_drop(drop, table)
    leaks = sorted(_NHEFS_LATER.intersection(table) - dropped.keys())
    if leaks:
        raise ValueError(
            f"{', '.join(leaks)}: known only in 1982 or at death, so that it leaks the label; add "
            "it to the dropped columns"
        )
    columns: dict[str, np.ndarray] = {}
    for name in table.columns.drop([_NHEFS_LABEL, *dropped]):
        column = table[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            # The category names are the codes as text.
            column = column.astype(str)
        values = column.to_numpy(dtype=np.float64)
        values = np.where(values == _NHEFS_MISSING.get(name), np.nan, values)
        if name in _NHEFS_NOMINAL:
            known = ~np.isnan(values)
            for code in np.unique(values[known]):
                columns[f"{name}={code:g}"] = np.where(known, values == code, np.nan)
        else:
            columns[name] = values
    return MortalityTable(
        name="nhefs",
        features=np.stack(list(columns.values()), axis=1),
        labels=table[_NHEFS_LABEL].to_numpy().astype(np.int64),
        feature_names=tuple(columns),
        dropped=dropped,
    )


def nhanes(features_path: str | Path, labels_path: str | Path) -> MortalityTable:
    """Read the table of the published experiment: 118 features, mortality within 10 years.

    Parameters
    ----------
    features_path : str or Path
        ``X_sparsity.csv``: a header, the row index in the first column, a feature in every other.
    labels_path : str or Path
        ``y_sparsity.npy``: a NumPy array of one label per row. It is read without unpickling.

    Returns
    -------
    MortalityTable
        13,442 participants in the published files.

    Raises
    ------
    ValueError
        If a column is not numeric, a label is neither 0 nor 1, or the files do not fit together.

    References
    ----------
    Hesse et al. (2021), Sec. 4.3; repository visinf/fast-axiomatic-attribution, folder
    ``sparsity`` at commit 2860781.
    """
    table = pd.read_csv(features_path, index_col=0)
    _check_numeric(table, features_path)
    try:
        labels = np.load(labels_path, allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{labels_path} is not a plain NumPy array: {error}") from error
    labels = labels.reshape(-1) if labels.shape == (len(table), 1) else labels
    if labels.shape != (len(table),):
        raise ValueError(
            f"{labels_path} has labels of shape {labels.shape} for the {len(table)} rows of "
            f"{features_path}"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"{labels_path}: labels must be 0 or 1")
    return MortalityTable(
        name="nhanes",
        features=table.to_numpy(dtype=np.float64),
        labels=labels.astype(np.int64),
        feature_names=tuple(map(str, table.columns)),
    )


def nhanes18(
    features_path: str | Path, follow_up_path: str | Path, horizon: float = 10.0
) -> MortalityTable:
    """Read the 18-feature table of the ``shap`` project: mortality within some years.

    The file of follow-up times gives them with a sign: dead after ``y`` years for y > 0, censored
    (last known alive) after ``-y`` years for y < 0, undocumented for y = 0. A participant who died
    within the horizon has label 1, one who was followed for longer label 0, whatever came later.
    Left out are the undocumented ones and those who were censored within the horizon, whose state
    at its end nobody knows: with label 0 the deaths among them would be wrong labels. They are 382
    and 15 of 9,932 at 10 years, too few for a model of censoring.

    Parameters
    ----------
    features_path : str or Path
        ``NHANESI_subset_X.csv``: a header, the row index in the first column, a feature in every
        other.
    follow_up_path : str or Path
        ``NHANESI_subset_y.csv``: the row index and the column ``y``.
    horizon : float, default 10
        Years after the examination.

    Returns
    -------
    MortalityTable
        9,535 participants at 10 years.

    Raises
    ------
    ValueError
        If the two files do not have the same rows, a value is not numeric, or the horizon is not
        positive.

    References
    ----------
    Lundberg et al. (2020), "From local explanations to global understanding with explainable AI
    for trees"; repository shap/shap, function ``datasets.nhanesi``.
    """
    if not horizon > 0:
        raise ValueError(f"the horizon must be a positive number of years, not {horizon!r}")
    features = pd.read_csv(features_path, index_col=0)
    follow_up = pd.read_csv(follow_up_path, index_col=0)
    _check_numeric(features, features_path)
    _check_numeric(follow_up, follow_up_path)
    if list(follow_up.columns) != ["y"] or not features.index.equals(follow_up.index):
        raise ValueError(f"{features_path} and {follow_up_path} do not have the same rows")
    years = follow_up["y"].to_numpy(dtype=np.float64)
    if not np.isfinite(years).all():
        raise ValueError(f"{follow_up_path}: a follow-up time is missing or infinite")
    undocumented = years == 0
    censored = (years < 0) & (-years < horizon)
    known = ~(undocumented | censored)
    return MortalityTable(
        name="nhanes18",
        features=features.to_numpy(dtype=np.float64)[known],
        labels=((years > 0) & (years <= horizon))[known].astype(np.int64),
        feature_names=tuple(map(str, features.columns)),
        excluded={
            "follow-up undocumented": int(undocumented.sum()),
            f"censored within {horizon:g} years": int(censored.sum()),
        },
    )


def _validated_drop(drop: Sequence[Mapping[str, str]], table: pd.DataFrame) -> dict[str, str]:
    """Reason by column."""
    dropped: dict[str, str] = {}
    for entry in drop:
        if set(entry) != {"column", "reason"} or not str(entry["reason"]).strip():
            raise ValueError(f"a dropped column needs a column and a reason, not {dict(entry)}")
        column = entry["column"]
        if column == _NHEFS_LABEL:
            raise ValueError(f"{column} is the label and never a feature: do not drop it")
        if column not in table:
            raise ValueError(f"the table has no column {column} to drop")
        if column in dropped:
            raise ValueError(f"column {column} is dropped twice")
        dropped[column] = entry["reason"]
    return dropped


def _check_numeric(table: pd.DataFrame, path: str | Path) -> None:
    for name, dtype in table.dtypes.items():
        if not pd.api.types.is_numeric_dtype(dtype):
            raise ValueError(f"{path}: column {name} holds {dtype}, not numbers")
