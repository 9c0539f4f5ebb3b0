"""The parameters that came before expressions: each becomes the nodes of an expression with placeholders of its own."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from magnetodb.errors import ValidationException
from magnetodb.expressions.conditions import ATTRIBUTE_TYPES, Condition, plan_condition
from magnetodb.expressions.key_conditions import RANGE_OPERATORS, AttributeCondition, KeyConditions
from magnetodb.expressions.nodes import (
    Action,
    AddAction,
    And,
    Between,
    Call,
    Comparison,
    ConditionNode,
    ConditionTree,
    DeleteAction,
    In,
    Not,
    Or,
    Path,
    RemoveAction,
    SetAction,
    UpdateTree,
    Value,
)
from magnetodb.expressions.parser import IN_OPERANDS_MAX, OPERATORS_MAX
from magnetodb.expressions.projections import Projection
from magnetodb.expressions.updates import SET_TYPES, TYPE_WORDS, Update, plan_update
from magnetodb.model.attribute_values import AttributeValue, canonical_value, check_attribute_name, comparable, type_of

INVALID: Final = "One or more parameter values were invalid: "
EXPECTED_INVALID: Final = "1 validation error detected: " + INVALID
"""How the service words what is wrong in Expected."""

LEGACY_ADDABLE_TYPES: Final = SET_TYPES | {"N", "L"}
TYPE_MISMATCH: Final = "Type mismatch for attribute to update"


class Operator(NamedTuple):
    """What a ComparisonOperator takes: the least and greatest number of values, and their types."""

    values_min: int
    values_max: int
    types: frozenset[str]


_ANY: Final = frozenset(ATTRIBUTE_TYPES)
_SCALAR: Final = frozenset(("S", "N", "B"))

OPERATORS: Final = {
    "EQ": Operator(1, 1, _ANY),
    "NE": Operator(1, 1, _ANY),
    "LE": Operator(1, 1, _SCALAR),
    "LT": Operator(1, 1, _SCALAR),
    "GE": Operator(1, 1, _SCALAR),
    "GT": Operator(1, 1, _SCALAR),
    "NOT_NULL": Operator(0, 0, _ANY),
    "NULL": Operator(0, 0, _ANY),
    "CONTAINS": Operator(1, 1, _SCALAR),
    "NOT_CONTAINS": Operator(1, 1, _SCALAR),
    "BEGINS_WITH": Operator(1, 1, frozenset(("S", "B"))),
    "IN": Operator(1, IN_OPERANDS_MAX, _SCALAR),
    "BETWEEN": Operator(2, 2, _SCALAR),
}

COMPARISONS: Final = {"EQ": "=", "NE": "<>", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}
KEY_OPERATORS: Final = {
    "EQ": "=",
    "LE": "<=",
    "LT": "<",
    "GE": ">=",
    "GT": ">",
    "BEGINS_WITH": "begins_with",
    "BETWEEN": "BETWEEN",
}


class _Placeholders:
    """Makes placeholders for the names and values of a legacy parameter."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, AttributeValue] = {}

    def path(self, name: str) -> Path:
        placeholder = f"#{len(self.names)}"
        self.names[placeholder] = name
        return Path((placeholder,))

    def value(self, value: AttributeValue) -> Value:
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = value
        return Value(placeholder)


def expected_condition(
    expected: Mapping[str, Mapping[str, Any]] | None, conditional_operator: str | None
) -> Condition | None:
    """The condition that Expected states; None where it states nothing."""
    _check_conditional_operator(expected, conditional_operator)
    if not expected:
        return None
    made = _Placeholders()
    nodes = [_expectation(made, name, entry) for name, entry in expected.items()]
    return _condition(made, nodes, conditional_operator, "Expected")


