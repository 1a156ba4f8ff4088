"""Extension of Griffe, which reads the docstrings for the API reference.

A package whose function `blur` comes from its module `blur` exports the function: Python finds it
under that name, and so should the reference. And a public name in single backticks becomes a link.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

# In single backticks, and not in double ones.
_NAME = re.compile(r"(?<!`)`(?P<name>[A-Za-z_][\w.]*)`(?!`)")


class Exports(griffe.Extension):
    """Show what a package exports, and link to it."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Change a package once all its modules are loaded."""
        packages = list(_modules(pkg))
        # Names that are exported from a module that is about to lose its path.
        for module in packages:
            for name in _exports(module):
                if module.members[name].is_alias:
                    module.members[name].resolve_target()
        replaced = []
        for module in packages:
            for name in _exports(module):
                if isinstance(module.members[name], griffe.Module) and name in module.imports:
                    inner = pkg[module.imports[name].removeprefix(f"{pkg.path}.")]
                    replaced.append((module, griffe.Alias(name, inner, parent=module)))
        for module, alias in replaced:
            module.members[alias.name] = alias
        for module in packages:
            if _exports(module):
                module.exports = sorted(_exports(module), key=lambda name: _place(module, name))
        documented = {
            name: f"{module.path}.{name}" for module in packages for name in _exports(module)
        }
        documented |= {module.path: module.path for module in packages if _exports(module)}
        for module in packages:
            _link(module, documented)


def _modules(module: griffe.Module) -> Any:
    yield module
    for member in list(module.members.values()):
        if isinstance(member, griffe.Module) and not member.is_alias:
            yield from _modules(member)


def _exports(module: griffe.Module) -> list[str]:
    """Names that a public package, or a public module of the top level, offers."""
    public = not any(part.startswith("_") for part in module.path.split("."))
    shallow = module.path.count(".") == 1
    exports = [str(name) for name in module.exports or []] if public and shallow else []
    return [name for name in exports if name in module.members]


def _place(module: griffe.Module, name: str) -> tuple[int, str]:
    """First the function that gives a package its name, then functions, classes and constants."""
    member = module.members[name]
    if name == module.name:
        return 0, name
    return (1 if member.is_function else 2 if member.is_class else 3), name


def _link(parent: Any, documented: dict[str, str]) -> None:
    for value in [parent, *parent.members.values()]:
        if value.is_alias:
            continue
        if value is not parent and (value.is_class or value.is_module):
            # Modules below are visited by the caller.
            if value.is_class:
                _link(value, documented)
            continue
        if value.docstring is not None:
            own = value.path

            def link(match: re.Match[str], own: str = own) -> str:
                path = documented.get(match["name"].removeprefix("~"))
                if path is None or own.endswith(f".{match['name']}") or path == own:
                    return match.group()
                return f"[`{match['name']}`][{path}]"

            value.docstring.value = _NAME.sub(link, value.docstring.value)
