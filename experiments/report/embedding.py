"""Files within a page, which then needs no other file: pictures, downloads, tables."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

from PIL import Image

from experiments.intermediates import read_table

__all__ = ["as_download", "as_picture", "notebook_body", "page_parts", "table_rows", "thumbnail"]

MOST_ROWS = 40
"""Of a longer table the page shows the first rows; the file has all."""

_THUMBNAIL = (480, 360)
# Headings of a notebook lie below those of the page; their marks would be there more than once.
_HEADING = re.compile(r"<(/?)h([1-3])\b[^>]*>")
_MARK = re.compile(r'<a class="anchor-link".*?</a>| id="cell-id=[^"]*"', re.S)
_STYLE_OF_FRAME = re.compile(r'<style scoped="">.*?</style>', re.S)
_FIRST_HEADING = re.compile(r"\s*<h1>.*?</h1>", re.S)
_STYLE_OF_CONTENT = re.compile(r'<style class="content">(.*?)</style>', re.S)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def as_picture(path: str | Path) -> tuple[str, int, int]:
    """Return a PNG file as an address of its own, its width and its height in pixels."""
    content = Path(path).read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
    return _data("image/png", content), width, height


def thumbnail(path: str | Path) -> str:
    """Return a small version of a picture, on white, as an address of its own."""
    with Image.open(path) as image:
        small = Image.new("RGBA", image.size, "white")
        small.alpha_composite(image.convert("RGBA"))
    small.thumbnail(_THUMBNAIL, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.convert("RGB").save(buffer, "WEBP", quality=80)
    return _data("image/webp", buffer.getvalue())


def as_download(path: str | Path) -> str:
    """Return a CSV file as an address of its own."""
    return _data("text/csv;charset=utf-8", Path(path).read_bytes())


def table_rows(path: str | Path) -> tuple[str, int]:
    """Return the first rows of a CSV file as an HTML table, and the number of rows that it has."""
    table = read_table(path)
    shown = table.head(MOST_ROWS).to_html(
        index=False, border=0, float_format="{:.6g}".format, na_rep=""
    )
    return shown, len(table)


def notebook_body(path: str | Path) -> str:
    """Return what a page of `experiments.notebooks.as_page` shows, to be shown within another.

    Raises
    ------
    ValueError
        If it is no such page.
    """
    body = _body(path, Path(path).read_text(encoding="utf-8"), "page of a notebook")
    return _STYLE_OF_FRAME.sub("", _MARK.sub("", body))


def page_parts(path: str | Path) -> tuple[str, str]:
    """Return the style that the content of a page needs, and what it shows below its heading.

    Raises
    ------
    ValueError
        If it is no page with a ``<style class="content">``.
    """
    page = Path(path).read_text(encoding="utf-8")
    style = _STYLE_OF_CONTENT.search(page)
    if style is None:
        raise ValueError(f"{path} is no page of a run: delete it and run snakemake again")
    without_first = _FIRST_HEADING.sub("", page, count=1)
    return style[1], _body(path, without_first, "page of a run", down=2)


def _body(path: str | Path, page: str, what: str, down: int = 3) -> str:
    """Return the body of a page, with its headings so many levels further down."""
    _, found, rest = page.partition("<body>")
    body, closed, _ = rest.rpartition("</body>")
    if not found or not closed:
        raise ValueError(f"{path} is no {what}: delete it and run snakemake again")
    return _HEADING.sub(lambda tag: f"<{tag[1]}h{int(tag[2]) + down}>", body)
