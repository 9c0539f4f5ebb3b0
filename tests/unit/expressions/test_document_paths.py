"""Paths into items, against walking by hand, and which sets of paths get along."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magnetodb.errors import ValidationException
from magnetodb.expressions.document_paths import path_text, path_tree, value_at

ITEM = {"a": {"M": {"b": {"L": [{"S": "x"}, {"M": {"0": {"N": "1"}}}]}}}}


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        (("a", "b", 0), {"S": "x"}),
        (("a", "b", 1, "0"), {"N": "1"}),
        (("a", "b", 1, 0), None),
        (("a", "b", 2), None),
        (("a", 0), None),
        (("a", "b", "x"), None),
        (("z", "b"), None),
    ],
)
def test_values_at_paths(elements, expected):
    assert value_at(ITEM, elements) == expected


def test_paths_are_shown_with_indexes_in_brackets():
    assert path_text(("a", 0, "b c")) == "[a, [0], b c]"


element = st.sampled_from(["a", "b", 0, 1])
path = st.builds(lambda first, rest: (first, *rest), st.sampled_from(["a", "b"]), st.lists(element, max_size=3))


def disagree(first, second):
    for mine, theirs in zip(first, second, strict=False):
        if mine != theirs:
            return type(mine) is not type(theirs)
    return True


@settings(deadline=None)
@given(st.lists(path, max_size=5))
def test_paths_get_along_unless_two_of_them_disagree(paths):
    pairs = [(first, second) for place, first in enumerate(paths) for second in paths[place + 1 :]]
    refused = True
    with contextlib.suppress(ValidationException):
        path_tree("UpdateExpression", paths)
        refused = False

    assert refused == any(disagree(first, second) for first, second in pairs)
