from base64 import b64encode
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from magnetodb.model.attribute_values import canonical_number, number
from magnetodb.model.key_encoding import (
    decode_key_value,
    decode_number,
    encode_key_value,
    encode_number,
    ended,
    escaped,
    join,
    prefix_end,
    split,
)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Canonical numbers over the whole range, zero and the limits included."""
    digits = draw(st.integers(0, 10**38 - 1))
    size = len(str(digits))
    exponent = draw(st.integers(-130 - size + 1, 125 - size + 1))
    return canonical_number(f"{draw(st.sampled_from(['', '-']))}{digits}E{exponent}")


BYTES = st.binary(max_size=12) | st.lists(st.sampled_from([0, 1, 254, 255]), max_size=6).map(bytes)


@given(numbers(), numbers())
@example("1", "1.5")
@example("-1", "-1.5")
@example("-0.1", "-0.01")
@example("9" * 38 + "0" * 88, "9" * 37 + "0" * 89)
def test_numbers_are_in_order(left: str, right: str) -> None:
    assert (number(left) < number(right)) == (encode_number(left) < encode_number(right))
    assert (number(left) == number(right)) == (encode_number(left) == encode_number(right))


@given(st.integers(-2000, 2000), st.integers(-2000, 2000), st.integers(-4, 4))
def test_near_numbers_are_in_order(left: int, right: int, exponent: int) -> None:
    texts = [canonical_number(str(Decimal(value).scaleb(exponent))) for value in (left, right)]

    assert (left < right) == (encode_number(texts[0]) < encode_number(texts[1]))


@given(numbers())
def test_a_number_reads_back_and_is_short(text: str) -> None:
    data = encode_number(text)

    assert decode_number(data) == text
    assert len(data) <= 22
    assert b"\x00" not in data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("0", "02"),
        ("1", "034202"),
        ("-1", "01bdfdff"),
        ("12345.6", "034402182e3d"),
        ("0.001", "03400b"),
        ("1" + "0" * 125, "03800b"),
        ("0." + "0" * 129 + "1", "030102"),
    ],
)
def test_the_bytes_of_numbers_do_not_change(text: str, data: str) -> None:
    """Written to disk."""
    assert encode_number(text).hex() == data


@given(st.text(), st.binary())
def test_strings_and_binaries_read_back(text: str, data: bytes) -> None:
    binary = {"B": b64encode(data).decode()}

    assert decode_key_value(encode_key_value({"S": text}, "S"), "S") == {"S": text}
    assert encode_key_value(binary, "B") == data
    assert decode_key_value(data, "B") == binary


def test_a_value_of_another_type_has_no_bytes() -> None:
    with pytest.raises(KeyError):
        encode_key_value({"N": "1"}, "S")


@given(st.lists(BYTES, min_size=1, max_size=4))
def test_joined_parts_split(parts: list[bytes]) -> None:
    assert split(join(parts), len(parts)) == parts


@given(st.integers(1, 4).flatmap(lambda count: st.tuples(*[st.tuples(*[BYTES] * count)] * 2)))
def test_joined_keys_are_in_the_order_of_their_parts(keys: tuple[tuple[bytes, ...], tuple[bytes, ...]]) -> None:
    left, right = keys

    assert (left < right) == (join(left) < join(right))


@given(st.lists(BYTES, min_size=2, max_size=4), BYTES)
def test_a_prefix_of_parts_is_a_prefix_of_bytes(parts: list[bytes], beginning: bytes) -> None:
    joined = join(parts)
    prefix = ended(parts[0])

    assert joined.startswith(prefix)
    assert joined.startswith(escaped(beginning)) == parts[0].startswith(beginning)


@given(BYTES, BYTES)
def test_prefix_end_is_behind_all_that_begin_so(prefix: bytes, other: bytes) -> None:
    end = prefix_end(prefix)

    assert (prefix <= other and (end is None or other < end)) == other.startswith(prefix)


def test_the_joined_bytes_do_not_change() -> None:
    """Written to disk."""
    assert join([b"a\x00", b"b", b"c\x00"]) == b"a\x00\xff\x00\x01b\x00\x01c\x00"
