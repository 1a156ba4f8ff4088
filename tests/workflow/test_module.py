"""The workflow as a module of another one, as snakedeploy deploys it, from every kind of source."""

from __future__ import annotations

import datetime
import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from tests.workflow.runs import copy_project

TOYS = {"experiments": ["toys"]}


@pytest.fixture(scope="module")
def repository(root, tmp_path_factory):
    """Return a repository with this checkout as it is now, on the branch main."""
    folder = copy_project(root, tmp_path_factory.mktemp("origin") / "xgradient")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    return folder


def git(folder, *arguments):
    identity = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=A version")
    return git(folder, "rev-parse", "HEAD")


SOURCES = {
    "path": lambda folder: f'"{folder}/workflow/Snakefile"',
    "github": lambda folder: 'github("owner/xgradient", path="workflow/Snakefile", branch="main")',
    "gitfile": lambda folder: f'gitfile("{folder}", path="workflow/Snakefile", ref="main")',
}


def module(name, source, *lines, renamed=""):
    """Return the declaration of a module, as snakedeploy writes it, with further lines."""
    body = ["snakefile:", f"    {source}", *lines]
    return "\n".join(
        [
            f"module {name}:",
            *(f"    {line}" for line in body),
            f"use rule * from {name}{renamed}",
        ]
    )


CONFIGURED = ("config:", "    config")


def deploy(folder, *modules, config=None):
    """Write the files that snakedeploy writes."""
    for name in ("workflow", "config"):
        (folder / name).mkdir(parents=True)
    text = ['configfile: "config/config.yaml"', *modules]
    (folder / "workflow" / "Snakefile").write_text("\n\n\n".join(text) + "\n")
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config or {"seed": 0}))
    return folder


def environment(repository, folder):
    """Return an environment where github.com has the repository; no other address is called."""
    address = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{repository}/.git.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/owner/xgradient",
    }
    return {**os.environ, **address, "XDG_CACHE_HOME": str(folder / "cache")}


def snakemake(folder, *arguments, repository):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(repository, folder),
        capture_output=True,
        text=True,
        check=False,
    )


