"""Settings that the experiments share."""

from __future__ import annotations

import pytest

from experiments.config import ConfigError, check_config


def test_the_experiments_of_a_run_alone_must_fit_its_networks():
    config = {"networks": {"use": ["vgg16"]}}
    with pytest.raises(ConfigError, match="none of which is in networks"):
        check_config(config)
    assert check_config({**config, "experiments": ["accuracy"]}).networks.use == ("vgg16",)
    with pytest.raises(ConfigError, match="none of which is in networks"):
        check_config({**config, "experiments": ["accuracy", "masking"]})
