"""The page of a small run, whose every text tries to be markup."""

from __future__ import annotations

import base64
import io

import nbformat
import pandas as pd
import pytest
from PIL import Image

from experiments.claims import judge_claims
from experiments.notebooks import as_page
from experiments.report.page import build_page
from tests.experiments.report.pages import Page, check_page

WORDS = """<html><head><style>p { color: red; }</style>
<style class="content">.word { color: blue; }</style></head>
<body>
<h1>A page of words</h1><h2>Films</h2><p class="word">so</p></body></html>
"""
HOSTILE = "<script>alert('1')</script> & <img src=x onerror=alert(2)>"
CLAIM = """
- claim: Widths of {hostile} are large.
  source: Doe et al. 2020, Sec. 1 {hostile}
  scope: qualitative
  table: widths
  rows: {{}}
  column: width
  expect: {{at_least: 2}}
- claim: Widths are positive.
  source: Kim 2014
  scope: exact
  table: widths
  rows: {{}}
  column: width
  expect: {{more_than: 0}}
- claim: The width of none.
  source: Kim 2014
  scope: exact
  needs: {{name: lacking}}
  table: widths
  rows: {{}}
  column: width
  expect: {{more_than: 0}}
- claim: Depths are equal.
  source: this replication
  scope: exact
  table: depths_other
  rows: {{}}
  column: depth
  expect: {{equals: 1}}
"""


@pytest.fixture
def run(tmp_path, root):
    """Return the arguments of `build_page` for two experiments and a training."""

    def caption(text):
        path = tmp_path / f"{len(list(tmp_path.glob('*.rst')))}.rst"
        path.write_text(text)
        return str(path)

    def table(name, frame):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        return str(tmp_path / f"{name}.csv")

    def item(kind, experiment, name, title, path, text="A caption."):
        return {
            "kind": kind,
            "experiment": experiment,
            "name": name,
            "title": title,
            "path": path,
            "caption": caption(text),
            "wildcards": {},
        }

    names = [f"{HOSTILE}{number}" for number in range(50)]
    widths = table("widths", pd.DataFrame({"name": names, "width": range(1, 51)}))
    depths = table("depths", pd.DataFrame({"depth": [1 / 3]}))
    other = table("depths_other", pd.DataFrame({"name": ["a"], "depth": [1]}))
    for name, size in (("a", (30, 20)), ("b", (60, 20))):
        Image.new("RGBA", size, (0, 0, 0, 0)).save(tmp_path / f"{name}.png")
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_markdown_cell("# Depth of all\n\nText.\n\n## Provenance")]
    (tmp_path / "depths.html").write_text(as_page(notebook))
    (tmp_path / "words.html").write_text(WORDS)
    (tmp_path / "claims.yaml").write_text(CLAIM.format(hostile=HOSTILE))
    (tmp_path / "config.yaml").write_text(f"# {HOSTILE}\nresults: results\n")
    verdicts = table("claims", judge_claims(tmp_path / "claims.yaml", [widths, depths, other], []))
    shown = [
        item("table", "widths", "widths", f"Widths {HOSTILE}", widths, f"Of {HOSTILE}."),
        item("figure", "widths", "widths_a", f"Widths {HOSTILE}", str(tmp_path / "a.png")),
        item("figure", "widths", "widths", "Widths again", str(tmp_path / "b.png")),
        item("page", "widths", "widths_words", "Words", str(tmp_path / "words.html")),
        item("table", "depths", "depths", "Depths", depths),
        item("table", "depths", "depths_other", "Other depths", other),
        item("notebook", "depths", "depths", "Depths", str(tmp_path / "depths.html")),
        item("training", "", "a/net", "a/net", depths),
        item("table", "claims", "claims", "Claims", verdicts),
    ]
    return {
        "frame": root / "workflow/report/page.html.jinja2",
        "introduction": caption("What it is about."),
        "shown": shown,
        "verdicts": verdicts,
        "config": tmp_path / "config.yaml",
        "commit": HOSTILE,
        "processor": HOSTILE,
    }


