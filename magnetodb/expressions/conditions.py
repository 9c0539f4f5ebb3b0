"""Conditions on items, from condition and filter expressions: a tree becomes one predicate made of closures.

An absent attribute, or one of another type, makes every comparison false but <>, which it makes true.
"""

import operator
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from magnetodb.errors import ValidationException
from magnetodb.expressions.document_paths import EMPTY_ITEM, Item, path_text, value_at
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
from magnetodb.expressions.placeholders import Names, Placeholders, Values
from magnetodb.expressions.plans import Check, Planner, cached
from magnetodb.model.attribute_values import COMPOUND_TYPES, AttributeValue, binary_size, comparable, equal, type_of
from magnetodb.model.json_types import decode_base64

Predicate: TypeAlias = Callable[[Item, Values], bool]
"""Whether a condition holds of an item, with the values of a request."""
Getter: TypeAlias = Callable[[Item, Values], AttributeValue | None]
"""An operand's value, or None where it has none."""

ORDERED_TYPES: Final = frozenset(("S", "N", "B"))
SIZED_TYPES: Final = frozenset(("S", "B", "SS", "NS", "BS", "L", "M"))
CONTAINER_TYPES: Final = frozenset(("S", "B", "SS", "NS", "BS", "L"))
PREFIX_TYPES: Final = frozenset(("S", "B"))
ATTRIBUTE_TYPES: Final = ("B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M")
"""In the order of AWS's message."""


class ConditionPlan(NamedTuple):
    """A condition but for its values. `attributes` are the top-level attributes that it looks at; `names` and `values`
    the placeholders that it uses."""

    predicate: Predicate
    attributes: tuple[str, ...]
    checks: tuple[Check, ...]
    names: tuple[str, ...]
    values: tuple[str, ...]


class Condition:
    """A condition with the values of a request. `attributes` are the top-level attributes that it looks at; `title` is
    what messages call it as a filter."""

    __slots__ = ("attributes", "predicate", "title", "values")

    def __init__(
        self, predicate: Predicate, values: Values, attributes: tuple[str, ...], title: str = "Filter Expression"
    ) -> None:
        self.predicate = predicate
        self.values = values
        self.attributes = attributes
        self.title = title

    def holds(self, item: Item | None) -> bool:
        """Whether the condition is true of the item; None is an item that does not exist."""
        return self.predicate(EMPTY_ITEM if item is None else item, self.values)

    def refuse_attributes(self, keys: Collection[str]) -> None:
        """Raise ValidationException if a filter looks at the key attributes of what is queried."""
        for name in self.attributes:
            if name in keys:
                raise ValidationException(
                    f"{self.title} can only contain non-primary key attributes: Primary key attribute: {name}"
                )


def parse_condition(text: str, placeholders: Placeholders, parameter: str = "ConditionExpression") -> Condition:
    """The condition that `text` states; `parameter` is the member of the request that it came in."""
    return bind_condition(_plan_of_text(parameter, text, placeholders.names), placeholders, parameter)


def bind_condition(plan: ConditionPlan, placeholders: Placeholders, parameter: str) -> Condition:
    """The condition with the values of a request. Raises ValidationException for values that are not defined, and for
    those that can be seen to be wrong without an item."""
    placeholders.use(parameter, plan.names, plan.values)
    values = placeholders.values
    for check in plan.checks:
        check(values)
    return Condition(plan.predicate, values, plan.attributes)


def plan_condition(tree: ConditionTree, names: Names, parameter: str) -> ConditionPlan:
    """The plan of a tree. Raises ValidationException for names that are not defined and for operands that are not
    distinct."""
    planner = ConditionPlanner(parameter, names, tree.names)
    predicate = planner.predicate(tree.condition)
    attributes = tuple([names.get(root, root) for root in tree.roots])
    return ConditionPlan(predicate, attributes, tuple(planner.checks), tree.names, tree.values)


