"""What the workflow asks a cluster for, and the profile for Slurm."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml


@pytest.fixture(scope="module")
def planned(root, tmp_path_factory):
    """Return the resources of the jobs of a dry run, by rule and then by wildcards."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    folder = tmp_path_factory.mktemp("plan")
    # Enough images to tell limits of whole minutes apart.
    settings = {
        "masking": {"n_images": 1000},
        "mean_relative_difference": {
            "n_images": {"float32": 64, "tf32": 32},
            "mantissa_images": {"x": 0},
        },
    }
    (folder / "many.yaml").write_text(yaml.safe_dump(settings))
    options = ("--dry-run", "--set-scatter", "masking=4", "--configfile", "many.yaml")
    finished = subprocess.run(
        [*command, "--cores", "1", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    jobs = {}
    for job in re.split(r"\n(?=(?:local)?rule )", finished.stdout):
        name = re.match(r"(?:local)?rule (\w+):", job)
        said = dict(re.findall(r"(runtime|mem_mb|gpu)=(\d+)", job))
        wildcards = re.search(r"wildcards: (.*)", job)
        if name:
            numbers = {key: int(number) for key, number in said.items()}
            jobs.setdefault(name[1], {})[wildcards[1] if wildcards else ""] = numbers
    return jobs


def test_every_job_that_may_use_a_gpu_says_how_long_and_how_much(planned):
    users = {rule for rule, jobs in planned.items() for said in jobs.values() if "gpu" in said}
    assert {"train", "measure_accuracy", "attribute_masking", "train_genomics"} <= users
    for rule in users:
        for said in planned[rule].values():
            assert said["runtime"] >= 10 and said["mem_mb"] >= 1000, rule


def of_alexnet(jobs):
    return {name: said for name, said in jobs.items() if "network=alexnet" in name}


def test_a_shard_asks_for_its_share_of_the_time(planned):
    whole = of_alexnet(planned["measure_mean_relative_difference"])
    (other,) = {said["runtime"] for said in whole.values()}
    shards = of_alexnet(planned["attribute_masking"])
    assert len(shards) == 8 and all("of-4" in name for name in shards)
    # 250 images, 128 steps and about 50 passes of other methods per shard, with biases in float32
    # and else in float64; 128 images and 128 steps of the other rule.
    regular, x = (
        {said["runtime"] for name, said in shards.items() if f"variant={variant}" in name}
        for variant in ("regular", "x")
    )
    assert len(regular) == len(x) == 1
    assert other < regular.pop() < x.pop() < 10 + 5 * (other - 10)


def test_what_follows_the_measurements_of_an_experiment_is_one_slurm_job(root):
    for path in (root / "workflow/rules").glob("*.smk"):
        rules = re.split(r"^rule (?=\w+:)", path.read_text(), flags=re.M)[1:]
        for rule in rules:
            grouped = re.search(r'^    group:\n        "(\w+)"$', rule, re.M)
            if re.match("summarise_|table_|judge_", rule):
                assert grouped and grouped[1] == path.stem, rule.partition(":")[0]


def test_the_profile_is_of_no_site(root):
    profile = yaml.safe_load((root / "workflow/profiles/slurm/config.yaml").read_text())
    assert "slurm_partition" not in str(profile) and "slurm_account" not in str(profile)
