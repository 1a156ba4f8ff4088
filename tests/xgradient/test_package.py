"""The library as a whole: what it imports, that it has no cycles, one signature for all methods."""

from __future__ import annotations

import ast
import graphlib
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import xgradient.attribution
import xgradient.deeplift

ROOT = Path(xgradient.__file__).parents[1]
FILES = sorted((ROOT / "xgradient").rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}
every_module = pytest.mark.parametrize("name", MODULES)


def imports(path: Path) -> Iterator[str]:
    """Names of the modules that a file imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            # A function may hide the module of its name, which a package itself re-exports from.
            modules = names & MODULES.keys() if path.name != "__init__.py" else set()
            yield from modules or {node.module}


@every_module
def test_torch_and_numpy_are_all_that_is_imported(name):
    allowed = {*sys.stdlib_module_names, "torch", "numpy", "xgradient"}
    assert {module.split(".")[0] for module in imports(MODULES[name])} <= allowed


@every_module
def test_every_module_can_be_imported(name):
    module = importlib.import_module(name)
    assert module.__doc__
    for exported in getattr(module, "__all__", ()):
        assert hasattr(module, exported)


@pytest.mark.parametrize("name", [n for n, path in MODULES.items() if path.name == "__init__.py"])
def test_packages_only_reexport(name):
    if name == "xgradient":
        return  # holds the version
    body = ast.parse(MODULES[name].read_text(encoding="utf-8")).body
    assert ast.get_docstring(ast.Module(body, []))
    assert all(isinstance(node, (ast.ImportFrom, ast.Assign)) for node in body[1:])
    (exports,) = (node for node in body if isinstance(node, ast.Assign))
    assert ast.unparse(exports.targets[0]) == "__all__"
    imported = {alias.asname or alias.name for n in body[1:-1] for alias in n.names}
    assert set(ast.literal_eval(exports.value)) == imported


def test_there_are_no_import_cycles():
    graph = {}
    for name, path in MODULES.items():
        graph[name] = {module for module in imports(path) if module in MODULES}
        # Whoever imports a module of another package runs that package first.
        for module in list(graph[name]):
            package = module.rpartition(".")[0]
            if package != "xgradient" and not name.startswith(package):
                graph[name].add(package)
    graphlib.TopologicalSorter(graph).prepare()


def test_no_file_is_too_long_to_be_read():
    for folder in ("xgradient", "tests/xgradient", "tests/oracles"):
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 450, path


def methods() -> dict[str, object]:
    """Every public function that attributes to an output by one method."""
    public = {name: getattr(xgradient.attribution, name) for name in xgradient.attribution.__all__}
    functions = {name: each for name, each in public.items() if inspect.isfunction(each)}
    for other in ("quadrature", "integrated_gradients_of_rules", "log_probability_gradient"):
        del functions[other]
    return {**functions, "deeplift": xgradient.deeplift.deeplift}


every_method = pytest.mark.parametrize("name", methods())


@every_method
def test_every_method_has_the_common_signature(name):
    parameters = list(inspect.signature(methods()[name]).parameters.values())
    assert [each.name for each in parameters[:4]] == ["model", "inputs", "target", "baselines"]
    assert all(each.kind is each.POSITIONAL_OR_KEYWORD for each in parameters[:3])
    assert all(each.kind is each.KEYWORD_ONLY for each in parameters[3:])
    assert all(each.default is each.empty for each in parameters[:2])
    assert parameters[2].default is None
    if name == "expected_gradients":
        assert parameters[3].default is inspect.Parameter.empty
    else:
        assert parameters[3].default is None


def arguments(name: str, inputs: Tensor) -> dict[str, object]:
    """The keyword arguments without which a method cannot be called."""
    drawn = {"generator": torch.Generator().manual_seed(0)}
    needed = {
        "expected_gradients": {"baselines": 2 * inputs, **drawn},
        "random_attribution": drawn,
    }
    return needed.get(name, {})


@every_method
@pytest.mark.parametrize("shape", [(3, 7), (2, 2, 6, 6)])
def test_every_method_returns_a_tensor_shaped_like_the_inputs(name, shape):
    inputs = torch.randn(shape, dtype=torch.float64)
    features = inputs[0].numel()
    net = nn.Sequential(nn.Flatten(), nn.Linear(features, 5, bias=False), nn.ReLU())
    net = net.append(nn.Linear(5, 4, bias=False)).double()
    target = torch.arange(shape[0])
    result = methods()[name](net, inputs, target, **arguments(name, inputs))
    assert isinstance(result, Tensor)
    assert (result.shape, result.dtype) == (inputs.shape, inputs.dtype)
    assert not result.requires_grad
    assert result.any()


@every_method
def test_one_target_for_all_images(name):
    inputs = torch.randn(3, 7, dtype=torch.float64)
    net = nn.Sequential(nn.Linear(7, 5, bias=False), nn.ReLU(), nn.Linear(5, 4, bias=False))
    net = net.double()
    method = methods()[name]
    each = method(net, inputs, torch.tensor([2, 2, 2]), **arguments(name, inputs))
    for target in (2, torch.tensor(2).item()):
        assert torch.equal(method(net, inputs, target, **arguments(name, inputs)), each)
    if name != "random_attribution":
        with pytest.raises(ValueError, match=r"\[0, 4\).*target.* = 4"):
            method(net, inputs, 4, **arguments(name, inputs))


@every_method
@pytest.mark.parametrize("baselines", [0, 0.0, torch.zeros(7), torch.zeros(3, 7)])
def test_zero_baselines_are_the_default(name, baselines):
    if name == "expected_gradients":
        return  # takes a distribution
    inputs = torch.randn(3, 7, dtype=torch.float64)
    net = nn.Sequential(nn.Linear(7, 5, bias=False), nn.ReLU(), nn.Linear(5, 4, bias=False))
    net, target = net.double(), torch.tensor([0, 1, 2])
    method = methods()[name]
    expected = method(net, inputs, target, **arguments(name, inputs))
    result = method(net, inputs, target, baselines=baselines, **arguments(name, inputs))
    torch.testing.assert_close(result, expected, rtol=1e-14, atol=1e-14)
