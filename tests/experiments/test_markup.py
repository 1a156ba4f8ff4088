"""What looks like markup is shown in Markdown, LaTeX and web pages, and not obeyed."""

from __future__ import annotations

import nbformat
import pandas as pd
from nbconvert import HTMLExporter

from experiments.markup import latex_text, markdown_cell, markdown_text
from experiments.tables import export_table

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> &lt; a|b \\ {x} ~ ^ $1 _2 \nnew"


def rendered(output):
    """Return what a notebook with one output becomes as a web page."""
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", output)])
    page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    return page


def test_html_in_markdown_is_text():
    page = rendered({"text/markdown": markdown_text(HOSTILE)})
    assert "<script>alert" not in page and "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    # The probe works: without it, the tags would be there.
    assert "<script>alert" in rendered({"text/markdown": HOSTILE})


def test_plain_signs_stay():
    assert markdown_text("< 2, a & b, 8->3, λ") == "< 2, a & b, 8->3, λ"
    assert markdown_text("\\<b>") == "\\&lt;b>"


def test_a_table_of_hostile_cells_keeps_its_shape(tmp_path):
    markdown, latex = tmp_path / "table.md", tmp_path / "table.tex"
    shown = pd.DataFrame({"a|b<i>": [HOSTILE, "1"], "value": ["2", "3"]})
    export_table(shown, str(markdown), str(latex), f"On {HOSTILE}.", [HOSTILE])
    text = markdown.read_text()
    assert "<script>" not in text and "<img" not in text and "<i>" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert {row.replace(r"\|", "").count("|") for row in rows} == {3}
    lines = latex.read_text().splitlines()
    assert lines[0].startswith("% ") and lines[1].startswith(r"\begin{table}")
    assert r"\{x\} \textasciitilde{} \textasciicircum{} \$1 \_2 new" in latex_text(HOSTILE)
    assert markdown_cell("a\nb|c") == r"a b\|c"


def test_no_notebook_shows_text_as_html(root):
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            source = cell.source
            if ".style" in source:
                assert 'format(escape="html")' in source, path
            if "Markdown(" in source and "join(notes)" in source:
                assert "Markdown(markdown_text(" in source, path
            assert "HTML(" not in source, path
