"""The code of a job: imports followed without importing, against what really loads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.config import check_config, experiment_names
from experiments.degree.names import NETS as DEGREE_NETS
from experiments.denoising.names import BUILDER as DENOISER
from experiments.dependencies import code_digest, import_closure
from experiments.networks.architectures import architecture, architectures
from tests.oracles import imports
from tests.workflow.runs import overlay

# --- small packages ------------------------------------------------------------------------------

PROJECT = {
    "xgradient/__init__.py": '"""Nothing."""\n',
    "xgradient/saliency.py": "def saliency(): ...\n",
    "xgradient/ranking/__init__.py": (
        "from xgradient.ranking.best import best as top\nfrom .worst import worst\n"
        '__all__ = ["top", "worst"]\n'
    ),
    "xgradient/ranking/best.py": "from ._shared import SCALE\n\ndef best(): ...\n",
    "xgradient/ranking/worst.py": "def worst(): ...\n",
    "xgradient/ranking/_shared.py": "SCALE = 3\n",
    "experiments/__init__.py": "",
    "experiments/state/__init__.py": "import experiments.log\nCOUNT = 0\n",
    "experiments/state/keep.py": "from .. import names\n",
    "experiments/log.py": "import logging\n",
    "experiments/names.py": "NAMES = ()\n",
    "experiments/registry/__init__.py": (
        "import pkgutil\nfrom experiments.registry.entry import Entry\n"
        "def entries(): return list(pkgutil.iter_modules(__path__))\n"
    ),
    "experiments/registry/entry.py": "class Entry: ...\n",
    "experiments/registry/one.py": "from experiments.names import NAMES\n",
    "experiments/typed.py": (
        "from typing import TYPE_CHECKING\nimport typing\n"
        "if TYPE_CHECKING:\n    from xgradient.saliency import saliency\n"
        "else:\n    from experiments.names import NAMES\n"
        "if typing.TYPE_CHECKING:\n    import experiments.log\n"
    ),
    "experiments/lazy.py": "def run():\n    if True:\n        from xgradient import saliency\n",
}


@pytest.fixture
def project(tmp_path):
    for name, text in PROJECT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def found(project, text, modules=(), name="script.py"):
    """Return the closure of a script with this text, relative to the project."""
    script = project / name
    script.write_text(text)
    files = import_closure([script], project, modules)
    assert files == sorted(files)
    return {path.relative_to(project).as_posix() for path in files}


BEST = {"xgradient/ranking/best.py", "xgradient/ranking/_shared.py"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import numpy, torch.nn\nfrom os import path\n", set()),
        ("import xgradient.saliency\n", {"xgradient/saliency.py"}),
        ("from xgradient.saliency import saliency\n", {"xgradient/saliency.py"}),
        ("from xgradient import saliency as s\n", {"xgradient/saliency.py"}),
        # Looked through, under the name that it is exported by, to what that module imports.
        ("from xgradient.ranking import top\n", BEST),
        ("from xgradient.ranking import worst\n", {"xgradient/ranking/worst.py"}),
        ("from xgradient.ranking import worst, top\n", {*BEST, "xgradient/ranking/worst.py"}),
        # The package as a whole is all that it imports.
        (
            "import xgradient.ranking\n",
            {*BEST, "xgradient/ranking/worst.py", "xgradient/ranking/__init__.py"},
        ),
        (
            "from xgradient.ranking import *\n",
            {*BEST, "xgradient/ranking/worst.py", "xgradient/ranking/__init__.py"},
        ),
        # A package that does something is executed, whatever is imported from it.
        (
            "from experiments.state.keep import x\n",
            {
                "experiments/state/keep.py",
                "experiments/state/__init__.py",
                "experiments/log.py",
                "experiments/names.py",
            },
        ),
        (
            "from experiments.state import COUNT\n",
            {"experiments/state/__init__.py", "experiments/log.py"},
        ),
        # What finds its modules by itself depends on all of them.
        (
            "from experiments.registry import entries\n",
            {
                "experiments/registry/__init__.py",
                "experiments/registry/entry.py",
                "experiments/registry/one.py",
                "experiments/names.py",
            },
        ),
        ("import experiments.typed\n", {"experiments/typed.py", "experiments/names.py"}),
        ("import experiments.lazy\n", {"experiments/lazy.py", "xgradient/saliency.py"}),
        ("def f():\n    import experiments.log\n", {"experiments/log.py"}),
    ],
)
def test_imports_are_followed(project, text, expected):
    assert found(project, text) == expected


def test_code_cells_of_a_notebook_count(project):
    cells = [
        {"cell_type": "markdown", "source": ["from experiments.log import x"]},
        {"cell_type": "code", "source": ["import json\n", "from xgradient import saliency\n"]},
        {"cell_type": "code", "source": "from xgradient.ranking import worst"},
    ]
    text = json.dumps({"cells": cells})
    expected = {"xgradient/saliency.py", "xgradient/ranking/worst.py"}
    assert found(project, text, name="table.ipynb") == expected


def test_modules_can_be_given_by_name(project):
    modules = ("experiments.state.keep", "xgradient.ranking.worst")
    files = found(project, "import experiments.log\n", modules)
    assert files == {
        "experiments/log.py",
        "experiments/names.py",
        "experiments/state/__init__.py",
        "experiments/state/keep.py",
        "xgradient/ranking/worst.py",
    }


def test_what_a_module_holds_can_be_given_by_name_without_its_siblings(project):
    assert found(project, "", ["xgradient.ranking:worst"]) == {"xgradient/ranking/worst.py"}
    assert found(project, "", ["xgradient.ranking:top"]) == BEST
    assert found(project, "", ["xgradient.saliency:saliency"]) == {"xgradient/saliency.py"}
    with pytest.raises(ModuleNotFoundError, match=r"registry: .*ranking has no 'mean'"):
        found(project, "", ["xgradient.ranking:mean"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import xgradient.salience\n", r"script\.py: there is no module xgradient\.salience in"),
        ("from xgradient.ranking import mean\n", r"script\.py: xgradient\.ranking has no 'mean'"),
        ("from experiments.nowhere import x\n", r"script\.py: .*experiments\.nowhere"),
    ],
)
def test_what_is_missing_is_an_error_that_names_the_importer(project, text, message):
    with pytest.raises(ModuleNotFoundError, match=message):
        found(project, text)


def test_what_is_missing_further_on_is_blamed_on_the_file_that_imports_it(project):
    (project / "xgradient/saliency.py").write_text("import xgradient.gone\n")
    with pytest.raises(ModuleNotFoundError, match=r"xgradient/saliency\.py: .* xgradient\.gone"):
        found(project, "from xgradient import saliency\n")
    with pytest.raises(ModuleNotFoundError, match=r"the registry: .* xgradient\.lost"):
        found(project, "", ["xgradient.lost"])


def test_what_cannot_be_read_is_an_error(project):
    with pytest.raises(FileNotFoundError, match=r"absent\.py"):
        import_closure([project / "absent.py"], project)
    with pytest.raises(SyntaxError):
        found(project, "import\n")


# --- digests of code ------------------------------------------------------------------------------

SCRIPT = "import numpy as np\nfrom experiments.tool import scale\nprint(scale(np.ones(3)))\n"
TOOL = """\
from typing import TYPE_CHECKING

