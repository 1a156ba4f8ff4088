"""Files between two jobs, damaged in every way: the error names the file and says what to do."""

from __future__ import annotations

import json
import os
import pickle
import random
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from experiments.attribution_prior.mortality import read_table as read_mortality_table
from experiments.attribution_prior.summary import read_eg_curve, read_repetitions, read_summary
from experiments.data.index import read_index, write_index
from experiments.data.open_images import open_images
from experiments.data.preprocessing import Preprocessing
from experiments.data.stores import StoredImages, StoreWriter
from experiments.digests import digest_of
from experiments.figures import load_drawing, load_drawings
from experiments.files import load_tensors, save_tensors
from experiments.genomics.simulation import SimulatedSequences
from experiments.genomics.storage import load_sequences, save_sequences
from experiments.intermediates import DamagedFileError, read_json, read_table, read_tensors
from experiments.job import Job
from experiments.networks.checkpoints import build_network, load_model, read_header, save_model
from experiments.networks.keras_weights import load_keras_weights
from experiments.networks.weight_files import read_weights
from experiments.published import read_published
from experiments.tables import provenance, read_measurements, summarise_nets
from tests.experiments.helpers import Named

LAYERS = {"conv": "0"}


def small_net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3))


def make_table(path):
    pd.DataFrame({"method": ["a", "b"], "value": [1.25, 2.5]}).to_csv(path, index=False)


def make_mortality(path):
    pd.DataFrame({"died": [0, 1], "age": [1.5, None]}).to_csv(path, index=False)


def make_json(path):
    path.write_text(json.dumps({"commit": "", "date": "2026-11-27", "versions": {"torch": "2"}}))


def make_index(path):
    facts = {"dataset": "d", "class_names": ["c"], "label_space": "d"}
    write_index(path, [("a.png", 0), ("b.png", 1)], "images", facts)


def make_tensors(path):
    save_tensors(path, {"a": torch.ones(3), "b": torch.zeros(2)}, {"seed": 1}, classes='["c"]')


def make_sequences(path):
    data = SimulatedSequences(
        torch.zeros(2, 4, 5, dtype=torch.int64), torch.ones(2, 1), [[("m", 1)], []], ["x", "y"]
    )
    save_sequences(path, data, {"test": torch.arange(2)}, {})


def make_net(path):
    builder, arguments = "xgradient.models.digit_convnet:digit_convnet", {"bias": True}
    space = Preprocessing((0.0,), (1.0,), order="grey")
    net = build_network(builder, arguments)
    save_model(net, path, builder, arguments, {"seed": 1}, space, "d")