def filter_condition(
    parameter: str, conditions: Mapping[str, Mapping[str, Any]] | None, conditional_operator: str | None
) -> Condition | None:
    """The condition that QueryFilter or ScanFilter (`parameter`) states; None where it states nothing. Like a filter
    expression it has at most 300 conditions, since each is evaluated for every item that is read."""
    _check_conditional_operator(conditions, conditional_operator)
    if not conditions:
        return None
    if len(conditions) > OPERATORS_MAX:
        raise ValidationException(
            f"Invalid {parameter}: The expression contains too many operators; operator count: {len(conditions)}"
        )
    made = _Placeholders()
    nodes = []
    for name, entry in conditions.items():
        operator = entry["ComparisonOperator"]
        values = _checked_values(operator, entry.get("AttributeValueList") or (), INVALID)
        nodes.append(_comparison(made, name, operator, values))
    return _condition(made, nodes, conditional_operator, parameter)


def key_conditions(conditions: Mapping[str, Mapping[str, Any]], conditions_max: int = 2) -> KeyConditions:
    """The key conditions that KeyConditions states: at most as many as the keys queried can have attributes."""
    if not 0 < len(conditions) <= conditions_max:
        raise ValidationException("Conditions can be of length 1 or 2 only")
    made = _Placeholders()
    checked = []
    for name, entry in conditions.items():
        operator = entry["ComparisonOperator"]
        values = _checked_values(operator, entry.get("AttributeValueList") or (), INVALID)
        operands = tuple([made.value(value).placeholder for value in values])
        checked.append(AttributeCondition(name, KEY_OPERATORS.get(operator, operator), operands))
    if any(condition.operator not in RANGE_OPERATORS and condition.operator != "=" for condition in checked):
        raise ValidationException("Attempted conditional constraint is not an indexable operation")
    return KeyConditions(tuple(checked), made.values)


def attribute_updates(updates: Mapping[str, Mapping[str, Any]]) -> Update:
    """The update that AttributeUpdates states; without entries one that changes nothing."""
    made = _Placeholders()
    actions = [_action(made, name, entry) for name, entry in updates.items()]
    plan = plan_update(UpdateTree(tuple(actions), (), ()), made.names, "AttributeUpdates", TYPE_MISMATCH)
    return Update(plan, made.values)


def attributes_to_get(names: Sequence[str]) -> Projection:
    """The projection that AttributesToGet states: top-level attributes, each named once."""
    seen = set()
    for name in names:
        if name in seen:
            raise ValidationException(f"{INVALID}Duplicate value in attribute name: {name}")
        seen.add(name)
    return Projection([(name,) for name in names], "AttributesToGet")


def _check_conditional_operator(
    conditions: Mapping[str, Mapping[str, Any]] | None, conditional_operator: str | None
) -> None:
    if conditional_operator is None:
        return
    if not conditions:
        raise ValidationException("ConditionalOperator cannot be used without Filter or Expected")
    if len(conditions) == 1:
        raise ValidationException(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements"
        )


def _condition(
    made: _Placeholders, nodes: list[ConditionNode], conditional_operator: str | None, parameter: str
) -> Condition:
    """One flat chain: however many attributes there are, it is not deep."""
    whole = nodes[0]
    if len(nodes) > 1:
        whole = Or(tuple(nodes)) if conditional_operator == "OR" else And(tuple(nodes))
    plan = plan_condition(ConditionTree(whole, (), (), tuple(made.names)), made.names, parameter)
    return Condition(plan.predicate, made.values, plan.attributes, parameter)


def _expectation(made: _Placeholders, name: str, entry: Mapping[str, Any]) -> ConditionNode:
    """The condition of an entry of Expected: a comparison, or the older form of Exists and Value."""
    operator, exists = entry.get("ComparisonOperator"), entry.get("Exists")
    value, values = entry.get("Value"), entry.get("AttributeValueList")
    _check_expectation(name, operator=operator, exists=exists, value=value, values=values)
    if operator is not None:
        raw_values = values if values is not None else () if value is None else (value,)
        return _comparison(made, name, operator, _checked_values(operator, raw_values, EXPECTED_INVALID))
    if exists is False:
        return Call("attribute_not_exists", (made.path(name),))
    return Comparison("=", made.path(name), made.value(canonical_value(value)[0]))


