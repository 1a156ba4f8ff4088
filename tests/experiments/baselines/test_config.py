"""Settings of the baselines that cannot be."""

from __future__ import annotations

import pytest

from experiments.config import ConfigError, check_config


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            {"compared": ["black", "white"]},
            "baselines.compared is black, white, but must include zero, which the others are "
            "compared with",
        ),
        (
            {"compared": ["zero", "blur"]},
            "baselines.compared.1 is 'blur', but must be one of zero, black, white, training_mean, "
            "blurred, uniform_noise, expected_gradients; did you mean blurred?",
        ),
        (
            {"kernel_size": 57},
            "baselines.kernel_size is 57, but the images of alexnet have 28 pixels",
        ),
        ({"shown": 11}, "baselines.shown is 11, but fashion_mnist has only 10 classes"),
    ],
)
def test_mistakes_are_one_line(own, message):
    with pytest.raises(ConfigError) as caught:
        check_config({"baselines": own})
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_what_the_experiment_is_not_about_may_be_left_out():
    found = check_config({"baselines": {"compared": ["zero"], "variants": ["regular"]}})
    assert found.baselines.compared == ("zero",)
