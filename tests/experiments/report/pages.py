"""What a page holds, read by the parser of Python."""

from __future__ import annotations

from html.parser import HTMLParser

# Elements that have no end.
VOID = {"meta", "img", "br", "link", "input", "hr", "col"}


class Page(HTMLParser):
    """The elements of a page, in order.

    Attributes
    ----------
    elements
        Pairs of a name and its attributes.
    text
        What is between them.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        # The end of a paragraph, a row and the like may be left out; these pages close everything.
        assert self._open and self._open.pop() == tag, f"</{tag}> at line {self.getpos()[0]}"

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "

    def all(self, attribute: str) -> list[str]:
        """Return the values of an attribute."""
        return [found[attribute] or "" for _, found in self.elements if attribute in found]

    def names(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def check_page(page: Page) -> None:
    """Check that a page is complete by itself: no script, no other file, no link into nowhere."""
    identifiers = page.all("id")
    assert len(identifiers) == len(set(identifiers)), "an id is there twice"
    targets = set(identifiers)
    for address in page.all("href"):
        assert address.startswith("data:") or address.removeprefix("#") in targets, address[:80]
    for address in page.all("src"):
        assert address.startswith("data:image/"), address[:80]
    assert not page.names() & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]
    (policy,) = (
        found["content"]
        for tag, found in page.elements
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None and policy.startswith("default-src 'none'; ")
