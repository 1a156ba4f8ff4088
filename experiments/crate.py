"""A run as a research object that others can archive: Workflow Run RO-Crate.

The folder of the results becomes the crate: ``ro-crate-metadata.json`` names the workflow, its
parameters, the files that it read with their digests and licences, its environment, and the files
that it made with their digests.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from experiments.data.catalogue import Dataset
from experiments.record import run_facts

__all__ = ["METADATA", "describe_run"]

METADATA = "ro-crate-metadata.json"
"""The file that makes a folder a crate."""

_TITLE = "Replication of Fast Axiomatic Attribution for Neural Networks: a run"
_DESCRIPTION = (
    "Tables, figures, networks and verdicts of one run of the workflow. report.html shows them; "
    "config.yaml has every parameter."
)
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
_SPDX = "https://spdx.org/licenses/"
# A package URL, which says where a package is from and not which host has it.
_PACKAGE = "pkg:pypi/{name}@{version}"
_PYTHON = "https://docs.python.org/release/{version}/"
_MAINTAINERS = {"@type": "Organization", "name": "The xgradient maintainers"}
# What a run makes for others; logs, stored images and partial measurements are left out.
_OUTPUTS = (
    *("report.html", "tables/*", "figures/*", "pages/*", "toys.json"),
    *("*/*/*.safetensors", "*/*/history.csv", "*/*.json"),
)
# Names by which SPDX knows the licences of the catalogue.
_LICENCES = {
    "MIT": "MIT",
    "BSD": "BSD-3-Clause",
    "CC-BY-SA-3.0": "CC-BY-SA-3.0",
    "PDDL-1.0": "PDDL-1.0",
}
_TYPES = {".ipynb": "application/x-ipynb+json", ".safetensors": "application/octet-stream"}


def describe_run(
    results: str | Path, catalogue: Mapping[str, Dataset], workflow: str = "Snakefile"
) -> dict[str, Any]:
    """Describe a finished run.

    Parameters
    ----------
    results : path
        Folder of the results, with a copy of the workflow's main file in it.
    catalogue : mapping of str to Dataset
        The data sets by name.
    workflow : str
        The main file of the workflow, in the folder of the results.

    Returns
    -------
    dict
        The content of ``ro-crate-metadata.json``.

    Raises
    ------
    FileNotFoundError
        If the folder holds no results.
    """
    folder = Path(results)
    facts = run_facts(folder)
    crate = ROCrate(version="1.1")
    crate.name, crate.description = _TITLE, _DESCRIPTION
    crate.datePublished = facts["last"]
    crate.metadata.extra_contexts.append(_CONTEXT)
    apache = _licence(crate, "Apache-2.0", "the project")
    crate.root_dataset["license"] = apache
    crate.root_dataset["author"] = crate.add(ContextEntity(crate, "#maintainers", _MAINTAINERS))
    crate.root_dataset["conformsTo"] = [
        crate.add(
            ContextEntity(crate, url, {"@type": "CreativeWork", "name": name, "version": version})
        )
        for url, (name, version) in _PROFILES.items()
    ]
    main = crate.add_workflow(
        folder / workflow,
        workflow,
        main=True,
        lang="snakemake",
        lang_version=" ".join(sorted({each["snakemake"] for each in facts["versions"]})),
        properties={
            "name": "Snakemake workflow of the replication",
            "version": " ".join(filter(None, facts["commit"])) or "not a git checkout",
            "license": apache,
            **_file_facts(folder / workflow),
        },
    )
    main["softwareRequirements"] = _software(crate, facts)
    if (folder / "README.md").is_file():
        # What the folders hold.
        readme = {"encodingFormat": "text/markdown", "about": crate.root_dataset}
        crate.add_file(folder / "README.md", "README.md", properties=readme)
    config = crate.add_file(
        folder / "config.yaml",
        "config.yaml",
        properties={"name": "Configuration of the run", **_file_facts(folder / "config.yaml")},
    )
    parameters = _parameters(crate, main, folder / "config.yaml")
    inputs = list(_inputs(crate, folder, catalogue))
    outputs = [
        crate.add_file(
            path,
            path.relative_to(folder).as_posix(),
            properties={"name": path.name, **_file_facts(path)},
        )
        for path in _made(folder)
    ]
    action = crate.add_action(
        main,
        identifier="#run",
        object=[config, *parameters, *inputs],
        result=outputs,
        properties={
            "name": "Run of the workflow",
            "startTime": facts["first"],
            "endTime": facts["last"],
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "description": "On " + "; ".join(sorted({*facts["processor"], *facts["system"]})),
        },
    )
    crate.root_dataset["mentions"] = action
    content: dict[str, Any] = crate.metadata.generate()
    return content


def _single(values: list[Any]) -> Any:
    """Return the value of a list of one, as JSON-LD recommends."""
    return values[0] if len(values) == 1 else values


def _made(folder: Path) -> list[Path]:
    """Return the files that a run has made, each once."""
    found = {path for pattern in _OUTPUTS for path in folder.glob(pattern) if path.is_file()}
    return sorted(found)


def _file_facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
    return {"sha256": digest, "contentSize": str(path.stat().st_size), "encodingFormat": kind}


def _licence(crate: ROCrate, text: str, of: str) -> ContextEntity:
    """Return a licence, by its address at SPDX or as the catalogue states it."""
    known = _LICENCES.get(text) or (text if text == "Apache-2.0" else None)
    identifier = f"{_SPDX}{known}" if known else f"#licence-of-{of}"
    return crate.dereference(identifier) or crate.add(
        ContextEntity(crate, identifier, {"@type": "CreativeWork", "name": text})
    )


def _software(crate: ROCrate, facts: Mapping[str, Any]) -> list[ContextEntity]:
    versions = {("Python", version) for version in facts["python"]}
    versions |= {(name, each[name]) for each in facts["versions"] for name in each}
    found = []
    for name, version in sorted(versions):
        address = (_PYTHON if name == "Python" else _PACKAGE).format(name=name, version=version)
        properties = {
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": version,
            "url": address,
        }
        found.append(crate.add(ContextEntity(crate, address, properties)))
    return found


def _parameters(crate: ROCrate, main: Any, path: Path) -> list[ContextEntity]:
    """Return the sections of the configuration with their values, as JSON where they are nested."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    formal, values = [], []
    for name, value in config.items():
        parameter = crate.add_formal_parameter(
            name, "Text", identifier=f"#parameter-{name}", valueRequired=False
        )
        formal.append(parameter)
        values.append(
            crate.add(
                ContextEntity(
                    crate,
                    f"#value-{name}",
                    {
                        "@type": "PropertyValue",
                        "name": name,
                        "value": value if isinstance(value, str) else json.dumps(value),
                        "exampleOfWork": {"@id": parameter.id},
                    },
                )
            )
        )
    main["input"] = formal
    return values


