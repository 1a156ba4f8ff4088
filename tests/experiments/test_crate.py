"""The description of a run as a Workflow Run RO-Crate."""

from __future__ import annotations

import hashlib
import json

import pytest
import yaml

from experiments.data.catalogue import load_catalogue

pytest.importorskip("rocrate", reason="rocrate is not installed: make setup")

from experiments.crate import describe_run

FACTS = {
    "commit": "abc",
    "device": "cpu",
    "processor": "A processor",
    "system": "Linux",
    "python": "3.11.7",
    "versions": {"torch": "2.14.1", "snakemake": "9.27.1"},
}
CONFIG = {"results": "results", "seed": 3, "masking": {"n_images": 4, "methods": ["ig"]}}
FETCHED = {"name": "train", "digest": "sha256:12", "path": "data/train", "size": 1, "source": "x"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return what a small run has left."""
    made = tmp_path_factory.mktemp("run")
    files = {
        "Snakefile": "rule all:\n",
        "README.md": "# Contents\n",
        "report.html": "<p>",
        "config.yaml": yaml.safe_dump(CONFIG),
        "tables/a.csv": "b\n1\n",
        "figures/a.png": "no picture",
        "pages/a.html": "<p>",
        "mnist/sources.json": json.dumps({"dataset": "mnist", "files": [FETCHED]}),
        "attribution_prior/table.json": json.dumps(
            {"dataset": "nhefs", "date": "2026-11-27T01:00:00+00:00", **FACTS}
        ),
        "toys.json": json.dumps({"date": "2026-11-27T00:00:00+00:00", **FACTS}),
        "logs/a.log": "not kept",
        "benchmarks/measure_toys.tsv": "s\tcpu_time\tmax_rss\n1\t2\t3\n",
    }
    for name, text in files.items():
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def entities(root, folder):
    crate = describe_run(folder, load_catalogue(root / "workflow/datasets"))
    assert "https://w3id.org/ro/crate/1.1/context" in crate["@context"]
    found = {each["@id"]: each for each in crate["@graph"]}
    assert len(found) == len(crate["@graph"])
    return found


def references(value):
    """Yield the identifiers that a value refers to."""
    if isinstance(value, dict):
        yield value["@id"]
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_whatever_is_referred_to_is_described_or_has_an_address(entities):
    for entity in entities.values():
        for name, value in entity.items():
            if name not in ("@id", "@type"):
                for identifier in references(value):
                    known = identifier in entities or identifier.startswith("https://")
                    assert known or identifier.startswith("http://schema.org/"), identifier


def test_every_output_is_there_with_its_digest_and_nothing_else(folder, entities):
    run = entities["#run"]
    outputs = list(references(run["result"]))
    assert outputs == [
        "attribution_prior/table.json",
        "figures/a.png",
        "mnist/sources.json",
        "pages/a.html",
        "report.html",
        "tables/a.csv",
        "toys.json",
    ]
    for name in (*outputs, "config.yaml", "Snakefile"):
        content = (folder / name).read_bytes()
        assert entities[name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert entities[name]["contentSize"] == str(len(content))
    assert "logs/a.log" not in entities


def test_inputs_have_digests_and_licences(root, entities):
    inputs = [each for each in references(entities["#run"]["object"]) if each.startswith("#data-")]
    assert inputs == ["#data-mnist", "#data-nhefs"]
    # Of a data set that was fetched, the files that were.
    assert list(references(entities["#data-mnist"]["hasPart"])) == ["#data-mnist/train"]
    assert entities["#data-mnist/train"]["identifier"] == "sha256:12"
    nhefs = load_catalogue(root / "workflow/datasets")["nhefs"]
    named = list(references(entities["#data-nhefs"]["hasPart"]))
    assert {entities[each]["identifier"] for each in named} == set(nhefs.digests.values())
    (licence,) = references(entities["#data-mnist"]["license"])
    assert licence == "https://spdx.org/licenses/CC-BY-SA-3.0" and licence in entities
    # One without a name at SPDX is stated as the catalogue states it.
    (licence,) = references(entities["#data-nhefs"]["license"])
    assert entities[licence]["name"] == nhefs.licence


def test_parameters_commit_and_environment_are_those_of_the_run(entities):
    values = {
        entities[each]["name"]: entities[each]["value"]
        for each in references(entities["#run"]["object"])
        if each.startswith("#value-")
    }
    assert values.pop("results") == "results"
    assert {name: json.loads(value) for name, value in values.items()} == {
        "seed": 3,
        "masking": CONFIG["masking"],
    }
    (workflow,) = references(entities["./"]["mainEntity"])
    assert entities[workflow]["version"] == "abc"
    software = [entities[each] for each in references(entities[workflow]["softwareRequirements"])]
    assert {each["name"]: each["softwareVersion"] for each in software} == {
        "Python": "3.11.7",
        **FACTS["versions"],
    }
    run = entities["#run"]
    assert (run["startTime"], run["endTime"]) == (
        "2026-11-27T00:00:00+00:00",
        "2026-11-27T01:00:00+00:00",
    )
    assert "A processor" in run["description"]


def test_it_says_which_profiles_it_follows(entities):
    assert set(references(entities["./"]["conformsTo"])) == {
        "https://w3id.org/ro/wfrun/process/0.5",
        "https://w3id.org/ro/wfrun/workflow/0.5",
        "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
    }


def test_a_folder_without_results_is_no_run(root, tmp_path):
    with pytest.raises(FileNotFoundError, match="no results of a run there"):
        describe_run(tmp_path, load_catalogue(root / "workflow/datasets"))
