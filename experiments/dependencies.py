"""The code that a script depends on: the closure of its imports, read from the syntax tree.

A result is out of date when the code that computed it has changed. That code is not listed by hand,
because a file is easily forgotten: it is every file of this project that the script imports,
directly or through other files. Nothing is imported to find this out.

A package whose ``__init__`` only re-exports names is looked through: ``from xgradient.attribution
import saliency`` depends on the module that defines `saliency`, and not on its siblings, so that
a new sibling makes no result out of date.

What counts of a file is what it does: two files that differ in comments, docstrings, line breaks or
in what only a type checker reads have one digest.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from experiments.named import PACKAGES

__all__ = ["code_digest", "import_closure"]


def import_closure(
    paths: Iterable[str | Path], root: str | Path, modules: Iterable[str] = ()
) -> list[Path]:
    """Find the project's files that some files depend on.

    Parameters
    ----------
    paths : iterable of path
        Python scripts, or notebooks (``.ipynb``), whose code cells count.
    root : path
        The folder that holds the packages.
    modules : iterable of str
        What is imported by name when the script runs: modules, as ``"xgradient.masking"``, or
        what they hold, as ``"xgradient.attribution:saliency"``.

    Returns
    -------
    list of Path
        Sorted; without the paths themselves.

    Raises
    ------
    FileNotFoundError
        If one of the paths does not exist.
    ModuleNotFoundError
        If an import from one of `PACKAGES` leads to no file, with the file that holds the import.
    SyntaxError
        If a file is not Python.
    """
    root = Path(root).resolve()
    pending: list[Path] = []
    for path in paths:
        pending += _imported_files(Path(path).resolve(), root)
    for each in modules:
        module, _, name = each.partition(":")
        pending += (
            _resolve_name(module, name, root, "the registry")
            if name
            else _resolve_module(module, root, "the registry")
        )
    found: set[Path] = set()
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending += _imported_files(path, root)
    return sorted(found)


def code_digest(paths: Iterable[str | Path], root: str | Path, modules: Iterable[str] = ()) -> str:
    """Return a digest of what some files, and the project's files that they depend on, do.

    Parameters
    ----------
    paths, root, modules
        As for `import_closure`.

    Returns
    -------
    str
        16 hexadecimal digits: of a SHA-256 over the names of the files, relative to the root, and
        their syntax trees. It depends on the version of Python.

    Raises
    ------
    FileNotFoundError, ModuleNotFoundError, SyntaxError
        As `import_closure`.
    """
    root, own = Path(root).resolve(), [Path(path).resolve() for path in paths]
    digest = hashlib.sha256()
    for path in sorted({*own, *import_closure(own, root, modules)}):
        digest.update(f"{path.relative_to(root).as_posix()} {_outline(path).digest}\n".encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class _Outline:
    """What matters of a file. Its syntax tree is not kept: all of them are a million objects."""

    digest: str
    # Wherever they are in the file.
    imports: tuple[ast.Import | ast.ImportFrom, ...]
    # Of an ``__init__``, whose names lead to other files.
    statements: tuple[ast.stmt, ...] = ()
    only_reexports: bool = False
    discovers_modules: bool = False


@cache
def _outline(path: Path) -> _Outline:
    """Read a file; comments and layout are in no syntax tree."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = (cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")
        text = "\n".join("".join(cell["source"]) for cell in cells)
    tree = ast.parse(text, str(path))
    imports: list[ast.Import | ast.ImportFrom] = []
    tree.body = _executed(tree.body, imports)
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    if path.name != "__init__.py":
        return _Outline(digest, tuple(imports))
    return _Outline(
        digest,
        tuple(imports),
        tuple(tree.body),
        all(map(_reexports, tree.body)),
        any(isinstance(node, ast.Name) and node.id == "__path__" for node in ast.walk(tree)),
    )


