"""The files that are really loaded, found by importing: slow, and independent of `import_closure`.

Run as a script in a fresh interpreter, ``python imports.py ROOT PATH ... -- MODULE ...``, it
executes the import statements of scripts and notebooks, imports the modules, lets the registries
find their modules, and prints as JSON who imported what. `closure` then walks these imports.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import sys
from importlib.util import resolve_name
from pathlib import Path

PACKAGES = ("xgradient", "experiments")
REGISTRIES = {
    "experiments.methods": "methods",
    "experiments.networks.architectures": "architectures",
}


def record(root: str, paths: list[str], modules: list[str]) -> dict:
    """Return the imports by importing file, and the files by module."""
    sys.path.insert(0, root)
    imports: dict[str, list[tuple[str, list[str]]]] = {}
    real_import, real_import_module = builtins.__import__, importlib.import_module

    def note(importer: str | None, module: str, names: tuple[str, ...] | list[str]) -> None:
        if importer and module.split(".")[0] in PACKAGES:
            imports.setdefault(importer, []).append((module, list(names)))

    def noted_import(name, globals=None, locals=None, fromlist=(), level=0):
        place = globals or {}
        module = resolve_name("." * level + name, place["__package__"]) if level else name
        note(place.get("__file__"), module, fromlist or ())
        return real_import(name, globals, locals, fromlist, level)

    def noted_import_module(name, package=None):
        # A registry finds its modules by a function of another file: they belong to its package.
        parent = sys.modules.get(name.rpartition(".")[0])
        note(getattr(parent, "__file__", None), name, ())
        return real_import_module(name, package)

    builtins.__import__, importlib.import_module = noted_import, noted_import_module
    for path in paths:
        tree = ast.parse(_code(Path(path)))
        kept = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
        module = ast.Module(body=kept, type_ignores=[])
        exec(compile(module, path, "exec"), {"__file__": path, "__name__": "__main__"})
    for name in modules:
        real_import_module(name)
    for package, discover in REGISTRIES.items():
        getattr(real_import_module(package), discover)()
    files = {
        name: module.__file__
        for name, module in sys.modules.items()
        if name.split(".")[0] in PACKAGES and module.__file__ is not None
    }
    return {"imports": imports, "files": files}


def _code(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def only_reexports(path: str) -> bool:
    """Whether a file is an ``__init__`` of imports, a docstring and names like ``__all__``."""
    if not path.endswith("__init__.py"):
        return False
    for node in ast.parse(Path(path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("__"):
            continue
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not isinstance(node, (ast.Import, ast.ImportFrom)):
            return False
    return True


def closure(recorded: dict, path: str, named: list[str]) -> set[str]:
    """Return the files that a script, and what is named as "module:name", depend on."""
    imports, files = recorded["imports"], recorded["files"]
    found: set[str] = set()
    todo = [(module, [name]) for module, _, name in (each.partition(":") for each in named)]
    todo += map(tuple, imports.get(path, []))
    while todo:
        module, names = todo.pop()
        reached = _behind(module, names, files)
        for file in reached - found:
            found.add(file)
            todo += map(tuple, imports.get(file, []))
    return found


def _behind(module: str, names: list[str], files: dict[str, str]) -> set[str]:
    """Return the files behind ``from module import names``, or ``import module``."""
    # Importing a.b.c executes a and a.b: they count if they do something of their own.
    parts = module.split(".")
    parents = {files[".".join(parts[:n])] for n in range(1, len(parts) + 1)}
    reached = {
        file for file in parents if file.endswith("__init__.py") and not only_reexports(file)
    }
    file = files[module]
    if not names or not file.endswith("__init__.py"):
        return reached | {file}
    origin = {
        alias.asname or alias.name: (
            resolve_name("." * node.level + (node.module or ""), module),
            alias.name,
        )
        for node in ast.parse(Path(file).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for name in names:
        if name in origin:
            source, original = origin[name]
            reached |= _behind(source, [original], files) if source in files else set()
        elif f"{module}.{name}" in files:
            below = files[f"{module}.{name}"]
            reached |= set() if only_reexports(below) else {below}
        else:
            reached.add(file)
    return reached


if __name__ == "__main__":
    split = sys.argv.index("--")
    json.dump(record(sys.argv[1], sys.argv[2:split], sys.argv[split + 1 :]), sys.stdout)