def planned(folder, *arguments, repository):
    """Return the number of jobs by rule."""
    finished = snakemake(
        folder, "--dry-run", "--quiet", "rules", "reason", *arguments, repository=repository
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", finished.stdout, re.MULTILINE))
    jobs.pop("total", None)
    return jobs


def refusal(folder, repository):
    finished = snakemake(folder, "--dry-run", repository=repository)
    said = finished.stdout + finished.stderr
    assert finished.returncode != 0
    assert "Traceback" not in said
    return said


@pytest.fixture(scope="module")
def own_plan(root, repository, tmp_path_factory):
    """Return the jobs of a run of the checkout itself."""
    folder = tmp_path_factory.mktemp("own")
    jobs = planned(folder, "--snakefile", str(root / "Snakefile"), repository=repository)
    assert jobs.pop("all") == "1" and len(jobs) > 40
    return jobs


def test_a_deployed_workflow_plans_everything(repository, own_plan, tmp_path):
    folder = deploy(tmp_path, module("xgradient", SOURCES["path"](repository), *CONFIGURED))
    assert planned(folder, repository=repository) == {**own_plan, "default": "1"}


def test_the_snakefile_in_the_folder_workflow_is_the_same(root, repository, own_plan, tmp_path):
    other = ("--snakefile", str(root / "workflow" / "Snakefile"))
    assert planned(tmp_path, *other, repository=repository) == {**own_plan, "default": "1"}


def test_a_commit_of_a_local_repository_is_deployed(repository, tmp_path):
    declared = module("xgradient", SOURCES["gitfile"](repository), *CONFIGURED)
    folder = deploy(tmp_path, declared, config=TOYS)
    assert "measure_toys" in planned(folder, "--", "toys", repository=repository)
    copy = folder / ".snakemake" / "checkouts" / "xgradient"
    assert git(copy, "rev-parse", "HEAD") == git(repository, "rev-parse", "main")


def test_what_snakedeploy_copies_is_the_default_configuration(root):
    assert (root / "config" / "config.yaml").read_text() == (root / "config.yaml").read_text()


def test_a_deployed_workflow_runs(repository, tmp_path):
    """With a prefix and other names of the rules."""
    declared = module(
        "xgradient",
        SOURCES["github"](repository),
        *CONFIGURED,
        "prefix:",
        '    "here"',
        renamed=" as xg_*",
    )
    target = "rule everything:\n    default_target: True\n    input: rules.xg_all.input"
    folder = deploy(tmp_path, declared, target, config=TOYS)
    finished = snakemake(folder, repository=repository)
    assert finished.returncode == 0, finished.stderr[-4000:]
    results = folder / "here" / "results"
    written = {path.name for path in folder.iterdir()} - {"workflow", "config", "cache"}
    assert written == {".snakemake", "here"}
    assert {path.name for path in (folder / "here").iterdir()} == {"results"}
    expected = ("tables/toys.csv", "tables/claims.html", "figures/toys.pdf", "logs/report.log")
    assert all((results / name).stat().st_size for name in expected)
    # Of the version that was deployed, and not of the folder around it.
    facts = json.loads((results / "toys.json").read_text())
    assert git(repository, "rev-parse", "main").startswith(facts["commit"])
    report = (results / "report.html").read_text()
    assert "Attributions of toy functions" in report and facts["commit"] in report
    assert yaml.safe_load((results / "config.yaml").read_text())["experiments"] == ["toys"]
    again = snakemake(folder, "--dry-run", repository=repository)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_another_version_is_checked_out(root, tmp_path):
    repository = copy_project(root, tmp_path / "origin")
    git(repository, "init", "--quiet", "--initial-branch=main")
    commit(repository)
    folder = deploy(
        tmp_path / "deployed",
        module("xgradient", SOURCES["github"](repository), *CONFIGURED),
        config=TOYS,
    )
    assert planned(folder, "--", "toys", repository=repository)
    copy = folder / ".snakemake" / "checkouts" / "github.com" / "owner" / "xgradient"
    before = (copy / "Snakefile").stat().st_mtime_ns
    with (repository / "config.yaml").open("a") as file:
        file.write("# Another version.\n")
    newest = commit(repository)
    assert planned(folder, "--", "toys", repository=repository)
    assert git(copy, "rev-parse", "HEAD") == newest
    assert "Another version" in (copy / "config.yaml").read_text()
    # What did not change is the same file: nothing that depends on it alone runs again.
    assert (copy / "Snakefile").stat().st_mtime_ns == before
    # What somebody changed there is not lost.
    (copy / "config.yaml").write_text("mine: 1\n")
    (repository / "config.yaml").write_text("seed: 1\n")
    commit(repository)
    assert "config.yaml" in refusal(folder, repository)
    assert (copy / "config.yaml").read_text() == "mine: 1\n"


def test_two_modules_with_configurations_and_prefixes_of_their_own(repository, tmp_path):
    source = SOURCES["path"](repository)
    one, two = (
        module(
            name,
            source,
            "config:",
            f"    config['{name}']",
            "prefix:",
            f"    '{name}'",
            renamed=f" as {name}_*",
        )
        for name in ("one", "two")
    )
    both = (
        "rule both:\n    default_target: True\n    input: rules.one_all.input, rules.two_all.input"
    )
    config = {"one": {"networks": {"use": ["alexnet"]}}, "two": {"experiments": ["genomics"]}}
    # What else the other workflow has in its file is not checked here.
    config["since"] = datetime.date(2021, 12, 6)
    folder = deploy(tmp_path, one, two, both, config=config)
    finished = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("planned_jobs.py")), "workflow/Snakefile"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    jobs = json.loads(finished.stdout)
    assert {job["rule"] for job in jobs} >= {
        "one_train",
        "one_train_genomics",
        "two_train_genomics",
    }
    assert "two_train" not in {job["rule"] for job in jobs}
    for job in jobs:
        name = job["rule"].partition("_")[0]
        written = [*job["output"], *filter(None, [job["checkpoint"]])]
        assert all(path.startswith(f"{name}/results/") for path in written) or name == "both"
    # Of each variant the training, and its fine-tuning for single deletion; two denoisers; genomics
    # in both.
    assert sum(job["checkpoint"] is not None for job in jobs) == 2 * 2 + 2 + 2


def test_a_mistake_in_the_configuration_is_one_line(repository, tmp_path):
    declared = module("xgradient", SOURCES["path"](repository), *CONFIGURED)
    folder = deploy(tmp_path, declared, config={"sead": 1})
    assert "config: unknown key 'sead'; did you mean seed" in refusal(folder, repository)


def test_two_versions_in_one_workflow_are_refused(root, repository, tmp_path):
    other = copy_project(root, tmp_path / "other")
    modules = [
        module(name, SOURCES["path"](folder), *CONFIGURED, renamed=f" as {name}_*")
        for name, folder in (("one", repository), ("two", other))
    ]
    said = refusal(deploy(tmp_path / "deployed", *modules), repository)
    assert f"{other}: one workflow cannot use two versions" in said


def test_an_address_of_single_files_is_refused(repository, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=repository)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = f'"http://127.0.0.1:{server.server_port}/workflow/Snakefile"'
        said = refusal(deploy(tmp_path, module("xgradient", source, *CONFIGURED)), repository)
        server.shutdown()
    assert "name the snakefile as github(...)" in said