@cached
def _plan_of_text(parameter: str, text: str, names: Names) -> ConditionPlan:
    return plan_condition(parse_tree(parameter, text), names, parameter)


class ConditionPlanner(Planner):
    """Makes predicates of nodes."""

    __slots__ = ()

    def predicate(self, node: ConditionNode) -> Predicate:
        """The predicate of a node. Recursion is bounded by the 300 operators of an expression."""
        return _PREDICATES[type(node)](self, node)

    def comparison(self, node: Comparison) -> Predicate:
        """= <> < <= > >= ."""
        if node.operator not in ("=", "<>"):
            self.check_types(node.operator, (node.left, node.right), ORDERED_TYPES)
        self.check_distinct(node.operator, node.left, (node.right,))
        if isinstance(node.left, Value) and not isinstance(node.right, Value):
            return self._compare(MIRRORED[node.operator], node.right, node.left)
        return self._compare(node.operator, node.left, node.right)

    def _compare(self, symbol: str, left: Operand, right: Operand) -> Predicate:
        if isinstance(right, Value):
            placeholder = right.placeholder
            if symbol == "=":
                return equals_value(self.getter(left), placeholder)
            if symbol == "<>":
                return negation(equals_value(self.getter(left), placeholder))
            return orders_value(ORDERINGS[symbol], self.getter(left), placeholder)
        if symbol == "=":
            return equals(self.getter(left), self.getter(right))
        if symbol == "<>":
            return negation(equals(self.getter(left), self.getter(right)))
        return orders(ORDERINGS[symbol], self.getter(left), self.getter(right))

    def between(self, node: Between) -> Predicate:
        """Low <= operand <= high, both bounds of one type when both are values."""
        self.check_types("BETWEEN", node, ORDERED_TYPES)
        self.check_distinct("BETWEEN", node.operand, (node.low, node.high))
        self._check_bounds(node.low, node.high)
        return all_of((self._compare(">=", node.operand, node.low), self._compare("<=", node.operand, node.high)))

    def _check_bounds(self, low: Operand, high: Operand) -> None:
        if isinstance(low, Value) and isinstance(high, Value):
            lower, upper = low.placeholder, high.placeholder
            self.checks.append(lambda values: self._refuse_bounds(values[lower], values[upper]))

    def _refuse_bounds(self, lower: AttributeValue, upper: AttributeValue) -> None:
        if type_of(lower) != type_of(upper):
            rule = "requires same data type for lower and upper bounds"
        elif comparable(upper) < comparable(lower):
            rule = "requires upper bound to be greater than or equal to lower bound"
        else:
            return
        self.refuse(
            f"The BETWEEN operator {rule}; lower bound operand: {value_text(lower)}, "
            f"upper bound operand: {value_text(upper)}"
        )

    def in_list(self, node: In) -> Predicate:
        """The operand equals one of the choices."""
        self.check_distinct("IN", node.operand, node.choices)
        operand = self.getter(node.operand)
        choices = [self.getter(choice) for choice in node.choices]

        def holds(item: Item, values: Values) -> bool:
            value = operand(item, values)
            if value is None:
                return False
            for choice in choices:
                other = choice(item, values)
                if other is not None and equal(value, other):
                    return True
            return False

        return holds

    def negated(self, node: Not) -> Predicate:
        """NOT ."""
        return negation(self.predicate(node.condition))

    def conjunction(self, node: And) -> Predicate:
        """AND ."""
        return all_of([self.predicate(condition) for condition in node.conditions])

    def disjunction(self, node: Or) -> Predicate:
        """OR ."""
        return any_of([self.predicate(condition) for condition in node.conditions])

    def call(self, node: Call) -> Predicate:
        """The functions that are conditions."""
        first = node.arguments[0]
        if node.function == "attribute_exists":
            return exists(self.getter(first))
        if node.function == "attribute_not_exists":
            return negation(exists(self.getter(first)))
        second = node.arguments[1]
        if node.function == "attribute_type":
            return has_type(self.getter(first), self.type_named(second))
        if node.function == "begins_with":
            self.check_types("begins_with", node.arguments, PREFIX_TYPES)
            self.check_distinct("begins_with", first, (second,))
            return begins_with(self.getter(first), self.getter(second))
        self.check_types("contains", (first,), CONTAINER_TYPES)
        self.check_distinct("contains", first, (second,))
        return contains(self.getter(first), self.getter(second))

    def type_named(self, operand: Operand) -> str:
        """The placeholder of the type that attribute_type asks for."""
        if not isinstance(operand, Value):
            self.refuse(
                "Operator or function requires an expression attribute value; operator or function: attribute_type"
            )
        self.check_types("attribute_type", (operand,), ("S",))
        placeholder = operand.placeholder
        self.checks.append(lambda values: self._refuse_type_name(values[placeholder]["S"]))
        return placeholder

    def _refuse_type_name(self, kind: str) -> None:
        if kind not in ATTRIBUTE_TYPES:
            valid = ",".join(ATTRIBUTE_TYPES)
            self.refuse(f"Invalid attribute type name found; type: {kind}, valid types: {{{valid}}}")

    def getter(self, operand: Operand) -> Getter:
        """The function from an item to the operand's value, or to None where it has none."""
        if isinstance(operand, Path):
            elements = self.elements(operand)
            if len(elements) == 1:
                name = elements[0]
                return lambda item, values: item.get(name)  # type: ignore[arg-type]
            return lambda item, values: value_at(item, elements)
        if isinstance(operand, Value):
            placeholder = operand.placeholder
            return lambda item, values: values[placeholder]
        assert isinstance(operand, Call)
        self.check_types("size", operand.arguments, SIZED_TYPES)
        return size(self.getter(operand.arguments[0]))

    def check_distinct(self, function: str, first: Operand, others: Sequence[Operand]) -> None:
        """Refuse a path that is compared with itself."""
        if isinstance(first, Path):
            elements = None
            for other in others:
                if isinstance(other, Path):
                    elements = elements or self.elements(first)
                    if elements == self.elements(other):
                        self.refuse(
                            "The first operand must be distinct from the remaining operands for this operator or "
                            f"function; operator: {function}, first operand: {path_text(elements)}"
                        )


