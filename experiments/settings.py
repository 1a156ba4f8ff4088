"""Building blocks of the models of the configuration.

Each experiment declares its section as a `Section` in ``experiments/NAME/config.py``: default,
range and description of a value are defined in that file only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
)

from experiments.config_numbers import allows_null, allows_text, read_text
from experiments.data.catalogue import Dataset, load_catalogue
from experiments.methods import method, methods_for
from experiments.names import QUADRATURES, VARIANTS
from experiments.networks.architectures import image_architectures, torchvision_names
from experiments.networks.architectures import printed_names as architecture_names
from experiments.spelling import nearest

__all__ = [
    "MOST",
    "Architecture",
    "Bootstrap",
    "Count",
    "CountFrom0",
    "Fraction",
    "FractionBelowOne",
    "ImageDataset",
    "List",
    "MethodFor",
    "MortalityTable",
    "Must",
    "OnNetworks",
    "OneOf",
    "Positive",
    "Precisions",
    "Quadrature",
    "Refusal",
    "RepeatableList",
    "Section",
    "Several",
    "TextDataset",
    "UnknownKey",
    "Variant",
    "WordVectors",
    "catalogue",
    "check_methods_fit",
    "check_quadrature",
    "datasets_with",
    "merge",
    "nearest",
    "part",
    "printable",
    "shown",
]

T = TypeVar("T")
_DATASETS = Path(__file__).parents[1] / "workflow" / "datasets"


class Refusal(ValueError):
    """A value that cannot be used.

    Parameters
    ----------
    text : str
        The rest of the sentence that begins with the key, such as ``"is 3, but must be 4"``.
    key : str, optional
        Dotted key, relative to the model or value that is being checked.
    """

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(f"{key} {text}".strip())
        self.text, self.key = text, key


class UnknownKey(ValueError):
    """A key that a mapping does not have.

    Parameters
    ----------
    key : str
        The key.
    allowed : iterable of str
        The keys that the mapping may have.
    """

    def __init__(self, key: str, allowed: Iterable[str]) -> None:
        super().__init__(f"unknown key {key!r}")
        self.key, self.allowed = key, tuple(allowed)


class Section(BaseModel):
    """A mapping of the configuration with known keys, immutable and of exact types."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        serialize_by_alias=True,
    )

    INLINE: ClassVar[bool] = False
    """Written on one line of config.yaml, as ``{a: 1, b: 2}``."""
    POSITION: ClassVar[int] = 1000
    """Place of an experiment in config.yaml and in the report; equal ones in alphabetical order."""
    ON_REQUEST: ClassVar[bool] = False
    """Whether an experiment runs only where `experiments` names it."""

    @field_validator("*", mode="before")
    @classmethod
    def _read_text(cls, value: Any, info: ValidationInfo) -> Any:
        """Take 1e-3 as a number, though YAML reads it as a text; see `config_numbers`."""
        null, text = _kinds_of(cls, str(info.field_name))
        if value == "null" and null:
            return None
        return value if text else read_text(value)

    SPLIT_DATASETS: ClassVar[tuple[str, ...]] = ()
    """Data sets whose training images an experiment splits, other than those of the networks."""

    def check(self, config: Any) -> None:
        """Check the section against other sections.

        Parameters
        ----------
        config : experiments.shared_config.SharedConfig
            The whole configuration; every single section is valid.

        Raises
        ------
        Refusal
            With a key relative to this section.
        """


@cache
def _kinds_of(model: type[Section], name: str) -> tuple[bool, bool]:
    """Whether a key may be null, and whether it may be, or hold, a text."""
    annotation = model.model_fields[name].annotation
    return allows_null(annotation), allows_text(annotation)


def part(description: str = "", default: dict[str, Any] | None = None) -> Any:
    """Declare a field that holds a `Section`, by default with the defaults of all its keys."""
    # A mapping and not an instance, so that a default is checked, and named, like any other value.
    return Field(default_factory=lambda: default or {}, description=description or None)


def shown(value: Any) -> str:
    """Return a value as YAML spells it, strings in quotes, shortened to 60 characters."""
    text = _spelled(value, 3)
    return text if len(text) <= 60 else f"{text[:57]}..."


def printable(key: object) -> str:
    """Return a key on one line, control characters as Python escapes them."""
    text = str(key)
    return text if text.isprintable() else repr(text)[1:-1]


