"""Numbers in documents: those of the recorded run, written by a program."""

from __future__ import annotations

import json
import re

import pytest

from experiments.numbers import RecordedRun, fill_in, main
from experiments.record import keep

DOCUMENTS = ("README.md", "docs/artifact.md", "docs/reliability.md", "docs/imagenet/README.md")
# In the words of the templates: names, definitions, published statements and other people's data.
# Everything else that looks like a measurement must come from a table.
WORDS = {
    "SST-2", "50 dimensions", "300 dimensions", "Kim (2014)",
    "IG (128)", "IG (10)", "EG (1)", "VGG16", "ResNet-50", "SqueezeNet 1.0", "SqueezeNet 1.1",
    "NVIDIA H200", "float64", "float32", "bfloat16", "13 bits", "20 bits", "1,000 classes",
    "4,050 photographs",
    "95 % intervals of about ±3 points", "TF32", "8→3", "of 16 cells", "in 2024", "Table 1",
    "min(x1, x2)", "1,100 photographs", "masking=4", "X-AlexNet, 224 px", "28 px and 224 px",
    "IG (32)", "/ 1", "1 |", "top-1", "Top-1", "top-5",
}  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_have_the_numbers_of_recorded_runs(root, document):
    """Otherwise: python -m experiments.numbers, with the names of these documents."""
    text = (root / document).read_text(encoding="utf-8")
    assert "<!-- from docs/numbers/" in text
    assert fill_in(root / document) == text


def test_no_number_is_written_into_a_template(root):
    templates = sorted((root / "docs/numbers").iterdir())
    assert templates
    for template in templates:
        text = template.read_text(encoding="utf-8")
        text = re.sub(
            r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.DOTALL
        )
        for words in WORDS:
            text = text.replace(words, " ")
        assert re.findall(r"\S*\d\S*", text) == [], template


def write_run(folder, rows):
    (folder / "tables").mkdir(parents=True)
    (folder / "tables/accuracy.csv").write_text(
        "network,top1\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8"
    )
    (folder / "run.json").write_text(json.dumps({"rules": {}}), encoding="utf-8")
    return RecordedRun(folder)


def test_a_number_that_the_run_does_not_have_is_an_error(tmp_path):
    run = write_run(tmp_path / "run", ["a,1.0", "b,2.0", "b,3.0"])
    assert run.value("accuracy", "top1", network="a") == 1
    assert run.values("accuracy", "top1", network=["a", "b"]) == [1, 2, 3]
    with pytest.raises(ValueError, match="2 rows with"):
        run.value("accuracy", "top1", network="b")
    with pytest.raises(ValueError, match=r"accuracy\.csv: no row with .*'c'"):
        run.value("accuracy", "top1", network="c")
    with pytest.raises(ValueError, match="has no column 'top7'"):
        run.value("accuracy", "top7", network="a")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one document, whose template states something about a run."""
    monkeypatch.setattr("experiments.numbers.ROOT", tmp_path)
    (tmp_path / "part.jinja").write_text(
        '{% set run = recorded("run") %}\n'
        '{% do require(run.value("accuracy", "top1", network="a") > 50, "a is good") %}\n'
        'a is good: {{ run.value("accuracy", "top1", network="a")|f(".1f") }} %\n',
        encoding="utf-8",
    )
    document = tmp_path / "README.md"
    document.write_text(
        "Before.\n<!-- from part.jinja -->\nold\n<!-- end -->\nAfter.\n", encoding="utf-8"
    )
    return tmp_path


def test_a_part_is_filled_in_and_the_rest_is_kept(project):
    write_run(project / "run", ["a,87.654"])
    main([str(project / "README.md")])
    assert (project / "README.md").read_text(encoding="utf-8") == (
        "Before.\n<!-- from part.jinja -->\na is good: 87.7 %\n<!-- end -->\nAfter.\n"
    )


def test_a_sentence_that_is_no_longer_true_is_not_written(project):
    write_run(project / "run", ["a,40.0"])
    before = (project / "README.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit, match=r"part\.jinja: no longer true of this run: a is good"):
        main([str(project / "README.md")])
    assert (project / "README.md").read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("value", "style", "text"),
    [
        (0.12345, ".3f", "0.123"),
        (3.1e-14, ".1e", "3.1e-14"),
        (1.6e-5, ".1e", "1.6e-5"),
    ],
)
def test_numbers_are_written_as_by_hand(project, value, style, text):
    (project / "part.jinja").write_text(f"{{{{ {value}|f('{style}') }}}}", encoding="utf-8")
    assert f"-->\n{text}<!--" in fill_in(project / "README.md")


def test_the_zero_before_the_point_can_be_left_out(project):
    template = "{{ 0.71951|f('.3f')|bare }} {{ -0.25|f('.2f')|bare }} {{ 10.5|f('.1f')|bare }}"
    (project / "part.jinja").write_text(template, encoding="utf-8")
    assert "-->\n.720 -.25 10.5<!--" in fill_in(project / "README.md")


def test_what_is_recorded_is_what_the_templates_read(tmp_path):
    """A run that is kept without its figures is one that can be read."""
    results = tmp_path / "results"
    (results / "tables").mkdir(parents=True)
    (results / "figures").mkdir()
    (results / "figures/contrast.png").write_bytes(b"png")
    (results / "pages").mkdir()
    (results / "pages/text_words.html").write_text("<p>", encoding="utf-8")
    (results / "tables/accuracy.csv").write_text("network,top1\na,1.5\n", encoding="utf-8")
    facts = {name: "x" for name in ("commit", "device", "processor", "system", "python")}
    (results / "accuracy.json").write_text(
        json.dumps({**facts, "versions": {}, "date": "2026-01-01"}), encoding="utf-8"
    )
    (results / "benchmarks").mkdir()
    files = keep(results, tmp_path / "kept", figures=False)
    assert {path.name for path in files} == {"accuracy.csv", "run.json"}
    assert RecordedRun(tmp_path / "kept").value("accuracy", "top1", network="a") == 1.5
