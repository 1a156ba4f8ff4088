"""The relative difference between IG and Input×Gradient in the results of the smoke run."""

from __future__ import annotations

from experiments.tables import LABELS
from tests.pipeline.helpers import nets_of, read_table, settings_of

COLUMNS = [*LABELS, "dtype", "mantissa_bits", "mard_percent", "n_images"]


def test_the_table_has_every_net_and_arithmetic_and_no_gaps(results, run_config):
    frame = read_table(results, "mean_relative_difference")
    assert list(frame.columns) == COLUMNS and not frame.isna().any().any()
    columns = ("network", "variant", "dtype", "n_images")
    rows = set(zip(*(frame[name] for name in columns), strict=True))
    assert len(rows) == len(frame)
    assert rows == {
        (network, variant, dtype, n_images)
        for network, variant in nets_of(run_config, "mean_relative_difference")
        for settings in [settings_of(run_config, "mean_relative_difference", network)]
        for images in [getattr(settings.mantissa_images, variant)]
        for dtype, n_images in (
            *settings.n_images.items(),
            *((f"{bits} bits", images) for bits in settings.mantissa_bits if images),
        )
    }


def test_the_difference_between_ig_and_x_gradient_is_rounding(results):
    """The claim of the paper that no training has to be good for."""
    frame = read_table(results, "mean_relative_difference")
    frame = frame[frame["dataset"] == "fashion_mnist"]
    x = frame[frame["variant"] == "x"].groupby("dtype")["mard_percent"].max()
    regular = frame[frame["variant"] == "regular"]["mard_percent"].min()
    assert x["float64"] < 1e-9
    assert x["float64"] < x["float32"] < x["tf32"] < x["bfloat16"]
    assert x["float32"] < 1.0 < regular
    assert x["23 bits"] < x["10 bits"] < x["5 bits"]