def _spelled(value: Any, levels: int) -> str:
    """Spell a value down to some levels; no more of it would be shown, and it may be endless."""
    if value is None or isinstance(value, bool):
        return str({None: "null", True: "true", False: "false"}[value])
    if isinstance(value, (list, tuple)):
        if levels == 0:
            return "[...]"
        return f"[{', '.join(_spelled(each, levels - 1) for each in value[:20])}]"
    if isinstance(value, Mapping):
        if levels == 0:
            return "{...}"
        first = list(value.items())[:20]
        inner = [f"{printable(key)}: {_spelled(each, levels - 1)}" for key, each in first]
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, int) and value.bit_length() > 200:
        # Python writes no integers of thousands of digits.
        return "an integer of more than 60 digits"
    return repr(value)


def merge(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings, as Snakemake merges configurations; the second has precedence."""
    both = {**first, **second}
    for key in first.keys() & second.keys():
        if isinstance(first[key], Mapping) and isinstance(second[key], Mapping):
            both[key] = merge(first[key], second[key])
    return both


class OneOf:
    """Restrict a string to names that are looked up when a value is checked.

    Parameters
    ----------
    names : callable
        Returns the allowed names.
    describe : callable, optional
        Returns a description of a name, for editors and the comments of config.yaml.
    """

    def __init__(
        self,
        names: Callable[[], tuple[str, ...]],
        describe: Callable[[str], str] | None = None,
    ) -> None:
        self.names, self.describe = names, describe

    def _check(self, value: str) -> str:
        allowed = self.names()
        if value not in allowed:
            near = nearest(value, allowed)
            hint = f"; did you mean {near}?" if near else ""
            raise Refusal(f"is {value!r}, but must be one of {', '.join(allowed)}{hint}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Check the string after its type."""
        return AfterValidator(self._check).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(
        self, schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """List the names."""
        names = self.names()
        found = {**handler(schema), "enum": list(names)}
        if self.describe is not None:
            found["enumDescriptions"] = [self.describe(name) for name in names]
        return found


class MethodFor(OneOf):
    """Restrict a string to the methods of attribution that fit an experiment.

    Parameters
    ----------
    experiment : str
        The experiment.
    without : tuple of str, optional
        Methods that the experiment uses elsewhere.
    """

    def __init__(self, experiment: str, without: tuple[str, ...] = ()) -> None:
        super().__init__(
            lambda: tuple(key for key in methods_for(experiment) if key not in without),
            lambda key: method(key).printed(experiment),
        )


class Must:
    """Restrict a value to those for which a condition holds.

    Parameters
    ----------
    condition : callable
        Returns whether a value of the right type is allowed.
    description : str
        The allowed values in words, to follow "must be".
    """

    def __init__(self, condition: Callable[[Any], bool], description: str) -> None:
        self.condition, self.description = condition, description

    def _check(self, value: Any) -> Any:
        if not self.condition(value):
            raise Refusal(f"is {shown(value)}, but must be {self.description}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Check the value after its type."""
        return AfterValidator(self._check).__get_pydantic_core_schema__(source, handler)


def _without_repetition(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for number, value in enumerate(values):
        if value in values[:number]:
            raise Refusal(f"lists {shown(value)} twice")
    return values


def _tuple_of_list(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


RepeatableList = Annotated[tuple[T, ...], Field(min_length=1), BeforeValidator(_tuple_of_list)]
"""A list of at least one value. It is kept as a tuple: nothing can change it."""
List = Annotated[
    RepeatableList[T],
    Field(json_schema_extra={"uniqueItems": True}),
    AfterValidator(_without_repetition),
]
"""A list of different values."""

# Far more than any of them can be: larger numbers fail in a job, or Snakemake plans for hours.
MOST = 10**9
CountFrom0 = Annotated[int, Field(ge=0, le=MOST)]
Count = Annotated[int, Field(ge=1, le=MOST)]
Several = Annotated[int, Field(ge=2, le=MOST)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]
FractionBelowOne = Annotated[float, Field(gt=0, lt=1)]


class _OneOfArchitectures(OneOf):
    """Registered architectures, offered by name, and the many of torchvision, which are not."""

    def __init__(self) -> None:
        super().__init__(image_architectures, lambda key: architecture_names([key])[key])

    def _check(self, value: str) -> str:
        kind, _, name = value.partition("/")
        if kind != "torchvision":
            return super()._check(value)
        if name not in torchvision_names():
            near = nearest(name, torchvision_names())
            hint = f"; did you mean torchvision/{near}?" if near else ""
            raise Refusal(f"is {value!r}, but torchvision has no such classifier{hint}")
        return value

    def __get_pydantic_json_schema__(
        self, schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """List the registered names, and describe the others."""
        found = super().__get_pydantic_json_schema__(schema, handler)
        listed = {name: found.pop(name) for name in ("enum", "enumDescriptions")}
        return {**found, "anyOf": [listed, {"type": "string", "pattern": "^torchvision/"}]}


Architecture = Annotated[str, _OneOfArchitectures()]
Variant = Annotated[str, OneOf(lambda: tuple(VARIANTS), VARIANTS.__getitem__)]
Quadrature = Annotated[str, OneOf(lambda: tuple(QUADRATURES), QUADRATURES.__getitem__)]


Precision = Literal["float32", "float64"]


class Precisions(Section):
    """Precision of the attributions, by variant."""

    regular: Precision = Field("float32", description="nets with biases")
    stripped: Precision = Field("float64", description="nets whose biases were removed")
    x: Precision = Field("float64", description="X-DNNs")


class OnNetworks(Section):
    """Base of the sections of experiments that measure networks on images."""

    networks: List[str] | None = Field(
        None, description="nets to measure, among networks.use; null: all of them"
    )
    variants: List[Variant] = Field(
        ("regular", "x"), description="of every net; also possible: stripped"
    )
    shards: Count = Field(
        1, description="jobs per net that share the images; the result does not depend on it"
    )

    def check(self, config: Any) -> None:
        """Check that the nets are among those of the run."""
        config.check_networks(self.networks)


@cache
def catalogue() -> dict[str, Dataset]:
    """Read the catalogue of data sets, once."""
    return load_catalogue(_DATASETS)


def datasets_with(
    section: Literal["images", "mortality", "text", "vectors"],
) -> tuple[str, ...]:
    """Return the names of the data sets whose entries have a section."""
    return tuple(name for name, entry in catalogue().items() if getattr(entry, section) is not None)


ImageDataset = Annotated[
    str, OneOf(lambda: datasets_with("images"), lambda name: catalogue()[name].title)
]
MortalityTable = Annotated[
    str, OneOf(lambda: datasets_with("mortality"), lambda name: catalogue()[name].title)
]
TextDataset = Annotated[
    str, OneOf(lambda: datasets_with("text"), lambda name: catalogue()[name].title)
]
WordVectors = Annotated[
    str, OneOf(lambda: datasets_with("vectors"), lambda name: catalogue()[name].title)
]


class Bootstrap(Section):
    """Percentile intervals from resampled data."""

    INLINE = True

    resamples: Count = Field(2000, description="number of resamples")
    confidence: FractionBelowOne = Field(0.95, description="coverage of the intervals")


def check_methods_fit(
    methods: Iterable[str], variants: Iterable[str], where: str, more: Iterable[str] = ()
) -> None:
    """Refuse methods without a net: one of them, or all on the regular nets.

    `more` are variants of which something else is shown.
    """
    keys, variants = tuple(methods), tuple(variants)
    without_nets = [
        key for key in keys if method(key).homogeneous and {*variants, *more} == {"regular"}
    ]
    if without_nets and len(without_nets) < len(keys):
        raise Refusal(
            f"has {', '.join(without_nets)}, but {where} has only regular nets, for which it is "
            "not defined: leave it out, or add x",
            "methods",
        )
    if "regular" in variants and all(method(key).homogeneous for key in keys):
        alone = " alone" if len(keys) == 1 else ""
        verb = "is" if len(keys) == 1 else "are"
        raise Refusal(
            f"is {', '.join(keys)}{alone}, which {verb} not defined for the regular nets of "
            f"{where}: add a method, or leave the regular nets out",
            "methods",
        )


def check_quadrature(rule: str, n_steps: int) -> None:
    """Refuse the trapezoid rule with one step: it needs both ends of the path."""
    if rule == "riemann_trapezoid" and n_steps < 2:
        raise Refusal(f"is {n_steps}, but riemann_trapezoid needs at least 2 steps", "n_steps")
