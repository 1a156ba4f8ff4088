"""The network: released weights, and the script that converts them."""

from __future__ import annotations

import gzip
import hashlib
import runpy
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
import yaml

from experiments.data.catalogue import DigestError
from experiments.genomics.network import load_genomics_convnet
from experiments.genomics.sequences import one_hot
from experiments.genomics.simulation import SimulatedSequences
from experiments.genomics.storage import load_sequences
from experiments.networks.architectures import architecture
from experiments.networks.checkpoints import load_model, read_header
from experiments.networks.keras_weights import KerasWeightsError
from tests.experiments.genomics.helpers import SHAPES, WEIGHTS, generator
from tests.experiments.helpers import Named

BUILDER = architecture("genomics_convnet").builder


def write_keras(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    draws = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for layer, shape in shapes.items():
            scale = np.prod(shape[:-1]) ** -0.5
            file[f"{layer}/{layer}/kernel:0"] = draws.normal(0, scale, shape).astype(np.float32)
            file[f"{layer}/{layer}/bias:0"] = draws.normal(0, 0.1, shape[-1:]).astype(np.float32)
    return path


def keras_forward(path: Path, value: np.ndarray) -> np.ndarray:
    """The network as Keras computes it, channels last; value (length, 4)."""
    with h5py.File(path) as file:
        weights = {
            layer: [file[f"{layer}/{layer}/{kind}:0"][()] for kind in ("kernel", "bias")]
            for layer in SHAPES
        }
    for layer in ("conv1d_1", "conv1d_2"):
        kernel, bias = weights[layer]
        positions = range(len(value) - 10)
        value = np.stack([np.tensordot(value[i : i + 11], kernel, axes=2) for i in positions])
        value = np.maximum(value + bias, 0)
    hidden = value.mean(0) @ weights["dense_1"][0] + weights["dense_1"][1]
    return np.maximum(hidden, 0) @ weights["dense_2"][0] + weights["dense_2"][1]


def test_released_weights_are_converted(tmp_path):
    path = write_keras(tmp_path / "weights.h5", SHAPES)
    model = load_genomics_convnet(path).double()
    inputs = one_hot(torch.randint(4, (2, 200), generator=generator()), torch.float64)
    with torch.no_grad():
        logits = model(inputs).numpy()
    expected = np.stack([keras_forward(path, each.T.numpy()) for each in inputs])
    np.testing.assert_allclose(logits, expected, rtol=1e-9)
    with pytest.raises(KerasWeightsError, match="no layer 'dense_1'"):
        shapes = {name: shape for name, shape in SHAPES.items() if name != "dense_1"}
        load_genomics_convnet(write_keras(tmp_path / "short.h5", shapes))


# --- the authors' files, by the script of the workflow ------------------------------------------


def convert(root, folder, shapes):
    """Run the script of the rule on released files with these shapes, described by their digests.

    Returns the simulated object of the job, whose outputs are there if the script came through.
    """
    data = folder / "data" / "deeplift_genomics"
    data.mkdir(parents=True)
    draws = np.random.default_rng(0)
    with h5py.File(data / WEIGHTS, "w") as file:
        for layer, shape in shapes.items():
            kernel = draws.normal(size=shape).astype(np.float32)
            file[f"{layer}/{layer}/kernel:0"] = kernel
            file[f"{layer}/{layer}/bias:0"] = kernel.reshape(-1, shape[-1])[0]
    table = "seqName\tsequence\tembeddings\ta\tb\tc\nempty_1\tACGT\t\t0\t0\t0\n"
    table += "gata_1\tGATA\tpos-0_GATA_disc1-GATA\t0\t1\t0\n"
    (data / "sequences.simdata.gz").write_bytes(gzip.compress(table.encode()))
    (data / "test.txt.gz").write_bytes(gzip.compress(b"gata_1\n"))
    entry = yaml.safe_load((root / "workflow/datasets/deeplift_genomics.yaml").read_text())
    for file in entry["files"]:
        content = (data / file["name"]).read_bytes()
        file |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "deeplift_genomics.yaml").write_text(yaml.safe_dump(entry))
    outputs = {name: str(folder / f"{name}.safetensors") for name in ("model", "sequences")}
    return SimpleNamespace(
        rule="read_published_genomics",
        wildcards=Named(),
        input=Named(dataset=str(folder / "deeplift_genomics.yaml")),
        output=Named(outputs),
        params=Named(data=str(folder / "data"), builder=BUILDER),
        log=[str(folder / "convert.log")],
        threads=1,
    )


def run_conversion(root, job):
    script = root / "workflow" / "scripts" / "genomics" / "read_published.py"
    runpy.run_path(str(script), {"snakemake": job})


def test_released_files_are_converted(root, tmp_path):
    job = convert(root, tmp_path, SHAPES)
    run_conversion(root, job)
    header = read_header(job.output.model)
    assert load_model(job.output.model).conv2.weight.shape == (50, 50, 11)
    assert (header["builder"], header["arguments"]) == (BUILDER, {})
    assert WEIGHTS in header["provenance"]["inputs"]
    test = load_sequences(job.output.sequences, "test")
    assert test.names == ["gata_1"]
    assert isinstance(test, SimulatedSequences)
    assert test.embeddings == [[("GATA_disc1", 0)]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dense_1": None}, "has no layer 'dense_1': its layers are conv1d_1, conv1d_2, dense_2"),
        (
            {"conv1d_2": (11, 50, 49)},
            r"kernel of layer 'conv1d_2' has shape \(11, 50, 49\), not \(11, 50, 50\)",
        ),
    ],
)
def test_weights_of_another_network_are_one_clear_error(root, tmp_path, change, message):
    shapes = {name: shape for name, shape in (SHAPES | change).items() if shape is not None}
    job = convert(root, tmp_path, shapes)
    with pytest.raises(KerasWeightsError, match=message) as raised:
        run_conversion(root, job)
    assert WEIGHTS in str(raised.value)
    assert "\n" not in str(raised.value)
    assert str(raised.value) in (tmp_path / "convert.log").read_text()
    assert not (tmp_path / "model.safetensors").exists()


def test_another_digest_is_one_clear_error(root, tmp_path):
    job = convert(root, tmp_path, SHAPES)
    path = tmp_path / "data" / "deeplift_genomics" / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DigestError, match="is not the expected file: the bytes are not") as raised:
        run_conversion(root, job)
    assert str(path) in str(raised.value)
    assert str(raised.value) in (tmp_path / "convert.log").read_text()
    assert not (tmp_path / "model.safetensors").exists()