def _executed(
    statements: list[ast.stmt], imports: list[ast.Import | ast.ImportFrom]
) -> list[ast.stmt]:
    """Return what of some statements is executed and has an effect, and collect the imports."""
    kept: list[ast.stmt] = []
    for node in statements:
        # Docstrings, wherever they are.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(node)
        only_types = isinstance(node, ast.If) and _asks_for_type_checking(node.test)
        for part in (node, *getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            for field in ("body", "orelse", "finalbody"):
                if hasattr(part, field) and not (only_types and field == "body"):
                    setattr(part, field, _executed(getattr(part, field), imports))
        kept += node.orelse if only_types and isinstance(node, ast.If) else [node]
    return kept


def _asks_for_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


@cache
def _imported_files(path: Path, root: Path) -> tuple[Path, ...]:
    found: list[Path] = []
    for module, name in _imports(path, root):
        if module.split(".")[0] in PACKAGES:
            found += _resolve_name(module, name, root, str(path)) if name else ()
            found += () if name else _resolve_module(module, root, str(path))
    # A package that imports whatever modules it has, as the registries do.
    if _outline(path).discovers_modules:
        found += sorted(path.parent.glob("*.py"))
    return tuple(dict.fromkeys(found))


def _imports(path: Path, root: Path) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name) of every import that is executed; the name is None in ``import a.b``."""
    for node in _outline(path).imports:
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        else:
            module = _absolute(node, path, root)
            yield from ((module, alias.name) for alias in node.names)


def _absolute(node: ast.ImportFrom, path: Path, root: Path) -> str:
    """Return the full name of the module that names are imported from."""
    if not node.level:
        return node.module or ""
    # One dot is the package of the file, each further one its parent.
    package = path.relative_to(root).parent.parts
    parts = package[: len(package) - node.level + 1]
    return ".".join([*parts, *filter(None, [node.module])])


def _resolve_name(module: str, name: str, root: Path, importer: str) -> list[Path]:
    """Find the files behind ``from module import name``."""
    if module.split(".")[0] not in PACKAGES:
        return []
    folder = root.joinpath(*module.split("."))
    init = folder / "__init__.py"
    if not init.is_file():
        return _resolve_module(module, root, importer)
    parents = _own_code(folder, root)
    if name == "*":
        return [init, *parents]
    for candidate in (folder / f"{name}.py", folder / name / "__init__.py"):
        if candidate.is_file() and name not in _defined(init, root):
            return [*parents, *_own_files(candidate)]
    source = _defined(init, root).get(name)
    if source is None:
        raise ModuleNotFoundError(
            f"{importer}: {module} has no {name!r}, or defines it in a way that the imports do not "
            "show"
        )
    if source == (module, name):
        return [init, *parents]
    return [*parents, *_resolve_name(*source, root, str(init))]


def _resolve_module(module: str, root: Path, importer: str) -> list[Path]:
    """Find the files behind ``import module``."""
    path = root.joinpath(*module.split("."))
    parents = _own_code(path.parent, root)
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return [candidate, *parents]
    raise ModuleNotFoundError(f"{importer}: there is no module {module} in {root}")


def _own_files(path: Path) -> list[Path]:
    """Return a module, unless it is an ``__init__`` without code."""
    return [] if _outline(path).only_reexports else [path]


def _own_code(folder: Path, root: Path) -> list[Path]:
    """Return the ``__init__`` files from a folder up to the root that do more than re-export."""
    found = []
    while folder != root:
        init = folder / "__init__.py"
        if init.is_file():
            found += _own_files(init)
        folder = folder.parent
    return found


def _reexports(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom)) or (
        isinstance(node, ast.Assign) and _is_dunder(node.targets)
    )


def _is_dunder(targets: list[ast.expr]) -> bool:
    return all(isinstance(each, ast.Name) and each.id.startswith("__") for each in targets)


@cache
def _defined(init: Path, root: Path) -> dict[str, tuple[str, str]]:
    """Return, for every name in an ``__init__``, the module and the name that it comes from."""
    module = ".".join(init.parent.relative_to(root).parts)
    names: dict[str, tuple[str, str]] = {}
    for node in _outline(init).statements:
        if isinstance(node, ast.ImportFrom):
            source = _absolute(node, init, root)
            for alias in node.names:
                names[alias.asname or alias.name] = (source, alias.name)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names[node.name] = (module, node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {each.id: (module, each.id) for each in targets if isinstance(each, ast.Name)}
    return names
