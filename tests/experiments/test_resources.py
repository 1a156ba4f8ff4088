"""Requests for time and memory grow with the work and with the attempts."""

from __future__ import annotations

import pytest

from experiments.resources import megabytes, minutes, share_of_shard

SMALL, LARGE = 28**2, 224**2


@pytest.mark.parametrize("kind", ["forward", "gradient", "training"])
@pytest.mark.parametrize("gpu", [False, True])
def test_a_limit_grows_with_images_steps_pixels_and_doubles_with_attempts(kind, gpu):
    once = minutes(kind, 10_000, 16, pixels=LARGE, gpu=gpu)
    assert minutes(kind, 20_000, 16, pixels=LARGE, gpu=gpu) > once
    assert minutes(kind, 10_000, 32, pixels=LARGE, gpu=gpu) > once
    assert minutes(kind, 10_000, 16, pixels=SMALL, gpu=gpu) < once
    assert [minutes(kind, 10_000, 16, pixels=LARGE, gpu=gpu, attempt=n) for n in (1, 2, 3)] == [
        once,
        2 * once,
        4 * once,
    ]


def test_a_limit_leaves_room_for_the_measured_times():
    """128 steps of IG on 1000 images, at the rates measured on one core."""
    for pixels, microseconds in ((LARGE, 13), (SMALL, 1.75)):
        measured = 1000 * 128 * pixels * microseconds * 1e-6 / 60
        assert 2 * measured < minutes("gradient", 1000, 128, pixels=pixels) < 6 * measured + 11


def test_a_job_with_nothing_to_do_has_time_to_start():
    assert minutes("forward", 0, pixels=SMALL) >= 5


def test_memory_grows_with_the_batch_and_the_stored_numbers_and_doubles_with_attempts():
    once = megabytes("training", 128, pixels=LARGE)
    assert once > megabytes("training", 64, pixels=LARGE) > megabytes("training", pixels=LARGE)
    # A million numbers of four bytes.
    assert (
        megabytes("training", pixels=SMALL, stored=10**6) - megabytes("training", pixels=SMALL) == 4
    )
    assert megabytes("training", 128, pixels=LARGE, attempt=2) == 2 * once


def test_on_a_gpu_the_batch_is_in_the_memory_of_the_gpu():
    assert megabytes("training", 512, pixels=LARGE, gpu=True) == megabytes(
        "training", 1, pixels=LARGE, gpu=True
    )
    assert megabytes("training", 0, pixels=SMALL, gpu=True) > megabytes("training", 0, pixels=SMALL)


def test_shards_together_hold_everything():
    assert share_of_shard(1000, "2-of-3") == 334
    assert share_of_shard(2, "3-of-4") == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minutes("think", 1, pixels=1), "'think', but must be one of forward"),
        (lambda: share_of_shard(1, "2-of-0"), "'2-of-0' is not of the form 2-of-20"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_forward_pass_keeps_less_than_a_backward_pass_needs():
    """96 masked photographs in a SqueezeNet took 2.5 GB, start-up included."""
    forward = megabytes("forward", 96, pixels=227**2)
    assert 2500 < forward < 10_000 < megabytes("gradient", 96, pixels=227**2)
    with pytest.raises(ValueError, match="kind is 'backward', but must be one of forward"):
        megabytes("backward", pixels=LARGE)
