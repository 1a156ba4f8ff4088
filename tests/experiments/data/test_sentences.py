"""Files of labelled sentences: what they hold, and odd ones, each refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data.catalogue import load_dataset
from experiments.data.sentences import Sentence, SentenceError, read_sentences

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "text"


@pytest.fixture
def written(tmp_path):
    def write(content: bytes) -> Path:
        path = tmp_path / "questions.all"
        path.write_bytes(content)
        return path

    return write


def test_a_sentence_is_a_label_and_its_words(written):
    path = written(b"1 What 's  up ?\n0 La \xe9cole .\r\n")
    assert read_sentences(path, "latin-1", 2, 2) == [
        Sentence(1, ("What", "'s", "up", "?")),
        Sentence(0, ("La", "école", ".")),
    ]


def test_letters_that_python_takes_for_ends_of_lines_are_letters(written):
    # Two lines, though str.splitlines would find four and str.split would lose a blank.
    path = written("0 a\x85b\x0cc\n1 d\xa0e f\n".encode("latin-1"))
    assert [each.words for each in read_sentences(path, "latin-1", 2, 2)] == [
        ("a\x85b\x0cc",),
        ("d\xa0e", "f"),
    ]
    path = written("0 one\u2028two three\n".encode())
    assert read_sentences(path, "utf-8", 1, 1)[0].words == ("one\u2028two", "three")


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"0 a b\n\n1 c\n", 2, "is empty"),
        (b"0 a b\n   \n1 c\n", 2, "is empty"),
        (b"0 a b\n1 c\n2 d\n", 3, "begins with '2', but must begin with a label from 0 to 1"),
        (b"0 a b\n-1 c\n0 d\n", 2, "begins with '-1'"),
        (b"0 a b\n01 c\n0 d\n", 2, "begins with '01'"),
        (b"0 a b\nno label here\n0 d\n", 2, "begins with 'no'"),
        (b"0 a b\n0\tc\n0 d\n", 2, r"begins with '0\\tc'"),
        ("0 a b\n٣ c\n0 d\n".encode(), 2, "begins with '٣'"),
        (b"\xef\xbb\xbf0 a b\n1 c\n0 d\n", 1, "begins with"),
        (b"0 a b\n1\n0 d\n", 2, "has a label and no words"),
        (b"0 a b\n1  \n0 d\n", 2, "has a label and no words"),
        (b"0 a b\n1 c\xe9\n0 d\n", 2, "is not utf-8 at byte 4"),
        (b"0 a b\n1 c\n0 d", 3, "is cut off"),
        (b"0 a b\n1 c\n", 2, "is the last one, but there should be 3 sentences"),
        (b"0 a b\n1 c\n0 d\n0 e\n", 4, "is the last one, but there should be 3 sentences"),
        (b"", 0, "is the last one, but there should be 3 sentences"),
    ],
)
def test_an_odd_line_is_named(written, content, line, said):
    path = written(content)
    with pytest.raises(SentenceError, match=said) as raised:
        read_sentences(path, "utf-8", 2, 3)
    message = str(raised.value)
    assert message.startswith(f"{path}, line {line}:") and "\n" not in message


@given(st.lists(st.sampled_from([b"0", b"1", b" ", b"\n", b"\r", b"\xe9", b"a", b"\x00"])))
def test_whatever_a_file_holds_is_sentences_or_one_line(tmp_path_factory, parts):
    path = tmp_path_factory.getbasetemp() / "anything.txt"
    path.write_bytes(b"".join(parts))
    try:
        sentences = read_sentences(path, "utf-8", 2, 2)
    except SentenceError as error:
        assert str(error).startswith(f"{path}, line ") and len(str(error).splitlines()) == 1
    else:
        assert len(sentences) == 2 and all(each.words for each in sentences)


@pytest.mark.skipif(not SHARED.exists(), reason="the data next to the checkout are missing")
@pytest.mark.parametrize(
    ("name", "counts", "first"),
    [
        ("sst2", {"train": [3310, 3610], "validation": [428, 444], "test": [912, 909]}, "no"),
        (
            "trec",
            {"train": [1162, 1250, 86, 1223, 835, 896], "test": [138, 94, 9, 65, 81, 113]},
            "How",
        ),
    ],
)
def test_the_published_files_are_read(root, name, counts, first):
    text = load_dataset(root / f"workflow/datasets/{name}.yaml").text
    for split, part in text.splits.items():
        path = SHARED / part.file
        sentences = read_sentences(path, text.encoding, len(text.classes), part.count)
        labels = [sentence.label for sentence in sentences]
        assert [labels.count(label) for label in range(len(text.classes))] == counts[split]
    assert sentences[0].words[0] == first
