"""Settings that the experiments share."""

from __future__ import annotations

import pytest

from experiments.config import ConfigError, check_config
from experiments.config_limits import check_scatter
from experiments.settings import Refusal


def test_the_experiments_of_a_run_alone_must_fit_its_networks():
    config = {"networks": {"use": ["vgg16"]}}
    with pytest.raises(ConfigError, match="none of which is in networks"):
        check_config(config)
    assert check_config({**config, "experiments": ["accuracy"]}).networks.use == ("vgg16",)
    with pytest.raises(ConfigError, match="none of which is in networks"):
        check_config({**config, "experiments": ["accuracy", "masking"]})


@pytest.mark.parametrize(
    ("scatter", "message"),
    [
        (
            {"masking": 64},
            "--set-scatter masking=64 asks for 64 shards, but only 4 have work (alexnet: 100 "
            "images in batches of 25): ask for at most 4, or lower batch_size",
        ),
        ({"masking": 0}, "--set-scatter masking=0 is not possible: there must be at least 1 shard"),
        (
            {"maskin": 2},
            "--set-scatter maskin=2 is not possible: shards are of accuracy, mean_relative_"
            "difference, ig_convergence, contrast, saturation, attribution_maps, masking, "
            "single_deletion, baselines, attribution_prior; did you mean masking?",
        ),
        (
            {"attribution_prior": 31},
            "--set-scatter attribution_prior=31 asks for 31 shards, but only 20 have repetitions "
            "to train on the device cpu: ask for at most 20",
        ),
    ],
)
def test_more_shards_than_work_are_refused(scatter, message):
    with pytest.raises(Refusal) as raised:
        check_scatter(check_config({}), scatter)
    assert str(raised.value) == message


def test_on_a_gpu_repetitions_are_shared_by_blocks():
    config = check_config({"device": "cuda", "attribution_prior": {"n_repetitions": 65}})
    assert config.attribution_prior.shards_on("cuda") == 2
    assert check_config({}).attribution_prior.shards_on("cuda") == 1
    with pytest.raises(Refusal, match="asks for 3 shards, but only 2 have repetitions"):
        check_scatter(config, {"attribution_prior": 3})


def test_shards_with_work_are_accepted():
    config = check_config({"masking": {"n_images": None}})
    check_scatter(config, {"masking": 200, "attribution_prior": 20, "accuracy": 100})
    # Nobody knows how many images there are.
    imagenet = {"dataset": "imagenet", "geometry": "imagenet", "weights": "xdnn_weights"}
    networks = {"use": ["alexnet"], "alexnet": {**imagenet, "regular": None, "x": None}}
    assert check_config({"networks": networks, "experiments": ["accuracy"]})
