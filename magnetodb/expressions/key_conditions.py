"""Key conditions of Query: which partition, and which range of its sort keys."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, NoReturn

from magnetodb.errors import ValidationException
from magnetodb.expressions.conditions import MIRRORED, ConditionBinder
from magnetodb.expressions.nodes import (
    And,
    Between,
    Call,
    Comparison,
    ConditionNode,
    ConditionTree,
    In,
    Not,
    Operand,
    Or,
    Path,
    Value,
)
from magnetodb.expressions.parser import parse_condition as parse_tree
from magnetodb.expressions.placeholders import Placeholders
from magnetodb.model.attribute_values import AttributeValue

UNSUPPORTED: Final = "Query key condition not supported"

RANGE_OPERATORS: Final = frozenset(("<", "<=", ">", ">=", "BETWEEN", "begins_with"))


class KeyCondition(NamedTuple):
    """What to look for under a key schema.

    `partition` has a value for each partition attribute, `sort_equals` for as many of the first sort attributes as must
    be equal. `operator` (one of RANGE_OPERATORS) with `values` (two for BETWEEN, else one) is about the sort attribute
    after those; None where there is no more condition.
    """

    partition: tuple[AttributeValue, ...]
    sort_equals: tuple[AttributeValue, ...]
    operator: str | None
    values: tuple[AttributeValue, ...]


class AttributeCondition(NamedTuple):
    """A condition on one attribute: = or one of RANGE_OPERATORS."""

    name: str
    operator: str
    values: tuple[AttributeValue, ...]


class KeyConditions:
    """The conditions on key attributes as the request gave them; no attribute comes twice."""

    __slots__ = ("conditions",)

    def __init__(self, conditions: Sequence[AttributeCondition]) -> None:
        self.conditions = conditions

    def for_key(self, partition: Sequence[str], sort: Sequence[str]) -> KeyCondition:
        """The conditions under a key schema. Raises ValidationException where they do not fit it: every partition
        attribute must be equal to a value, and the sort attributes from the first on, but the last condition may be
        a range. The values' types are not looked at."""
        given = {condition.name: condition for condition in self.conditions}
        partition_conditions = [_given(given, name) for name in partition]
        sort_conditions = [_given(given, name) for name in sort[: len(given) - len(partition)]]
        *equal, last = [*partition_conditions, *sort_conditions]
        ranged = last.operator != "=" and bool(sort_conditions)
        if len(given) > len(partition) + len(sort) or any(condition.operator != "=" for condition in equal):
            raise ValidationException(UNSUPPORTED)
        if last.operator != "=" and not ranged:
            raise ValidationException(UNSUPPORTED)
        return KeyCondition(
            tuple([condition.values[0] for condition in partition_conditions]),
            tuple([condition.values[0] for condition in (sort_conditions[:-1] if ranged else sort_conditions)]),
            last.operator if ranged else None,
            last.values if ranged else (),
        )


def parse_key_conditions(
    text: str, placeholders: Placeholders, parameter: str = "KeyConditionExpression"
) -> KeyConditions:
    """The key conditions that `text` states."""
    return bind_key_conditions(parse_tree(parameter, text), placeholders, parameter)


def bind_key_conditions(tree: ConditionTree, placeholders: Placeholders, parameter: str) -> KeyConditions:
    """The key conditions with their placeholders resolved. Raises ValidationException for undefined placeholders and
    for what only a filter can say."""
    placeholders.use(parameter, tree.placeholders)
    binder = ConditionBinder(placeholders, parameter)
    nodes = tree.condition.conditions if isinstance(tree.condition, And) else (tree.condition,)
    conditions = [_condition(binder, node) for node in nodes]
    if len(conditions) > 1 and len({condition.name for condition in conditions}) < len(conditions):
        raise ValidationException(
            f"Invalid {parameter}: KeyConditionExpressions must only contain one condition per key"
        )
    return KeyConditions(conditions)


def _given(given: dict[str, AttributeCondition], name: str) -> AttributeCondition:
    condition = given.get(name)
    if condition is None:
        raise ValidationException(f"Query condition missed key schema element: {name}")
    return condition


def _condition(binder: ConditionBinder, node: ConditionNode) -> AttributeCondition:
    if isinstance(node, Comparison):
        return _comparison(binder, node)
    first: Operand
    others: tuple[Operand, ...]
    if isinstance(node, Between):
        operator, first, others = "BETWEEN", node.operand, (node.low, node.high)
    elif isinstance(node, Call) and node.function == "begins_with":
        operator, first, *rest = ("begins_with", *node.arguments)
        others = tuple(rest)
    else:
        _refuse_operator(node)
    if isinstance(first, Value) and any(isinstance(other, Path) for other in others):
        raise ValidationException(
            f"Invalid condition in KeyConditionExpression: {operator} operator must have the key attribute as its "
            "first operand"
        )
    _refuse_operands((first, *others))
    binder.predicate(node)
    return AttributeCondition(_name(binder, first), operator, _values(binder, others))


def _comparison(binder: ConditionBinder, node: Comparison) -> AttributeCondition:
    operator, left, right = node
    if operator == "<>":
        _refuse_operator(node)
    if isinstance(left, Value):
        operator, left, right = MIRRORED[operator], right, left
    if not isinstance(left, Path) or not isinstance(right, Value):
        _refuse_operands((left, right))
    if operator != "=":
        binder.predicate(node)
    return AttributeCondition(_name(binder, left), operator, _values(binder, (right,)))


def _name(binder: ConditionBinder, operand: Operand) -> str:
    assert isinstance(operand, Path)
    elements = binder.placeholders.elements(operand)
    if len(elements) > 1:
        raise ValidationException("KeyConditionExpressions cannot have conditions on nested attributes")
    return str(elements[0])


def _values(binder: ConditionBinder, operands: Sequence[Operand]) -> tuple[AttributeValue, ...]:
    values = binder.placeholders.values
    return tuple([values[operand.placeholder] for operand in operands if isinstance(operand, Value)])


def _refuse_operator(node: Any) -> NoReturn:
    if isinstance(node, Call):
        operator = node.function
    elif isinstance(node, Comparison):
        operator = node.operator
    else:
        operator = {In: "IN", Not: "NOT", Or: "OR", And: "AND"}[type(node)]
    raise ValidationException(f"Invalid operator used in KeyConditionExpression: {operator}")


def _refuse_operands(operands: Sequence[Operand]) -> None:
    """Raise ValidationException unless the first operand is a path and the others are values."""
    if any(isinstance(operand, Call) for operand in operands):
        raise ValidationException("KeyConditionExpressions cannot contain nested operations")
    paths = sum(isinstance(operand, Path) for operand in operands)
    if paths > 1:
        raise ValidationException(
            "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"
        )
    if paths == 0:
        raise ValidationException("Invalid condition in KeyConditionExpression: No key attribute specified")
