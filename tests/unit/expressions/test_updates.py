"""Updates: the new item per action, the old one untouched, and AWS's words for what cannot be."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magnetodb.errors import ValidationException
from magnetodb.expressions.placeholders import Placeholders
from magnetodb.expressions.updates import parse_update

ITEM = {
    "pk": {"S": "key"},
    "n": {"N": "10"},
    "s": {"S": "text"},
    "lst": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]},
    "dict": {"M": {"x": {"N": "1"}, "lst": {"L": [{"M": {"y": {"S": "old"}}}]}}},
    "tags": {"SS": ["a", "b"]},
    "nums": {"NS": ["1", "2"]},
}
VALUES = {
    ":n": {"N": "5"},
    ":s": {"S": "new"},
    ":l": {"L": [{"S": "new"}]},
    ":ss": {"SS": ["b", "c"]},
    ":all": {"SS": ["b", "a"]},
    ":ns": {"NS": ["2", "3"]},
    ":m": {"M": {}},
    ":t": {"BOOL": True},
}


def parsed(text, names=None):
    return parse_update(text, Placeholders(names or {}, {key: VALUES[key] for key in VALUES if key in text}))


def changes(text, item=ITEM):
    """What the update makes of the item: only the attributes that differ, removed ones as None."""
    before = copy.deepcopy(item)
    new = parsed(text).apply(item)
    assert item == before
    return {name: new.get(name) for name in item | new if item.get(name) != new.get(name)}


def error(text, item=ITEM, names=None):
    with pytest.raises(ValidationException) as caught:
        parsed(text, names).apply(item)
    return caught.value.message.removeprefix("Invalid UpdateExpression: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SET a = :n", {"a": {"N": "5"}}),
        ("SET n = :s", {"n": {"S": "new"}}),
        ("SET a = s", {"a": {"S": "text"}}),
        ("SET n = n + :n", {"n": {"N": "15"}}),
        ("SET n = n - :n", {"n": {"N": "5"}}),
        ("SET a = :n - n", {"a": {"N": "-5"}}),
        ("SET a = :n + :n", {"a": {"N": "10"}}),
        ("SET a = dict.x + n", {"a": {"N": "11"}}),
        ("SET n = s, s = n", {"n": {"S": "text"}, "s": {"N": "10"}}),
        ("SET n = if_not_exists(n, :n)", {}),
        ("SET a = if_not_exists(a, :n)", {"a": {"N": "5"}}),
        ("SET a = if_not_exists(a, n) + :n", {"a": {"N": "15"}}),
        ("SET a = if_not_exists(a, if_not_exists(b, :s))", {"a": {"S": "new"}}),
        ("SET a = list_append(:l, :l)", {"a": {"L": [{"S": "new"}, {"S": "new"}]}}),
        ("SET a = list_append(if_not_exists(a, :l), lst)", {"a": {"L": [{"S": "new"}, *ITEM["lst"]["L"]]}}),
        ("SET lst[1] = :s", {"lst": {"L": [{"N": "0"}, {"S": "new"}, {"N": "2"}]}}),
        ("SET lst[7] = :s", {"lst": {"L": [*ITEM["lst"]["L"], {"S": "new"}]}}),
        ("SET lst[9] = :s, lst[7] = :n", {"lst": {"L": [*ITEM["lst"]["L"], {"N": "5"}, {"S": "new"}]}}),
        ("SET dict.x = :s", {"dict": {"M": ITEM["dict"]["M"] | {"x": {"S": "new"}}}}),
        ("SET dict.z = :s", {"dict": {"M": ITEM["dict"]["M"] | {"z": {"S": "new"}}}}),
        (
            "SET dict.lst[0].y = :s",
            {"dict": {"M": ITEM["dict"]["M"] | {"lst": {"L": [{"M": {"y": {"S": "new"}}}]}}}},
        ),
        ("REMOVE n", {"n": None}),
        ("REMOVE absent", {}),
        ("REMOVE lst[0], lst[2]", {"lst": {"L": [{"N": "1"}]}}),
        ("REMOVE lst[9]", {}),
        ("REMOVE dict.absent", {}),
        ("SET lst[1] = :s, lst[5] = :n REMOVE lst[0]", {"lst": {"L": [{"S": "new"}, {"N": "2"}, {"N": "5"}]}}),
        ("REMOVE dict.lst[0].y", {"dict": {"M": ITEM["dict"]["M"] | {"lst": {"L": [{"M": {}}]}}}}),
        ("ADD n :n", {"n": {"N": "15"}}),
        ("ADD a :n", {"a": {"N": "5"}}),
        ("ADD dict.x :n", {"dict": {"M": ITEM["dict"]["M"] | {"x": {"N": "6"}}}}),
        ("ADD tags :ss", {"tags": {"SS": ["a", "b", "c"]}}),
        ("ADD nums :ns", {"nums": {"NS": ["1", "2", "3"]}}),
        ("ADD a :ss", {"a": {"SS": ["b", "c"]}}),
        ("DELETE tags :ss", {"tags": {"SS": ["a"]}}),
        ("DELETE tags :all", {"tags": None}),
        ("DELETE absent :ss", {}),
        ("DELETE dict.absent :ss", {}),
        (
            "SET a = :n, s = n REMOVE lst[0] ADD n :n DELETE tags :ss",
            {
                "a": {"N": "5"},
                "s": {"N": "10"},
                "lst": {"L": [{"N": "1"}, {"N": "2"}]},
                "n": {"N": "15"},
                "tags": {"SS": ["a"]},
            },
        ),
    ],
)
def test_updates_make_a_new_item(text, expected):
    actual = changes(text)

    assert expected == actual


NO_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"
INVALID_PATH = "The document path provided in the update expression is invalid for update"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SET a = b", NO_ATTRIBUTE),
        ("SET a = b + :n", NO_ATTRIBUTE),
        ("SET a = dict.absent", NO_ATTRIBUTE),
        ("SET a = lst[3]", NO_ATTRIBUTE),
        ("SET a = list_append(b, :l)", NO_ATTRIBUTE),
        ("SET a = s + :n", WRONG_TYPE),
        ("SET a = list_append(s, :l)", WRONG_TYPE),
        ("ADD s :n", WRONG_TYPE),
        ("ADD tags :ns", WRONG_TYPE),
        ("DELETE n :ss", WRONG_TYPE),
        ("SET a.b = :n", INVALID_PATH),
        ("SET s.b = :n", INVALID_PATH),
        ("SET dict[0] = :n", INVALID_PATH),
        ("SET lst.x = :n", INVALID_PATH),
        ("SET lst[9].x = :n", INVALID_PATH),
        ("REMOVE a.b", INVALID_PATH),
        ("ADD a.b :n", INVALID_PATH),
        ("DELETE a.b :ss", INVALID_PATH),
    ],
)
def test_items_that_lack_what_the_update_needs_are_refused(text, expected):
    actual = error(text)

    assert expected == actual


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SET a = a + :s", "operator or function: +, operand type: S"),
        ("SET a = :t - a", "operator or function: -, operand type: BOOL"),
        ("SET a = list_append(a, :s)", "operator or function: list_append, operand type: S"),
        ("SET a = list_append(:m, a)", "operator or function: list_append, operand type: M"),
        ("ADD a :s", "operator: ADD, operand type: STRING"),
        ("ADD a :l", "operator: ADD, operand type: LIST"),
        ("ADD a :m", "operator: ADD, operand type: MAP"),
        ("DELETE a :n", "operator: DELETE, operand type: NUMBER"),
        ("DELETE a :t", "operator: DELETE, operand type: BOOLEAN"),
    ],
)
def test_values_of_a_wrong_type_are_refused(text, expected):
    actual = error(text)

    assert f"Incorrect operand type for operator or function; {expected}" == actual


@pytest.mark.parametrize(
    ("text", "what", "first", "second"),
    [
        ("SET a = :n, a = :s", "overlap", "[a]", "[a]"),
        ("SET a = :n REMOVE a.b", "overlap", "[a]", "[a, b]"),
        ("SET a.b[0] = :n, a.b = :s", "overlap", "[a, b, [0]]", "[a, b]"),
        ("SET a.b = :n, c = :n, a[0] = :s", "conflict", "[a, b]", "[a, [0]]"),
        ("SET #a.x = :n ADD #b.x :n", "overlap", "[a, x]", "[a, x]"),
    ],
)
def test_paths_in_each_others_way_are_refused(text, what, first, second):
    actual = error(text, names={"#a": "a", "#b": "a"} if "#" in text else None)

    expected = (
        f"Two document paths {what} with each other; must remove or rewrite one of these paths; "
        f"path one: {first}, path two: {second}"
    )
    assert expected == actual


def test_sums_keep_38_digits_and_no_more():
    number = "12345678901234567890123456789012345678"
    item = {"n": {"N": number}}

    assert changes("SET n = n + :n", item) == {"n": {"N": "12345678901234567890123456789012345683"}}
    assert error("SET n = n + :n", {"n": {"N": number + "0"}}) == (
        "Attempting to store more than 38 significant digits in a Number"
    )
    assert error("ADD n :n", {"n": {"N": "1" + "0" * 125}}).startswith("Attempting to store more than 38")
    assert error("SET n = n + n", {"n": {"N": "9" * 38 + "0" * 88}}) == (
        "Number overflow. Attempting to store a number with magnitude larger than supported range"
    )


def test_new_values_may_not_nest_deeper_than_32_levels():
    deep = {"S": "x"}
    for _ in range(32):
        deep = {"L": [deep]}
    update = parse_update("SET a.b = :v", Placeholders({}, {":v": deep}))

    with pytest.raises(ValidationException) as caught:
        update.apply({"a": {"M": {}}})

    assert caught.value.message.startswith("Nesting Levels have exceeded supported limits")
    assert parse_update("SET a = :v", Placeholders({}, {":v": deep})).apply({}) == {"a": deep}
    assert parse_update("SET a.b = :v", Placeholders({}, {":v": deep["L"][0]})).apply({"a": {"M": {}}})


def test_updated_old_and_new_are_the_touched_parts_only():
    update = parsed("SET dict.x = :s, lst[1] = :n, a = :n REMOVE s ADD n :n")
    new = update.apply(ITEM)

    assert update.updated_old(ITEM) == {
        "dict": {"M": {"x": {"N": "1"}}},
        "lst": {"L": [{"N": "1"}]},
        "s": {"S": "text"},
        "n": {"N": "10"},
    }
    assert update.updated_new(new) == {
        "dict": {"M": {"x": {"S": "new"}}},
        "lst": {"L": [{"N": "5"}]},
        "a": {"N": "5"},
        "n": {"N": "15"},
    }
    assert parsed("REMOVE n").updated_new({}) == {}


def test_key_attributes_are_refused():
    update = parsed("SET a = :n, pk.x = :n")

    with pytest.raises(ValidationException) as caught:
        update.refuse_keys(("pk", "sk"))

    expected = (
        "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"
    )
    assert expected == caught.value.message
    assert update.attributes == ("a", "pk")
    update.refuse_keys(("sk",))


def test_what_stays_is_shared_with_the_old_item():
    new = parsed("SET dict.x = :n").apply(ITEM)

    assert new["lst"] is ITEM["lst"]
    assert new["dict"]["M"]["lst"] is ITEM["dict"]["M"]["lst"]


@settings(deadline=None)
@given(st.integers(-(10**37), 10**37), st.integers(-(10**37), 10**37))
def test_sums_and_differences_are_those_of_integers(left, right):
    placeholders = Placeholders({}, {":v": {"N": str(right)}})
    item = {"n": {"N": str(left)}}

    assert parse_update("SET n = n + :v", placeholders).apply(item) == {"n": {"N": str(left + right)}}
    assert parse_update("SET n = n - :v", placeholders).apply(item) == {"n": {"N": str(left - right)}}


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=6), st.sets(st.integers(0, 9)), st.sets(st.integers(10, 19)))
def test_list_actions_agree_with_a_plain_list(elements, removed, replaced):
    item = {"lst": {"L": [{"N": str(element)} for element in elements]}}
    sections = []
    if replaced:
        sections.append("SET " + ", ".join(f"lst[{index}] = :v" for index in replaced))
    if removed:
        sections.append("REMOVE " + ", ".join(f"lst[{index}]" for index in removed))
    if not sections:
        return
    placeholders = Placeholders({}, {":v": {"S": "new"}} if replaced else {})

    actual = parse_update(" ".join(sections), placeholders).apply(item)

    kept = [{"N": str(element)} for index, element in enumerate(elements) if index not in removed]
    assert {"lst": {"L": kept + [{"S": "new"}] * len(replaced)}} == actual
