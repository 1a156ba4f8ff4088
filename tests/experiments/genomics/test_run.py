"""The genomics experiment's files: sequences, splits, tables of hits, and bad released weights."""

from __future__ import annotations

import gzip
import hashlib
import runpy
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from experiments.data.catalogue import DigestError
from experiments.files import load_tensors
from experiments.genomics.run import (
    load_sequences,
    measure_hits,
    read_motifs,
    save_sequences,
    split_sequences,
)
from experiments.genomics.simulation import BACKGROUND, SimulatedSequences, simulate_sequences
from experiments.networks.keras_weights import KerasWeightsError


@pytest.fixture(scope="module")
def motifs(root):
    names = ("GATA_disc1", "TAL1_known1")
    return read_motifs([str(root / f"workflow/published/pwm_{name}.csv") for name in names])


@pytest.fixture(scope="module")
def simulated(motifs):
    return simulate_sequences(motifs, 8, generator=torch.Generator().manual_seed(0))


def test_motifs_have_the_names_of_the_tables(motifs):
    assert {name: len(pwm) for name, pwm in motifs.items()} == {
        "GATA_disc1": 10,
        "TAL1_known1": 16,
    }


def test_splits_are_disjoint_and_complete():
    splits = split_sequences(50, {"validation": 7, "test": 12}, seed=3)
    assert {name: len(chosen) for name, chosen in splits.items()} == {
        "train": 31,
        "validation": 7,
        "test": 12,
    }
    assert sorted(torch.cat(list(splits.values())).tolist()) == list(range(50))
    again = split_sequences(50, {"validation": 7, "test": 12}, seed=3)
    assert all(torch.equal(splits[name], again[name]) for name in splits)
    other = split_sequences(50, {"validation": 7, "test": 12}, seed=4)
    assert not torch.equal(splits["test"], other["test"])


def test_sequences_come_back_as_they_were(tmp_path, simulated):
    path = tmp_path / "sequences.safetensors"
    save_sequences(path, simulated, {"test": torch.tensor([31, 0, 9])}, {"seed": 1})
    test = load_sequences(path, "test")
    expected = simulated.subset([31, 0, 9])
    assert torch.equal(test.sequences, expected.sequences)
    assert test.sequences.dtype == torch.int64
    assert torch.equal(test.labels, expected.labels)
    assert (test.names, test.embeddings) == (expected.names, expected.embeddings)
    assert load_tensors(path)[1] == {"seed": 1}
    with pytest.raises(ValueError, match="has no train sequences"):
        load_sequences(path, "train")


def test_hits_and_their_summary_tell_the_same(simulated, motifs):
    both = simulated.subset(range(24, 32))
    draws = torch.randn(both.sequences.shape, generator=torch.Generator().manual_seed(0))
    importance = {"noise": draws, "all": torch.ones_like(draws), "none": torch.zeros_like(draws)}
    hits, summary = measure_hits(both, importance, motifs, 5, 7.0, BACKGROUND)
    assert len(hits) == 2 * 3 * 2 * 8 * 5
    keys = ["motif", "method", "exclusion"]
    assert list(summary.columns) == [*keys, "n_strong_hits", "false_negative_percent"]
    strong = hits[hits["log_odds"] >= 7.0]
    counts = strong.groupby(keys).size()
    missed = strong[strong["importance"] <= 0].groupby(keys).size()
    shares = (100 * missed / counts).reindex(counts.index).fillna(0.0)
    for row in summary.itertuples():
        key = (row.motif, row.method, row.exclusion)
        assert row.n_strong_hits == counts[key]
        assert row.false_negative_percent == pytest.approx(shares[key])
    by_method = summary.groupby("method")["false_negative_percent"]
    assert by_method.max()["all"] == 0.0 and by_method.min()["none"] == 100.0
    assert 0 < by_method.mean()["noise"] < 100
    # At the left edge the official analysis takes a hit again and again.
    repeats = hits.duplicated([*keys, "sequence", "start"]).groupby(hits["exclusion"]).any()
    assert repeats.to_dict() == {"fixed": False, "official": True}
    # Where a motif was embedded, its hit is among the strongest, with the importance of its bases.
    fixed = hits[(hits["exclusion"] == "fixed") & (hits["method"] == "noise")]
    found = fixed.set_index(["sequence", "motif", "start"])["importance"]
    n_found = 0
    for row, (name, embedded) in enumerate(zip(both.names, both.embeddings, strict=True)):
        for motif, start in embedded:
            if (name, motif, start) in found.index:
                n_found += 1
                window = draws[row, start : start + len(motifs[motif])].sum().item()
                assert found[name, motif, start] == pytest.approx(window, abs=1e-5)
    assert n_found > 0.8 * sum(map(len, both.embeddings))


# --- the authors' files --------------------------------------------------------------------------

SHAPES = {
    "conv1d_1": (11, 4, 50),
    "conv1d_2": (11, 50, 50),
    "dense_1": (50, 50),
    "dense_2": (50, 3),
}
WEIGHTS = "keras2_conv1d_record_5_model_PQzyq_modelWeights.h5"


class Named(dict):
    """Stands in for Snakemake's Namedlist: values when iterated, names by attribute."""

    __getattr__ = dict.__getitem__

    def __iter__(self):
        return iter(self.values())


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
        rule="convert_genomics",
        wildcards=Named(),
        input=Named(dataset=str(folder / "deeplift_genomics.yaml")),
        output=Named(outputs),
        params=Named(data=str(folder / "data")),
        log=[str(folder / "convert.log")],
        threads=1,
    )


def run_conversion(root, job):
    script = root / "workflow" / "scripts" / "convert_genomics.py"
    runpy.run_path(str(script), {"snakemake": job})


def test_released_files_are_converted(root, tmp_path):
    job = convert(root, tmp_path, SHAPES)
    run_conversion(root, job)
    tensors, facts = load_tensors(job.output.model)
    assert tensors["conv2.weight"].shape == (50, 50, 11)
    assert WEIGHTS in facts["inputs"]
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


def test_the_published_tables_speak_of_the_methods_and_tasks_here(root):
    from experiments.genomics.network import GENOMICS_METHODS, MULTIREFERENCE, TASKS
    from experiments.names import GENOMICS_METHODS as NAMES

    assert list(NAMES) == [*GENOMICS_METHODS, MULTIREFERENCE]
    published = root / "workflow" / "published"
    percent = pd.read_csv(published / "deeplift_genomics_false_negatives_gata.csv")
    assert set(percent["method"]) == set(GENOMICS_METHODS)
    assert list(pd.read_csv(published / "deeplift_genomics_auroc.csv")["task"]) == list(TASKS)
