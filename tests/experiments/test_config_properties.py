"""Random configurations: accepted ones survive a round trip, refusals are one line with a key."""

from __future__ import annotations

import copy

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.config import ConfigError, check_config, config_model
from experiments.config_file import config_text

# The compiled ones are ten times as fast, where they are installed.
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEFAULTS = check_config({}).model_dump(mode="json")
SCHEMA = config_model().model_json_schema()


def paths(value, path=()):
    """Yield the path of every value and of every list and mapping."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from paths(each, (*path, index))


# Settings of a network for an experiment have no schema: the section of that experiment has it.
PATHS = [path for path in paths(DEFAULTS) if path[0] != "networks" or "settings" not in path]
FIELDS = [path for path in PATHS if all(isinstance(part, str) for part in path)]


def resolved(schema):
    if "anyOf" in schema:
        schema = schema["anyOf"][0]
    return SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def schema_of(path):
    schema = SCHEMA
    for part in path:
        schema = resolved(schema)
        extra = schema.get("additionalProperties")
        schema = schema.get("properties", {}).get(part) or extra
    return schema


def allowed(schema):
    """Return a strategy of values that a schema allows by themselves."""
    if "anyOf" in schema:
        return st.none() | allowed(schema["anyOf"][0])
    schema = resolved(schema)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    least, most = schema.get("minimum"), schema.get("maximum")
    match schema.get("type"):
        case "integer":
            return st.integers(0 if least is None else least, 10**6 if most is None else most)
        case "number":
            least = schema.get("exclusiveMinimum", least)
            most = schema.get("exclusiveMaximum", most)
            return st.floats(
                0.0 if least is None else least,
                1e6 if most is None else most,
                exclude_min="exclusiveMinimum" in schema,
                exclude_max="exclusiveMaximum" in schema,
            )
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(allowed(schema["items"]), min_size=1, max_size=4)
        case "object":
            names = schema.get("properties", {})
            return st.fixed_dictionaries(
                {}, optional={key: allowed(each) for key, each in names.items()}
            )
    return st.text(st.characters(categories=["L", "N"]), min_size=1)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1e-3", "5", "nan", "yes", "null", "x_gradient", "a\nb", ":", "#"])
    | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.booleans(), inner, max_size=3)
    ),
    max_leaves=5,
)


def replace(config, path, value):
    *parents, last = path
    for part in parents:
        try:
            config = config[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(config, dict) or (isinstance(config, list) and last < len(config)):
        config[last] = value


def remove(config, path):
    *parents, last = path
    for part in parents:
        config = config.get(part) if isinstance(config, dict) else None
    if isinstance(config, dict):
        config.pop(last, None)


def survives(config):
    """Check a configuration; return whether it was accepted."""
    before = copy.deepcopy(config)
    try:
        checked = check_config(config)
    except ConfigError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
        assert message.startswith("config: ")
        words = message.replace("unknown key '", "").split()
        first = words[1].split(".")[0].rstrip("';")
        keys = {str(key).split()[0] if str(key).split() else "" for key in config}
        assert first in SCHEMA["properties"] or first in keys or "unknown key" in message
        return False
    assert repr(config) == repr(before)
    dumped = checked.model_dump(mode="json")
    for text in (yaml.dump(dumped, Dumper=DUMPER), config_text(checked)):
        assert check_config(yaml.load(text, LOADER)) == checked
    return True


@given(st.data())
@settings(max_examples=100)
def test_values_of_the_right_range(data):
    config = copy.deepcopy(DEFAULTS)
    for path in data.draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3)):
        replace(config, path, data.draw(allowed(schema_of(path))))
    survives(config)


@given(st.data())
@settings(max_examples=100)
def test_a_part_of_a_configuration(data):
    config = copy.deepcopy(DEFAULTS)
    for path in data.draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=8)):
        remove(config, path)
    assert survives(config)


@given(st.data())
@settings(max_examples=400)
def test_anything_else(data):
    config = copy.deepcopy(DEFAULTS)
    for path in data.draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=3)):
        if data.draw(st.booleans()) and isinstance(path[-1], str):
            path = (*path[:-1], data.draw(st.text(max_size=8) | st.integers()))
        replace(config, path, data.draw(JUNK))
    survives(config)
