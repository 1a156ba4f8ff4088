"""The registries of methods and architectures: functions, names, and the published tables."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from torch import nn

from experiments.attributions import load_attributions
from experiments.config import config_model, experiment_names
from experiments.methods import (
    Method,
    method,
    methods,
    methods_for,
    printed_names,
    published_names,
)
from experiments.named import import_named
from experiments.networks.architectures import architecture, architectures, image_architectures
from experiments.networks.architectures import printed_names as network_names
from experiments.networks.checkpoints import build_network
from experiments.published import read_published

PUBLISHED = Path(__file__).resolve().parents[2] / "workflow" / "published"
METHODS = tuple(methods())
ATTRIBUTIONS = tuple(key for key in METHODS if method(key).function is not None)
ARCHITECTURES = tuple(architectures())


# --- methods -------------------------------------------------------------------------------------


def entries(root, package, kind):
    """Return the keys that the files of a registry write down, read without importing them."""
    found = []
    for path in (root / "experiments" / package).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == kind:
                (key,) = (word.value for word in node.keywords if word.arg == "key")
                # The architectures of torchvision are made on demand.
                if isinstance(key, ast.Constant):
                    found.append(key.value)
    return found


def test_every_entry_is_found_and_keys_are_unique(root):
    for package, kind, found in (
        ("methods", "Method", METHODS),
        ("networks/architectures", "Architecture", ARCHITECTURES),
    ):
        written = entries(root, package, kind)
        assert max(Counter(written).values()) == 1
        assert sorted(written) == sorted(found)


@pytest.mark.parametrize("key", ATTRIBUTIONS)
def test_functions_have_the_common_signature(key):
    entry = method(key)
    function = import_named(entry.function)
    parameters = inspect.signature(function).parameters
    assert list(parameters)[:3] == ["model", "inputs", "target"]
    for name, parameter in list(parameters.items())[:3]:
        assert parameter.kind == inspect.Parameter.POSITIONAL_OR_KEYWORD, name
        # A target may be left out for a net with one output.
        wanted = (inspect.Parameter.empty, *([None] if name == "target" else []))
        assert parameter.default in wanted, name
    rest = dict(list(parameters.items())[3:])
    assert all(parameter.kind == inspect.Parameter.KEYWORD_ONLY for parameter in rest.values())
    assert "baselines" in rest
    # Where the entry sets no baselines, the reference is zero.
    assert entry.baselines == "training data" or rest["baselines"].default is None
    assert {*entry.arguments, *entry.settings} <= set(rest)
    assert not set(entry.arguments) & set(entry.settings)
    assert ("generator" in rest) == entry.random


@pytest.mark.parametrize("key", ATTRIBUTIONS)
def test_methods_run_as_a_job_calls_them(key):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 2, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 8, bias=False),
        nn.ReLU(),
        nn.Linear(8, 3, bias=False),
    ).eval()
    inputs, target = torch.rand(2, 1, 3, 3), torch.tensor([0, 1])
    call = method(key).call({"n_steps": 4})
    attribution = load_attributions({key: call})[key]
    more = {}
    if attribution.random:
        more["generator"] = torch.Generator().manual_seed(0)
    if attribution.baselines == "training data":
        more["baselines"] = torch.rand(1, 1, 3, 3)
    elif attribution.baselines == "shuffled":
        more["baselines"] = [torch.rand(2, 1, 3, 3), torch.rand(2, 1, 3, 3)]
    values = attribution(net, inputs, target, **more)
    assert values.shape == inputs.shape
    assert values.isfinite().all() and values.any()


def test_a_call_has_the_settings_that_the_experiment_gives_and_no_others():
    call = method("ig").call({"n_steps": 5, "internal_batch_size": None, "n_images": 9})
    assert call == {
        "function": "xgradient.attribution:integrated_gradients",
        "arguments": {"n_steps": 5, "internal_batch_size": None},
        "baselines": "reference",
        "random": False,
        "homogeneous": False,
    }
    # What the entry fixes is not for the experiment to say.
    assert method("ig_5").call({"n_steps": 99})["arguments"]["n_steps"] == 5
    assert yaml.safe_load(yaml.safe_dump(call)) == call
    with pytest.raises(ValueError, match="rrr is a prior for training only"):
        method("rrr").call({})


def test_unknown_keys_are_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"unknown method 'xg'.*x_gradient"):
        method("xg")
    with pytest.raises(ValueError, match=r"unknown architecture 'lenet'.*alexnet"):
        architecture("lenet")


def test_a_function_of_another_package_is_refused():
    wrong = Method(key="bad", name="Bad", experiments=("masking",), function="os:system")
    with pytest.raises(ValueError, match="does not name something in xgradient or experiments"):
        load_attributions({"bad": wrong.call({})})


def test_experiments_have_methods_with_names_of_their_own():
    names = set(experiment_names())
    for entry in methods().values():
        assert entry.experiments and set(entry.experiments) <= names, entry.key
        assert set(entry.names) <= set(entry.experiments), entry.key
    for experiment in names:
        printed = printed_names(methods_for(experiment), experiment)
        assert max(Counter(printed.values()).values(), default=1) == 1, experiment
    assert method("x_gradient").printed("digit_conversion") == "XG on the X-DNN"
    assert method("x_gradient").printed("masking") == method("x_gradient").printed() == "XG"


def test_printed_names_are_in_the_order_of_first_appearance():
    keys = ["random", "ig", "random", "gradient"]
    assert printed_names(keys) == {"random": "Random", "ig": "IG", "gradient": "Grad"}


@pytest.mark.parametrize("overlay", ["config.yaml", "config/smoke.yaml", "config/published.yaml"])
def test_the_configurations_name_methods_that_fit(root, overlay):
    config = yaml.safe_load((root / overlay).read_text(encoding="utf-8"))
    for experiment in experiment_names():
        section = config.get(experiment) or {}
        # The methods of ig_convergence are quadrature rules.
        if experiment != "ig_convergence" and "methods" in section:
            field = config_model().model_fields[experiment].annotation.model_json_schema()
            allowed = field["properties"]["methods"]["items"]["enum"]
            assert set(section["methods"]) <= set(allowed) <= set(METHODS), experiment


# --- published tables ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", METHODS)
def test_published_names_occur_in_their_tables(key):
    for table, name in method(key).published.items():
        column = pd.read_csv(PUBLISHED / f"{table}.csv")["method"]
        assert name in set(column), table


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.csv")), ids=lambda path: path.stem)
def test_all_methods_and_nets_of_published_tables_are_known(path):
    raw, read = pd.read_csv(path), read_published(path)
    assert len(read) == len(raw)
    if "method" in raw:
        assert set(read["method"]) <= set(METHODS)
        names = published_names(path.stem)
        assert len(set(names.values())) == len(names)
    # The paper does not say whose convergence it shows.
    if "model" in raw and path.stem != "ig_convergence":
        assert not read[["architecture", "variant"]].isna().any().any()
        assert set(read["architecture"]) <= set(ARCHITECTURES)
        assert set(read["variant"]) <= {"regular", "x"}


def test_the_published_models_have_our_keys():
    raw = pd.read_csv(PUBLISHED / "accuracy_mard.csv")
    read = read_published(PUBLISHED / "accuracy_mard.csv")
    names = {"AlexNet": "alexnet", "VGG16": "vgg16", "ResNet-50 (Fixup)": "fixup_resnet50"}
    expected = [
        (names[row.model], {"regular": "regular", "X": "x"}[row.variant])
        for row in raw.itertuples()
    ]
    assert list(zip(read["architecture"], read["variant"], strict=True)) == expected
    assert len(set(expected)) == 6
    # Where the variant is part of the name.
    masks = read_published(PUBLISHED / "mask_metrics.csv")
    assert set(masks["variant"]) == {"regular", "x"} and set(masks["architecture"]) == {"alexnet"}


# --- architectures -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_builders_take_what_they_are_given(key):
    entry = architecture(key)
    parameters = set(inspect.signature(import_named(entry.builder)).parameters)
    # The network of the genomics has no X-DNN.
    expected = set() if key == "genomics_convnet" else {"bias"}
    if entry.images:
        expected |= {"num_classes", "in_channels", "geometry"}
    assert {*expected, *entry.options, *entry.stripped} <= parameters
    with torch.device("meta"):
        net = build_network(entry.builder, {})
        assert isinstance(net, nn.Module) and any("bias" in name for name in net.state_dict())
        if "bias" in expected:
            without = build_network(entry.builder, {"bias": False})
            assert not any("bias" in name for name in without.state_dict())


def test_image_architectures_are_those_of_the_paper():
    assert set(image_architectures()) == {"alexnet", "vgg16", "fixup_resnet50"}
    assert len(set(network_names(ARCHITECTURES).values())) == len(ARCHITECTURES)
