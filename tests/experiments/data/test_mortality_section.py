"""Columns that an entry of the catalogue names, against those that it says the table has."""

from __future__ import annotations

import pytest
import yaml

from experiments.data.catalogue import CatalogueError, load_dataset


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dropped", {"wt83": "late"}, "dropped names wt83, {}wt82?"),
        ("leaks", {"wt83": "late"}, "leaks names wt83, {}wt82?"),
        ("missing_codes", {"maritall": 8}, "missing_codes names maritall, {}marital?"),
        ("nominal", ["marital", "alcoholtyp"], "nominal names alcoholtyp, {}alcoholtype?"),
        ("labels", {"column": "deaths", "period": "ever"}, "labels.column names deaths, {}death?"),
    ],
)
def test_columns_that_the_table_does_not_have_are_refused_before_any_job(
    root, tmp_path, key, value, message
):
    entry = yaml.safe_load((root / "workflow/datasets/nhefs.yaml").read_text(encoding="utf-8"))
    entry["mortality"][key] = value
    path = tmp_path / "nhefs.yaml"
    path.write_text(yaml.safe_dump(entry), encoding="utf-8")
    with pytest.raises(CatalogueError) as refused:
        load_dataset(path)
    said = str(refused.value)
    wanted = message.format("which is not among the columns; did you mean ")
    assert said.endswith(f"mortality: {wanted}") and "nhefs.yaml" in said and "\n" not in said
    # Without the list nothing is known before the table is read.
    del entry["mortality"]["columns"]
    path.write_text(yaml.safe_dump(entry), encoding="utf-8")
    assert load_dataset(path).mortality is not None