def _inputs(
    crate: ROCrate, folder: Path, catalogue: Mapping[str, Dataset]
) -> Iterator[ContextEntity]:
    """Yield the data sets that a run has read, with the digests of their files."""
    for name in _read(folder, catalogue):
        entry = catalogue[name]
        files = [
            crate.add(
                ContextEntity(
                    crate,
                    f"#data-{name}/{file}",
                    {"@type": "CreativeWork", "name": file, "identifier": digest},
                )
            )
            for file, digest in _digests(folder, entry).items()
        ]
        yield crate.add(
            ContextEntity(
                crate,
                f"#data-{name}",
                {
                    "@type": "CreativeWork",
                    "name": entry.title,
                    "url": entry.homepage,
                    "citation": entry.citation,
                    "license": {"@id": _licence(crate, entry.licence, name).id},
                    "hasPart": _single([{"@id": each.id} for each in files]),
                },
            )
        )


def _read(folder: Path, catalogue: Mapping[str, Dataset]) -> list[str]:
    """Return the names of the data sets that a run has fetched or read."""
    names = {path.parent.name for path in folder.glob("*/sources.json")}
    for path in folder.glob("*/table.json"):
        names.add(json.loads(path.read_text(encoding="utf-8"))["dataset"])
    return sorted(names & catalogue.keys())


def _digests(folder: Path, entry: Dataset) -> dict[str, str]:
    """Return the digests of the files of a data set that the run has fetched, or else of all."""
    record = folder / entry.name / "sources.json"
    if not record.is_file():
        return dict(entry.digests)
    fetched = json.loads(record.read_text(encoding="utf-8"))["files"]
    return {file["name"]: file["digest"] for file in fetched}
