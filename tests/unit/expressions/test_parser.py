"""Text to nodes: precedence, limits, and AWS's words for what is wrong."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magnetodb.errors import ValidationException
from magnetodb.expressions.nodes import (
    AddAction,
    And,
    Arithmetic,
    Between,
    Call,
    Comparison,
    DeleteAction,
    In,
    Not,
    Or,
    Path,
    RemoveAction,
    SetAction,
    Value,
)
from magnetodb.expressions.parser import FUNCTIONS, parse_condition, parse_projection, parse_update

A, B, C = (Comparison("=", Path((name,)), Value(":v")) for name in "abc")


def condition(text):
    return parse_condition("ConditionExpression", text).condition


def condition_error(text):
    with pytest.raises(ValidationException) as caught:
        parse_condition("ConditionExpression", text)
    prefix, _, message = caught.value.message.partition(": ")
    assert prefix == "Invalid ConditionExpression"
    return message


def update_error(text):
    with pytest.raises(ValidationException) as caught:
        parse_update("UpdateExpression", text)
    prefix, _, message = caught.value.message.partition(": ")
    assert prefix == "Invalid UpdateExpression"
    return message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = :v", A),
        ("a=:v AND b=:v OR c=:v", Or((And((A, B)), C))),
        ("a=:v OR b=:v AND c=:v", Or((A, And((B, C))))),
        ("a=:v AND (b=:v OR c=:v)", And((A, Or((B, C))))),
        ("(a=:v AND b=:v) AND c=:v", And((A, B, C))),
        ("a=:v AND (b=:v AND c=:v)", And((A, B, C))),
        ("NOT a=:v AND b=:v", And((Not(A), B))),
        ("NOT (a=:v AND b=:v)", Not(And((A, B)))),
        ("NOT NOT a=:v", Not(Not(A))),
        ("not a=:v oR b=:v", Or((Not(A), B))),
        ("(a) = (:v)", A),
        ("((a) = :v)", A),
        ("a BETWEEN :v AND :w AND b=:v", And((Between(Path(("a",)), Value(":v"), Value(":w")), B))),
        ("a IN (:v, b)", In(Path(("a",)), (Value(":v"), Path(("b",))))),
        ("size(a) > :v", Comparison(">", Call("size", (Path(("a",)),)), Value(":v"))),
        ("(size(a)) > :v", Comparison(">", Call("size", (Path(("a",)),)), Value(":v"))),
        ("(attribute_exists(a))", Call("attribute_exists", (Path(("a",)),))),
        ("contains(#a.b[0].c, :v)", Call("contains", (Path(("#a", "b", 0, "c")), Value(":v")))),
        (":v <> a", Comparison("<>", Value(":v"), Path(("a",)))),
    ],
)
def test_conditions_become_nodes(text, expected):
    actual = condition(text)

    assert expected == actual


def test_placeholders_and_roots_come_in_order_of_appearance():
    tree = parse_condition("ConditionExpression", "#b.#c = :v AND a < :u OR #b = :v")

    assert tree.names == ("#b", "#c")
    assert tree.values == (":v", ":u")
    assert tree.roots == ("#b", "a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "The expression can not be empty;"),
        (" \n\t", "The expression can not be empty;"),
        ("a", 'Syntax error; token: "<EOF>", near: "a"'),
        ("a =", 'Syntax error; token: "<EOF>", near: "="'),
        ("a = :v AND", 'Syntax error; token: "<EOF>", near: "AND"'),
        ("_type = :v", 'Syntax error; token: "_", near: "_type"'),
        ("a = :v AND _sortKey", 'Syntax error; token: "_", near: "AND _sortKey"'),
        ("GI-1-PK = :v", 'Syntax error; token: "-", near: "GI-1"'),
        ("tenant:abc-", 'Syntax error; token: ":abc", near: "tenant:abc-"'),
        ("hits : incr", 'Syntax error; token: ":", near: "hits : incr"'),
        ("# = :v", 'Syntax error; token: "#", near: "# ="'),
        ("a == :v", 'Syntax error; token: "=", near: "== :v"'),
        ("a = :v)", 'Syntax error; token: ")", near: ":v)"'),
        ("(a = :v", 'Syntax error; token: "<EOF>", near: ":v"'),
        ("a[x] = :v", 'Syntax error; token: "x", near: "[x]"'),
        ("a. = :v", 'Syntax error; token: "=", near: ". = :v"'),
        ("and = :v", 'Syntax error; token: "and", near: "and ="'),
        ("attribute_exists()", 'Syntax error; token: ")", near: "()"'),
        ("a BETWEEN :v", 'Syntax error; token: "<EOF>", near: ":v"'),
        ("a IN :v", 'Syntax error; token: ":v", near: "IN :v"'),
        ("#a(b)", 'Syntax error; token: "(", near: "#a(b"'),
        ("NOT", 'Syntax error; token: "<EOF>", near: "NOT"'),
        ("in(a)", 'Syntax error; token: "in", near: "in("'),
    ],
)
def test_syntax_errors_show_the_token_between_its_neighbours(text, expected):
    actual = condition_error(text)

    assert expected == actual


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size = :v", "Attribute name is a reserved keyword; reserved keyword: size"),
        ("a.Status = :v", "Attribute name is a reserved keyword; reserved keyword: Status"),
        ("((a = :v))", "The expression has redundant parentheses;"),
        ("((a)) = :v", "The expression has redundant parentheses;"),
        ("a = ((:v))", "The expression has redundant parentheses;"),
        ("foo(a)", "Invalid function name; function: foo"),
        ("Contains(a, :v)", "Invalid function name; function: Contains"),
        ("if_not_exists(a, :v)", "The function is not allowed in a condition expression; function: if_not_exists"),
        ("size(a)", "The function is not allowed to be used this way in an expression; function: size"),
        (
            "attribute_exists(a) = :v",
            "The function is not allowed to be used this way in an expression; function: attribute_exists",
        ),
        (
            "a IN (contains(b, :v))",
            "The function is not allowed to be used this way in an expression; function: contains",
        ),
        (
            "contains(a)",
            "Incorrect number of operands for operator or function; "
            "operator or function: contains, number of operands: 1",
        ),
        (
            "attribute_exists(:v)",
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            f"a IN ({', '.join([':v'] * 101)})",
            "The IN operator is provided with too many operands; number of operands: 101",
        ),
        (
            " OR ".join(["a=:v"] * 151),
            "The expression contains too many operators; operator count: 301",
        ),
        ("a.b" + "[0]" * 31 + " = :v", "The document path has too many nesting elements; nesting levels: 33"),
        ("a[2147483648] = :v", "List index is not within the allowable range; index: [2147483648]"),
    ],
)
def test_what_is_wrong_in_right_syntax_is_said_in_the_words_of_aws(text, expected):
    actual = condition_error(text)

    assert expected == actual


def test_syntax_is_looked_at_first_and_reserved_words_before_functions():
    assert condition_error("foo(size) = :v AND").startswith("Syntax error")
    assert condition_error("foo(size) = :v").startswith("Attribute name is a reserved keyword")


def test_expressions_at_the_limits_are_taken():
    condition(f"a IN ({', '.join([':v'] * 100)})")
    condition("NOT " + " OR ".join(["a=:v"] * 150))
    condition("a" + "[0]" * 31 + " = :v")
    condition("a = :v" + " " * (4096 - 6))


def test_chains_of_parentheses_on_the_left_are_not_deep():
    text = "a=:v"
    for _ in range(149):
        text = f"({text}) OR a=:v"

    assert condition(text) == Or((A,) * 150)


def test_expressions_over_4_kb_are_refused_with_their_size_in_bytes():
    assert (
        condition_error("a = :v" + " " * 4091)
        == "Expression size has exceeded the maximum allowed size; expression size: 4097"
    )
    assert condition_error("é" * 2049).endswith("expression size: 4098")
    assert update_error("x" * 5000) == "Expression size has exceeded the maximum allowed size;"
    assert condition_error("a" * 1_000_000).endswith("expression size: 1000000")


@pytest.mark.parametrize("text", ["(" * 4096, "NOT " * 1024, "size(" * 800, "a[0]" * 1000, "a." * 2000, "(a)" * 1300])
def test_depth_cannot_exhaust_the_stack(text):
    with pytest.raises(ValidationException):
        parse_condition("ConditionExpression", text)


def test_nested_functions_of_updates_are_bounded():
    text = "SET a = " + "if_not_exists(a," * 240 + ":v" + ")" * 1

    assert update_error(text) == "The expression has too many nested functions; nesting levels: 65"


def test_updates_become_actions():
    tree = parse_update(
        "UpdateExpression",
        "set #a = :v, b[1] = if_not_exists(b[1], :v) - (:w) remove c, d.e ADD f :v DELETE g :w",
    )

    assert tree.actions == (
        SetAction(Path(("#a",)), Value(":v")),
        SetAction(
            Path(("b", 1)),
            Arithmetic("-", Call("if_not_exists", (Path(("b", 1)), Value(":v"))), Value(":w")),
        ),
        RemoveAction(Path(("c",))),
        RemoveAction(Path(("d", "e"))),
        AddAction(Path(("f",)), Value(":v")),
        DeleteAction(Path(("g",)), Value(":w")),
    )


@pytest.mark.parametrize(
    "text", ["SET a = (b + :v)", "SET a = (b) + (:v)", "SET a = ((b) + :v)", "SET a = b+:v", "SET a = (b)+:v"]
)
def test_sums_may_have_parentheses(text):
    [action] = parse_update("UpdateExpression", text).actions

    assert action == SetAction(Path(("a",)), Arithmetic("+", Path(("b",)), Value(":v")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "The expression can not be empty;"),
        ("INVALID SYNTAX HERE", 'Syntax error; token: "INVALID", near: "INVALID SYNTAX"'),
        ("set _something = :v", 'Syntax error; token: "_", near: "set _something"'),
        ("ADD hits : incr", 'Syntax error; token: ":", near: "hits : incr"'),
        ("SET a = :v, #, b", 'Syntax error; token: "#", near: ", #,"'),
        ("SET a = :v,", 'Syntax error; token: "<EOF>", near: ","'),
        ("SET a = b + c + d", 'Syntax error; token: "+", near: "c + d"'),
        ("SET a = (b + c) + d", 'Syntax error; token: "+", near: ") + d"'),
        ("ADD a b", 'Syntax error; token: "b", near: "a b"'),
        ("SET set = :v", 'Syntax error; token: "set", near: "SET set ="'),
        ("SET a :v", 'Syntax error; token: ":v", near: "a :v"'),
        ("SET a = ((b + c))", "The expression has redundant parentheses;"),
        ("SET a = :v SET b = :v", 'The "SET" section can only be used once in an update expression;'),
        ("SET size = :v", "Attribute name is a reserved keyword; reserved keyword: size"),
        ("SET a = size(b)", "The function is not allowed in an update expression; function: size"),
        ("SET a = foo(b)", "Invalid function name; function: foo"),
        (
            "SET a = if_not_exists(b)",
            "Incorrect number of operands for operator or function; "
            "operator or function: if_not_exists, number of operands: 1",
        ),
        (
            "SET a = if_not_exists(:v, :v)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
    ],
)
def test_wrong_updates_are_refused_in_the_words_of_aws(text, expected):
    actual = update_error(text)

    assert expected == actual


def test_projections_become_paths():
    tree = parse_projection("ProjectionExpression", "a, #b.c[2] ,d")

    assert tree.paths == (Path(("a",)), Path(("#b", "c", 2)), Path(("d",)))
    assert tree.names == ("#b",)


@pytest.mark.parametrize(
    ("text", "token", "near"),
    [("a,", "<EOF>", ","), ("a b", "b", "a b"), (":v", ":v", ":v"), ("a[-1]", "-", "[-1"), ("size(a)", "(", "size(a")],
)
def test_wrong_projections_are_refused_in_the_words_of_aws(text, token, near):
    with pytest.raises(ValidationException) as caught:
        parse_projection("ProjectionExpression", text)

    expected = f'Invalid ProjectionExpression: Syntax error; token: "{token}", near: "{near}"'
    assert expected == caught.value.message


SIGNS = ["(", ")", "[", "]", ".", ",", "=", "<>", "<", "<=", ">", ">=", "+", "-", ":", "#", "_x", "é", "\0", "0", "12"]
WORDS = ["a", "b", "#n", ":v", "AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE", "size"]
pieces = st.sampled_from([*SIGNS, *WORDS, *(f"{name}(" for name in FUNCTIONS)])
texts = st.one_of(
    st.text(max_size=60), st.lists(pieces, max_size=40).map(" ".join), st.lists(pieces, max_size=40).map("".join)
)


@settings(deadline=None)
@given(texts)
def test_any_text_is_parsed_or_refused(text):
    for parse in (parse_condition, parse_update, parse_projection):
        with contextlib.suppress(ValidationException):
            parse("ConditionExpression", text)


names = st.sampled_from(["a", "#b", "count_1"])
paths = st.builds(lambda first, rest: Path((first, *rest)), names, st.lists(names | st.integers(0, 99), max_size=3))
values = st.sampled_from([":v", ":w0"]).map(Value)
operands = paths | values | st.builds(lambda path: Call("size", (path,)), paths)
simple_conditions = st.one_of(
    st.builds(Comparison, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), operands, operands),
    st.builds(Between, operands, operands, operands),
    st.builds(In, operands, st.lists(operands, min_size=1, max_size=3).map(tuple)),
    st.builds(lambda path: Call("attribute_exists", (path,)), paths),
    st.builds(lambda path, value: Call("contains", (path, value)), paths, values),
)
conditions = st.recursive(
    simple_conditions,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.lists(inner.filter(lambda node: not isinstance(node, And)), min_size=2, max_size=3).map(
            lambda nodes: And(tuple(nodes))
        ),
        st.lists(inner.filter(lambda node: not isinstance(node, Or)), min_size=2, max_size=3).map(
            lambda nodes: Or(tuple(nodes))
        ),
    ),
    max_leaves=8,
)


def operand_text(operand):
    if isinstance(operand, Value):
        return operand.placeholder
    if isinstance(operand, Call):
        return f"{operand.function}({', '.join(map(operand_text, operand.arguments))})"
    first, *rest = operand.elements
    return first + "".join(f"[{element}]" if isinstance(element, int) else f".{element}" for element in rest)


def condition_text(node):
    match node:
        case Comparison(operator, left, right):
            return f"{operand_text(left)} {operator} {operand_text(right)}"
        case Between(operand, low, high):
            return f"{operand_text(operand)} BETWEEN {operand_text(low)} AND {operand_text(high)}"
        case In(operand, choices):
            return f"{operand_text(operand)} IN ({', '.join(map(operand_text, choices))})"
        case Not(inner):
            return f"NOT {grouped_text(inner)}"
        case And(nodes):
            return " AND ".join(map(grouped_text, nodes))
        case Or(nodes):
            return " OR ".join(map(grouped_text, nodes))
        case _:
            return operand_text(node)


def grouped_text(node):
    return f"({condition_text(node)})" if isinstance(node, And | Or) else condition_text(node)


@settings(deadline=None)
@given(conditions)
def test_what_is_written_out_is_parsed_back(node):
    actual = condition(condition_text(node))

    assert node == actual
