"""The cost of a configuration: small cases by hand, and the tables."""

from __future__ import annotations

import pytest

from experiments import scaling
from experiments.config import check_config
from experiments.planning import Planned
from experiments.scaling import (
    decoding_seconds,
    device_seconds,
    markdown,
    read_configuration,
    read_rates,
    suggested_shards,
)
from experiments.work import PASSES, Work

CONFIG = check_config(
    {
        "experiments": ["accuracy", "contrast"],
        "accuracy": {"variants": ["regular", "x"]},
        "networks": {
            "use": ["alexnet", "vgg16"],
            "default": {"dataset": "imagenet", "geometry": "imagenet", "weights": "xdnn_weights"},
            "alexnet": {"regular": None, "x": None},
            "vgg16": {"regular": None, "x": None, "geometry": "small"},
        },
        "masking": {"networks": ["alexnet"]},
        "attribution_maps": {"networks": ["alexnet"]},
    }
)
RATES = {
    ("alexnet", "forward"): 0.5,
    ("alexnet", "gradient"): 2.0,
    ("training images", "reading"): 0.01,
    ("evaluation images", "reading"): 0.02,
}


def shared(experiment: str, forward: int, blocks: int, written: int = 0) -> Planned:
    return Planned(
        "rule",
        "net",
        Work(forward, forward=forward),
        network="alexnet",
        shared_by=experiment,
        blocks=blocks,
        written=written,
    )


def test_device_time_is_passes_times_rates():
    entry = Planned("rule", "net", Work(2, forward=6, gradient=10), network="alexnet")
    assert device_seconds(entry, CONFIG, RATES) == 6 * 0.5 + 10 * 2.0
    assert device_seconds(Planned("rule", "net", Work(2)), CONFIG, RATES) == 0
    # Unknown: a pass without a rate, and a net of another size than was measured.
    training = Planned("train", "net", Work(training=1), network="alexnet")
    assert device_seconds(training, CONFIG, RATES) is None
    small = Planned("rule", "net", Work(forward=1), network="vgg16")
    assert device_seconds(small, CONFIG, {**RATES, ("vgg16", "forward"): 1.0}) is None


def test_decoding_time_depends_on_what_images_are_for():
    assert decoding_seconds(Planned("train", "net", decoded=100), RATES) == pytest.approx(1.0)
    assert decoding_seconds(Planned("prepare_images", "", decoded=100), RATES) == pytest.approx(2.0)
    assert decoding_seconds(Planned("train", "net", decoded=1), {}) is None
    assert decoding_seconds(Planned("train", "net"), {}) == 0


def test_shards_give_every_device_a_few_jobs_of_at_least_ten_minutes():
    # 72,000 and 7,200 seconds: with one device a job may take a fourth of it.
    entries = [shared("masking", 144_000, 1000), shared("accuracy", 14_400, 1000)]
    assert suggested_shards(entries, CONFIG, RATES, 1) == {"masking": 4, "accuracy": 1}
    # A fourth of 79,200 / 8 seconds is 2,475.
    assert suggested_shards(entries, CONFIG, RATES, 8) == {"masking": 30, "accuracy": 3}
    # Not less than 600 seconds.
    assert suggested_shards(entries, CONFIG, RATES, 1000) == {"masking": 120, "accuracy": 12}
    # Not more than four gigabytes of tensors for each.
    large = [shared("masking", 0, 1000, written=9 * 10**9)]
    assert suggested_shards(large, CONFIG, RATES, 1) == {"masking": 3}
    few = [shared("masking", 144_000, 3)]
    assert suggested_shards(few, CONFIG, RATES, 8) == {"masking": 3}


HEADER = "benchmark,case,quantity,median,unit,setting"


def test_the_first_setting_of_a_rate_counts(tmp_path):
    path = tmp_path / "rates.csv"
    rows = [
        "b,training images,reading,0.01,s per image,workers=0",
        "b,training images,reading,0.005,s per image,workers=2",
        "b,alexnet,forward,0.5,s per image,",
        "b,alexnet,something,7,,",
    ]
    path.write_text("\n".join([HEADER, *rows]))
    assert read_rates(path) == {("training images", "reading"): 0.01, ("alexnet", "forward"): 0.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", r"rates.csv is not a result of benchmarks/input_pipeline.py \(KeyError"),
        (f"{HEADER}\nb,c,q,many,s per image,\n", "rates.csv is not a result"),
        (f"{HEADER}\n", "rates.csv has no times per image"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    path = tmp_path / "rates.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_rates(path)


def row_of(text: str, first: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_tables_count_all_networks_of_a_rule():
    text = markdown(CONFIG, {}, [1])
    # Two nets and two variants, 50,000 images, ten contrasts.
    assert row_of(text, "measure_accuracy")[1:4] == ["4", "200 k", "200 k"]
    assert row_of(text.partition("**Disk**")[0], "prepare_images")[4] == "50 k"
    assert "hours" not in text and "--set-scatter" not in text

    rates = {**RATES, ("alexnet", "forward"): 0.036}
    text = markdown(CONFIG, rates, [8])
    # 100,000 passes of 0.036 seconds are an hour; the small VGG16 was not measured.
    hours = text.split("**Device hours**")[1].split("**Jobs**")[0]
    assert row_of(hours, "measure_accuracy") == ["measure_accuracy", "1", "?", ""]
    # With 20,000 of the contrasts.
    assert row_of(hours, "all")[1] == "1.2"
    assert "masking=" not in text and "contrast=" in text


def test_configurations_are_merged_in_their_order(root):
    paths = [root / "config.yaml", root / "config/imagenet.yaml"]
    assert read_configuration(paths).networks.used["alexnet"].x is None
    training = read_configuration([*paths, root / "config/imagenet_training.yaml"])
    assert training.networks.used["alexnet"].x.epochs == 100


@pytest.mark.parametrize("overlay", ["imagenet", "imagenette", "smoke", "published"])
def test_every_configuration_has_its_cost(root, overlay, capsys):
    files = [str(root / "config.yaml"), str(root / f"config/{overlay}.yaml")]
    scaling.main(["--configfile", *files])
    printed = capsys.readouterr().out
    assert "| measure_accuracy |" in printed and "**Disk**" in printed
    assert not any(kind in printed for kind in PASSES if "_" in kind)


def test_mistakes_are_one_line(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_text("networks: {use: [alexnot]}\n")
    with pytest.raises(SystemExit, match="'alexnot', but must be one of"):
        scaling.main(["--configfile", str(path)])
    with pytest.raises(SystemExit, match=r"missing\.yaml"):
        scaling.main(["--configfile", str(tmp_path / "missing.yaml")])
