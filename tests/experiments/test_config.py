"""The configuration: the shipped ones are valid, and every mistake is one clear line."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import yaml

from experiments.config import check_config, config_model, experiment_names
from experiments.methods import methods
from experiments.settings import Section
from tests.experiments.helpers import shipped_configurations


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


def plain(config):
    return check_config(config).model_dump(mode="json")


def test_the_default_configuration_is_complete(config):
    assert plain(config) == plain({})
    # A network has only what differs from the entry `default`.
    assert {**plain({}), "networks": config["networks"]} == config
    assert config["networks"]["default"].keys() == plain({})["networks"]["default"].keys()


def test_every_overlay_is_valid(config, root):
    # config.yaml is there for those who copy the folder: it is the default configuration itself.
    overlays = shipped_configurations(root)
    del overlays["config"]
    assert overlays
    for name, overlay in overlays.items():
        text = (root / f"config/{name}.yaml").read_text()
        assert text.startswith("# yaml-language-server: $schema=schema.json\n")
        check_config(overlaid(config, overlay))


def test_what_a_configuration_leaves_out_has_its_default():
    filled = plain({"masking": {"n_steps": 3}, "attribution_prior": {"bootstrap": {}}})
    assert filled["masking"]["n_steps"] == 3
    assert filled["masking"]["bootstrap"] == {"resamples": 2000, "confidence": 0.95}
    assert filled["attribution_prior"]["bootstrap"]["resamples"] == 10000
    assert filled["masking"]["methods"][0] == "ig"


def test_a_network_takes_from_default_what_it_leaves_out():
    default = {"dropout": 0.2, "regular": {"epochs": 7}}
    own = {"architecture": "vgg16", "regular": {"mixup": 0.7}}
    networks = {"use": ["alexnet", "other"], "default": default, "other": own}
    network = check_config({"networks": networks}).networks.used["other"]
    assert (network.architecture, network.dataset) == ("vgg16", "fashion_mnist")
    assert (network.dropout, network.regular.epochs, network.regular.mixup) == (0.2, 7, 0.7)
    assert network.regular.learning_rate == 3e-3 and network.x.epochs == 1


def test_a_network_has_settings_of_its_own():
    own = {"masking": {"n_images": 5, "fractions": {"count": 3}}}
    config = check_config({"networks": {"alexnet": {"settings": own}}})
    changed, kept = (config.settings_of("masking", name) for name in ("alexnet", "vgg16"))
    assert (changed.n_images, changed.fractions.count, changed.fractions.minimum) == (5, 3, 0.01)
    assert kept == config.masking


def test_the_stripped_net_is_the_x_net_where_none_is_trained():
    weights = {"architecture": "torchvision/squeezenet1_0", "weights": "torchvision"}
    entry = {**weights, "dataset": "imagenette", "regular": None, "x": None}
    config = check_config({"networks": {"use": ["alexnet", "squeezed"], "squeezed": entry}})
    assert config.variants_of("accuracy", "alexnet") == ("regular", "stripped", "x")
    assert config.variants_of("accuracy", "squeezed") == ("regular", "x")


def test_a_whole_number_is_a_number():
    assert plain({"networks": {"default": {"dropout": 0}}})["networks"]["alexnet"]["dropout"] == 0.0


@pytest.mark.parametrize(
    ("overlay", "meant"),
    [
        ({"training": {"settings": {"weight_decay": "1e-3"}}}, 1e-3),
        ({"genomics": {"strong": "-7"}}, -7.0),
        ({"masking": {"n_images": "40"}}, 40),
        ({"masking": {"n_images": "null"}}, None),
        ({"masking": {"networks": "null"}}, None),
        ({"contrast": {"alphas": ["1e-1", "1", ".5"]}}, (0.1, 1.0, 0.5)),
        ({"digit_conversion": {"tasks": [["8", "6"]]}}, ((8, 6),)),
        ({"training": {"settings": {"compile": "true"}}}, True),
        ({"networks": {"alexnet": {"x": "null"}}}, None),
        ({"networks": {"alexnet": {"preprocessing": {"order": "grey", "mean": ["1e-1"],
                                                     "std": ["1"]}}}}, None),
    ],
)  # fmt: skip
def test_a_text_is_the_number_that_it_spells(overlay, meant):
    found, value = check_config(overlay), overlay
    while isinstance(value, dict) and meant is not None:
        (key, value) = next(iter(value.items()))
        found = found.entries[key] if key == "alexnet" else getattr(found, key)
    if meant is not None:
        assert found == meant and type(found) is type(meant)


def test_every_experiment_with_methods_takes_them_from_the_registry():
    for name in experiment_names():
        section = getattr(check_config({}), name)
        if hasattr(section, "methods") and name != "ig_convergence":  # whose are quadrature rules
            schema = type(section).model_json_schema()["properties"]["methods"]
            assert set(section.methods) <= set(schema["items"]["enum"]) <= set(methods())


def test_every_value_is_described():
    def values(section):
        for name, field in type(section).model_fields.items():
            value = getattr(section, name)
            if isinstance(value, Section):
                yield from values(value)
            else:
                yield f"{type(section).__module__}.{name}", field.description

    missing = [name for name, description in values(check_config({})) if not description]
    assert missing == []


def test_every_section_refuses_unknown_keys():
    def objects(schema):
        if isinstance(schema, dict):
            if "properties" in schema:
                yield schema
            for part in schema.values():
                yield from objects(part)

    found = list(objects(config_model().model_json_schema()))
    assert len(found) > 20
    # Networks are named by the user, and may have settings of any experiment; data sets have
    # folders, precisions numbers of images. All are checked by validators.
    extended = [each for each in found if each.get("additionalProperties") is not False]
    assert [list(each["properties"]) for each in extended] == [["use", "default"]]


def test_checking_a_configuration_needs_no_torch_and_no_pandas(root):
    code = (
        "import sys; from experiments.config import check_config; check_config({}); "
        "print(sorted({'torch', 'pandas', 'numpy', 'jsonschema'} & set(sys.modules)))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"
