"""Build the documentation with warnings as errors, and follow its links."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

pytest.importorskip("material", reason="make docs needs the packages of the extra docs")

# Modules whose public names the reference must hold.
PUBLIC = [
    "xgradient.attribution",
    "xgradient.captum",
    "xgradient.deeplift",
    "xgradient.homogeneous",
    "xgradient.masking",
    "xgradient.models",
    "xgradient.priors",
    "xgradient.quantus",
    "xgradient.relative_difference",
    "xgradient.rounding",
]


class Page(HTMLParser):
    """Anchors, links and loaded files of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag in ("img", "script", "link", "iframe"):
            self.loaded += [values[name] for name in ("src", "href") if name in values]


@pytest.fixture(scope="module")
def site(root, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    finished = subprocess.run(
        command,
        cwd=root,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path.read_text()) for path in site.rglob("*.html")}


def test_every_link_leads_to_a_page_and_an_anchor(site, pages):
    followed = 0
    for path, page in pages.items():
        if path.name == "404.html":  # it has absolute links, since it can be anywhere
            continue
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{path.relative_to(site)} links to {link}"
            if parts.fragment and target in pages and not parts.fragment.startswith("__"):
                anchors = pages[target].anchors
                assert unquote(parts.fragment) in anchors, f"{path.relative_to(site)}: {link}"
                followed += 1
    assert followed > 100


def test_pages_load_nothing_from_elsewhere(pages):
    for path, page in pages.items():
        assert [link for link in page.loaded if urlsplit(link).netloc] == [], path


@pytest.mark.parametrize("module", PUBLIC)
def test_the_reference_holds_every_public_name(module, site, pages):
    reference = pages[site / f"api/{module.removeprefix('xgradient.')}.html"]
    found = importlib.import_module(module)
    names = getattr(found, "__all__", None) or [
        name
        for name, value in vars(found).items()
        if getattr(value, "__module__", None) == module and not name.startswith("_")
    ]
    assert names
    missing = {f"{module}.{name}" for name in names} - reference.anchors
    assert missing == set()


def test_no_public_module_is_forgotten(root):
    """Private ones, and modules that other projects have no use for, are left out."""
    internal = {"__init__", "tracing"}
    found = {path.stem for path in (root / "xgradient").iterdir() if path.name != "py.typed"}
    found = {name for name in found if not name.startswith("_")} - internal
    assert {f"xgradient.{name}" for name in found} == set(PUBLIC)


def test_claims_are_listed(root, site):
    text = (site / "claims.html").read_text()
    claims = yaml.safe_load((root / "workflow/claims.yaml").read_text())
    assert len(re.findall(r"<tr>", text)) == len(claims) + 1


def test_included_sections_are_filled_in(site):
    text = (site / "replication.html").read_text()
    assert "include README.md" not in text
    assert 'id="the-numbers-of-one-run"' in text
