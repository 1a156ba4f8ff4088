"""The idx reader against arrays written by hand from the format's definition."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from experiments.data.idx import read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def write_idx(array: np.ndarray) -> bytes:
    """The format, word for word: magic, big-endian dimensions, big-endian values in C order."""
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    values = [struct.pack(f">{array.dtype.char}", value) for value in array.ravel().tolist()]
    return header + b"".join(values)


arrays = st.sampled_from([np.dtype(f"={code}") for code in CODES]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=4, min_side=0, max_side=5))
)


@given(arrays)
def test_reads_back_what_was_written(array):
    values = read_idx(write_idx(array))
    assert values.dtype == array.dtype and values.dtype.isnative
    np.testing.assert_array_equal(values, array)
    assert values.flags.writeable and values.flags.c_contiguous


def test_reads_a_literal_file(tmp_path):
    path = tmp_path / "pair-idx2-short"
    path.write_bytes(bytes.fromhex("00000b02 00000001 00000003 0001 fffe 7fff"))
    np.testing.assert_array_equal(read_idx(path), np.array([[1, -2, 32767]], dtype=np.int16))
    np.testing.assert_array_equal(read_idx(str(path)), read_idx(path))


@given(arrays, st.data())
def test_refuses_every_other_length(array, data):
    content = write_idx(array)
    cut = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(ValueError, match="some-name"):
        read_idx(content[:cut], "some-name")
    with pytest.raises(ValueError, match=r"some-name: .* takes"):
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
        ("00000801", "truncated"),
        ("00010801 00000000", "two zero bytes"),
        ("", "nothing"),
        ("00000a01 00000001 00", "unknown idx type 0x0a, not one of 0x08"),
        ("00000800", "at least one dimension"),
        # 2^32 x 2^32 x 4 elements: the product is zero in 64-bit arithmetic
        ("00000804 80000000 80000000 00000002 00000002", "takes"),
        ("00000803 00000000 ffffffff ffffffff", "cannot be held"),
        ("00000840" + "00000001" * 64 + "07", None),
        ("00000841" + "00000001" * 65 + "07", "cannot be held"),
    ],
)
def test_names_the_file_and_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "odd.idx"
    path.write_bytes(bytes.fromhex(content))
    if message is None:
        assert read_idx(path).shape == (1,) * 64
    else:
        with pytest.raises(ValueError, match=message) as caught:
            read_idx(path)
        assert str(path) in str(caught.value)