from experiments.names import NAMES

if TYPE_CHECKING:
    import numpy as np


def scale(values: "np.ndarray", factor: float = 2.0):
    return factor * values, NAMES
"""


def digest(folder, script=SCRIPT, tool=TOOL, name="script.py", **files):
    """Return the digest of a script that imports a module, in a new folder."""
    (folder / "experiments").mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(script)
    (folder / "experiments/names.py").write_text(PROJECT["experiments/names.py"])
    (folder / "experiments/tool.py").write_text(tool)
    for module, text in files.items():
        (folder / f"experiments/{module}.py").write_text(text)
    return code_digest([folder / name], folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def scale", "# A remark.\n\ndef scale"),
        ("def scale", '"""A string that nothing uses."""\n\ndef scale'),
        ("    return", '    """Scale the values."""\n    return'),
        (
            "    return factor * values, NAMES",
            "    return (\n        factor * values,\n        NAMES\n    )",
        ),
        ("    import numpy as np", "    import pandas\n    import numpy as np"),
        ("\n\n\ndef", "\ndef"),
    ],
)
def test_what_executes_nothing_is_not_in_the_digest(tmp_path, old, new):
    assert TOOL.count(old) == 1
    before, after = digest(tmp_path / "a"), digest(tmp_path / "b", tool=TOOL.replace(old, new))
    assert before == after and re.fullmatch("[0-9a-f]{16}", before)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("factor * values", "values * factor"),
        ("2.0", "2"),
        ("2.0", "3.0"),
        ("return", "yield"),
        ("import NAMES", "import NAMES, NAMES as KEYS"),
        ("    return", "    values += 1\n    return"),
    ],
)
def test_what_executes_something_else_is_another_digest(tmp_path, old, new):
    assert TOOL.count(old) == 1
    assert digest(tmp_path / "a") != digest(tmp_path / "b", tool=TOOL.replace(old, new))


def test_the_digest_is_of_the_script_and_all_that_it_imports_and_of_nothing_else(tmp_path):
    before = digest(tmp_path / "a")
    assert digest(tmp_path / "b", script=SCRIPT + "print()\n") != before
    assert digest(tmp_path / "c", names="NAMES = (1,)\n") != before
    assert digest(tmp_path / "d", other="NAMES = (1,)\n") == before
    by_name = code_digest([tmp_path / "d/script.py"], tmp_path / "d", ["experiments.other:NAMES"])
    assert by_name != before


def test_of_a_notebook_the_code_is_in_the_digest(tmp_path):
    def notebook(*cells):
        kinds = ("markdown", "code")
        return json.dumps(
            {"cells": [{"cell_type": k, "source": [c]} for k, c in zip(kinds, cells, strict=True)]}
        )

    digests = [
        digest(tmp_path / str(number), notebook(*cells), name="table.ipynb")
        for number, cells in enumerate(
            [("# Table", SCRIPT), ("# The table", f"# A remark.\n{SCRIPT}"), ("# Table", "1 + 1")]
        )
    ]
    assert digests[0] == digests[1] != digests[2]


# --- the project ---------------------------------------------------------------------------------


def run(*command, cwd):
    finished = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@pytest.fixture(scope="module")
def jobs(root, tmp_path_factory):
    """Return every job with a script, of all experiments and with all published networks."""
    helper = root / "tests" / "workflow" / "planned_jobs.py"
    folder = tmp_path_factory.mktemp("empty")
    everything = overlay(folder / "all.yaml", {"experiments": list(experiment_names())})
    overlays = (root / "config" / "published.yaml", everything)
    planned = run(helper, root / "Snakefile", *overlays, cwd=folder)
    return [job for job in planned if job["script"]]


def named(job):
    """Return what a job imports by name: builders of the nets that it has, and its methods."""
    names = {job["builder"], *job["functions"]} - {None}
    networks = check_config({}).networks.used
    for path in job["input"]:
        if re.search(r"/text-\w+/model\.safetensors$", path):
            names.add("experiments.text.network:SentenceConvNet")
        elif match := re.search(r"/(\w+)-\w+/(?:model|regular|x)\.safetensors$", path):
            key = networks[match[1]].architecture if match[1] in networks else match[1]
            names.add(architecture(key).builder)
        if re.search(r"genomics/\w+/model\.safetensors$", path):
            names.add(architectures()["genomics_convnet"].builder)
        if match := re.search(r"degree/(\w+)/model\.safetensors$", path):
            names.add(DEGREE_NETS[match[1]].builder)
        if "/denoising/" in path and path.endswith("model.safetensors"):
            names.add(DENOISER)
    methods = job["methods"] if isinstance(job["methods"], dict) else {}
    for entry in methods.values():
        # The attribution maps have methods by variant.
        calls = [entry] if "function" in entry else entry.values()
        names |= {call["function"] for call in calls}
    return sorted(names)


@pytest.fixture(scope="module")
def recorded(root, jobs):
    """Return who imports what, found by importing everything in one fresh interpreter."""
    paths = {path for job in jobs for path in (job["script"], job["notebook"]) if path}
    modules = {name.split(":")[0] for job in jobs for name in named(job)}
    return run(imports.__file__, root, *sorted(paths), "--", *sorted(modules), cwd=root)


def test_every_rule_with_a_script_declares_its_code(root, jobs):
    text = "".join(path.read_text() for path in (root / "workflow/rules").glob("*.smk"))
    rules = set(re.findall(r"^rule (\w+):(?:(?!^rule ).)*?^    script:", text, re.M | re.S))
    # Named in a loop.
    rules |= {"index_test_images"}
    # Only for weights that torchvision releases; with strict_claims; as a target of its own.
    rules -= {"fetch_torchvision_weights", "check_claims", "archive"}
    assert rules == {job["rule"] for job in jobs} and len(rules) > 30
    # What fetches is never out of date by itself: data are what their digests say, however they
    # were fetched. If it were, Snakemake would look for no other reason to run the readers.
    without = {job["rule"] for job in jobs if not job["digest"]}
    assert without == {"fetch_dataset", "fetch_weights"}
    assert {job["rule"] for job in jobs if not job["code"]} == without


def test_the_code_that_jobs_declare_is_what_their_scripts_load(root, jobs, recorded):
    loaded = set(recorded["files"].values())
    for job in jobs:
        if job["digest"] is None:
            continue
        expected = set()
        for path in (job["script"], job["notebook"]):
            if path:
                expected |= imports.closure(recorded, path, named(job))
        label = f"{job['rule']} {job['wildcards']}"
        assert set(job["code"]) == expected, label
        assert expected <= loaded, label


def test_what_loads_beside_the_code_comes_through_packages_that_only_reexport(root, jobs, recorded):
    """The closure is smaller than what loads: siblings that an ``__init__`` lists are left out."""
    (job,) = (job for job in jobs if job["rule"] == "measure_contrast" and is_x_alexnet(job))
    names = {Path(path).relative_to(root).as_posix() for path in job["code"]}
    assert {"experiments/contrast/run.py", "xgradient/models/alexnet.py"} <= names
    assert "xgradient/homogeneous/__init__.py" not in names
    assert "xgradient/models/vgg.py" not in names and "experiments/tables.py" in names
    # Nor what only names things for readers: the registries.
    assert not [name for name in names if name.startswith("experiments/methods/")]
    assert not [name for name in names if "architectures" in name]
    (job,) = (job for job in jobs if job["rule"] == "measure_toys")
    names = {Path(path).name for path in job["code"]}
    assert {"saliency.py", "integrated_gradients.py"} <= names
    assert not names & {"x_gradient.py", "expected_gradients.py"}


def is_x_alexnet(job):
    wildcards = job["wildcards"]
    return (wildcards["network"], wildcards["variant"]) == ("alexnet", "x")


def test_methods_for_homogeneous_nets_are_left_out_for_nets_with_biases(jobs):
    of_variant = {
        job["wildcards"]["variant"]: set(job["methods"])
        for job in jobs
        if job["rule"] == "attribute_masking" and job["wildcards"]["network"] == "alexnet"
    }
    assert "x_gradient" in of_variant["x"]
    assert of_variant["regular"] == of_variant["x"] - {"x_gradient"}
