"""The library and the experiments as a whole: no import cycles, and no file too long to be read.

What a room may import at all is tested beside the declared dependencies, in
tests/workflow/test_environment.py.
"""

from __future__ import annotations

import ast
import graphlib
import subprocess

import pytest

ROOMS = ("xgradient", "experiments")

NOT_ON_IMPORT = ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")

MAX_LINES = 450
# Longer files, each with the reason.
LONGER: dict[str, str] = {}


def executed(body):
    """Yield the statements that run on import: not functions, type checking, or a main program."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in NOT_ON_IMPORT:
            yield from executed(node.orelse)
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            yield from executed(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            yield from executed(handler.body)


def module_name(path, root):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parents(name):
    """Return the packages that a module lies in, which Python runs before it."""
    parts = name.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def import_graph(root, rooms=ROOMS):
    """Return, for every module, the modules of the rooms that run when it is imported."""
    paths = {
        module_name(path, root): path for room in rooms for path in (root / room).rglob("*.py")
    }
    graph = {}
    for name, path in paths.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = set()
        for node in executed(tree.body):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} has a relative import"
                submodules = {f"{node.module}.{alias.name}" for alias in node.names} & paths.keys()
                others = len(submodules) < len(node.names)
                named |= submodules | ({node.module} if others else set())
        if path.name == "__init__.py" and "__path__" in ast.unparse(tree):
            # A registry imports every module beside it.
            named |= {module_name(other, root) for other in path.parent.glob("*.py")} - {name}
        # The packages that hold the importer are running already.
        behind = {parent for each in named for parent in parents(each)} - parents(name) - {name}
        graph[name] = (named | behind) & paths.keys()
    return graph


def test_there_are_no_import_cycles(root):
    graph = import_graph(root)
    assert set(ROOMS) < graph.keys()
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("statement", "cycle"),
    [
        ("from room.a import value", True),
        ("from room import a", True),
        ("import room.a", True),
        ("try:\n    import room.a\nexcept ImportError:\n    pass", True),
        ("class B:\n    import room.a", True),
        ("def later():\n    import room.a", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import room.a", False),
        ('if __name__ == "__main__":\n    import room.a', False),
        ("from room import value", False),
    ],
)
def test_a_cycle_is_found(tmp_path, statement, cycle):
    (tmp_path / "room").mkdir()
    (tmp_path / "room/__init__.py").write_text("value = 1")
    (tmp_path / "room/a.py").write_text("import room.b\nvalue = 1")
    (tmp_path / "room/b.py").write_text(statement)
    sorter = graphlib.TopologicalSorter(import_graph(tmp_path, ["room"]))
    if cycle:
        with pytest.raises(graphlib.CycleError):
            sorter.prepare()
    else:
        sorter.prepare()


def test_a_cycle_through_a_registry_is_found(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "room/__init__.py").write_text("modules = __path__")
    (tmp_path / "room/a.py").write_text("from room import modules")
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(import_graph(tmp_path, ["room"])).prepare()


def test_no_file_is_too_long_to_be_read(root):
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "*.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    paths = [root / name for name in listing.stdout.split("\0") if (root / name).is_file()]
    lines = {
        path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in paths
    }
    longer = {name: length for name, length in lines.items() if length > MAX_LINES}
    assert longer.keys() == LONGER.keys(), longer
