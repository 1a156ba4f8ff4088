"""Which module's code is running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


class Modules:
    """The modules whose code is running, the innermost last.

    Parameters
    ----------
    model : nn.Module or None
        The network; None for a function, whose modules are not known.
    """

    def __init__(self, model: nn.Module | None) -> None:
        self._names = {module: name for name, module in model.named_modules()} if model else {}
        self._stack: list[nn.Module] = []

    @property
    def innermost(self) -> tuple[str, nn.Module | None]:
        """Qualified name and module; the empty name is the network itself."""
        if not self._stack:
            return "", None
        return self._names[self._stack[-1]], self._stack[-1]

    def is_name(self, name: str) -> bool:
        """Whether a module has this name."""
        return name in self._names.values()

    @contextmanager
    def followed(
        self,
        is_special: Callable[[nn.Module], bool],
        enter: Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None],
        leave: Callable[[nn.Module, Any], Any],
    ) -> Iterator[None]:
        """Keep track of the running modules, and call functions around the code of special ones."""

        def begin(module: nn.Module, args: Any) -> None:
            self._stack.append(module)

        def end(module: nn.Module, args: Any, output: Any) -> None:
            self._stack.pop()

        handles: list[Any] = []
        try:
            for module in self._names:
                # Hooks of the user run between these and count as code of the module,
                handles.append(module.register_forward_pre_hook(begin, prepend=True))
                handles.append(module.register_forward_hook(end))
                if is_special(module):
                    # but not as that of its forward method.
                    handles.append(module.register_forward_pre_hook(enter, with_kwargs=True))
                    handles.append(
                        module.register_forward_hook(
                            lambda module, args, output: leave(module, output), prepend=True
                        )
                    )
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._stack.clear()
