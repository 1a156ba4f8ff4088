"""An entry of the registry of methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Baselines", "Method"]

Baselines = Literal["reference", "training data", "shuffled"]
"""Where the baselines of a method come from: the reference of the experiment (zero, or background
frequencies), training data to draw from, or shuffled copies of the input."""


@dataclass(frozen=True)
class Method:
    """A method of attribution, with its names and where it can be used.

    The function is named by its path and not imported, so that a printed name can change without
    making any attribution out of date, and the workflow can be read without torch.

    Parameters
    ----------
    key : str
        Its name in the configuration and in the tables of this project.
    name : str
        Its name for readers.
    experiments : tuple of str
        Keys of the experiments that can use it.
    function : str, optional
        ``"package.module:function"`` with the signature ``(model, inputs, target, *, baselines)``;
        None if the method exists only as a prior.
    arguments : mapping, optional
        Further keyword arguments of the function.
    settings : tuple of str, optional
        Keyword arguments that an experiment's section of the configuration may give.
    homogeneous : bool, optional
        Whether it is defined for nonnegatively homogeneous nets only.
    baselines : {"reference", "training data", "shuffled"}, optional
        What is passed as ``baselines``.
    random : bool, optional
        Whether it draws random numbers and takes a ``generator``.
    gradients : int, optional
        Gradients of the net per image; for a method with ``n_steps``, per image and step.
    evaluations : int, optional
        Evaluations of the net per image, beyond those of the gradients.
    convolution : bool, optional
        Whether it needs a net with a convolution layer.
    names : mapping of str to str, optional
        Another name for readers, by experiment.
    published : mapping of str to str, optional
        Its name in a table of published numbers, by the name of that table.
    """

    key: str
    name: str
    experiments: tuple[str, ...]
    function: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    homogeneous: bool = False
    baselines: Baselines = "reference"
    random: bool = False
    gradients: int = 1
    evaluations: int = 0
    convolution: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[str, str] = field(default_factory=dict)

    def printed(self, experiment: str | None = None) -> str:
        """Return the name for readers, in the words of an experiment if it has its own."""
        return self.names.get(experiment or "", self.name)

    def call(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return everything that a job needs to run the method, JSON-serialisable.

        Parameters
        ----------
        settings : mapping
            The experiment's section of the configuration.

        Raises
        ------
        ValueError
            If the method has no function.
        """
        if self.function is None:
            raise ValueError(f"{self.key} is a prior for training only, not an attribution method")
        given = {name: settings[name] for name in self.settings if name in settings}
        return {
            "function": self.function,
            "arguments": {**self.arguments, **given},
            "baselines": self.baselines,
            "random": self.random,
            "homogeneous": self.homogeneous,
        }
