"""Plans are kept for ordinary expressions only, so that no request can fill the memory."""

import pytest

from magnetodb.expressions.plans import CACHED_NAMES_MAX, CACHED_TEXT_CHARACTERS_MAX, cached


@pytest.fixture
def made():
    return []


@pytest.fixture
def plan(made):
    @cached
    def make(parameter, text, names):
        made.append(text)
        return (parameter, text, dict(names))

    return make


def test_a_plan_is_made_once_per_parameter_text_and_names(plan, made):
    for _ in range(2):
        assert plan("A", "x", {}) == ("A", "x", {})
        assert plan("B", "x", {}) == ("B", "x", {})
        assert plan("A", "x", {"#n": "a"}) == ("A", "x", {"#n": "a"})
        assert plan("A", "x", {"#n": "b"}) == ("A", "x", {"#n": "b"})

    assert len(made) == 4


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x" * (CACHED_TEXT_CHARACTERS_MAX + 1), {}),
        ("x", {f"#{place}": "a" for place in range(CACHED_NAMES_MAX + 1)}),
        ("x", {"#n": "a" * 2000}),
    ],
)
def test_long_texts_and_names_are_planned_anew(plan, made, text, names):
    plan("A", text, names)
    plan("A", text, names)

    assert len(made) == 2
