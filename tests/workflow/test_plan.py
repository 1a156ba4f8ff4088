"""The workflow as a user meets it before anything runs: dry runs, mistakes, other folders."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml


def snakemake(root, *arguments, cwd):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    return subprocess.run(
        [*command, "--cores", "1", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_a_dry_run_from_another_folder_plans_every_stage(root, tmp_path):
    finished = snakemake(root, "--dry-run", "--quiet", "reason", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    planned = dict(line.split() for line in finished.stdout.splitlines() if len(line.split()) == 2)
    config = yaml.safe_load((root / "config.yaml").read_text())
    networks = [config["networks"][name] for name in config["networks"]["use"]]
    n_trained = sum("regular" not in net or net["regular"] is not None for net in networks)
    assert int(planned["train"]) == 2 * n_trained == 6
    # A net of somebody else's weights is regular and stripped, and nothing else.
    assert int(planned["measure_accuracy"]) == 3 * n_trained + 2
    assert planned["read_weights"] == "1"
    # Only where it is asked for: its data are large.
    assert "train_text" not in planned
    assert planned["report"] == planned["figure_contrast"] == planned["table_accuracy"] == "1"
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"epochs": 3}, "config: unknown key 'epochs'; allowed here: results, data, experiments"),
        (
            {"ig_convergence": {"n_steps": [-5]}},
            "config: ig_convergence.n_steps.0 is -5, but must be an integer of at least 1",
        ),
        (
            {"networks": {"alexnet": {"dataset": "cifar10"}}},
            "config: networks.alexnet.dataset is 'cifar10', but must be one of fashion_mnist",
        ),
        (
            {"attribution_prior": {"fallback": "mnist"}},
            "config: attribution_prior.fallback is 'mnist', but must be one of nhanes, nhanes18, "
            "nhefs",
        ),
    ],
)
def test_a_mistake_in_the_configuration_stops_before_any_job(root, tmp_path, overlay, message):
    path = tmp_path / "mistake.yaml"
    path.write_text(yaml.safe_dump(overlay))
    finished = snakemake(root, "--dry-run", "--configfile", str(path), cwd=tmp_path)
    assert finished.returncode != 0
    said = finished.stdout + finished.stderr
    assert message in said
    assert "Traceback" not in said


def test_from_scratch_trains_x_nets_without_their_regular_twins(root, tmp_path):
    overlay = tmp_path / "scratch.yaml"
    overlay.write_text(yaml.safe_dump({"networks": {"vgg16": {"x": {"init": "scratch"}}}}))
    target = "results/fashion_mnist/vgg16-x/model.safetensors"
    finished = snakemake(
        root, "--dry-run", "--configfile", str(overlay), "--", target, cwd=tmp_path
    )
    assert finished.returncode == 0, finished.stderr
    assert "strip_biases" not in finished.stdout
    assert "vgg16-regular" not in finished.stdout


def test_released_networks_are_fetched_only_when_asked_for(root, tmp_path):
    arguments = ("--dry-run", "--quiet", "reason")
    default = snakemake(root, *arguments, "--", "genomics", cwd=tmp_path)
    assert default.returncode == 0, default.stderr
    assert "train_genomics" in default.stdout
    assert "fetch_dataset" not in default.stdout and "read_published_genomics" not in default.stdout
    overlay = str(root / "config" / "published.yaml")
    published = snakemake(root, *arguments, "--configfile", overlay, "--", "genomics", cwd=tmp_path)
    assert published.returncode == 0, published.stderr
    planned = dict(line.split() for line in published.stdout.splitlines() if len(line.split()) == 2)
    assert planned["fetch_dataset"] == planned["read_published_genomics"] == "1"
    assert planned["measure_genomics"] == "2"


def test_a_gpu_is_asked_for_only_when_one_is_used(root, tmp_path):
    for device, gpus in (("cpu", "gpu=0"), ("cuda", "gpu=1")):
        overlay = tmp_path / f"{device}.yaml"
        overlay.write_text(yaml.safe_dump({"device": device}))
        finished = snakemake(root, "--dry-run", "--configfile", str(overlay), cwd=tmp_path)
        assert gpus in finished.stdout


def test_released_weights_are_fetched_only_when_they_are_asked_for(root, tmp_path):
    published = str(root / "config" / "published.yaml")
    for arguments, expected in (((), False), (("--configfile", published), True)):
        finished = snakemake(root, "--dry-run", *arguments, "--", "digit_conversion", cwd=tmp_path)
        assert finished.returncode == 0, finished.stderr
        assert "digit_convnet-trained/conversion.csv" in finished.stdout
        assert ("digit_convnet-published/conversion.csv" in finished.stdout) == expected
        assert ("deeplift_mnist/fetched.json" in finished.stdout) == expected