_PREDICATES: Final[dict[type, Callable[[ConditionPlanner, Any], Predicate]]] = {
    Comparison: ConditionPlanner.comparison,
    Between: ConditionPlanner.between,
    In: ConditionPlanner.in_list,
    Not: ConditionPlanner.negated,
    And: ConditionPlanner.conjunction,
    Or: ConditionPlanner.disjunction,
    Call: ConditionPlanner.call,
}

ORDERINGS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MIRRORED: Final = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def value_text(value: AttributeValue) -> str:
    """A value as AWS's messages show it: AttributeValue: {N:5}."""
    [(kind, payload)] = value.items()
    return f"AttributeValue: {{{kind}:{payload}}}"


def all_of(predicates: Sequence[Predicate]) -> Predicate:
    """Every predicate holds; looked at from left to right until one does not."""

    def holds(item: Item, values: Values) -> bool:
        for predicate in predicates:  # noqa: SIM110 - a frame less per level than all().
            if not predicate(item, values):
                return False
        return True

    return holds


def any_of(predicates: Sequence[Predicate]) -> Predicate:
    """One predicate holds; looked at from left to right until one does."""

    def holds(item: Item, values: Values) -> bool:
        for predicate in predicates:  # noqa: SIM110 - a frame less per level than any().
            if predicate(item, values):
                return True
        return False

    return holds


def negation(predicate: Predicate) -> Predicate:
    """The predicate does not hold."""
    return lambda item, values: not predicate(item, values)


