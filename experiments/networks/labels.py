"""Names of nets for readers, in tables and figures."""

from __future__ import annotations

import pandas as pd

from experiments.names import VARIANTS
from experiments.networks.architectures import architecture

__all__ = ["datasets_of", "network_names", "variant_names"]


def network_names(table: pd.DataFrame) -> pd.Series:
    """Return the name of every row's net.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns ``network``, its name in the configuration, and ``architecture``.

    Returns
    -------
    pandas.Series
        The name of the architecture; the name in the configuration in parentheses, if it differs.
    """

    def name(network: str, key: str) -> str:
        printed = architecture(key).name
        return printed if network == key.rpartition("/")[2] else f"{printed} ({network})"

    pairs = zip(table["network"], table["architecture"], strict=True)
    return pd.Series([name(*pair) for pair in pairs], index=table.index, dtype=object)


def variant_names(table: pd.DataFrame) -> pd.Series:
    """Return the name of every row's variant, by its column ``variant``."""
    return table["variant"].map(VARIANTS)


def datasets_of(table: pd.DataFrame) -> str:
    """Return the names of all data sets of a table, for a caption."""
    return ", ".join(table["dataset"].unique())
