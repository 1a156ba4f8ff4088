"""Numbers that the papers print."""

from __future__ import annotations

import pytest

from experiments.published import read_published


def test_published_numbers_are_named_as_ours(root):
    published = read_published(root / "workflow/published/accuracy_mard.csv")
    assert set(published["architecture"]) == {"alexnet", "vgg16", "fixup_resnet50"}
    assert set(published["variant"]) == {"regular", "x"}
    row = published[(published["architecture"] == "alexnet") & (published["variant"] == "x")]
    assert row["mard_percent"].item() == 1.2


def test_methods_of_published_tables_have_our_keys_and_unknown_ones_are_named(root, tmp_path):
    source = root / "workflow/published/mask_metrics.csv"
    published = read_published(source)
    assert set(published["method"]) >= {"x_gradient", "ig", "random", "gradient"}
    path = tmp_path / source.name
    path.write_text(source.read_text().replace("Random", "Randon"))
    with pytest.raises(ValueError, match=r"mask_metrics\.csv: no .* published name Randon"):
        read_published(path)