def _check_expectation(name: str, *, operator: str | None, exists: bool | None, value: Any, values: Any) -> None:
    if operator is None and values is not None:
        rule = "AttributeValueList can only be used with a ComparisonOperator"
    elif value is not None and values is not None:
        rule = "Value and AttributeValueList cannot be used together"
    elif operator is not None and exists is not None:
        rule = "Exists and ComparisonOperator cannot be used together"
    elif operator is not None:
        if value is not None or values is not None or OPERATORS[operator].values_max == 0:
            return
        rule = f"Value or AttributeValueList must be used with ComparisonOperator: {operator}"
    elif exists is False:
        if value is None:
            return
        rule = "Value cannot be used when Exists is false"
    elif value is None:
        rule = f"Value must be provided when Exists is {'null' if exists is None else 'true'}"
    else:
        return
    raise ValidationException(f"{EXPECTED_INVALID}{rule} for Attribute: {name}")


def _checked_values(operator: str, raw_values: Sequence[Any], invalid: str) -> list[AttributeValue]:
    """The canonical values of a ComparisonOperator, of a number and of types that it takes."""
    values = [canonical_value(raw)[0] for raw in raw_values]
    takes = OPERATORS[operator]
    if not takes.values_min <= len(values) <= takes.values_max:
        raise ValidationException(f"{invalid}Invalid number of argument(s) for the {operator} ComparisonOperator")
    for value in values:
        kind = type_of(value)
        if kind not in takes.types:
            raise ValidationException(
                f"{invalid}ComparisonOperator {operator} is not valid for {kind} AttributeValue type"
            )
    if len(values) > 1 and len({type_of(value) for value in values}) > 1:
        raise ValidationException(f"{invalid}AttributeValues inside AttributeValueList must all be of the same type")
    if operator == "BETWEEN" and comparable(values[1]) < comparable(values[0]):
        raise ValidationException(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
        )
    return values


def _comparison(made: _Placeholders, name: str, operator: str, values: list[AttributeValue]) -> ConditionNode:
    path = made.path(name)
    operands = tuple([made.value(value) for value in values])
    if operator in COMPARISONS:
        return Comparison(COMPARISONS[operator], path, operands[0])
    if operator == "NOT_NULL":
        return Call("attribute_exists", (path,))
    if operator == "NULL":
        return Call("attribute_not_exists", (path,))
    if operator == "IN":
        return In(path, operands)
    if operator == "BETWEEN":
        return Between(path, *operands)
    if operator == "BEGINS_WITH":
        return Call("begins_with", (path, *operands))
    contains = Call("contains", (path, *operands))
    if operator == "CONTAINS":
        return contains
    # Unlike NOT contains(), NOT_CONTAINS is false of an item without the attribute.
    return And((Call("attribute_exists", (path,)), Not(contains)))


def _action(made: _Placeholders, name: str, entry: Mapping[str, Any]) -> Action:
    check_attribute_name(name)
    action = entry.get("Action") or "PUT"
    raw = entry.get("Value")
    path = made.path(name)
    if raw is None:
        if action != "DELETE":
            raise ValidationException(f"{INVALID}Only DELETE action is allowed when no attribute value is specified")
        return RemoveAction(path)
    value = canonical_value(raw)[0]
    kind = type_of(value)
    if action == "PUT":
        return SetAction(path, made.value(value))
    if action == "DELETE":
        if kind not in SET_TYPES:
            raise ValidationException(
                f"{INVALID}DELETE action with value is not supported for the type {TYPE_WORDS[kind]}"
            )
        return DeleteAction(path, made.value(value))
    if kind not in LEGACY_ADDABLE_TYPES:
        raise ValidationException(f"{INVALID}ADD action is not supported for the type {TYPE_WORDS[kind]}")
    if kind == "L":
        # ADD of a list, which expressions do not know, appends.
        empty = Call("if_not_exists", (path, made.value({"L": []})))
        return SetAction(path, Call("list_append", (empty, made.value(value))))
    return AddAction(path, made.value(value))
