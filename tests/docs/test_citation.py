"""CITATION.cff against what the Citation File Format 1.2.0 requires and allows."""

from __future__ import annotations

import datetime
import re

import pytest
import yaml

KEYS = set(
    [
        "abstract",
        "authors",
        "cff-version",
        "commit",
        "contact",
        "date-released",
        "doi",
        "identifiers",
        "keywords",
        "license",
        "license-url",
        "message",
        "preferred-citation",
        "references",
        "repository",
        "repository-artifact",
        "repository-code",
        "title",
        "type",
        "url",
        "version",
    ]
)
PERSON = set(
    [
        "address",
        "affiliation",
        "alias",
        "city",
        "country",
        "email",
        "family-names",
        "fax",
        "given-names",
        "name-particle",
        "name-suffix",
        "orcid",
        "post-code",
        "region",
        "tel",
        "website",
    ]
)
ENTITY = (PERSON - {"family-names", "given-names", "affiliation"}) | {
    "date-end",
    "date-start",
    "location",
    "name",
}


@pytest.fixture(scope="module")
def citation(root):
    return yaml.safe_load((root / "CITATION.cff").read_text())


def test_keys_are_those_of_the_format(citation):
    assert set(citation) <= KEYS
    assert {"authors", "cff-version", "message", "title"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in ("software", "dataset")
    assert all(isinstance(keyword, str) for keyword in citation["keywords"])


def test_authors_are_persons_or_entities(citation):
    for cited in [citation, *citation["references"]]:
        assert cited["authors"]
        for author in cited["authors"]:
            assert set(author) <= PERSON or ("name" in author and set(author) <= ENTITY)


def test_references_have_what_the_format_requires(citation):
    for reference in citation["references"]:
        assert {"authors", "title", "type"} <= set(reference)
        assert isinstance(reference["year"], int)


def test_the_date_is_that_of_the_changelog(citation, root):
    released = citation["date-released"]
    assert isinstance(released, datetime.date)
    heading = re.escape(f"## [{citation['version']}] – {released.isoformat()}")
    assert re.search(f"^{heading}$", (root / "CHANGELOG.md").read_text(), re.M)
