"""From scores to a summary with intervals."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from experiments.masking.summary import summarise


def test_intervals_hold_the_mean_of_a_known_distribution():
    """The interval of a mean of normal values: about 1.96 standard errors on either side."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(400, generator=generator, dtype=torch.float64).numpy()
    names = ["KPM", "KNM", "KAM", "RAM", "RPM", "RNM"]
    areas = pd.DataFrame({name: values * scale for scale, name in enumerate(names)})
    areas.insert(0, "method", "ig")
    row = summarise(areas, resamples=2000, confidence=0.95, seed=0).iloc[0]
    assert row["n_images"] == 400
    for scale, name in enumerate(names):
        error = scale * values.std() / 20
        assert row[name] == pytest.approx(scale * values.mean())
        assert row[f"{name}_low"] == pytest.approx(row[name] - 1.96 * error, abs=0.2 * error)
        assert row[f"{name}_high"] == pytest.approx(row[name] + 1.96 * error, abs=0.2 * error)