def make_keras(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights/conv/conv")
        group["kernel:0"], group["bias:0"] = np.zeros((3, 3, 1, 2), "f4"), np.zeros(2, "f4")


def make_npz(path):
    np.savez(path, a=np.ones((2, 3), np.float32), b=np.arange(5))


READERS = {
    "table.csv": (make_table, lambda path: read_table(path, ["method"], ["value"])),
    "measurements.csv": (make_table, lambda path: read_measurements([str(path)])),
    "mortality.csv": (make_mortality, read_mortality_table),
    "index.csv": (make_index, read_index),
    "facts.json": (make_json, read_json),
    "tensors.safetensors": (make_tensors, load_tensors),
    "drawing.safetensors": (make_tensors, lambda path: load_drawing(path, "classes")),
    "digest.safetensors": (make_tensors, digest_of),
    "sequences.safetensors": (make_sequences, lambda path: load_sequences(path, "test")),
    "net.safetensors": (make_net, load_model),
    "weights.h5": (make_keras, lambda path: load_keras_weights(path, small_net(), LAYERS)),
    "weights.npz": (make_npz, lambda path: read_weights(path, "npz")),
    "weights.safetensors": (make_tensors, lambda path: read_weights(path, "safetensors")),
}
# Weights come from outside: the user has another copy of them, or not.
MADE_HERE = [name for name in READERS if not name.startswith("weights")]


def in_place_of(content: bytes, damage: str) -> bytes:
    return {
        "empty": b"",
        # Not behind a whole row, which cannot be seen in a table.
        "cut in half": content[: len(content) // 2].removesuffix(b"\n"),
        "without its end": content[:-1],
        "zeros": bytes(len(content)),
        "text": b"No such bucket\n",
        "a web page": b"<!doctype html>\n<html><body>Log in</body></html>\n",
        "a picture": b"\x89PNG\r\n\x1a\n" + os.urandom(100),
        "a pickle": pickle.dumps({"a": 1}),
        "json": b"[1, 2]\n",
        "utf-16": "method,value\na,1\n".encode("utf-16"),
    }[damage]


DAMAGES = [
    "empty", "cut in half", "without its end", "zeros", "text", "a web page", "a picture",
    "a pickle", "json", "utf-16",
]  # fmt: skip


def refused(read, path) -> str:
    with pytest.raises(ValueError) as caught:
        read(path)
    said = str(caught.value)
    assert str(path) in said and "\n" not in said and len(said) < 900, said
    return said


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, name, damage):
    make, read = READERS[name]
    path = tmp_path / name
    make(path)
    read(path)
    path.write_bytes(in_place_of(path.read_bytes(), damage))
    said = refused(read, path)
    if name in MADE_HERE:
        assert "delete" in said and "run snakemake again" in said


@pytest.mark.parametrize("name", READERS)
def test_a_folder_or_nothing_in_its_place_is_named(tmp_path, name):
    make, read = READERS[name]
    path = tmp_path / name
    make(path)
    path.unlink()
    for _ in range(2):
        with pytest.raises((ValueError, OSError)) as caught:
            read(path)
        assert str(path) in str(caught.value)
        path.mkdir(exist_ok=True)


@pytest.mark.parametrize("name", READERS)
def test_flipped_bits_give_a_result_or_an_error_that_names_the_file(tmp_path, name):
    make, read = READERS[name]
    path = tmp_path / name
    make(path)
    content = path.read_bytes()
    draw = random.Random(0)
    n_refused = 0
    for _ in range(40):
        changed = bytearray(content)
        for _ in range(draw.choice([1, 3])):
            changed[draw.randrange(min(len(content), 600))] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        try:
            read(path)
        except ValueError as error:
            n_refused += 1
            assert str(path) in str(error) and "\n" not in str(error), (bytes(changed), error)
    assert n_refused


def test_a_missing_or_wrong_column_is_the_fault_of_its_file(tmp_path):
    path = tmp_path / "table.csv"
    make_table(path)
    remedy = "delete it and run snakemake again"
    with pytest.raises(DamagedFileError, match=rf"table\.csv has no column 'x', 'y': {remedy}"):
        read_table(path, ["method", "x"], ["y"])
    path.write_text("method,value\na,1\nb,many\n")
    with pytest.raises(DamagedFileError, match=r"no number in column 'value' of line 3: delete it"):
        read_table(path, numbers=["value"])
    with pytest.raises(DamagedFileError, match=r"no number in column 'method' of line 2"):
        read_table(path, numbers=None)
    # Without rows there are no types.
    path.write_text("method,value\n")
    assert read_table(path, ["method"], ["value"]).empty
    with pytest.raises(DamagedFileError, match="restore it from the repository"):
        path.write_bytes(b"")
        read_published(path)


def test_a_file_that_differs_from_the_others_is_the_one_to_blame(tmp_path):
    paths = [str(tmp_path / f"{number}.csv") for number in range(3)]
    for path in paths:
        make_table(path)
    pd.DataFrame({"method": ["a"], "value": ["many"]}).to_csv(paths[1], index=False)
    with pytest.raises(DamagedFileError, match=r"1\.csv holds text in column 'value', unlike the"):
        read_measurements(paths)


def test_a_column_that_all_measurements_lack_is_named_with_them(tmp_path):
    path = tmp_path / "d" / "n-x" / "accuracy.csv"
    path.parent.mkdir(parents=True)
    path.write_text("dataset,network,architecture,variant,image,rank\nd,n,a,x,0,1\n")
    rows = read_measurements([str(path)])
    with pytest.raises(DamagedFileError, match=rf"{path} has no column .*'top1'.*: delete it"):
        summarise_nets(rows, lambda own: own[["top1"]])
    with pytest.raises(DamagedFileError, match=rf"{path} has no column 'top1': delete it"):
        summarise_nets(rows, lambda own: own.groupby("top1").sum())


@pytest.mark.parametrize("facts", ["accuracy.json", "all_of_them.json"])
def test_a_table_that_is_cut_off_between_two_rows_is_no_table(tmp_path, facts):
    """Nor is one in which a digit was changed: the job has left the digest of what it wrote."""
    path = tmp_path / "accuracy.csv"
    text = "image,top1\n0,1\n1,0\n2,1\n"
    path.write_text(text)
    job = SimpleNamespace(
        rule="measure",
        wildcards=Named(network="a"),
        params=Named({}),
        output=[str(path), str(tmp_path / facts), str(tmp_path / "maps.safetensors")],
        log=[],
        threads=1,
    )
    Job(job).write_facts(tmp_path / facts, more="of it")
    assert len(read_table(path, ["top1"])) == 3
    for altered in (text.removesuffix("2,1\n"), text.replace("1,0", "1,1")):
        path.write_text(altered)
        with pytest.raises(
            DamagedFileError, match=r"accuracy\.csv is not as its job wrote it: del"
        ):
            read_table(path, ["top1"])
    # Damaged facts are the matter of whoever reads them.
    (tmp_path / facts).write_text("{")
    assert len(read_table(path)) == 3


@pytest.mark.parametrize("read", [read_repetitions, read_summary, read_eg_curve])
def test_tables_of_the_attribution_priors_have_their_columns(tmp_path, read):
    path = tmp_path / "prior.csv"
    make_table(path)
    assert "has no column" in refused(read, path)


def test_entries_and_tensors_that_are_missing_are_named_where_they_are_used(tmp_path):
    make_json(tmp_path / "facts.json")
    make_tensors(tmp_path / "a.safetensors")
    facts = read_json(tmp_path / "facts.json")
    assert facts["versions"]["torch"] == "2" and facts.get("none") is None
    with pytest.raises(DamagedFileError, match=r"facts\.json has no entry 'torchvision': delete"):
        provenance([tmp_path / "facts.json"]) if facts["versions"]["torchvision"] else None
    with pytest.raises(DamagedFileError, match=r"facts\.json has no entry 'processor': delete"):
        provenance([tmp_path / "facts.json"])
    tensors, header = read_tensors(tmp_path / "a.safetensors", header=["classes"])
    assert list(tensors) == ["a", "b"] and header == {"classes": ["c"]}
    with pytest.raises(DamagedFileError, match=r"a\.safetensors has no tensor 'ig': delete it"):
        tensors["ig"]
    with pytest.raises(DamagedFileError, match=r"has no entry in its header 'steps': delete it"):
        read_tensors(tmp_path / "a.safetensors", header=["steps"])
    save_tensors(tmp_path / "b.safetensors", {"a": torch.ones(3)}, {}, classes='["d"]')
    with pytest.raises(DamagedFileError, match=r"b\.safetensors has no tensor 'b'"):
        load_drawings([tmp_path / "a.safetensors", tmp_path / "b.safetensors"], "classes")
    arguments = {"bias": True}
    net = build_network("xgradient.models.digit_convnet:digit_convnet", arguments)
    save_model(net, tmp_path / "n.safetensors", "xgradient.models:x", arguments)
    with pytest.raises(DamagedFileError, match=r"n\.safetensors has no .* 'preprocessing': delete"):
        read_header(tmp_path / "n.safetensors")["preprocessing"]
    # As workers get them.
    assert pickle.loads(pickle.dumps(facts)) == facts


@pytest.mark.parametrize("missing", ["label_space", "class_names"])
def test_a_store_without_a_fact_is_named(tmp_path, missing):
    facts = {"dataset": "d", "class_names": ["c"], "label_space": "d", "view": "native"}
    facts.pop(missing)
    with StoreWriter(tmp_path / "store", facts) as store:
        store.append(torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2))
    index = tmp_path / "store" / "index.json"
    images = Preprocessing((0.0,), (1.0,), order="grey")
    with pytest.raises(ValueError, match=rf"{index} has no entry '{missing}': delete .*store and"):
        opened = open_images(tmp_path / "store", images, "d")
        opened.class_names([0])


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_of_a_store_is_named(tmp_path, damage):
    facts = {"dataset": "d", "class_names": ["c"], "label_space": "d"}
    with StoreWriter(tmp_path / "store", facts) as store:
        store.append(torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2))
    index = tmp_path / "store" / "index.json"
    content = index.read_bytes().rstrip()
    index.write_bytes(in_place_of(content, damage))
    assert f"delete {Path(tmp_path / 'store')} and run again" in refused(
        StoredImages, tmp_path / "store"
    )
