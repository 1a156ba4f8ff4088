"""The reading of idx files against arrays written by hand from the format's definition."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torchvision.datasets import mnist

from experiments.data.idx import read_idx
from tests.experiments.data.helpers import IDX_CODES, write_idx

arrays = st.sampled_from([np.dtype(f"={code}") for code in IDX_CODES]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=3, min_side=1, max_side=5))
)


@given(arrays)
def test_reads_back_what_was_written(array):
    values = read_idx(write_idx(array), "some-name")
    assert values.dtype == array.dtype and values.dtype.isnative
    np.testing.assert_array_equal(values, array)
    assert values.flags.writeable and values.flags.c_contiguous


def test_reads_a_literal_file():
    content = bytes.fromhex("00000b02 00000001 00000003 0001 fffe 7fff")
    expected = np.array([[1, -2, 32767]], dtype=np.int16)
    np.testing.assert_array_equal(read_idx(content, "pair-idx2-short"), expected)


@given(arrays, st.data())
def test_refuses_every_other_length(array, data):
    content = write_idx(array)
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(ValueError, match="some-name"):
        read_idx(content[:cut], "some-name")
    with pytest.raises(ValueError, match="some-name"):
        read_idx(content + b"\0", "some-name")


@given(st.one_of(st.binary(max_size=64), st.binary(max_size=64).map(lambda tail: b"\0\0" + tail)))
def test_whatever_the_bytes_either_an_array_or_an_error_with_the_name(content):
    try:
        values = read_idx(content, "some-name")
    except ValueError as error:
        assert "some-name" in str(error)
    else:
        assert write_idx(values)[:4] == content[:4]
        assert values.nbytes + 4 + 4 * values.ndim == len(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1f8b0800", "gzip-compressed"),
        ("00000801", "not one idx array"),
        ("00010801 00000000", "beginning with 00010801"),
        ("", "beginning with nothing"),
        ("00000a01 00000001 00", "beginning with 00000a01"),
        ("00000800", "not one idx array"),
        ("00000801 00000000", "not one idx array"),
        ("00000801 00000001 07 00", "header and length do not fit"),
        ("00000b01 00000001 0007 00", "not one idx array"),
        ("00000b01 00000002 0007", "header and length do not fit"),
        # 2^31 x 2^31 x 4 elements: the product is zero in 64-bit arithmetic
        ("00000803 80000000 80000000 00000004", "not one idx array"),
        ("00000803 00000000 ffffffff ffffffff", "not one idx array"),
        ("00000804" + "00000001" * 4 + "07", "up to three dimensions"),
    ],
)
def test_names_the_file_and_what_is_wrong(content, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(bytes.fromhex(content), "odd.idx")
    assert "odd.idx" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["00000801 00000001 07 00", "00000801 00000002 07"])
def test_lengths_do_not_depend_on_assertions(monkeypatch, content):
    # As when Python runs with -O: the reader then compares no lengths.
    lax = partial(mnist.read_sn3_pascalvincent_tensor, strict=False)
    monkeypatch.setattr(mnist, "read_sn3_pascalvincent_tensor", lax)
    with pytest.raises(ValueError, match=r"odd\.idx"):
        read_idx(bytes.fromhex(content), "odd.idx")
