"""The fast walk says no exactly where the slow walk finds the words."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from magnetodb.errors import SerializationException, ServiceError, ValidationException
from magnetodb.operations.requests import REQUESTS
from magnetodb.operations.shape_errors import explain, explain_table_name
from magnetodb.operations.shapes import Integer, List, Long, Map, String, Structure, TableName, compiled

GET_ITEM = compiled(REQUESTS["GetItem"])

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.sampled_from(["table", "HASH", "TOTAL", "arn:aws:dynamodb:us-east-1:000000000000:table/x"])
)
ANYTHING = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)


def request_of(shape, draw, wrong_every):
    """JSON that fits a shape, nearly: once in a while something else stands in a place."""
    if draw(st.integers(1, wrong_every)) == wrong_every:
        return draw(ANYTHING)
    match shape:
        case TableName():
            return "a-table"
        case String():
            return draw(st.sampled_from(shape.enum or ("abc", "", "a!")))
        case Integer() | Long():
            return draw(st.integers(-1, 101))
        case List():
            return [request_of(shape.member, draw, wrong_every) for _ in range(draw(st.integers(0, 2)))]
        case Map():
            return {"name": request_of(shape.value, draw, wrong_every)}
        case Structure(deferred=True):
            return {"S": "x"}
        case Structure():
            given = draw(st.sets(st.sampled_from(list(shape.members)), max_size=4)) if shape.members else set()
            return {name: request_of(shape.members[name], draw, wrong_every) for name in given | set(shape.required)}
        case _:
            return draw(st.booleans() | st.just("AA=="))


@pytest.mark.parametrize("operation", sorted(REQUESTS))
@settings(max_examples=30, deadline=None)
@given(data=st.data(), wrong_every=st.sampled_from([10, 100]))
def test_the_walks_agree(operation, data, wrong_every):
    shape = REQUESTS[operation]
    request = request_of(shape, data.draw, wrong_every)
    assume(type(request) is dict)  # The door takes nothing else.
    fits = compiled(shape)(request)

    try:
        explain(shape, request)
        wrong = None
    except ServiceError as error:
        wrong = error

    if fits:
        # What is inside of attribute values is left to the operation.
        assert wrong is None or isinstance(wrong, SerializationException)
    else:
        assert wrong is not None or "arn:" in str(request)


@pytest.mark.parametrize("name", ["abc", "a" * 255, "A.b_c-9"])
def test_a_table_name_fits(name):
    fits = GET_ITEM({"TableName": name, "Key": {}})

    assert fits


@pytest.mark.parametrize("name", ["ab", "a" * 256, "abc!", "abc\n", "", None, 7, ["abc"]])
def test_a_wrong_table_name_does_not_fit(name):
    fits = GET_ITEM({"TableName": name, "Key": {}})

    assert not fits


@pytest.mark.parametrize("name", ["ab", "a" * 256])
def test_the_length_of_a_table_name_has_words_of_its_own(name):
    with pytest.raises(ValidationException) as caught:
        explain_table_name(REQUESTS["GetItem"], {"TableName": name})

    assert "TableName must be at least 3 characters long and at most 255 characters long" == caught.value.message


def test_null_is_the_same_as_absent():
    fits = GET_ITEM({"TableName": "table", "Key": {"a": {"S": "x"}}, "ConsistentRead": None})

    assert fits


def test_unknown_members_are_ignored():
    fits = GET_ITEM({"TableName": "table", "Key": {}, "Whatever": [1]})

    assert fits


def test_true_is_no_integer():
    fits = compiled(Integer(1))(True)

    assert not fits


def test_a_null_inside_an_item_does_not_fit():
    fits = GET_ITEM({"TableName": "table", "Key": {"a": None}})

    assert not fits
