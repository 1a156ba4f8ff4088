"""The configuration: checked before a single rule is parsed, one line per mistake."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

__all__ = ["ConfigError", "check_config"]

SCHEMA = Path(__file__).parents[1] / "workflow" / "schemas" / "config.schema.yaml"


class ConfigError(ValueError):
    """A configuration that cannot be run."""


def check_config(config: Mapping[str, Any], schema: Path = SCHEMA) -> None:
    """Refuse a configuration with an unknown key, a wrong type or an impossible value.

    Parameters
    ----------
    config : mapping
        The merged configuration.
    schema : Path
        A JSON schema, written in YAML.

    Raises
    ------
    ConfigError
        With one line that names the key, says what is wrong and what is allowed.
    """
    validator = Draft202012Validator(yaml.safe_load(schema.read_text()))
    error = best_match(validator.iter_errors(config))
    if error is not None:
        raise ConfigError(_one_line(error))
    _check_relations(config)


def _key(path: list[object]) -> str:
    return ".".join(str(part) for part in path)


def _one_line(error: ValidationError) -> str:
    key = _key(list(error.absolute_path))
    if error.validator == "additionalProperties":
        allowed = list(error.schema.get("properties", {}))
        for name in error.instance:
            if name not in allowed:
                where = f"{key}.{name}" if key else name
                return f"config: unknown key {where!r}; allowed here: {', '.join(allowed)}"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        where = f"{key}.{missing[0]}" if key else missing[0]
        return f"config: {where} is missing: {_describe(error.schema['properties'][missing[0]])}"
    return f"config: {key} is {error.instance!r}, but must be {_describe(error.schema)}"


def _describe(schema: Mapping[str, Any]) -> str:
    """Say in words what a part of the schema allows."""
    if "description" in schema:
        return str(schema["description"])
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    kinds = schema.get("type", "a value")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    text = " or ".join(kinds)
    bounds = {
        "minimum": "at least {}",
        "exclusiveMinimum": "greater than {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "less than {}",
        "minItems": "with at least {} entries",
    }
    said = [words.format(schema[bound]) for bound, words in bounds.items() if bound in schema]
    return ", ".join([f"of type {text}", *said])


def _check_relations(config: Mapping[str, Any]) -> None:
    """Check what no schema can say: that parts of the configuration fit each other."""
    for variant in ("regular", "x"):
        settings = config["training"][variant]
        for architecture in config["networks"]["architectures"]:
            if architecture not in settings:
                raise ConfigError(
                    f"config: training.{variant}.{architecture} is missing, but "
                    f"networks.architectures lists {architecture}: give its epochs and "
                    "learning_rate"
                )
    convergence = config["ig_convergence"]
    if max(convergence["n_steps"]) >= convergence["reference_steps"]:
        raise ConfigError(
            f"config: ig_convergence.n_steps reaches {max(convergence['n_steps'])}, but the "
            f"reference has only reference_steps = {convergence['reference_steps']}: raise it"
        )
    _check_masking(config["masking"], config["networks"]["architectures"])
    _check_digit_conversion(config["digit_conversion"])
    _check_genomics(config["genomics"])
    _check_attribution_prior(config["attribution_prior"])


def _check_masking(masking: Mapping[str, Any], trained: list[str]) -> None:
    wanted = [*masking["architectures"], masking["examples"]["architecture"]]
    for architecture in wanted:
        if architecture not in trained:
            raise ConfigError(
                f"config: masking asks for {architecture}, but networks.architectures lists only "
                f"{', '.join(trained)}"
            )
    variants = {*masking["variants"], masking["examples"]["variant"]}
    if masking["methods"] == ["x_gradient"] and "regular" in variants:
        raise ConfigError(
            "config: masking.methods is x_gradient alone, which is not defined for the regular "
            "nets of masking.variants: add a method, or leave the regular nets out"
        )
    fractions = masking["fractions"]
    if fractions["minimum"] >= fractions["maximum"]:
        raise ConfigError(
            f"config: masking.fractions.minimum is {fractions['minimum']}, but must be less than "
            f"maximum, which is {fractions['maximum']}"
        )
    if masking["n_images"] is not None:
        n_blocks = -(-masking["n_images"] // masking["batch_size"])
        if masking["shards"] > n_blocks:
            raise ConfigError(
                f"config: masking.shards is {masking['shards']}, but {masking['n_images']} images "
                f"make only {n_blocks} batches of {masking['batch_size']}: lower shards or "
                "batch_size"
            )


def _check_digit_conversion(settings: Mapping[str, Any]) -> None:
    example = settings["example"]
    for name, wanted in (("weights", "weights"), ("task", "tasks"), ("method", "methods")):
        if example[name] not in settings[wanted]:
            raise ConfigError(
                f"config: digit_conversion.example.{name} is {example[name]}, but "
                f"digit_conversion.{wanted} has only "
                f"{', '.join(str(value) for value in settings[wanted])}"
            )


def _check_genomics(genomics: Mapping[str, Any]) -> None:
    total = math.fsum(genomics["background"])
    if abs(total - 1.0) > 1e-6:
        raise ConfigError(
            f"config: genomics.background sums to {total:g}, but the frequencies of A, C, G and T "
            "must sum to 1"
        )
    n_sequences = 4 * genomics["n_per_class"]
    held_out = genomics["validation_sequences"] + genomics["test_sequences"]
    batch_size = genomics["training"]["batch_size"]
    if n_sequences - held_out < batch_size:
        raise ConfigError(
            f"config: genomics.n_per_class is {genomics['n_per_class']}, which makes {n_sequences} "
            f"sequences; without validation_sequences and test_sequences {n_sequences - held_out} "
            f"are left to train on, fewer than one batch of {batch_size}"
        )


def _check_attribution_prior(prior: Mapping[str, Any]) -> None:
    where = "config: attribution_prior"
    if prior["fallback"] == prior["dataset"]:
        raise ConfigError(
            f"{where}.fallback is {prior['fallback']}, as dataset is: name another one, or null"
        )
    for method in ("unregularised", "x_gradient"):
        if method not in prior["methods"]:
            raise ConfigError(
                f"{where}.methods is {', '.join(prior['methods']) or 'empty'}, but must hold "
                f"{method}, with which the others are compared"
            )
    if prior["shards"] > prior["n_repetitions"]:
        raise ConfigError(
            f"{where}.shards is {prior['shards']}, but there are only {prior['n_repetitions']} "
            "repetitions to share"
        )
    curve, cost = prior["eg_references"], prior["integrated_gradients"]
    if curve["lambda"] not in prior["lambdas"]:
        raise ConfigError(
            f"{where}.eg_references.lambda is {curve['lambda']}, but must be one of "
            f"attribution_prior.lambdas: {', '.join(map(str, prior['lambdas']))}"
        )
    for name, part in (("eg_references", curve), ("integrated_gradients", cost)):
        if part["n_repetitions"] > prior["n_repetitions"]:
            raise ConfigError(
                f"{where}.{name}.n_repetitions is {part['n_repetitions']}, but must be at most "
                f"attribution_prior.n_repetitions, which is {prior['n_repetitions']}"
            )
    epochs = prior["settings"]["epochs"]
    if cost["epochs"] > epochs:
        raise ConfigError(
            f"{where}.integrated_gradients.epochs is {cost['epochs']}, but must be at most "
            f"attribution_prior.settings.epochs, which is {epochs}"
        )
