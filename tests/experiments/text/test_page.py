"""The page of sentences: every word is text, and its sign is not told by colour alone."""

from __future__ import annotations

import re

import pytest

from experiments.report.embedding import page_parts
from experiments.text.page import sentences_page
from tests.experiments.report.pages import Page, check_page

HOSTILE = "<script>alert('1')</script>&<img"


def example(words, scores, known=None, **more):
    return {
        "sentence": 6,
        "words": words,
        "known": known or [True] * len(words),
        "label": "praise",
        "predicted": "praise",
        "score": 1.5,
        "empty_score": -0.25,
        "integrated": scores,
        "product": [2 * score for score in scores],
        **more,
    }


def page_of(*shown, titles=None):
    variants = {"regular": shown, "x": shown}
    return sentences_page({"films": variants}, titles or {"films": "Films"}, n_steps=9)


def words_of(html):
    """Return kind, style, text and number of every word below the legend, in order."""
    _, _, sentences = html.partition("<h2>")
    found = r'<span class="word ([a-z]*)"(?: style="([^"]*)")?>([^<]*)<small>([^<]*)</small></span>'
    return re.findall(found, sentences)


@pytest.fixture(scope="module")
def html():
    words = ["so", "fine", "a", "zyzzyva", "film"]
    return page_of(example(words, [-0.5, 1.0, 0.01, 0.0, 0.25], [True, True, True, False, True]))


def test_a_word_has_a_sign_a_line_and_a_colour(html):
    regular, x = words_of(html)[:5], words_of(html)[5:]
    assert regular == [
        ("against", "background: rgba(213, 94, 0, 0.28)", "so", "−0.50"),
        ("for", "background: rgba(0, 114, 178, 0.55)", "fine", "+1.00"),
        ("", "", "a", ""),  # less than 5 % of the largest
        ("unknown", "", "zyzzyva", ""),
        ("for", "background: rgba(0, 114, 178, 0.14)", "film", "+0.25"),
    ]
    # In the scale of its net: other numbers, the same colours.
    assert [word[:3] for word in x] == [word[:3] for word in regular]
    assert [word[3] for word in x] == ["−1.00", "+2.00", "", "", "+0.50"]
    style = html[html.index('<style class="content">') :]
    for kind, line in (("for", "solid"), ("against", "dashed"), ("unknown", "dotted")):
        assert re.search(rf"\.word\.{kind} {{[^}}]*\b{line}\b", style)


def test_the_page_says_what_it_shows(html):
    page = Page(html)
    check_page(page)
    text = " ".join(page.text.split())
    for said in (
        "Films",
        "praise (line 7)",
        "(9 steps)",
        "for the class",
        "against it",
        "less than 5 %",
    ):
        assert said in text
    assert "The net with biases says praise. Contributions to “praise”: +0.76 in all" in text
    assert "logit +1.50, without words −0.25" in text
    viewport = [found for _, found in page.elements if found.get("name") == "viewport"]
    assert viewport[0]["content"] == "width=device-width, initial-scale=1"


def test_a_wrong_answer_is_said(html):
    wrong = page_of(example(["so"], [1.0], predicted="blame"))
    assert "says blame, which is wrong." in wrong and "which is wrong" not in html


def test_words_names_and_titles_are_text():
    shown = example([HOSTILE], [1.0], label=HOSTILE, predicted=HOSTILE)
    page = Page(page_of(shown, titles={"films": HOSTILE}))
    check_page(page)
    # Per net the answer, the class and the word; above them the class; and the title.
    assert page.text.count(HOSTILE) == 2 * 3 + 1 + 1


def test_a_sentence_without_contributions_has_no_colours():
    html = page_of(example(["zyzzyva", "a"], [0.0, 0.0], [False, True]))
    assert {word[:2] for word in words_of(html)} == {("unknown", ""), ("", "")}
    assert "Contributions to “praise”: 0 in all" in html


def test_the_report_takes_over_content_and_its_style(html, tmp_path):
    path = tmp_path / "words.html"
    path.write_text(html, encoding="utf-8")
    style, body = page_parts(path)
    # What belongs to the page alone stays there.
    assert ".word.against" in style and "max-width" not in style
    assert "<h4>Films" in body and "<h1>" not in body and "<style" not in body
    assert "Sentences and the contributions" not in body  # the report has a heading of its own
    assert words_of(body.replace("<h4>", "<h2>", 1)) == words_of(html)
    path.write_text(html.replace("content", "other", 10), encoding="utf-8")
    with pytest.raises(ValueError, match=r"words\.html is no page of a run: delete it"):
        page_parts(path)
