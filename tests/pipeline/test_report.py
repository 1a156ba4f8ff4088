"""The report of the smoke run: as text, and in a browser as readers open it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from experiments.claims import load_claims
from experiments.config import check_config
from tests.experiments.report.pages import Page, check_page
from tests.pipeline.browser import Browser, Unavailable
from tests.pipeline.helpers import of_run, read_table

DESKTOP, PHONE = (1280, 900), (390, 844)
# What a reader sees, in one go: pictures without a size, links into nowhere, what sticks out.
SEEN = """(() => ({
  width: document.documentElement.scrollWidth,
  pictures: document.images.length,
  missing: [...document.images].filter(each => !each.complete || each.naturalWidth < 20
    || each.getBoundingClientRect().width < 20).map(each => each.alt),
  links: document.links.length,
  broken: [...document.links].filter(each => !each.hasAttribute("download")
    && !document.getElementById(decodeURIComponent(each.hash.slice(1)))).map(each => each.href),
  letters: Math.min(...[...document.querySelectorAll("p, li, td, figcaption")].map(
    each => parseFloat(getComputedStyle(each).fontSize))),
}))()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    try:
        with Browser(tmp_path_factory.mktemp("browser")) as started:
            yield started
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def page(results):
    return Page((results / "report.html").read_text(encoding="utf-8"))


def test_the_report_is_complete_by_itself(page):
    check_page(page)


def test_the_report_shows_all_that_the_run_made(results, run_config, page):
    identifiers = set(page.all("id"))
    assert {f"experiment-{name}" for name in check_config(run_config).chosen} <= identifiers
    tables = {path.stem for path in (results / "tables").glob("*.csv")} - {"claims"}
    assert {f"table-{name}" for name in tables} <= identifiers
    figures = {path.stem for path in (results / "figures").glob("*.png")}
    assert {f"figure-{name}" for name in figures} <= identifiers
    for training in ("fashion_mnist/alexnet-x", "mnist/digit_convnet-trained", "genomics/trained"):
        assert training in page.text


def test_the_report_has_every_verdict_and_its_evidence(root, results, run_config, page):
    verdicts = read_table(results, "claims")
    claims = load_claims(root / "workflow/claims.yaml")
    assert len(verdicts) == sum(of_run(claim.table, run_config) for claim in claims)
    links = page.all("href")
    for number, table in enumerate(verdicts["table"], start=1):
        # From its experiment, and to its table.
        assert f"#claim-{number}" in links and f"#table-{table}" in links
    text = " ".join(page.text.split())
    assert f"{len(verdicts)} claims of" in text
    assert f"Fail: {(verdicts['verdict'] == 'fails').sum()}" in text


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_browser_shows_all_of_it(browser, results, tmp_path, size):
    width, height = size
    browser.open((results / "report.html").resolve().as_uri(), width, height)
    seen = browser.value_of(SEEN)
    assert seen["missing"] == [] and seen["pictures"] >= 15
    assert seen["broken"] == [] and seen["links"] > 100
    assert seen["width"] <= width, "the page is wider than the window"
    assert seen["letters"] >= 12
    complaints = [
        parameters
        for method, parameters in browser.events
        if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    ]
    assert complaints == []
    loaded = [
        parameters["request"]["url"]
        for method, parameters in browser.events
        if method == "Network.requestWillBeSent"
    ]
    assert [url[:60] for url in loaded if not url.startswith(("file:", "data:"))] == []
    browser.picture(tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 10_000


def test_a_reader_is_at_the_evidence_after_two_clicks(browser, results):
    """From the number of claims that hold exactly to a claim, and from there to its table."""
    browser.open((results / "report.html").resolve().as_uri(), *PHONE)
    for link, place in (("a[href='#exactly']", "exactly"), ("#exactly ~ ol a", "table-")):
        browser.click(link)
        arrived = browser.value_of("location.hash.slice(1)")
        assert arrived.startswith(place)
        top = browser.value_of(
            f"document.getElementById({json.dumps(arrived)}).getBoundingClientRect().top"
        )
        assert 0 <= top < PHONE[1]


def test_snakemake_makes_its_own_report_of_the_run(root, results, tmp_path):
    """With the rules and their code: the captions and labels are those of the report."""
    path = tmp_path / "workflow.html"
    command = [sys.executable, "-m", "snakemake", "--configfile", "config/smoke.yaml", "--nolock"]
    finished = subprocess.run(
        [*command, "--report", str(path)], cwd=root, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    report = path.read_text()
    for text in ("Tables", "Figures", "Training", "attribution_maps_alexnet.png", "Claims"):
        assert text in report
