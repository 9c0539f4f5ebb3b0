"""Key conditions of Query: which partition, and which range of its sort keys."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from magnetodb.errors import ValidationException
from magnetodb.expressions.conditions import MIRRORED, ConditionPlanner
from magnetodb.expressions.nodes import (
    And,
    Between,
    Call,
    Comparison,
    ConditionNode,
    In,
    Not,
    Operand,
    Or,
    Path,
    Value,
)
from magnetodb.expressions.parser import parse_condition as parse_tree
from magnetodb.expressions.placeholders import Names, Placeholders, Values
from magnetodb.expressions.plans import Check, cached
from magnetodb.model.attribute_values import AttributeValue

CACHED_LAYOUTS_MAX: Final = 512

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
    """A condition on one attribute: = or one of RANGE_OPERATORS, and the placeholders of its values."""

    name: str
    operator: str
    values: tuple[str, ...]


class KeyConditions:
    """The conditions on key attributes as the request gave them; no attribute comes twice."""

    __slots__ = ("conditions", "values")

    def __init__(self, conditions: tuple[AttributeCondition, ...], values: Values) -> None:
        self.conditions = conditions
        self.values = values

    def for_key(self, partition: tuple[str, ...], sort: tuple[str, ...]) -> KeyCondition:
        """The conditions under a key schema. Raises ValidationException where they do not fit it: every partition
        attribute must be equal to a value, and the sort attributes from the first on, but the last condition may be
        a range. The values' types are not looked at."""
        values = self.values
        partition_values, equal_values, operator, range_values = _layout(self.conditions, partition, sort)
        return KeyCondition(
            tuple([values[placeholder] for placeholder in partition_values]),
            tuple([values[placeholder] for placeholder in equal_values]) if equal_values else (),
            operator,
            tuple([values[placeholder] for placeholder in range_values]) if range_values else (),
        )


Layout: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], str | None, tuple[str, ...]]
"""A KeyCondition with placeholders in place of values."""


@lru_cache(CACHED_LAYOUTS_MAX)
def _layout(conditions: tuple[AttributeCondition, ...], partition: tuple[str, ...], sort: tuple[str, ...]) -> Layout:
    """Depends on its arguments only; what fits a schema is small, and misfits are not kept."""
    given = {condition.name: condition for condition in conditions}
    partition_conditions = [_given(given, name) for name in partition]
    sort_conditions = [_given(given, name) for name in sort[: len(given) - len(partition)]]
    ranged = bool(sort_conditions) and sort_conditions[-1].operator != "="
    equal_conditions = sort_conditions[:-1] if ranged else sort_conditions
    if len(given) > len(partition) + len(sort) or any(
        condition.operator != "=" for condition in [*partition_conditions, *equal_conditions]
    ):
        raise ValidationException("Query key condition not supported")
    return (
        tuple([condition.values[0] for condition in partition_conditions]),
        tuple([condition.values[0] for condition in equal_conditions]),
        sort_conditions[-1].operator if ranged else None,
        sort_conditions[-1].values if ranged else (),
    )


def parse_key_conditions(
    text: str, placeholders: Placeholders, parameter: str = "KeyConditionExpression"
) -> KeyConditions:
    """The key conditions that `text` states. Raises ValidationException for what only a filter can say."""
    plan = _plan_of_text(parameter, text, placeholders.names)
    placeholders.use(parameter, plan.names, plan.values)
    values = placeholders.values
    for check in plan.checks:
        check(values)
    return KeyConditions(plan.conditions, values)


class KeyConditionsPlan(NamedTuple):
    """Key conditions but for their values."""

    conditions: tuple[AttributeCondition, ...]
    checks: tuple[Check, ...]
    names: tuple[str, ...]
    values: tuple[str, ...]


@cached
def _plan_of_text(parameter: str, text: str, names: Names) -> KeyConditionsPlan:
    tree = parse_tree(parameter, text)
    planner = ConditionPlanner(parameter, names, tree.names)
    nodes = tree.condition.conditions if isinstance(tree.condition, And) else (tree.condition,)
    conditions = tuple([_condition(planner, node) for node in nodes])
    if len({condition.name for condition in conditions}) < len(conditions):
        planner.refuse("KeyConditionExpressions must only contain one condition per key")
    return KeyConditionsPlan(conditions, tuple(planner.checks), tree.names, tree.values)


def _given(given: dict[str, AttributeCondition], name: str) -> AttributeCondition:
    condition = given.get(name)
    if condition is None:
        raise ValidationException(f"Query condition missed key schema element: {name}")
    return condition


def _condition(planner: ConditionPlanner, node: ConditionNode) -> AttributeCondition:
    if isinstance(node, Comparison):
        return _comparison(planner, node)
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
    planner.predicate(node)
    return AttributeCondition(_name(planner, first), operator, _values(others))


def _comparison(planner: ConditionPlanner, node: Comparison) -> AttributeCondition:
    operator, left, right = node
    if operator == "<>":
        _refuse_operator(node)
    if isinstance(left, Value):
        operator, left, right = MIRRORED[operator], right, left
    if not isinstance(left, Path) or not isinstance(right, Value):
        _refuse_operands((left, right))
    if operator != "=":
        planner.predicate(node)
    return AttributeCondition(_name(planner, left), operator, _values((right,)))


def _name(planner: ConditionPlanner, operand: Operand) -> str:
    assert isinstance(operand, Path)
    elements = planner.elements(operand)
    if len(elements) > 1:
        raise ValidationException("KeyConditionExpressions cannot have conditions on nested attributes")
    return str(elements[0])


def _values(operands: Sequence[Operand]) -> tuple[str, ...]:
    return tuple([operand.placeholder for operand in operands if isinstance(operand, Value)])


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
