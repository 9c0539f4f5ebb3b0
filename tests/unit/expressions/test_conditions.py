"""Conditions on items, per operator, function and type, and against an oracle that walks the nodes."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magnetodb.errors import ValidationException
from magnetodb.expressions.conditions import ConditionPlan, parse_condition, plan_condition
from magnetodb.expressions.nodes import And, Between, Call, Comparison, ConditionTree, In, Not, Or, Path, Value
from magnetodb.expressions.placeholders import Placeholders

ITEM = {
    "pk": {"S": "key"},
    "text": {"S": "hello"},
    "wide": {"S": "é𝄞"},
    "number": {"N": "10"},
    "bytes": {"B": "AQID"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "blobs": {"BS": ["AQ==", "Ag=="]},
    "lst": {"L": [{"N": "1"}, {"S": "x"}, {"M": {"deep": {"L": [{"BOOL": False}]}}}, {"SS": ["q", "p"]}]},
    "dict": {"M": {"x": {"N": "1"}, "y z": {"S": "spaced"}}},
}

VALUES = {
    ":ten": {"N": "10"},
    ":nine": {"N": "9"},
    ":hundred": {"N": "100"},
    ":hello": {"S": "hello"},
    ":hell": {"S": "hell"},
    ":ll": {"S": "ll"},
    ":a": {"S": "a"},
    ":x": {"S": "x"},
    ":one": {"N": "1"},
    ":two": {"N": "2"},
    ":three": {"N": "3"},
    ":four": {"N": "4"},
    ":b1": {"B": "AQ=="},
    ":b2": {"B": "Ag=="},
    ":b23": {"B": "AgM="},
    ":true": {"BOOL": True},
    ":null": {"NULL": True},
    ":ba": {"SS": ["b", "a"]},
    ":pq": {"SS": ["p", "q"]},
    ":map": {"M": {"y z": {"S": "spaced"}, "x": {"N": "1"}}},
    ":list": {"L": [{"N": "1"}]},
    ":S": {"S": "S"},
    ":N": {"S": "N"},
    ":foo": {"S": "foo"},
}


def holds(text, item=ITEM, names=None):
    used = {key: value for key, value in VALUES.items() if key in text}
    return parse_condition(text, Placeholders(names or {}, used)).holds(item)


def error(text, **values):
    given_values = VALUES | {f":{name}": value for name, value in values.items()}
    with pytest.raises(ValidationException) as caught:
        parse_condition(text, Placeholders({"#n": "number"}, given_values))
    return caught.value.message.removeprefix("Invalid ConditionExpression: ")


@pytest.mark.parametrize(
    "text",
    [
        "#n = :ten",
        ":ten = #n",
        "#n <> :nine",
        "#n <> :hello",
        "absent <> :ten",
        "absent <> lacking",
        "#n > :nine",
        "#n >= :ten",
        "#n < :hundred",
        ":hundred > #n",
        ":nine <= #n",
        "#txt > :hell",
        "#b > :b1",
        "yes = :true",
        "nothing = :null",
        "texts = :ba",
        "lst[3] = :pq",
        "dict = :map",
        "lst[0] = dict.x",
        "lst[0] <= dict.x",
        "dict.#yz <> :a",
        "lst[2].deep[0] <> :true",
        "#n BETWEEN :nine AND :hundred",
        "#n BETWEEN :ten AND :ten",
        "#txt BETWEEN :hell AND :x",
        ":nine BETWEEN lst[0] AND #n",
        "#n IN (:nine, :ten)",
        "#n IN (absent, lst[0], :ten)",
        "texts IN (:ba)",
        "attribute_exists(dict.x)",
        "attribute_exists(lst[3])",
        "attribute_not_exists(lst[4])",
        "attribute_not_exists(dict.x.y)",
        "attribute_not_exists(#n.x)",
        "attribute_type(#txt, :S)",
        "attribute_type(lst[0], :N)",
        "begins_with(#txt, :hell)",
        "begins_with(#b, :b1)",
        "contains(#txt, :ll)",
        "contains(#b, :b23)",
        "contains(texts, :a)",
        "contains(numbers, :one)",
        "contains(blobs, :b2)",
        "contains(lst, :x)",
        "contains(lst, :pq)",
        "contains(:hello, #txt)",
        "size(wide) = :three",
        "size(#b) = :three",
        "size(texts) = :two",
        "size(numbers) = :two",
        "size(blobs) = :two",
        "size(lst) = :four",
        "size(dict) = :two",
        "size(:ba) = :two",
        ":two < size(#b)",
        "size(dict) BETWEEN :one AND :three",
        "size(dict) IN (:two)",
        "NOT #n = :nine",
        "NOT (absent = :ten) AND #n = :ten",
        "#n = :nine OR #n = :ten AND #txt = :hello",
    ],
)
def test_conditions_that_hold(text):
    assert holds(text, names={"#n": "number", "#txt": "text", "#yz": "y z", "#b": "bytes"})


@pytest.mark.parametrize(
    "text",
    [
        "#n = :hello",
        "absent = :ten",
        "absent < :ten",
        "#n < :hello",
        "#n > :hello",
        "#n <> :ten",
        "absent = lacking",
        "yes < nothing",
        "lst > dict",
        "#n BETWEEN :hell AND :x",
        "absent BETWEEN :nine AND :ten",
        "#n IN (:nine, :hello)",
        "absent IN (:nine)",
        "attribute_exists(lst[99])",
        "attribute_type(#n, :S)",
        "attribute_type(absent, :S)",
        "begins_with(#n, :hell)",
        "begins_with(absent, :hell)",
        "begins_with(#txt, :b1)",
        "contains(#txt, :ten)",
        "contains(texts, :one)",
        "contains(numbers, :three)",
        "contains(yes, :a)",
        "contains(dict, :x)",
        "size(absent) > :one",
        "size(#n) > :one",
        "size(yes) > :one",
    ],
)
def test_conditions_that_do_not_hold(text):
    assert not holds(text, names={"#n": "number", "#txt": "text"})


def test_an_item_that_does_not_exist_has_no_attributes():
    assert holds("attribute_not_exists(pk)", None)
    assert not holds("attribute_exists(pk)", None)
    assert holds("pk <> :a", None)


def test_numbers_are_compared_with_all_their_digits():
    values = {":v": {"N": "12345678901234567890123456789012345678"}}
    condition = parse_condition("a < :v", Placeholders({}, values))

    assert condition.holds({"a": {"N": "12345678901234567890123456789012345677"}})
    assert not condition.holds({"a": {"N": "12345678901234567890123456789012345678"}})


def test_strings_are_ordered_by_their_utf_8_bytes():
    condition = parse_condition("a < :v", Placeholders({}, {":v": {"S": "\U0001f600"}}))

    assert condition.holds({"a": {"S": "\uffee"}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "#x = :ten",
            "An expression attribute name used in the document path is not defined; attribute name: #x",
        ),
        (
            "a = :x0",
            "An expression attribute value used in expression is not defined; attribute value: :x0",
        ),
        (
            "a < :true",
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
        (
            "a BETWEEN :ba AND :ba",
            "Incorrect operand type for operator or function; operator or function: BETWEEN, operand type: SS",
        ),
        (
            "begins_with(a, :ten)",
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "contains(:ten, a)",
            "Incorrect operand type for operator or function; operator or function: contains, operand type: N",
        ),
        (
            "size(:ten) = :one",
            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
        ),
        (
            "attribute_type(a, :ten)",
            "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N",
        ),
        (
            "attribute_type(a, :foo)",
            "Invalid attribute type name found; type: foo, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
        ),
        (
            "a BETWEEN :ten AND :one",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:10}, upper bound operand: AttributeValue: {N:1}",
        ),
        (
            "a BETWEEN :ten AND :hello",
            "The BETWEEN operator requires same data type for lower and upper bounds; "
            "lower bound operand: AttributeValue: {N:10}, upper bound operand: AttributeValue: {S:hello}",
        ),
        (
            "a.b[0] = a.b[0]",
            "The first operand must be distinct from the remaining operands for this operator or function; "
            "operator: =, first operand: [a, b, [0]]",
        ),
        (
            "#n IN (:ten, #n)",
            "The first operand must be distinct from the remaining operands for this operator or function; "
            "operator: IN, first operand: [number]",
        ),
    ],
)
def test_wrong_operands_are_refused_before_any_item_is_seen(text, expected):
    actual = error(text)

    assert expected == actual


def test_a_plan_is_used_again_with_other_names_and_values():
    first = parse_condition("#a = :v", Placeholders({"#a": "x"}, {":v": {"N": "1"}}))
    second = parse_condition("#a = :v", Placeholders({"#a": "y"}, {":v": {"N": "2"}}))

    assert first.holds({"x": {"N": "1"}})
    assert not second.holds({"x": {"N": "1"}})
    assert second.holds({"y": {"N": "2"}})
    assert (first.attributes, second.attributes) == (("x",), ("y",))


def test_filters_may_not_look_at_key_attributes():
    condition = parse_condition("a = :v AND #k.x = :v", Placeholders({"#k": "pk"}, {":v": {"N": "1"}}))

    with pytest.raises(ValidationException) as caught:
        condition.refuse_attributes(("pk", "sk"))

    expected = "Filter Expression can only contain non-primary key attributes: Primary key attribute: pk"
    assert expected == caught.value.message
    condition.refuse_attributes(("sk",))


def test_the_deepest_condition_is_evaluated():
    text = "a=:v"
    for place in range(149):
        text = f"({text}) {'AND' if place % 2 else 'OR'} a=:v"
    condition = parse_condition(text, Placeholders({}, {":v": {"N": "1"}}))
    negated = parse_condition("NOT " * 299 + "a=:v", Placeholders({}, {":v": {"N": "1"}}))

    assert condition.holds({"a": {"N": "1"}})
    assert negated.holds({"a": {"N": "2"}})


def test_a_flat_chain_of_ten_thousand_conditions_is_not_deep():
    nodes = tuple(Comparison("=", Path((f"#{place}",)), Value(":v")) for place in range(10_000))
    names = {f"#{place}": f"a{place}" for place in range(10_000)}
    plan = plan_condition(ConditionTree(Or(nodes), (), (), ()), names, "Expected")

    assert isinstance(plan, ConditionPlan)
    assert plan.predicate({"a9999": {"N": "1"}}, {":v": {"N": "1"}})


scalars = st.one_of(
    st.integers(-3, 3).map(lambda number: {"N": str(number)}),
    st.sampled_from(["", "a", "ab", "b"]).map(lambda text: {"S": text}),
    st.booleans().map(lambda flag: {"BOOL": flag}),
)
items = st.dictionaries(st.sampled_from(["a", "b", "c"]), scalars, max_size=3)
oracle_values = {":n": {"N": "1"}, ":m": {"N": "2"}, ":s": {"S": "a"}, ":t": {"BOOL": True}}
paths = st.sampled_from([Path(("a",)), Path(("b",)), Path(("c",))])
ordered = st.sampled_from([":n", ":m", ":s"]).map(Value)
simple = st.one_of(
    st.builds(Comparison, st.sampled_from(["=", "<>"]), paths, st.sampled_from([":n", ":s", ":t"]).map(Value)),
    st.builds(Comparison, st.sampled_from(["<", "<=", ">", ">="]), paths, ordered),
    st.builds(Comparison, st.sampled_from(["<", "<=", ">", ">="]), ordered, paths),
    st.builds(
        lambda operator: Comparison(operator, Path(("a",)), Path(("b",))), st.sampled_from(["=", "<>", "<", ">="])
    ),
    st.builds(lambda path: Between(path, Value(":n"), Value(":m")), paths),
    st.builds(lambda path, choices: In(path, tuple(choices)), paths, st.lists(ordered, min_size=1, max_size=3)),
    st.builds(lambda path: Call("attribute_exists", (path,)), paths),
    st.builds(lambda path: Call("begins_with", (path, Value(":s"))), paths),
)
nodes = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda chain: And(tuple(chain))),
        st.lists(inner, min_size=2, max_size=3).map(lambda chain: Or(tuple(chain))),
    ),
    max_leaves=6,
)


def comparable(value):
    [(kind, payload)] = value.items()
    return (kind, Decimal(payload) if kind == "N" else payload)


def oracle(node, item):
    def value(operand):
        return oracle_values[operand.placeholder] if isinstance(operand, Value) else item.get(operand.elements[0])

    match node:
        case Not(inner):
            return not oracle(inner, item)
        case And(chain):
            return all(oracle(inner, item) for inner in chain)
        case Or(chain):
            return any(oracle(inner, item) for inner in chain)
        case Between(operand, low, high):
            return oracle(Comparison(">=", operand, low), item) and oracle(Comparison("<=", operand, high), item)
        case In(operand, choices):
            return any(oracle(Comparison("=", operand, choice), item) for choice in choices)
        case Call("attribute_exists", (path,)):
            return value(path) is not None
        case Call("begins_with", (path, prefix)):
            return (value(path) or {}).get("S", "").startswith(value(prefix)["S"]) and "S" in (value(path) or {})
        case Comparison("<>", left, right):
            return value(left) is None or value(right) is None or value(left) != value(right)
        case Comparison(operator, left, right):
            if value(left) is None or value(right) is None:
                return False
            (kind, first), (other_kind, second) = comparable(value(left)), comparable(value(right))
            if operator == "=":
                return kind == other_kind and first == second
            if kind != other_kind or kind == "BOOL":
                return False
            return {"<": first < second, "<=": first <= second, ">": first > second, ">=": first >= second}[operator]


@settings(deadline=None)
@given(nodes, items)
def test_conditions_agree_with_the_oracle(node, item):
    plan = plan_condition(ConditionTree(node, (), (), ()), {}, "ConditionExpression")

    assert oracle(node, item) == plan.predicate(item, oracle_values)


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ({"SS": ["b", "a"]}, True),
        ({"SS": ["a"]}, False),
        ({"L": [{"SS": ["y", "x"]}, {"N": "1"}]}, True),
        ({"M": {"k": {"NS": ["2", "1"]}}}, True),
        ({"NULL": True}, False),
    ],
)
def test_an_element_of_a_list_is_found_whatever_the_order_of_its_sets(element, expected):
    item = {"l": {"L": [{"SS": ["a", "b"]}, {"L": [{"SS": ["x", "y"]}, {"N": "1"}]}, {"M": {"k": {"NS": ["1", "2"]}}}]}}
    condition = parse_condition("contains(l, :v)", Placeholders({}, {":v": element}))

    assert expected == condition.holds(item)
