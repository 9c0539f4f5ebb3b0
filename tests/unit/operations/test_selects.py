"""What Select means, and the words of its refusals."""

import pytest

from magnetodb.errors import ValidationException
from magnetodb.model.keys import KeyCodec
from magnetodb.model.table import Index, KeySchema, Table
from magnetodb.operations.selects import COUNT, FETCHED_ITEMS, ITEMS, check_select, selection

TABLE = Table(
    project="p",
    name="t",
    id="1",
    rows_id="r1",
    key=KeySchema(("pk",), ("sk",)),
    attribute_types={"pk": "S", "sk": "S", "ik": "S"},
    indexes={},
    created=0.0,
)


def index(kind, projection, attributes=()):
    return KeyCodec(TABLE, Index("by_ik", kind, KeySchema(("pk",), ("ik",)), projection, attributes, "r2"))


def refusal(call, *arguments):
    with pytest.raises(ValidationException) as caught:
        call(*arguments)
    return caught.value.message


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            {"Select": "SPECIFIC_ATTRIBUTES"},
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
        ),
        (
            {"Select": "ALL_ATTRIBUTES", "ProjectionExpression": "a"},
            "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES",
        ),
        (
            {"Select": "COUNT", "AttributesToGet": ["a"]},
            "Cannot specify the AttributesToGet when choosing to get only the Count",
        ),
        (
            {"Select": "ALL_PROJECTED_ATTRIBUTES"},
            "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName",
        ),
    ],
)
def test_contradictions_are_refused(request_, expected):
    assert expected == refusal(check_select, request_)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"Select": "COUNT"},
        {"ProjectionExpression": "a"},
        {"Select": "SPECIFIC_ATTRIBUTES", "AttributesToGet": ["a"]},
        {"Select": "ALL_PROJECTED_ATTRIBUTES", "IndexName": "by_ik"},
    ],
)
def test_other_requests_are_accepted(request_):
    check_select(request_)


def test_a_table_has_all_its_attributes():
    assert [ITEMS, COUNT] == [selection(select, KeyCodec(TABLE), ()) for select in ("ALL_ATTRIBUTES", "COUNT")]


def test_a_local_index_fetches_what_it_does_not_project():
    keys_only = index("LSI", "KEYS_ONLY")

    actual = [
        selection(None, keys_only, ()),
        selection("ALL_ATTRIBUTES", keys_only, ()),
        selection(None, keys_only, ("ik", "sk")),
        selection(None, keys_only, ("ik", "other")),
        selection("ALL_ATTRIBUTES", index("LSI", "ALL"), ()),
    ]

    assert [ITEMS, FETCHED_ITEMS, ITEMS, FETCHED_ITEMS, ITEMS] == actual


def test_all_attributes_of_a_global_index_without_them_are_refused():
    message = refusal(selection, "ALL_ATTRIBUTES", index("GSI", "INCLUDE", ("a",)), ())

    expected = (
        "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global secondary "
        "index by_ik because its projection type is not ALL"
    )
    assert expected == message


def test_an_attribute_that_a_global_index_does_not_project_is_refused():
    message = refusal(selection, None, index("GSI", "INCLUDE", ("a",)), ("a", "b", "c"))

    expected = "One or more parameter values were invalid: Global secondary index by_ik does not project [b, c]"
    assert expected == message