def exists(getter: Getter) -> Predicate:
    """There is a value."""
    return lambda item, values: getter(item, values) is not None


def has_type(getter: Getter, placeholder: str) -> Predicate:
    """There is a value, and its type is the one that the request's value names."""

    def holds(item: Item, values: Values) -> bool:
        value = getter(item, values)
        return value is not None and values[placeholder]["S"] in value

    return holds


def equals_value(getter: Getter, placeholder: str) -> Predicate:
    """There is a value, equal to the request's."""

    def holds(item: Item, values: Values) -> bool:
        value = getter(item, values)
        return value is not None and equal(value, values[placeholder])

    return holds


def equals(left: Getter, right: Getter) -> Predicate:
    """There are two values and they are equal."""

    def holds(item: Item, values: Values) -> bool:
        value = left(item, values)
        if value is None:
            return False
        other = right(item, values)
        return other is not None and equal(value, other)

    return holds


def orders_value(ordering: Callable[[Any, Any], bool], getter: Getter, placeholder: str) -> Predicate:
    """There is a value of the type of the request's value, and stands in the order to it."""

    def holds(item: Item, values: Values) -> bool:
        value = getter(item, values)
        if value is None:
            return False
        bound = values[placeholder]
        return type_of(bound) in value and ordering(comparable(value), comparable(bound))

    return holds


def orders(ordering: Callable[[Any, Any], bool], left: Getter, right: Getter) -> Predicate:
    """There are two values of one type that has an order, and they stand in it."""

    def holds(item: Item, values: Values) -> bool:
        value = left(item, values)
        other = right(item, values)
        if value is None or other is None:
            return False
        kind = type_of(value)
        return kind in other and kind in ORDERED_TYPES and ordering(comparable(value), comparable(other))

    return holds


def begins_with(getter: Getter, prefix: Getter) -> Predicate:
    """Both are strings or both binaries, and the first starts with the second."""

    def holds(item: Item, values: Values) -> bool:
        value = getter(item, values)
        start = prefix(item, values)
        if value is None or start is None:
            return False
        if "S" in value and "S" in start:
            return bool(value["S"].startswith(start["S"]))
        return "B" in value and "B" in start and decode_base64(value["B"]).startswith(decode_base64(start["B"]))

    return holds


def contains(getter: Getter, element: Getter) -> Predicate:
    """A string or binary has the other in it; a set or list has it as an element."""

    def holds(item: Item, values: Values) -> bool:
        value = getter(item, values)
        other = element(item, values)
        return value is not None and other is not None and has_element(value, other)

    return holds


def has_element(value: AttributeValue, other: AttributeValue) -> bool:
    """What contains() says of two values."""
    [(kind, payload)] = value.items()
    [(other_kind, wanted)] = other.items()
    if kind == "L":
        if other in payload:
            return True
        if other_kind not in COMPOUND_TYPES:
            return False
        size = len(wanted)
        return any(
            equal(member, other) for member in payload if other_kind in member and len(member[other_kind]) == size
        )
    if kind == "B" and other_kind == "B":
        return decode_base64(wanted) in decode_base64(payload)
    # A string in a string, or an element of a set.
    return kind in ELEMENT_OF and other_kind == ELEMENT_OF[kind] and wanted in payload


ELEMENT_OF: Final = {"S": "S", "SS": "S", "NS": "N", "BS": "B"}


def size(getter: Getter) -> Getter:
    """The number that size() gives of the value."""

    def sized(item: Item, values: Values) -> AttributeValue | None:
        value = getter(item, values)
        if value is None:
            return None
        [(kind, payload)] = value.items()
        if kind == "S":
            # AWS counts UTF-16 code units, as Java does.
            return {"N": str(len(payload) if payload.isascii() else len(payload.encode("utf-16-le")) // 2)}
        if kind == "B":
            return {"N": str(binary_size(payload))}
        return {"N": str(len(payload))} if kind in SIZED_TYPES else None

    return sized
