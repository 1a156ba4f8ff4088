"""The configuration: typed, checked before a single rule is parsed, one line per mistake.

Every experiment declares its own section in ``experiments/NAME/config.py``, and is found by it.
``python -m experiments.config_file`` prints the default configuration; ``make config`` writes it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError, create_model

from experiments.config_messages import first_mistake
from experiments.settings import Section, part
from experiments.shared_config import SharedConfig

__all__ = ["ConfigError", "check_config", "config_model", "experiment_names"]


class ConfigError(ValueError):
    """A configuration that cannot be run."""


@cache
def _sections() -> dict[str, type[Section]]:
    """Return the model of every experiment: a folder with ``config.py`` and ``run.py``."""
    names = [
        path.parent.name
        for path in sorted(Path(__file__).parent.glob("*/config.py"))
        if path.with_name("run.py").is_file()
    ]
    found = {name: importlib.import_module(f"experiments.{name}.config").Settings for name in names}
    return dict(sorted(found.items(), key=lambda item: (item[1].POSITION, item[0])))


def experiment_names() -> tuple[str, ...]:
    """Return the names of the experiments, in the order of the report."""
    return tuple(_sections())


@cache
def config_model() -> type[SharedConfig]:
    """Return the model of the whole configuration: `SharedConfig` and a section per experiment."""
    sections: dict[str, Any] = {name: (model, part()) for name, model in _sections().items()}
    return create_model("Config", __base__=SharedConfig, __doc__="Configuration.", **sections)


def check_config(config: Mapping[str, Any]) -> SharedConfig:
    """Check a configuration and fill in what it leaves out.

    Parameters
    ----------
    config : mapping
        The configuration, overlays merged.

    Returns
    -------
    SharedConfig
        The complete configuration; ``model_dump(mode="json")`` makes it plain again.

    Raises
    ------
    ConfigError
        With one line that names the key, says what is wrong and what is allowed.
    """
    model = config_model()
    try:
        return model.model_validate(config)
    except ValidationError as error:
        raise ConfigError(f"config: {first_mistake(error, model, config)}") from error
