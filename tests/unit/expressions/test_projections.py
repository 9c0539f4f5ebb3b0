"""Projections: which parts of an item come back, and in which order."""

import pytest

from magnetodb.errors import ValidationException
from magnetodb.expressions.placeholders import Placeholders
from magnetodb.expressions.projections import parse_projection

ITEM = {
    "a": {"N": "1"},
    "lst": {"L": [{"N": "0"}, {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}, {"L": [{"S": "p"}, {"S": "q"}]}, {"N": "3"}]},
    "dict": {"M": {"x": {"N": "1"}, "dotted.name": {"S": "z"}}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", {"a": {"N": "1"}}),
        ("a, absent", {"a": {"N": "1"}}),
        ("absent", {}),
        ("dict.x", {"dict": {"M": {"x": {"N": "1"}}}}),
        ("dict.#d", {"dict": {"M": {"dotted.name": {"S": "z"}}}}),
        ("dict.absent", {}),
        ("dict[0]", {}),
        ("a.x", {}),
        ("lst[3], lst[0]", {"lst": {"L": [{"N": "0"}, {"N": "3"}]}}),
        ("lst[9]", {}),
        ("lst.x", {}),
        ("lst[1].y, lst[2][1]", {"lst": {"L": [{"M": {"y": {"N": "2"}}}, {"L": [{"S": "q"}]}]}}),
        ("lst[1].absent, lst[0]", {"lst": {"L": [{"N": "0"}]}}),
        ("dict, a", {"dict": ITEM["dict"], "a": {"N": "1"}}),
    ],
)
def test_the_parts_that_paths_lead_to_come_back(text, expected):
    actual = parse_projection(text, Placeholders({"#d": "dotted.name"} if "#d" in text else {})).apply(ITEM)

    assert expected == actual


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a, a", "overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"),
        (
            "a.b[0], a.b",
            "overlap with each other; must remove or rewrite one of these paths; "
            "path one: [a, b, [0]], path two: [a, b]",
        ),
        (
            "a.b, a[0]",
            "conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]",
        ),
    ],
)
def test_paths_in_each_others_way_are_refused(text, expected):
    with pytest.raises(ValidationException) as caught:
        parse_projection(text, Placeholders())

    assert f"Invalid ProjectionExpression: Two document paths {expected}" == caught.value.message


def test_undefined_names_are_refused():
    with pytest.raises(ValidationException) as caught:
        parse_projection("#x", Placeholders())

    expected = (
        "Invalid ProjectionExpression: An expression attribute name used in the document path is not defined; "
        "attribute name: #x"
    )
    assert expected == caught.value.message


def test_the_top_level_attributes_are_known():
    projection = parse_projection("dict.x, dict.y, #a", Placeholders({"#a": "a"}))

    assert projection.attributes == ("dict", "a")
    assert projection.paths == (("dict", "x"), ("dict", "y"), ("a",))
