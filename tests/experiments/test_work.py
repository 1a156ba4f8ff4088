"""The work of experiments: small cases counted by hand, and what really passes through a net."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from experiments import work
from experiments.attributed_images import attribute_blocks
from experiments.attribution_maps.run import attribute
from experiments.baselines.names import BASELINES
from experiments.baselines.normalisation import measure_normalisations, normalised_maps
from experiments.baselines.run import example_maps, measure
from experiments.baselines.starts import Sources
from experiments.masking.examples import mask_examples
from experiments.masking.run import score_blocks
from experiments.methods import method
from experiments.named import import_named
from experiments.shards import blocks_of
from experiments.work import Work
from tests.experiments.helpers import attributions
from tests.experiments.pixels import random_images
from xgradient.attribution import QUADRATURE_METHODS


def counted(experiment, settings, available, variant="regular", step="measuring"):
    return import_named(f"experiments.{experiment}.work:{step}")(settings, available, variant)


MASKING = {
    "n_images": 2,
    "n_steps": 4,
    "batch_size": 1,
    "precision": {"regular": "float32", "x": "float64"},
    "fractions": {"minimum": 0.1, "maximum": 1.0, "count": 3},
    "insertion_deletion": 4,
    "masked_batch_size": 10,
    "kernel_size": None,
    "sigma": None,
    "examples": {"variant": "x", "n_images": 2, "fractions": [0.1, 1.0]},
}


def test_accuracy_and_contrast_evaluate_every_image():
    assert counted("accuracy", {"n_images": None}, 7) == Work(7, forward=7)
    assert counted("accuracy", {"n_images": 2}, 7) == Work(2, forward=2)
    assert counted("contrast", {"n_images": 9, "alphas": [1.0, 0.5, 0.1]}, 2) == Work(2, forward=6)


def test_relative_difference_takes_the_images_of_every_precision():
    n_images = {"float32": 3, "float64": 1, "bfloat16": 2, "tf32": 9}
    by_variant = {"regular": 0, "x": 3}
    settings = {"n_images": n_images, "n_steps": 8}
    settings |= {"mantissa_images": by_variant, "mantissa_bits": [5, 9]}
    done = counted("mean_relative_difference", settings, 4)
    # IG and Input×Gradient: 9 gradients; of the last precision there are only 4 images.
    assert done == Work(10, gradient=27, gradient_float64=9, gradient_rounded=54)
    assert done.n_passes == 27 + 2 * 9 + 54 and done.kind == "gradient"
    # Every number of bits on every image.
    by_bits = counted("mean_relative_difference", settings, 4, "x")
    assert by_bits == done + Work(2 * 3, gradient_rounded=2 * 3 * 9)


def test_convergence_takes_a_node_of_several_rules_once():
    settings = {
        "n_images": 1,
        "reference_steps": 2,
        "methods": ["gausslegendre", "riemann_left", "riemann_right", "riemann_middle"],
        "n_steps": [1, 2],
        "precision": {"regular": "float32"},
        "exact_images": 0,
        "max_pieces": 100,
    }
    # Two of the reference, which the rule with two steps shares; 0, 1/4, 1/2, 3/4, 1.
    assert counted("ig_convergence", settings, 100) == Work(1, gradient=2 + 5)


def test_convergence_has_one_reference_and_leaves_one_step_of_the_trapezoid_rule_out():
    settings = {
        "n_images": 2,
        "reference_steps": 10,
        "methods": ["gausslegendre", "riemann_trapezoid"],
        "n_steps": [1, 4],
        "precision": {"regular": "float32", "x": "float64"},
        "exact_images": 0,
        "max_pieces": 100,
    }
    n_gradients = 2 * (10 + 1 + 4 + 4)
    assert counted("ig_convergence", settings, 100) == Work(2, gradient=n_gradients)
    assert counted("ig_convergence", settings, 100, "x") == Work(2, gradient_float64=n_gradients)
    # At most: of every piece both ends twice and a gradient, and the cells of the rule by changes.
    exact = counted("ig_convergence", {**settings, "exact_images": 9}, 100)
    assert exact == Work(2, forward=600, gradient=n_gradients, gradient_float64=2 * (100 + 5))


def attributed(methods, variant):
    return counted("masking", {**MASKING, "methods": methods}, 100, variant, "attributing")


def evaluated(methods, available=100, **settings):
    settings = {**MASKING, "methods": methods, **settings}
    return counted("masking", settings, available, "x", "evaluating")


def test_attributions_of_two_images_by_two_methods():
    regular = attributed(["ig", "gradient"], "regular")
    assert regular == Work(2, gradient=2 * (4 + 1))
    x = attributed(["ig", "x_gradient"], "x")
    assert x == Work(2, gradient_float64=2 * (4 + 1))
    # Random draws need no gradient, EG one, in float32, and a training image.
    drawn = attributed(["random", "expected_gradients"], "x")
    assert drawn == Work(2, references=2, gradient=2)


def test_occlusion_evaluates_the_net_and_takes_no_gradient():
    windows = method("occlusion").evaluations
    for variant in ("regular", "x"):
        done = attributed(["occlusion", "gradient"], variant)
        assert done.forward == 2 * windows and done.n_passes - done.forward in (2, 4)
    maps = {"n_images": 3, "alphas": [1.0, 0.5], "methods": ["occlusion"]}
    assert counted("attribution_maps", maps, 100, ["x"]) == Work(3, forward=6 * windows)


def test_masks_of_two_images_by_two_methods():
    # Six metrics at three fractions; five inserted, five deleted, one of them in common.
    done = evaluated(["ig", "gradient"])
    assert done == Work(2, forward=2 * 2 * (18 + 9))
    assert done.kind == "forward"
    same = evaluated(["input_x_gradient", "x_gradient"])
    assert same == Work(2, forward=2 * (18 + 9))
    without = evaluated(["ig"], 1, insertion_deletion=None)
    assert without == Work(1, forward=18)


def test_a_training_leaves_out_what_fills_no_batch():
    done = work.training({"batch_size": 10}, epochs=2, n_train=25, n_validation=5)
    assert done == Work(40 + 15, forward=15, training=40)
    assert done.kind == "training"


class Count(torch.autograd.Function):
    """Identity that counts the rows that pass."""

    rows: dict[str, int] = {}  # noqa: RUF012

    @staticmethod
    def forward(ctx, values):
        return values.view_as(values)

    @staticmethod
    def backward(ctx, gradient):
        kind = "gradient_float64" if gradient.dtype == torch.float64 else "gradient"
        Count.rows[kind] += len(gradient)
        return gradient


class Counting(nn.Module):
    def forward(self, values):
        if not torch.is_grad_enabled():
            Count.rows["forward"] += len(values)
        return Count.apply(values)


@pytest.fixture
def net() -> nn.Module:
    Count.rows = dict.fromkeys(("forward", "gradient", "gradient_float64"), 0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False),
        Counting(),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 3, bias=False),
    ).eval()


def check(done: Work, examined: int = 0) -> None:
    """Compare with what has passed; of evaluations, some examine the net."""
    assert Count.rows["gradient"] == done.gradient + done.gradient_rounded
    assert Count.rows["gradient_float64"] == done.gradient_float64
    assert done.forward <= Count.rows["forward"] <= done.forward + examined


IMAGES = random_images(6, seed=0)
ALL = ["ig", "x_gradient", "input_x_gradient", "guided_backprop", "expected_gradients", "random"]
ALL += ["smooth_grad", "deconvolution"]


@pytest.mark.parametrize(
    ("experiment", "settings"),
    [
        ("accuracy", {"n_images": None}),
        ("contrast", {"n_images": 4, "alphas": [1.0, 0.5]}),
        (
            "mean_relative_difference",
            {"n_images": {"float32": 5, "float64": 1, "tf32": 3}, "n_steps": 4}
            | {"method": "gausslegendre", "mantissa_images": 2, "mantissa_bits": [5, 23]},
        ),
        (
            "ig_convergence",
            {"n_images": 3, "reference_steps": 5, "n_steps": [1, 2, 3, 8]}
            | {"methods": list(QUADRATURE_METHODS), "precision": "float64"}
            | {"exact_images": 0, "max_pieces": 100},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_measurement_takes_the_predicted_passes(net, experiment, settings):
    settings = {"batch_size": 2, "internal_batch_size": 3, **settings}
    measurement = import_named(f"experiments.{experiment}.run:MEASUREMENT")
    tasks = measurement.tasks(settings, IMAGES)
    rows = measurement.measure(
        net, IMAGES, tasks, settings, torch.device("cpu"), lambda values, text: values
    )
    assert list(rows)
    # IG looks at its first image in every call.
    # A job gets what is said by variant for its own.
    by_variant = {
        name: {"regular": settings[name]}
        for name in ("precision", "mantissa_images")
        if name in settings
    }
    check(counted(experiment, settings | by_variant, len(IMAGES)), examined=60)


@pytest.mark.parametrize(("variant", "dtype"), [("regular", "float32"), ("x", "float64")])
def test_the_masking_experiment_takes_the_predicted_passes(net, variant, dtype):
    settings = {**MASKING, "n_images": 5, "batch_size": 2, "methods": ALL}
    used = ALL if variant == "x" else [key for key in ALL if not method(key).homogeneous]
    blocks = blocks_of(IMAGES.choose(5), 2)
    calls = attributions(*used, n_steps=4)
    means = attribute_blocks(net, IMAGES, IMAGES, blocks, calls, 0, getattr(torch, dtype))
    done = counted("masking", settings, len(IMAGES), variant, "attributing")
    check(done, examined=20 * len(blocks))

    Count.rows["forward"] = 0
    score_blocks(net, IMAGES, means, blocks, settings)
    most = counted("masking", settings, len(IMAGES), variant, "evaluating").forward
    # Masks that turn out to be equal are evaluated once.
    assert 0.6 * most < Count.rows["forward"] <= most


@pytest.mark.parametrize("homogeneous", [False, True])
def test_the_baselines_take_the_predicted_passes(net, homogeneous):
    settings = {
        "compared": [*BASELINES],
        "n_images": 5,
        "batch_size": 2,
        "n_steps": 4,
        "internal_batch_size": 3,
        "mean_images": 6,
        "replacement_images": 3,
        "identity_steps": 2,
        "precision": {"regular": "float64", "x": "float64"},
        "shown": 2,
        **{name: MASKING[name] for name in ("fractions", "masked_batch_size")},
        "kernel_size": 5,
        "sigma": 2.0,
    }
    sources, blocks = Sources(IMAGES, settings, 0), blocks_of(IMAGES.choose(5), 2)
    common = (IMAGES, blocks, sources, settings)
    measure(net, *common, torch.float64, lambda values, text: values)
    example_maps(net, IMAGES, [0, 3], sources, settings, torch.float64)
    if homogeneous:
        assert list(measure_normalisations(net, *common, lambda values, text: values))
        normalised_maps(net, IMAGES, [0, 3], sources, settings)
    done = counted("baselines", settings, len(IMAGES), "x" if homogeneous else "regular")
    assert Count.rows["gradient_float64"] == done.gradient_float64
    assert Count.rows["gradient"] == done.gradient == 0
    # Masks that turn out to be equal are evaluated once, and a flat baseline for all images.
    assert 0.5 * done.forward < Count.rows["forward"] <= done.forward + 300
    assert done.references == 6 + 4 * (5 + 2 * 2)
    assert done.images == (5 + 2) * (1 + homogeneous)


def test_the_pictures_take_the_predicted_passes(net):
    calls = attributions(*ALL, n_steps=4)
    means = attribute_blocks(net, IMAGES, IMAGES, [[0, 1]], calls, 0, torch.float64)
    mask_examples(net, IMAGES, [0, 1], means, MASKING)
    settings = {**MASKING, "methods": ALL}
    check(counted("masking", settings, len(IMAGES), "x", "examples"), examined=20)


def test_the_maps_take_the_predicted_passes(net):
    calls = attributions("ig", "gradient", "smooth_grad", n_steps=4)
    methods = {"regular": calls, "x": calls}
    attribute({"regular": net, "x": net}, IMAGES, [0, 3], [1.0, 0.5], methods, seed=0)
    settings = {"n_images": 2, "alphas": [1.0, 0.5], "n_steps": 4, "methods": [*calls]}
    check(counted("attribution_maps", settings, len(IMAGES), ["regular", "x"]), examined=40)
