"""Canonical JSON: the samples of RFC 8785, what is refused, and that "the same" does not depend on how it was built."""

import json
import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_pipeline.evidence.canonical import canonical, plain, read_json, sha256
from audit_pipeline.records import Outcome

SAFE = 2**53 - 1
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@dataclass(frozen=True)
class Part:
    """A nested value of a record."""

    when: date
    outcome: Outcome
    values: tuple[float | None, ...]


@pytest.mark.parametrize(
    ("bits", "text"),
    [  # RFC 8785, appendix B
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_the_standard_says(bits: str, text: str) -> None:
    [number] = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number) == text.encode()


def test_keys_are_sorted_by_utf_16_and_text_is_escaped_as_the_standard_says() -> None:
    # RFC 8785, 3.2.3: the emoji's first code unit is D83D, before FB33, though its code point is larger
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    wanted = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical(dict.fromkeys(keys, 0)))) == wanted
    # 3.2.2.2
    assert canonical('\u20ac$\u000f\nA\'B"\\\\"/') == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


def test_a_record_is_written_as_json_knows_it() -> None:
    value = Part(date(2026, 7, 1), Outcome.NOT_EVALUATED, (1.0, None, 0.1))
    assert canonical(value) == b'{"outcome":"NOT_EVALUATED","values":[1,null,0.1],"when":"2026-07-01"}'
    assert plain(datetime(2026, 7, 1, 2, 0, tzinfo=UTC)) == "2026-07-01T02:00:00+00:00"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), np.float64("nan")])
def test_what_is_no_number_is_refused_wherever_it_stands(number: float) -> None:
    for value in (number, [number], {"a": {"b": number}}, Part(date(2026, 7, 1), Outcome.PASS, (number,))):
        with pytest.raises(ValueError, match="not finite"):
            canonical(value)


@pytest.mark.parametrize(
    "value",
    [np.float32(1), np.int64(1), np.bool_(True), np.datetime64("2026-07-01"), np.array([1.0]), {1, 2}, b"x", object()],
)
def test_a_type_that_json_does_not_know_is_refused(value: Any) -> None:
    for place in (value, [value], {"a": value}):
        with pytest.raises(TypeError, match="cannot stand in a record"):
            canonical(place)


def test_a_numpy_float64_is_the_python_float_that_it_is() -> None:
    assert canonical([np.float64(0.1)]) == canonical([0.1])


def test_a_key_that_is_no_text_is_refused() -> None:
    # str(1) would let {1: "a", "1": "b"} lose one of the two in silence
    with pytest.raises(TypeError, match="key of type int"):
        canonical({1: "a", "1": "b"})


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"domain|UTF-8"):
        canonical(value)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), JSON, min_size=2, max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, Any], random: Any) -> None:
    keys = list(value)
    random.shuffle(keys)
    assert sha256(canonical({key: value[key] for key in keys})) == sha256(canonical(value))


@given(JSON)
def test_what_is_read_again_gives_the_same_bytes(value: Any) -> None:
    # 1e20 is written without a point: read as an int it could not be written again, and `verify` would fail
    data = canonical(value)
    assert canonical(read_json(data)) == data
    assert read_json(data) == value


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)
