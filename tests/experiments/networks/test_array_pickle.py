"""Pickles of arrays: what NumPy writes is read, and nothing else of a pickle ever runs."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from experiments.networks import array_pickle
from experiments.networks.array_pickle import ArrayPickleError, read_array_pickle

NUMBERS = st.one_of(
    arrays.floating_dtypes(), arrays.integer_dtypes(), arrays.unsigned_integer_dtypes()
).filter(lambda dtype: dtype.itemsize <= 8)


@settings(deadline=None, max_examples=60)
@given(
    arrays.arrays(NUMBERS, arrays.array_shapes(max_dims=4, max_side=4)),
    st.sampled_from([3, 4]),
    st.booleans(),
)
def test_reads_what_numpy_writes(values, protocol, fortran):
    values = np.asfortranarray(values) if fortran else values
    content = pickle.dumps({"a": [values, values[..., :1]], "n": (1, 2.5, "x", None)}, protocol)
    read = read_array_pickle(content)
    assert read["n"] == [1, 2.5, "x", None]
    for found, expected in zip(read["a"], (values, values[..., :1]), strict=True):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        assert found.tobytes() == expected.tobytes()


def test_reads_the_names_of_older_numpy():
    content = pickle.dumps(np.arange(6.0).reshape(2, 3), 3)
    older = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert older != content
    np.testing.assert_array_equal(read_array_pickle(older), np.arange(6.0).reshape(2, 3))


class Calls:
    """Pickled as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def run(marker):
    open(marker, "w", encoding="utf-8").close()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_calls_nothing(tmp_path, protocol):
    import os

    marker = tmp_path / "ran"
    attacks = [
        Calls(os.system, f"touch {marker}"),
        Calls(run, str(marker)),
        Calls(eval, f"open({str(marker)!r}, 'w')"),
        Calls(np.load, str(marker)),
        Calls(getattr, "text", "upper"),
        Calls(np.frombuffer, b"12345678"),
        np.float64,
        np.dtype("f8").type(3.0),
    ]
    for attack in attacks:
        for content in (attack, [np.arange(3.0), attack], {"a": [attack, np.arange(3.0)]}):
            with pytest.raises(ArrayPickleError, match="it asks for "):
                read_array_pickle(pickle.dumps(content, protocol))
    assert not marker.exists()


def short(text):
    return b"\x8c" + bytes([len(text)]) + text.encode()


def name(module, attribute):
    return short(module) + short(attribute) + b"\x93"


def number(value):
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def dtype(code, order="<", rest=b"NNN", build=True):
    made = name("numpy", "dtype") + short(code) + b"\x89\x88\x87R"
    state = b"(" + number(3) + short(order) + rest + number(-1) * 2 + number(0) + b"tb"
    return made + state if build else made


def array(shape, content, kind=None, fortran=b"\x89"):
    kind = dtype("f8") if kind is None else kind
    made = name("numpy.core.multiarray", "_reconstruct") + name("numpy", "ndarray")
    made += number(0) + b"\x85" + b"C\x01b\x87R"
    lengths = b"(" + b"".join(number(length) for length in shape) + b"t"
    data = b"B" + struct.pack("<I", len(content)) + content
    return made + b"(" + number(1) + lengths + kind + fortran + data + b"tb"


def stream(body):
    return b"\x80\x04" + body + b"."


