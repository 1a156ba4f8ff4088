"""From measurements to tables."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from experiments.tables import (
    export_table,
    label_rows,
    number,
    provenance,
    read_measurements,
    whole,
)


def test_measurements_of_several_nets_become_one_table(tmp_path):
    paths = []
    for name in ("b", "a"):
        paths.append(str(tmp_path / f"{name}.csv"))
        pd.DataFrame({"network": [name], "top1": [0.1]}).to_csv(paths[-1], index=False)
    assert list(read_measurements(paths)["network"]) == ["b", "a"]


def test_missing_empty_and_differing_measurements_are_named(tmp_path):
    with pytest.raises(ValueError, match="no measurements given"):
        read_measurements([])
    good, empty, idle, other = (
        str(tmp_path / f"{name}.csv") for name in ("good", "empty", "idle", "other")
    )
    pd.DataFrame({"a": [1]}).to_csv(good, index=False)
    pd.DataFrame({"a": []}).to_csv(empty, index=False)
    pd.DataFrame({"b": [1]}).to_csv(other, index=False)
    pd.DataFrame({"a": []}).to_csv(idle, index=False)
    with pytest.raises(
        ValueError, match=r"empty\.csv, .*idle\.csv hold no measurements: delete them"
    ):
        read_measurements([empty, idle])
    # A shard may have had nothing to do, and is no reason to turn integers into something else.
    assert read_measurements([idle, good])["a"].tolist() == [1]
    assert read_measurements([idle, good])["a"].dtype == "int64"
    pd.DataFrame({"a": [2]}).to_csv(empty, index=False)
    # The fault is with the file that differs from the others, also if it comes first.
    with pytest.raises(ValueError, match=r"other\.csv has the columns \['b'\], not \['a'\]"):
        read_measurements([other, good, empty])
    with pytest.raises(ValueError, match=r"other\.csv has the columns \['b'\], not \['a'\]"):
        read_measurements([good, other])


GOOD = """dataset,network,architecture,variant,image,top1
mnist,net,alexnet,x,0,1.5
mnist,net,alexnet,x,1,2.5
"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD[:-5], "is cut off in its last line"),
        # Without the last digit it would be another number.
        (GOOD[:-2], "is cut off in its last line"),
        (GOOD[:-4] + "\n", "no finite value of 'top1' in line 3"),
        (
            GOOD.replace("2.5", "2.5 %"),
            "holds text among other values in column 'top1': see line 3",
        ),
        (GOOD.replace("1.5", "nan"), "no finite value of 'top1' in line 2"),
        (GOOD.replace("1.5", "-inf"), "no finite value of 'top1' in line 2"),
        (GOOD + "mnist,net,alexnet,x,1,2.5\n", "same row twice, the second time in line 4"),
        (GOOD.replace("x,1", "regular,1"), "rows of net-regular on mnist, not of the net of its"),
        (GOOD.replace("mnist,net,alexnet,x,1", "svhn,net,alexnet,x,1"), "rows of net-x on svhn"),
        ("", "is no table"),
        (GOOD + "a,b,c,d,e,f,g,h\n", "is no table"),
        (GOOD.encode("utf-16"), "is no table"),
    ],
)
def test_a_file_that_does_not_hold_measurements_of_its_net_is_named(tmp_path, text, problem):
    path = tmp_path / "mnist" / "net-x" / "accuracy.csv"
    path.parent.mkdir(parents=True)
    path.write_text(GOOD)
    assert len(read_measurements([str(path)])) == 2
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=problem) as error:
        read_measurements([str(path)])
    assert str(path) in str(error.value)
    assert "delete it and run snakemake again" in str(error.value)


def test_measurements_may_be_truth_values(tmp_path):
    path = tmp_path / "flipped.csv"
    path.write_text("image,flipped\n0,True\n1,False\n")
    assert read_measurements([str(path)])["flipped"].tolist() == [True, False]
    path.write_text("image,flipped\n0,True\n1,Fal\n")
    with pytest.raises(ValueError, match="text among other values in column 'flipped': see line 3"):
        read_measurements([str(path)])


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (79.04, "79"),
        (1.234, "1.23"),
        (0.00123456, "0.00123"),
        (8.79e-15, "8.79e-15"),
        (-2e-4, "-2.00e-04"),
        (0.0, "0"),
        (float("nan"), "–"),
    ],
)
def test_numbers_are_printed_to_three_digits(value, printed):
    assert number(value) == printed


def test_labels_come_first():
    frame = pd.DataFrame({"top1": [1.0, 2.0]}, index=[7, 9])
    labelled = label_rows(frame, dataset="d", network="a")
    assert list(labelled.columns) == ["dataset", "network", "top1"]
    assert labelled["dataset"].tolist() == ["d", "d"]


def test_a_table_is_exported_for_readers(tmp_path):
    markdown, latex = (tmp_path / f"table.{suffix}" for suffix in ("md", "tex"))
    shown = pd.DataFrame({"network": ["A_B", "C"], "value (%)": ["0.330", "1e-3"]})
    export_table(shown, markdown, latex, "On a_b & c.", ["A note.", "Another."])
    lines = markdown.read_text().splitlines()
    assert lines[0] == "On a_b & c."
    # The digits stay as they were printed.
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    assert cells[0] == list(shown.columns) and cells[2:] == shown.to_numpy().tolist()
    assert lines.index("A note.") < lines.index("Another.")
    text = latex.read_text()
    assert text.startswith("% A note.\n% Another.\n")
    assert r"A\_B & 0.330" in text and r"value (\%)" in text
    assert r"\caption{On a\_b \& c.}" in text


def test_a_notebook_shows_all_of_a_table_without_row_numbers():
    names = ["<b>bold</b>", *(f"net {index}" for index in range(100))]
    frame = pd.DataFrame({"net": names, **{f"<i>{index}</i>": "long " * 30 for index in range(30)}})
    page = whole(frame).to_html()
    assert "&lt;b&gt;bold&lt;/b&gt;" in page and "&lt;i&gt;29&lt;/i&gt;" in page
    assert "<b>" not in page and "<i>" not in page
    assert page.count("<tr>") == 102 and page.count("</td>") == 101 * 31
    assert ">net 50</td>" in page and ">" + "long " * 30 + "</td>" in page
    assert ">100</th>" not in page


def test_names_of_rows_are_shown():
    rows = pd.MultiIndex.from_tuples([("<b>", "x"), ("b", "y")], names=["net", "variant"])
    page = whole(pd.DataFrame({"value": ["1", "2"]}, index=rows)).to_html()
    assert ">&lt;b&gt;</th>" in page and ">y</th>" in page and ">variant</th>" in page


def test_provenance_has_a_line_per_distinct_origin(tmp_path):
    facts = {
        "commit": "abc",
        "date": "2026-11-21T10:00:00+00:00",
        "processor": "P",
        "device": "cpu",
        "threads": 1,
        "python": "3.11",
        "versions": {"torch": "2", "torchvision": "0"},
    }
    paths = [str(tmp_path / f"{index}.json") for index in range(3)]
    for path, commit in zip(paths, ["abc", "abc", "def"], strict=True):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(facts | {"commit": commit}, file)
    assert list(provenance(paths)["commit"]) == ["abc", "def"]
