"""Hostile values in a configuration: what is accepted can be planned, the rest is one line.

``CONFIG_FUZZ_EXAMPLES=20000`` looks longer, with other examples in every run.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from experiments.claim_list import load_claims
from experiments.claim_names import check_names
from experiments.config import ConfigError, check_config
from experiments.config_limits import check_scatter
from experiments.config_source import ConfigFileError, read_config_file
from experiments.methods import method
from experiments.networks.architectures import architecture
from experiments.networks.origin import is_torchvision, released, weights_entry
from experiments.planned_work import planned_work
from experiments.resources import megabytes, minutes
from experiments.scaling import suggested_shards
from experiments.settings import OnNetworks, merge
from tests.experiments.helpers import shipped_configurations

ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("CONFIG_FUZZ_EXAMPLES", "500"))
DEFAULTS = yaml.safe_load((ROOT / "config.yaml").read_text())
SMOKE = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
COMPLETE = check_config({}).model_dump(mode="json")
CLAIMS = load_claims(ROOT / "workflow/claims.yaml")


def paths(value, path=()):
    """Yield the path of every value, with those of sections and lists."""
    if path:
        yield path
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(each, (*path, key))


HOSTILE = st.sampled_from(
    [
        *(float("nan"), float("inf"), float("-inf"), -1, 0, 1, 2, 3.0, 3.5, 1e-320, 1e308, -0.0),
        *(10**9, 10**9 + 1, 2**63, 10**30, 10**400, True, False, None, "", " ", "x", "\n", "a\0b"),
        *("nan", "inf", "1e-3", "010", "1:30", "1_000", "on", "null", "true", "-1", "1e400", "٣"),
        *("<script>alert(1)</script>", "{wildcard}", "../..", "/", "~", "$HOME", "é" * 300, "-x"),
        *([], {}, [[]], [None], [0, 0], [1, [2, [3]]], {"a": {"b": {"c": 1}}}, {1: 2}, {None: 3}),
        *("x_gradient", "alexnet", "mnist", "imagenet", "regular", "torchvision/resnet18", "cuda"),
        *(["x"], ["x_gradient"], ["regular"], ["riemann_left"], ["riemann_trapezoid"], [1], ["1"]),
    ]
)
JUNK = st.recursive(
    HOSTILE | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
# As they stand in a file, where YAML reads them.
RAW = st.sampled_from(
    [".nan", "-.inf", "010", "1:30", "1_000", "on", "No", "0x10", "2020-01-01", "1e-3", "1.0e+400",
     "~", "[", "{a: 1, a: 2}", "&a [*a]", "!!python/name:os.system x", "'", "%", "\t", "- 1", ": :",
     "9" * 5000, "[" * 60, "*b", "<<", "!!binary aGk=", "\\x00", "é", "'1e-3'", "1.", "+5", "-0"]
)  # fmt: skip


def replaced(config, path, value):
    """Return a copy with another value at a path, if the path is still there."""
    config = copy.deepcopy(config)
    *parents, last = path
    inner = config
    for part in parents:
        try:
            inner = inner[part]
        except (KeyError, IndexError, TypeError):
            return config
    if isinstance(inner, dict) or (isinstance(inner, list) and last < len(inner)):
        inner[last] = value
    return config


def plan(config):
    """Compute what the rules compute for all jobs, when Snakemake plans them."""
    nets = config.networks.used
    for name, net in nets.items():
        assert net.view and net.space.order
        assert architecture(net.architecture).builder, name
        if net.weights is not None:
            assert released(net, "regular")
            assert not is_torchvision(net.weights) or weights_entry(net.weights, net.architecture)
    for name in config.chosen:
        section = getattr(config, name)
        if isinstance(section, OnNetworks):
            assert config.networks_of(name)
            for network in config.networks_of(name):
                own = config.settings_of(name, network)
                assert config.variants_of(name, network)
                plan_methods(name, own)
        else:
            plan_methods(name, section)
    assert config.attribution_prior.shards_on(config.device) >= 1
    check_scatter(config, {})
    check_names(CLAIMS, config)
    for each in planned_work(config):
        assert each.jobs >= 1 and each.read >= 0 and each.written >= 0
        for kind in ("forward", "gradient", "training"):
            assert minutes(kind, each.work.n_passes, pixels=224**2) > 0
            assert megabytes(kind, each.work.images, pixels=224**2) > 0
    assert suggested_shards is not None


def plan_methods(experiment, section):
    # Quadrature rules, and priors: neither is called by a job as an attribution.
    if experiment not in ("ig_convergence", "attribution_prior"):
        chosen = section.model_dump(mode="json")
        assert all(method(key).call(chosen)["function"] for key in chosen.get("methods", ()))


def sections(config):
    for name in type(config).model_fields:
        section = getattr(config, name)
        if hasattr(section, "POSITION") and name not in ("networks", "training"):
            yield name, section


def holds(config):
    """Check a configuration and plan it; return whether it was accepted."""
    try:
        checked = check_config(config)
    except ConfigError as error:
        message = str(error)
        assert len(message.splitlines()) == 1, message
        assert len(message) < 4000
        key = message.removeprefix("config: ").removeprefix("unknown key ").strip("'").split()[0]
        named = key.split(".")[0].rstrip("';:")
        assert "unknown key" in message or named in COMPLETE or named in config, message
        return False
    plan(checked)
    assert check_config(checked.model_dump(mode="json")) == checked
    return True


def examples(share):
    """Return how many examples a test looks at; a long run has new ones every time."""
    longer = {} if EXAMPLES == 500 else {"derandomize": False}
    # One hostile value needs no shrinking.
    phases = [Phase.explicit, Phase.reuse, Phase.generate]
    return settings(max_examples=round(share * EXAMPLES), phases=phases, **longer)


def test_the_plan_of_the_shipped_configurations():
    assert holds(DEFAULTS) and holds(merge(DEFAULTS, SMOKE))
    for name, shipped in shipped_configurations(ROOT).items():
        assert holds(merge(DEFAULTS, shipped)), name


@given(st.data())
@examples(0.5)
def test_a_hostile_value_in_a_small_configuration(data):
    path = data.draw(st.sampled_from(list(paths(SMOKE))))
    holds(merge(DEFAULTS, replaced(SMOKE, path, data.draw(HOSTILE | JUNK))))


@given(st.data())
@examples(0.5)
def test_hostile_values_in_the_complete_configuration(data):
    config = COMPLETE
    for path in data.draw(st.lists(st.sampled_from(list(paths(COMPLETE))), min_size=1, max_size=2)):
        config = replaced(config, path, data.draw(HOSTILE))
    holds(config)


@given(st.data())
@examples(0.3)
def test_a_hostile_value_in_the_text_of_a_file(tmp_path_factory, data):
    lines = (ROOT / "config/smoke.yaml").read_text().splitlines()
    numbers = [number for number, line in enumerate(lines) if ":" in line and line[0] != "#"]
    number = data.draw(st.sampled_from(numbers))
    lines[number] = f"{lines[number].partition(':')[0]}: {data.draw(RAW)}"
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_text("\n".join(lines) + "\n")
    try:
        found = read_config_file(path)
    except ConfigFileError as error:
        assert str(error).startswith(str(path)) and len(str(error).splitlines()) == 1
        return
    holds(merge(DEFAULTS, found))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_number_is_nan_or_infinite(value):
    numbers = [
        path
        for path in paths(COMPLETE)
        for found in [at(COMPLETE, path)]
        if isinstance(found, (int, float)) and not isinstance(found, bool)
    ]
    assert len(numbers) > 100
    for path in numbers:
        with pytest.raises(ConfigError) as raised:
            check_config(replaced(COMPLETE, path, value))
        assert f"is {value}, but must be" in str(raised.value), path


def at(config, path):
    for part in path:
        config = config[part]
    return config
