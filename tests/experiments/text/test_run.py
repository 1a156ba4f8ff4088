"""Contributions of words against Captum, finite differences and the logits."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from captum.attr import IntegratedGradients

from experiments.text.run import (
    COLUMNS,
    EXACT,
    PREDICTED,
    attributed_sentences,
    examples,
    measure,
    measure_exactly,
    predict,
)
from experiments.text.summary import summarise
from tests.experiments.text.helpers import (
    CLASSES,
    SENTENCES,
    logits_by_definition,
    small_corpus,
    small_net,
)
from xgradient.attribution import exact_integrated_gradients, input_x_gradient

ALL = range(len(SENTENCES))
# A sentence of unknown words alone: its vectors are those of no sentence.
NOTHING = 4


@pytest.fixture(scope="module")
def corpus():
    return small_corpus()


def silent(items, _):
    return items


def inputs_of(corpus):
    vectors, labels = corpus.splits["test"].__getitems__(ALL)
    return vectors.double(), labels


def measured(corpus, bias, blocks=(range(0, 5), range(5, 8)), n_steps=16):
    rows = measure(small_net(bias), corpus.splits["test"], blocks, n_steps, silent)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_predictions_are_those_of_the_definition(corpus):
    net, (inputs, labels) = small_net(bias=True), inputs_of(corpus)
    table = pd.DataFrame(predict(net, corpus, batch_size=3), columns=list(PREDICTED))
    expected = [logits_by_definition(net, sentence.T.numpy()).argmax() for sentence in inputs]
    assert table["predicted"].tolist() == expected and table["label"].tolist() == labels.tolist()
    assert table["sentence"].tolist() == list(ALL)
    assert table["words"].tolist() == [len(text.split()) for _, text in SENTENCES]
    assert table["unknown"].tolist() == [text.split().count("zyzzyva") for _, text in SENTENCES]


def test_without_biases_everything_is_exact(corpus):
    table = measured(corpus, bias=False)
    percent = [name for name in COLUMNS if name.endswith("_percent")]
    assert (table[percent] < 1e-11).all(axis=None) and not table["empty_score"].any()
    # Also where windows repeat, and where there is nothing to attribute.
    assert table.loc[NOTHING, percent].tolist() == [0] * len(percent)


def test_with_biases_the_columns_are_what_they_say(corpus):
    net, (inputs, labels) = small_net(bias=True), inputs_of(corpus)
    table = measured(corpus, bias=True, n_steps=32)
    captum = IntegratedGradients(net).attribute(
        inputs, target=labels, n_steps=32, method="gausslegendre"
    )
    product = input_x_gradient(net, inputs, labels)
    with torch.no_grad():
        scores = net(inputs).gather(1, labels[:, None])[:, 0]
        empty = net(torch.zeros_like(inputs[:1]))[0, labels]
    assert table["score"].tolist() == pytest.approx(scores.tolist())
    assert table["empty_score"].tolist() == pytest.approx(empty.tolist())
    for index in set(ALL) - {NOTHING}:
        row, change = table.loc[index], float(scores[index] - empty[index])
        ig, both = captum[index].double(), product[index]
        size = float(ig.abs().sum())
        assert row["difference_percent"] == pytest.approx(
            100 * float((both - ig).abs().sum()) / size
        )
        words = ig.sum(0)
        by_word = float((both.sum(0) - words).abs().sum()) / float(words.abs().sum())
        assert row["word_difference_percent"] == pytest.approx(100 * by_word)
        missed = abs(float(ig.sum()) - change) / size
        assert row["ig_sum_percent"] == pytest.approx(100 * missed, rel=1e-4, abs=1e-6)
        missed = abs(float(both.sum()) - change) / float(both.abs().sum())
        assert row["product_sum_percent"] == pytest.approx(100 * missed)
    assert table["product_sum_percent"].max() > 1, "the biases of this net do nothing"


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_are_differences_of_the_definition(corpus, bias):
    """Input×Gradient of one sentence, number by number, without automatic differentiation."""
    net, (inputs, labels) = small_net(bias), inputs_of(corpus)
    # No word is there twice: of equal windows only one would be moved.
    sentence, label, step = inputs[6].T.numpy(), int(labels[6]), 1e-6
    found = input_x_gradient(net, inputs[6:7], labels[6:7])[0].T.numpy()
    for place, number in ((0, 0), (1, 1), (2, 2), (3, 3)):
        ends = []
        for sign in (1, -1):
            moved = sentence.copy()
            moved[place, number] += sign * step
            ends.append(logits_by_definition(net, moved)[label])
        slope = (ends[0] - ends[1]) / (2 * step)
        assert found[place, number] == pytest.approx(sentence[place, number] * slope, abs=1e-7)
    assert abs(found[:4]).min(0).max() > 1e-3


def test_rows_do_not_depend_on_the_blocks(corpus):
    whole, single = (
        measured(corpus, True, blocks) for blocks in ([ALL], [[index] for index in ALL])
    )
    pd.testing.assert_frame_equal(whole, single, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("bias", "pieces"), [(True, 5), (False, 1)])
def test_the_exact_integral_sums_to_the_change_of_the_score(corpus, bias, pieces):
    rows = measure_exactly(small_net(bias), corpus.splits["test"], [0, 1, 5], 64, silent)
    table = pd.DataFrame(rows, columns=list(EXACT))
    assert (table["exact_sum_percent"] < 1e-10).all()
    if bias:
        assert (table["pieces"] >= pieces).all()
        assert (table["quadrature_percent"] < 5).all() and (table["quadrature_percent"] > 0).any()
    else:
        assert (table["pieces"] == pieces).all() and (table["quadrature_percent"] < 1e-11).all()


def test_the_exact_integral_is_the_mean_of_very_many_gradients(corpus):
    net, (inputs, labels) = small_net(bias=True), inputs_of(corpus)
    point, label, steps = inputs[1:2], labels[1:2], 4000
    alphas = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    path = (alphas[:, None, None] * point).requires_grad_()
    (gradients,) = torch.autograd.grad(net(path)[:, int(label)].sum(), path)
    exact = exact_integrated_gradients(net, point, label)
    expected = point[0] * gradients.mean(0)
    assert float((exact[0] - expected).abs().sum() / exact.abs().sum()) < 5e-3


def test_examples_are_the_first_of_every_class_word_by_word(corpus):
    net, (inputs, labels) = small_net(bias=False), inputs_of(corpus)
    shown = examples(net, corpus, 2, n_steps=4)
    assert [each["sentence"] for each in shown] == [0, 3, 1, 4, 2, 5]
    product = input_x_gradient(net, inputs, labels).sum(1)
    for each in shown:
        index = each["sentence"]
        label, text = SENTENCES[index]
        assert each["words"] == text.split() and each["label"] == CLASSES[label]
        assert each["known"] == [word != "zyzzyva" for word in each["words"]]
        expected = product[index, : len(each["words"])].tolist()
        assert each["product"] == pytest.approx(expected)
        assert each["integrated"] == pytest.approx(expected)
        assert sum(each["product"]) == pytest.approx(each["score"], abs=1e-12)
        with torch.no_grad():
            predicted = int(net(inputs[index : index + 1]).argmax())
        assert each["predicted"] == CLASSES[predicted]
    # A class with fewer sentences has all of them.
    assert len(examples(net, corpus, 10, n_steps=1)) == len(SENTENCES)


def test_sentences_are_drawn_by_the_seed_alone(corpus):
    drawn = attributed_sentences(corpus, 3, seed=1)
    assert drawn == attributed_sentences(corpus, 3, seed=1) and drawn == sorted(set(drawn))
    assert any(drawn != attributed_sentences(corpus, 3, seed=seed) for seed in range(2, 6))
    assert attributed_sentences(corpus, None, seed=1) == list(ALL)
    assert attributed_sentences(corpus, 100, seed=1) == list(ALL)


def test_the_summary_counts_and_takes_means_and_largest_values():
    predictions = pd.DataFrame(
        [[0, 1, 1, 4, 1], [1, 0, 1, 6, 0], [2, 0, 0, 10, 1], [3, 1, 1, 5, 0]],
        columns=list(PREDICTED),
    )
    rows = pd.DataFrame(
        [[0, 1.0, 0.5, 10.0, 5.0, 1.0, 7.0], [3, 2.0, 0.5, 30.0, 7.0, 3.0, 2.0]],
        columns=list(COLUMNS),
    )
    exact = pd.DataFrame([[0, 3, 1e-12, 0.5], [3, 6, 3e-12, 1.5]], columns=list(EXACT))
    summary = summarise(predictions, rows, exact)
    assert summary == pytest.approx(
        {
            "top1": 75.0,
            "n_test": 4,
            "unknown_percent": 8.0,
            "difference_percent": 20.0,
            "word_difference_percent": 6.0,
            "difference_max_percent": 30.0,
            "ig_sum_percent": 3.0,
            "product_sum_percent": 7.0,
            "n_sentences": 2,
            "pieces": 4.5,
            "exact_sum_percent": 3e-12,
            "quadrature_percent": 1.0,
            "n_exact": 2,
        }
    )
    none = summarise(predictions, rows, exact.head(0))
    assert none["n_exact"] == 0 and pd.isna(none["pieces"])
