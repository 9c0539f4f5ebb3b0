"""Key values as bytes that sort as DynamoDB sorts the values. Written to disk: do not change.

A string is its UTF-8, a binary its bytes. A number is a sign byte (1 negative, 2 zero, 3 positive), an exponent byte
and a byte for each base-100 digit, at most 22 bytes in all; a negative one has exponent and digits inverted, and 0xFF
behind them so that it sorts after the longer numbers that begin like it. No byte of a number is 0x00 and none is
wasted, so equal numbers have equal bytes.

Several values in one key are joined: every part but the last is escaped (0x00 -> 0x00 0xFF) and ended by 0x00 0x01,
which keeps the order of the tuples and makes a prefix of parts a prefix of bytes:

    ("a", "b")  ->  61 00 01 62
    ("a\\0", "")  ->  61 00 FF 00 01
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Final

from magnetodb.model.attribute_values import AttributeValue
from magnetodb.model.json_types import decode_base64
from magnetodb.model.table import AttributeType

PART_END: Final = b"\x00\x01"

_NEGATIVE: Final = b"\x01"
_ZERO: Final = b"\x02"
_POSITIVE: Final = b"\x03"
_EXPONENT_BIAS: Final = 66
"""Base-100 exponents are -65 to 62, so the exponent byte is 1 to 128."""
_DIGITS_MAX: Final = 20
"""38 decimal digits that begin in the middle of a base-100 digit."""

# Two decimal digits as binary-coded decimal (0x00 to 0x99) <-> the digit's byte: 1 to 100, inverted 254 to 155.
_BCD: Final = bytes(tens * 16 + ones for tens in range(10) for ones in range(10))
_DIGIT_BYTES: Final = bytes(range(1, 101))
_INVERTED_DIGIT_BYTES: Final = bytes(255 - digit for digit in _DIGIT_BYTES)
_TO_DIGITS: Final = bytes.maketrans(_BCD, _DIGIT_BYTES)
_TO_INVERTED_DIGITS: Final = bytes.maketrans(_BCD, _INVERTED_DIGIT_BYTES)
_FROM_DIGITS: Final = bytes.maketrans(_DIGIT_BYTES, _BCD)
_FROM_INVERTED_DIGITS: Final = bytes.maketrans(_INVERTED_DIGIT_BYTES, _BCD)


def encode_key_value(value: AttributeValue, attribute_type: AttributeType) -> bytes:
    """The bytes of a canonical value of that type; raises KeyError if it has another."""
    return ENCODE[attribute_type](value[attribute_type])


def decode_key_value(data: bytes, attribute_type: AttributeType) -> AttributeValue:
    """The canonical value whose bytes these are."""
    return {attribute_type: DECODE[attribute_type](data)}


def encode_number(text: str) -> bytes:
    """The bytes of a canonical number; their order is the order of the numbers."""
    whole, _, fraction = text.lstrip("-").partition(".")
    if whole == "0":
        # Two zeros behind the point are one base-100 exponent.
        zeros = (len(fraction) - len(fraction.lstrip("0"))) & ~1
        whole, fraction = "", fraction[zeros:]
        if not fraction:
            return _ZERO
        exponent = -1 - zeros // 2
    else:
        if len(whole) & 1:
            whole = "0" + whole
        exponent = len(whole) // 2 - 1
    if len(fraction) & 1:
        fraction += "0"
    bcd = bytes.fromhex(whole + fraction).rstrip(b"\x00")
    if text[0] != "-":
        return bytes((3, exponent + _EXPONENT_BIAS)) + bcd.translate(_TO_DIGITS)
    inverted = bytes((1, 255 - exponent - _EXPONENT_BIAS)) + bcd.translate(_TO_INVERTED_DIGITS)
    return inverted if len(bcd) == _DIGITS_MAX else inverted + b"\xff"


def decode_number(data: bytes) -> str:
    """The canonical number whose bytes these are."""
    if data == _ZERO:
        return "0"
    if data[:1] == _POSITIVE:
        sign, exponent, bcd = "", data[1] - _EXPONENT_BIAS, data[2:].translate(_FROM_DIGITS)
    else:
        sign, exponent, bcd = (
            "-",
            255 - data[1] - _EXPONENT_BIAS,
            data[2:].rstrip(b"\xff").translate(_FROM_INVERTED_DIGITS),
        )
    digits = bcd.hex()
    point = 2 * (exponent + 1)
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits.rstrip('0')}"
    whole = digits[:point].ljust(point, "0").lstrip("0")
    fraction = digits[point:].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole


def encode_binary(text: str) -> bytes:
    """The bytes of canonical base64."""
    return decode_base64(text)


def decode_binary(data: bytes) -> str:
    """The canonical base64 of bytes."""
    return b64encode(data).decode()


ENCODE: Final[dict[str, Callable[[str], bytes]]] = {"S": str.encode, "N": encode_number, "B": encode_binary}
DECODE: Final[dict[str, Callable[[bytes], str]]] = {"S": bytes.decode, "N": decode_number, "B": decode_binary}


def join(parts: Sequence[bytes]) -> bytes:
    """One key of several parts; a single part stays as it is."""
    if len(parts) == 1:
        return parts[0]
    return b"".join(map(ended, parts[:-1])) + parts[-1]


def split(data: bytes, count: int) -> list[bytes]:
    """The parts of a key that `join` made of `count` parts."""
    parts = data.split(PART_END, count - 1)
    return [*map(_unescaped, parts[:-1]), parts[-1]]


def escaped(part: bytes) -> bytes:
    """A part, or the beginning of one, as it stands in front of other parts."""
    return part.replace(b"\x00", b"\x00\xff")


def ended(part: bytes) -> bytes:
    """A whole part as it stands in front of other parts."""
    return part.replace(b"\x00", b"\x00\xff") + PART_END


def prefix_end(prefix: bytes) -> bytes | None:
    """The least bytes greater than all that begin with `prefix`; None if there are none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,)) if stripped else None


def _unescaped(part: bytes) -> bytes:
    return part.replace(b"\x00\xff", b"\x00")