def test_the_streams_made_by_hand_are_those_of_arrays():
    content = np.arange(6.0).tobytes()
    made = stream(array((2, 3), content))
    np.testing.assert_array_equal(read_array_pickle(made), np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(pickle.loads(made), np.arange(6.0).reshape(2, 3))
    in_fortran = read_array_pickle(stream(array((2, 3), content, fortran=b"\x88")))
    np.testing.assert_array_equal(in_fortran, np.arange(6.0).reshape(3, 2).T)


EIGHT = bytes(8)
HUGE = 1 << 60
MISUSES = {
    "huge shape": (array((HUGE,), EIGHT), "do not fill the shape"),
    "shape that overflows to 0": (array((1 << 32, 1 << 32), b""), "do not fill the shape"),
    "negative shape": (array((-1, -1), EIGHT), "a damaged shape"),
    "too many axes": (array((1,) * 40, EIGHT), "do not fill the shape"),
    "missing content": (array((2,), EIGHT), "do not fill the shape"),
    "surplus content": (array((1,), EIGHT * 2), "do not fill the shape"),
    "objects": (array((1,), EIGHT, dtype("O8", "|")), "array of type 'O8'"),
    "objects, other name": (array((1,), EIGHT, dtype("O", "|")), "array of type 'O'"),
    "records": (array((1,), EIGHT, dtype("V8", "|")), "array of type 'V8'"),
    "text": (array((1,), EIGHT, dtype("S8", "|")), "array of type 'S8'"),
    "type from a text": (array((1,), EIGHT, dtype("f8,O")), "array of type 'f8,O'"),
    "type with fields": (array((1,), EIGHT, dtype("f8", rest=b"N)}")), "array of records"),
    "type with a base": (array((1,), EIGHT, dtype("f8", rest=b"K\x01NN")), "array of records"),
    "byte order": (array((1,), EIGHT, dtype("f8", "O")), "a damaged array type"),
    "type state": (dtype("f8", build=False) + b"Nb", "a damaged array type"),
    "array state": (name("numpy.core.multiarray", "_reconstruct") + b")RNb", "a damaged array"),
    "array without a state": (name("numpy._core.multiarray", "_reconstruct") + b")R", "content"),
    "a type for an array": (dtype("f8"), "which is not an array"),
    "a class for an array": (name("numpy", "ndarray"), "which is not an array"),
    "an array called": (name("numpy", "ndarray") + number(HUGE) + b"\x85R", "unusual way"),
    "an array made": (name("numpy", "ndarray") + b")\x81Nb", "unusual way"),
    "a type without a call": (array((1,), EIGHT, name("numpy", "dtype") + b")\x81"), "readable"),
    "attributes of a class": (
        name("numpy", "ndarray") + b"N}" + short("__init__") + short("x") + b"s\x86b",
        "not a readable pickle",
    ),
    "state of a class": (name("numpy", "dtype") + b"}b", "not a readable pickle"),
    "an inner name": (name("numpy", "ndarray.tofile"), "asks for numpy.ndarray.tofile"),
    "a class of the reader": (
        name("experiments.networks.array_pickle", "_Array"),
        "asks for experiments.networks.array_pickle._Array",
    ),
    "an object elsewhere": (short("x") + b"Q", "outside of itself"),
    "bytes": (b"C\x01x", "holds a bytes"),
    "a set": (b"\x8f", "holds a set"),
}


@pytest.mark.parametrize(("body", "said"), MISUSES.values(), ids=MISUSES)
def test_misuse_of_what_is_allowed_is_refused(body, said):
    before = {
        kind: dict(vars(kind)) for kind in vars(array_pickle).values() if isinstance(kind, type)
    }
    with pytest.raises(ArrayPickleError, match=said):
        read_array_pickle(stream(body))
    # What one pickle did must not change how the next one is read.
    assert before == {
        kind: dict(vars(kind)) for kind in vars(array_pickle).values() if isinstance(kind, type)
    }


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04", b"\x80\x04.", b"\x80\x7f."])
def test_something_else_is_refused(content):
    with pytest.raises(ArrayPickleError, match="it is not a readable pickle"):
        read_array_pickle(content)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_damage_is_an_error_or_an_array(data):
    content = bytearray(pickle.dumps({"a": [np.arange(4.0), np.arange(3, dtype="i2")]}, 3))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    try:
        read_array_pickle(bytes(content))
    except ArrayPickleError as error:
        assert str(error)


def test_deep_nesting_is_refused():
    with pytest.raises(ArrayPickleError, match="it is nested too deeply"):
        read_array_pickle(b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".")
