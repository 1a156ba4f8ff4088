"""A page of sentences whose words are coloured by their contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined

__all__ = ["sentences_page"]

# Blue and orange, which everybody can tell apart; dark letters stay readable on the strongest.
_COLOURS = {1: "0, 114, 178", -1: "213, 94, 0"}
_STRONGEST = 0.55
# Smaller shares of the largest contribution of a sentence have no number.
_WITH_NUMBER = 0.05

# What shows the sentences has names of its own: the report takes this style over, not the other.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Sentences and the contributions of their words</title>
<style>
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733; background: #fff;
  font: 1rem/1.5 system-ui, sans-serif; color-scheme: light; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.25; }
</style>
<style class="content">
.words { line-height: 1.35; margin: .3rem 0 1rem; }
.word { display: inline-block; vertical-align: top; margin: .1rem .05rem; padding: 0 .22rem;
  text-align: center; border-bottom: 3px solid transparent; border-radius: .15rem; }
.word.for { border-bottom: 3px solid #0072b2; }
.word.against { border-bottom: 3px dashed #b34f00; }
.word.unknown { border: 1px dotted #5b6673; color: #4a5460; font-style: italic; }
.word small { display: block; min-height: 1.1em; font-size: .8rem; line-height: 1.1;
  font-variant-numeric: tabular-nums; }
.sentence { border-left: 3px solid #d9dee4; padding-left: .8rem; margin: 1.2rem 0; }
.said { margin: .5rem 0 0; font-size: .92rem; color: #4a5460; }
</style>
</head>
<body>
{% macro one(word) %}
<span class="word {{ word.kind }}"
{%- if word.colour %} style="background: {{ word.colour }}"{% endif -%}
>{{ word.text }}<small>{{ word.number }}</small></span>
{% endmacro %}
<h1>Sentences and the contributions of their words</h1>
<p>What every word contributes to the answer of two convolution nets: by how much it raises or
lowers the logit of the class that the sentence really has, which stands above it. A word is a
vector of numbers, whose contributions are summed. For the net with biases they are Integrated
Gradients ({{ n_steps }} steps) on the way from the sentence without words, whose vectors are all
zero. The X-DNN has no biases: its Integrated Gradients are X-Gradient, a single gradient. Nothing
was selected: these are the first sentences of every class in the file of the test sentences, with
their lines in it.</p>
<p class="words">Legend:
{% for word in legend %}
{{ one(word) }}
{%- endfor %}
</p>
<p>A solid line and a plus stand for the class, a dashed line and a minus against it; the stronger
the colour, the larger the contribution, in the scale of each sentence and net. Words without a
number contribute less than {{ smallest }} % of the largest. Words in dotted frames have no
vector: to the nets they are the same as no word.</p>
{% for dataset in datasets %}
<h2>{{ dataset.title }}</h2>
{% for sentence in dataset.sentences %}
<div class="sentence">
<h3>{{ sentence.label }} <span class="said">(line {{ sentence.number }})</span></h3>
{% for net in sentence.nets %}
<p class="said"><b>{{ net.name }}</b> says {{ net.predicted }}{{ net.verdict }}.
Contributions to “{{ sentence.label }}”: {{ net.sum }} in all; logit {{ net.score }}, without words
{{ net.empty }}.</p>
<p class="words">
{% for word in net.words %}
{{ one(word) }}
{%- endfor %}
</p>
{% endfor %}
</div>
{% endfor %}
{% endfor %}
</body>
</html>
"""

_NETS = {
    "regular": ("The net with biases", "integrated"),
    "x": ("The X-DNN", "product"),
}


def sentences_page(
    examples: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
    titles: Mapping[str, str],
    n_steps: int,
) -> str:
    """Return a page that holds all that it shows, and runs and loads nothing.

    Parameters
    ----------
    examples : mapping of str to mapping of str to sequence of mapping
        By data set and variant: what `experiments.text.run.examples` returns, of the same
        sentences for all variants.
    titles : mapping of str to str
        Of the data sets.
    n_steps : int
        Steps of Integrated Gradients.

    Returns
    -------
    str
        HTML. The sign of a contribution shows in the line below the word and in the number, not in
        the colour alone.
    """
    legend = [
        _word("for the class", 1.0, 1.0),
        _word("a little", 0.3, 1.0),
        _word("against it", -1.0, 1.0),
        _word("unknown word", 0.0, 1.0, known=False),
    ]
    datasets = [
        {
            "title": titles[dataset],
            "sentences": [
                _sentence(dict(zip(variants, each, strict=True)))
                for each in zip(*variants.values(), strict=True)
            ],
        }
        for dataset, variants in examples.items()
    ]
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page: str = environment.from_string(_PAGE).render(
        legend=legend, datasets=datasets, n_steps=n_steps, smallest=f"{100 * _WITH_NUMBER:g}"
    )
    return page


def _sentence(variants: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    first = next(iter(variants.values()))
    nets = []
    for variant, found in variants.items():
        name, values = _NETS[variant]
        scores = found[values]
        largest = max(map(abs, scores), default=0.0)
        nets.append(
            {
                "name": name,
                "predicted": found["predicted"],
                "verdict": "" if found["predicted"] == found["label"] else ", which is wrong",
                "sum": _signed(sum(scores)),
                "score": _signed(found["score"]),
                "empty": _signed(found["empty_score"]),
                "words": [
                    _word(text, score, largest, known)
                    for text, score, known in zip(
                        found["words"], scores, found["known"], strict=True
                    )
                ],
            }
        )
    # Counted from 1, as an editor counts lines.
    return {"label": first["label"], "number": first["sentence"] + 1, "nets": nets}


def _word(text: str, score: float, largest: float, known: bool = True) -> dict[str, str]:
    """Return how a word is shown."""
    if not known:
        return {"text": text, "number": "", "kind": "unknown", "colour": ""}
    share = abs(score) / largest if largest else 0.0
    if share < _WITH_NUMBER:
        return {"text": text, "number": "", "kind": "", "colour": ""}
    sign = 1 if score > 0 else -1
    return {
        "text": text,
        "number": _signed(score),
        "kind": {1: "for", -1: "against"}[sign],
        "colour": f"rgba({_COLOURS[sign]}, {_STRONGEST * share:.2f})",
    }


def _signed(value: float) -> str:
    """Return a number with its sign and two decimals; zero has no sign."""
    text = f"{value:+.2f}".replace("-", "−")
    return "0" if text[1:] == "0.00" else text
