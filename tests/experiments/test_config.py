"""The configuration: the shipped ones are valid, and every mistake is one clear line."""

from __future__ import annotations

import copy

import pytest
import yaml

from experiments.config import ConfigError, check_config


@pytest.fixture
def config(root):
    return yaml.safe_load((root / "config.yaml").read_text())


def overlaid(base, overlay):
    """Merge as Snakemake does: mappings deeply, everything else replaced."""
    merged = copy.deepcopy(base)
    for key, value in overlay.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = overlaid(merged[key], value) if both else value
    return merged


def test_the_default_configuration_is_valid(config):
    check_config(config)


def test_every_overlay_is_valid(config, root):
    overlays = sorted((root / "config").glob("*.yaml"))
    assert overlays
    for path in overlays:
        check_config(overlaid(config, yaml.safe_load(path.read_text())))


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        (
            {"contrast": {"alfas": [1.0]}},
            "unknown key 'contrast.alfas'; allowed here: alphas, batch_size, n_images, variants",
        ),
        (
            {"networks": {"architectures": ["lenet"]}},
            "networks.architectures.0 is 'lenet', but must be one of alexnet, vgg16, "
            "fixup_resnet50",
        ),
        (
            {"ig_convergence": {"n_steps": [-1]}},
            "ig_convergence.n_steps.0 is -1, but must be of type integer, at least 1",
        ),
        (
            {"training": {"regular": {"vgg16": {"learning_rate": "1e-3"}}}},
            "training.regular.vgg16.learning_rate is '1e-3', but must be of type number, "
            "greater than 0",
        ),
        (
            {"training": {"settings": {"clip_norm": 0}}},
            "training.settings.clip_norm is 0, but must be a number greater than 0, or null for "
            "no clipping",
        ),
        (
            {"mean_relative_difference": {"n_images": {"float16": 3}}},
            "unknown key 'mean_relative_difference.n_images.float16'; allowed here: float32, "
            "float64, bfloat16, tf32",
        ),
        ({"networks": {"dropout": 1.0}}, "networks.dropout is 1.0"),
        ({"contrast": {"alphas": [1.0, 0.0]}}, "contrast.alphas.1 is 0.0"),
        ({"threads": True}, "threads is True, but must be of type integer"),
        (
            {"ig_convergence": {"reference_steps": 256}},
            "ig_convergence.n_steps reaches 256, but the reference has only reference_steps = 256",
        ),
        (
            {"masking": {"kernel_size": 50}},
            "masking.kernel_size is 50, but must be an odd integer, at least 3, or null for 51/224 "
            "of the side of the images",
        ),
        (
            {"masking": {"methods": ["xgradient"]}},
            "masking.methods.0 is 'xgradient', but must be one of ig, random, gradient",
        ),
        ({"masking": {"examples": {"fractions": [1.5]}}}, "masking.examples.fractions.0 is 1.5"),
        (
            {"networks": {"architectures": ["vgg16"]}},
            "masking asks for alexnet, but networks.architectures lists only vgg16",
        ),
        (
            {"masking": {"methods": ["x_gradient"]}},
            "masking.methods is x_gradient alone, which is not defined for the regular nets",
        ),
        (
            {"masking": {"fractions": {"minimum": 1.0}}},
            "masking.fractions.minimum is 1.0, but must be less than maximum, which is 1.0",
        ),
        (
            {"masking": {"n_images": 101, "shards": 4}},
            "masking.shards is 4, but 101 images make only 3 batches of 50",
        ),
        (
            {"genomics": {"weights": ["released"]}},
            "genomics.weights.0 is 'released', but must be one of trained, published",
        ),
        (
            {"genomics": {"background": [0.3, 0.2, 0.2]}},
            "genomics.background is [0.3, 0.2, 0.2], but must be four numbers greater than 0",
        ),
        (
            {"genomics": {"background": [0.3, 0.2, 0.2, 0.2]}},
            "genomics.background sums to 0.9, but the frequencies of A, C, G and T must sum to 1",
        ),
        (
            {"genomics": {"length": 100}},
            "genomics.length is 100, but must be an integer, at least 153",
        ),
        (
            {"genomics": {"n_per_class": 401}},
            "genomics.n_per_class is 401, which makes 1604 sequences; without "
            "validation_sequences and test_sequences 4 are left to train on, fewer than one "
            "batch of 50",
        ),
        (
            {"attribution_prior": {"fallback": "nhefs"}},
            "attribution_prior.fallback is nhefs, as dataset is: name another one, or null",
        ),
        (
            {"attribution_prior": {"lambdas": [1.0, 0]}},
            "attribution_prior.lambdas.1 is 0, but must be of type number, greater than 0",
        ),
        (
            {"attribution_prior": {"methods": ["xg", "ig"]}},
            "attribution_prior.methods.1 is 'ig', but must be one of unregularised",
        ),
        (
            {"attribution_prior": {"methods": ["unregularised", "eg"]}},
            "attribution_prior.methods is unregularised, eg, but must hold xg, with which",
        ),
        (
            {"attribution_prior": {"n_repetitions": 1}},
            "attribution_prior.n_repetitions is 1, but must be of type integer, at least 2",
        ),
        (
            {"attribution_prior": {"shards": 31}},
            "attribution_prior.shards is 31, but there are only 30 repetitions to share",
        ),
        (
            {"attribution_prior": {"eg_references": {"lambda": 2.0}}},
            "attribution_prior.eg_references.lambda is 2.0, but must be one of "
            "attribution_prior.lambdas: 0.01, 0.1, 1.0, 10.0, 100.0",
        ),
        (
            {"attribution_prior": {"eg_references": {"n_repetitions": 31}}},
            "attribution_prior.eg_references.n_repetitions is 31, but must be at most "
            "attribution_prior.n_repetitions, which is 30",
        ),
        (
            {"attribution_prior": {"integrated_gradients": {"epochs": 101}}},
            "attribution_prior.integrated_gradients.epochs is 101, but must be at most "
            "attribution_prior.settings.epochs, which is 100",
        ),
        (
            {"digit_conversion": {"tasks": [[8, 8]]}},
            "digit_conversion.tasks.0 is [8, 8], but must be two different digits",
        ),
        (
            {"digit_conversion": {"erasing": ["fixed"]}},
            "digit_conversion.erasing is ['fixed'], but must be a list of published and, if wanted",
        ),
        (
            {"digit_conversion": {"n_pixels": 784}},
            "digit_conversion.n_pixels is 784, but must be of type integer, at least 1, at most "
            "783",
        ),
        (
            {"digit_conversion": {"example": {"weights": "published"}}},
            "digit_conversion.example.weights is published, but digit_conversion.weights has only "
            "trained",
        ),
        (
            {"digit_conversion": {"tasks": [[9, 1]]}},
            "digit_conversion.example.task is [8, 6], but digit_conversion.tasks has only [9, 1]",
        ),
    ],
)
def test_mistakes_are_one_line(config, overlay, message):
    with pytest.raises(ConfigError) as raised:
        check_config(overlaid(config, overlay))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("config: ")


def test_a_missing_key_is_named_with_what_it_should_be(config):
    del config["training"]["x"]["init"]
    with pytest.raises(
        ConfigError, match=r"training\.x\.init is missing: one of stripped, scratch"
    ):
        check_config(config)


def test_an_architecture_without_settings_is_named(config):
    del config["training"]["x"]["vgg16"]
    with pytest.raises(ConfigError, match=r"training\.x\.vgg16 is missing"):
        check_config(config)


def test_every_object_of_the_schema_refuses_unknown_keys():
    def objects(schema):
        if isinstance(schema, dict):
            if schema.get("type") == "object":
                yield schema
            for part in schema.values():
                yield from objects(part)

    found = list(objects(yaml.safe_load(SCHEMA.read_text())))
    assert len(found) > 8
    assert all(schema.get("additionalProperties") is False for schema in found)