@pytest.fixture
def page(run):
    return Page(build_page(**run))


def test_the_page_is_complete_and_every_text_is_text(page):
    check_page(page)
    # Claim, source, remark, cells, titles, captions, configuration and machine.
    assert page.text.count(HOSTILE) > 10


def test_verdicts_come_first_then_pictures_then_claims_then_the_rest(page):
    order = [
        "verdicts",
        "pictures",
        "claims",
        "experiment-widths",
        "experiment-depths",
        "trainings",
    ]
    found = [each for each in page.all("id") if each in order]
    assert found == order
    text = " ".join(page.text.split())
    assert "4 claims of Hold exactly Hold in kind Fail Not testable here" in text
    assert "Doe et al. 2020 0 0 1 0 Kim 2014 1 0 0 1 this replication 1 0 0 0 All 2 0 1 1" in text
    assert "Why claims are not testable here: 1 claim: needs name lacking" in text


def test_from_a_claim_one_click_leads_to_its_table_and_one_to_its_figure(run):
    html = build_page(**run)
    _, _, rest = html.partition('<li id="claim-1"')
    claim = rest.partition("</li>")[0]
    # There are two figures; the claim is about the table with the name of the second.
    assert 'href="#table-widths"' in claim and 'href="#figure-widths"' in claim
    _, _, rest = html.partition('<li id="claim-4"')
    claim = rest.partition("</li>")[0]
    assert 'href="#table-depths_other"' in claim and "#figure-" not in claim


def test_the_picture_of_an_experiment_is_its_first_figure(run):
    html = build_page(**run)
    gallery = html.partition('<div class="gallery">')[2].partition("</div>")[0]
    (address,) = Page(gallery).all("src")
    content = base64.b64decode(address.partition("base64,")[2])
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.size == (30, 20)
        # What was transparent is white.
        assert picture.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_tables_are_shown_in_part_and_given_as_a_whole(run, page):
    assert "widths.csv , 50 rows, of which the first 40 are shown" in " ".join(page.text.split())
    (address,) = (
        found["href"] for tag, found in page.elements if found.get("download") == "widths.csv"
    )
    content = base64.b64decode(address.partition("base64,")[2]).decode()
    assert content.count("\n") == 51 and f"{HOSTILE}49" in content


def test_a_notebook_is_shown_below_the_headings_of_the_page(run):
    html = build_page(**run)
    assert "<h4>Depth of all</h4>" in html and "<h5>Provenance</h5>" in html
    # The caption of the CSV file would say the same once more.
    assert html.index("<h4>Depth of all</h4>") > html.index('id="table-depths"')


def test_a_page_is_shown_with_the_style_of_its_content(run, tmp_path):
    html = build_page(**run)
    _, _, shown = html.partition('<div id="page-widths_words">')
    shown = shown.partition('<div id="table-')[0]
    # Under the title that the rule announced.
    assert "<h3>Words</h3>" in shown and "A page of words" not in html
    assert '<h4>Films</h4><p class="word">so</p>' in shown
    head = html.partition("</head>")[0]
    assert ".word { color: blue; }" in head and "color: red" not in html
    (tmp_path / "words.html").write_text("<html><body>so</body></html>")
    with pytest.raises(ValueError, match=r"words\.html is no page of a run: delete it"):
        build_page(**run)


def test_a_run_without_claims_says_so(run, tmp_path):
    table = pd.read_csv(run["verdicts"]).head(0)
    table.to_csv(tmp_path / "none.csv", index=False)
    page = Page(build_page(**run | {"verdicts": tmp_path / "none.csv"}))
    check_page(page)
    assert "No claim is about the tables of this run." in page.text


def test_what_is_no_notebook_is_named(run, tmp_path):
    (tmp_path / "depths.html").write_text("not a page")
    with pytest.raises(ValueError, match=r"depths\.html is no page of a notebook: delete it"):
        build_page(**run)
