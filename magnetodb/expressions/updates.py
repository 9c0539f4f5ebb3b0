"""Updates of items, from update expressions: a pure function from the old item to the new one.

Every right-hand side looks at the old item. What stays is shared between old and new; nothing is changed in place.
"""

from collections.abc import Callable, Collection, Sequence
from decimal import Context
from typing import Any, Final, NamedTuple, TypeAlias

from magnetodb.errors import ValidationException
from magnetodb.expressions.document_paths import Elements, Item, PathTree, path_tree, value_at
from magnetodb.expressions.nodes import (
    Action,
    AddAction,
    Arithmetic,
    Call,
    DeleteAction,
    Operand,
    Path,
    RemoveAction,
    SetAction,
    UpdateTree,
    Value,
)
from magnetodb.expressions.parser import parse_update as parse_tree
from magnetodb.expressions.placeholders import Names, Placeholders, Values
from magnetodb.expressions.plans import Check, Planner, cached
from magnetodb.expressions.projections import Projection
from magnetodb.model.attribute_values import AttributeValue, canonical_number, canonical_value, number

Evaluation: TypeAlias = Callable[[Item, Values], AttributeValue | None]
"""From the old item and a request's values to the new value at a path, or to None when nothing shall be there."""

ADDABLE_TYPES: Final = frozenset(("N", "SS", "NS", "BS"))
SET_TYPES: Final = frozenset(("SS", "NS", "BS"))

TYPE_WORDS: Final = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "BOOL": "BOOLEAN",
    "NULL": "NULL",
    "L": "LIST",
    "M": "MAP",
    "SS": "STRING_SET",
    "NS": "NUMBER_SET",
    "BS": "BINARY_SET",
}
"""The types as the messages about ADD and DELETE call them."""

EXACT: Final = Context(prec=300)
"""No digit of a sum of two numbers is lost, so that one of more than 38 digits can be refused."""

NO_ATTRIBUTE: Final = "The provided expression refers to an attribute that does not exist in the item"
INVALID_PATH: Final = "The document path provided in the update expression is invalid for update"
WRONG_TYPE: Final = "An operand in the update expression has an incorrect data type"


class Step(NamedTuple):
    """One action: where, and what shall be there. `removes` is true of REMOVE."""

    elements: Elements
    evaluate: Evaluation
    removes: bool


class UpdatePlan(NamedTuple):
    """An update but for its values. `tree` has the steps' paths; `names` and `values` are the placeholders it uses.
    `takes_only` is true if there are actions and all of them are REMOVE and DELETE."""

    steps: tuple[Step, ...]
    tree: PathTree
    takes_only: bool
    checks: tuple[Check, ...]
    names: tuple[str, ...]
    values: tuple[str, ...]


class Update:
    """An update with the values of a request. `takes_only`: it takes away at most, and makes no item that is not
    there."""

    __slots__ = ("steps", "takes_only", "tree", "values")

    def __init__(self, plan: UpdatePlan, values: Values) -> None:
        self.steps = plan.steps
        self.tree = plan.tree
        self.takes_only = plan.takes_only
        self.values = values

    @property
    def attributes(self) -> tuple[str, ...]:
        """The top-level attributes that the update touches."""
        return tuple(self.tree)

    def refuse_keys(self, keys: Collection[str]) -> None:
        """Raise ValidationException if a key attribute of the table is touched."""
        for name in self.tree:
            if name in keys:
                raise ValidationException(
                    f"One or more parameter values were invalid: Cannot update attribute {name}. "
                    "This attribute is part of the key"
                )

    def apply(self, item: Item) -> Item:
        """The new item. `item` is the old one, or only the key attributes of an item that does not exist yet.

        Raises ValidationException where the item has not what the update needs.
        """
        given = self.values
        values = [step.evaluate(item, given) for step in self.steps]
        return _updated_members(item, self.tree, values, 0)

    def updated_old(self, old: Item) -> Item:
        """The touched parts as they were: ReturnValues UPDATED_OLD."""
        return Projection([step.elements for step in self.steps]).apply(old)

    def updated_new(self, new: Item) -> Item:
        """The touched parts as they are now: ReturnValues UPDATED_NEW. Removed paths have none."""
        return Projection([step.elements for step in self.steps if not step.removes]).apply(new)


def parse_update(text: str, placeholders: Placeholders, parameter: str = "UpdateExpression") -> Update:
    """The update that `text` states."""
    return bind_update(_plan_of_text(parameter, text, placeholders.names), placeholders, parameter)


def bind_update(plan: UpdatePlan, placeholders: Placeholders, parameter: str) -> Update:
    """The update with the values of a request. Raises ValidationException for values that are not defined, and for
    those that can be seen to be wrong without an item."""
    placeholders.use(parameter, plan.names, plan.values)
    values = placeholders.values
    for check in plan.checks:
        check(values)
    return Update(plan, values)


def plan_update(tree: UpdateTree, names: Names, parameter: str, wrong_type: str = WRONG_TYPE) -> UpdatePlan:
    """The plan of a tree; `wrong_type` is what it says when the item has a value that cannot be added to, subtracted
    from or appended to. Raises ValidationException for names that are not defined, and for paths in each other's way.
    """
    planner = UpdatePlanner(parameter, names, tree.names, wrong_type)
    steps = tuple([planner.step(action) for action in tree.actions])
    paths = path_tree(parameter, [step.elements for step in steps])
    takes_only = bool(steps) and all(isinstance(action, RemoveAction | DeleteAction) for action in tree.actions)
    return UpdatePlan(steps, paths, takes_only, tuple(planner.checks), tree.names, tree.values)


@cached
def _plan_of_text(parameter: str, text: str, names: Names) -> UpdatePlan:
    return plan_update(parse_tree(parameter, text), names, parameter)


class UpdatePlanner(Planner):
    """Makes steps of actions."""

    __slots__ = ("wrong_type",)

    def __init__(self, parameter: str, names: Names, placeholders: Sequence[str], wrong_type: str) -> None:
        super().__init__(parameter, names, placeholders)
        self.wrong_type = wrong_type

    def step(self, action: Action) -> Step:
        """The step of an action."""
        elements = self.elements(action.path)
        if isinstance(action, SetAction):
            return Step(elements, self.evaluation(action.value), False)
        if isinstance(action, RemoveAction):
            return Step(elements, _nothing, True)
        placeholder, wrong_type = action.value.placeholder, self.wrong_type
        if isinstance(action, AddAction):
            self.check_type("operator: ADD", action.value, ADDABLE_TYPES, TYPE_WORDS)
            return Step(
                elements,
                lambda item, values: added(value_at(item, elements), values[placeholder], wrong_type),
                False,
            )
        self.check_type("operator: DELETE", action.value, SET_TYPES, TYPE_WORDS)
        return Step(
            elements,
            lambda item, values: deleted(value_at(item, elements), values[placeholder], wrong_type),
            False,
        )

    def evaluation(self, operand: Operand) -> Evaluation:
        """The function from the old item to the operand's value; recursion is bounded by the nesting of functions."""
        if isinstance(operand, Value):
            placeholder = operand.placeholder
            return lambda item, values: values[placeholder]
        if isinstance(operand, Path):
            elements = self.elements(operand)
            return lambda item, values: _existing(value_at(item, elements))
        if isinstance(operand, Arithmetic):
            return self._arithmetic(operand)
        if operand.function == "list_append":
            return self._list_append(operand)
        return self._if_not_exists(operand)

    def _arithmetic(self, operand: Arithmetic) -> Evaluation:
        symbol, wrong_type = operand.operator, self.wrong_type
        self.check_types(symbol, (operand.left, operand.right), ("N",))
        left = self.evaluation(operand.left)
        right = self.evaluation(operand.right)
        return lambda item, values: computed(symbol, left(item, values), right(item, values), wrong_type)

    def _list_append(self, call: Call) -> Evaluation:
        self.check_types("list_append", call.arguments, ("L",))
        left, right = map(self.evaluation, call.arguments)
        wrong_type = self.wrong_type

        def appended(item: Item, values: Values) -> AttributeValue:
            head = left(item, values)
            tail = right(item, values)
            if head is None or tail is None or "L" not in head or "L" not in tail:
                raise ValidationException(wrong_type)
            return {"L": head["L"] + tail["L"]}

        return appended

    def _if_not_exists(self, call: Call) -> Evaluation:
        path, operand = call.arguments
        assert isinstance(path, Path)
        elements = self.elements(path)
        default = self.evaluation(operand)

        def existing_or_default(item: Item, values: Values) -> AttributeValue | None:
            value = value_at(item, elements)
            return default(item, values) if value is None else value

        return existing_or_default


def computed(
    symbol: str, left: AttributeValue | None, right: AttributeValue | None, wrong_type: str = WRONG_TYPE
) -> AttributeValue:
    """left + right or left - right, exactly. Raises ValidationException for operands that are not numbers, and for
    results out of range or of more than 38 digits."""
    if left is None or right is None or "N" not in left or "N" not in right:
        raise ValidationException(wrong_type)
    combine = EXACT.add if symbol == "+" else EXACT.subtract
    return {"N": canonical_number(str(combine(number(left["N"]), number(right["N"]))))}


def added(old: AttributeValue | None, operand: AttributeValue, wrong_type: str = WRONG_TYPE) -> AttributeValue:
    """What ADD makes of the value at its path: numbers are summed, sets united, and nothing becomes the operand."""
    if old is None:
        return operand
    [(kind, payload)] = operand.items()
    if kind not in old:
        raise ValidationException(wrong_type)
    if kind == "N":
        return computed("+", old, operand, wrong_type)
    return {kind: list(dict.fromkeys([*old[kind], *payload]))}


def deleted(old: AttributeValue | None, operand: AttributeValue, wrong_type: str = WRONG_TYPE) -> AttributeValue | None:
    """What DELETE leaves of the set at its path; None when nothing is left or was there."""
    if old is None:
        return None
    [(kind, payload)] = operand.items()
    if kind not in old:
        raise ValidationException(wrong_type)
    gone = set(payload)
    left = [member for member in old[kind] if member not in gone]
    return {kind: left} if left else None


def _nothing(item: Item, values: Values) -> None:
    return None


def _existing(value: AttributeValue | None) -> AttributeValue:
    if value is None:
        raise ValidationException(NO_ATTRIBUTE)
    return value


def _updated_members(members: Item, tree: PathTree, values: Sequence[AttributeValue | None], depth: int) -> Item:
    """The attributes of an item or map with the values in place; recursion is bounded by the length of paths."""
    updated = dict(members)
    for name, below in tree.items():
        if type(below) is not int:
            updated[name] = _updated_part(members.get(name), below, values, depth + 1)
            continue
        value = values[below]
        if value is None:
            updated.pop(name, None)
        else:
            updated[name] = _placed(value, depth)
    return updated


def _updated_part(
    value: AttributeValue | None, tree: PathTree, values: Sequence[AttributeValue | None], depth: int
) -> AttributeValue:
    kind = "M" if type(next(iter(tree))) is str else "L"
    if value is None or kind not in value:
        raise ValidationException(INVALID_PATH)
    if kind == "M":
        return {"M": _updated_members(value["M"], tree, values, depth)}
    return {"L": _updated_elements(value["L"], tree, values, depth)}


def _updated_elements(
    elements: list[Any], tree: PathTree, values: Sequence[AttributeValue | None], depth: int
) -> list[Any]:
    """The list with the values in place. Indexes mean the old list; values beyond its end are appended in order."""
    updated: list[Any] = list(elements)
    for index in sorted(tree):
        below = tree[index]
        inside = index < len(elements)
        if type(below) is not int:
            part = _updated_part(elements[index] if inside else None, below, values, depth + 1)
            updated[index] = part
            continue
        value = values[below]
        if value is not None:
            value = _placed(value, depth)
        if inside:
            updated[index] = value
        elif value is not None:
            updated.append(value)
    return [value for value in updated if value is not None]


def _placed(value: AttributeValue, depth: int) -> AttributeValue:
    """The value, unless lists and maps would now nest too deeply."""
    if depth and ("L" in value or "M" in value):
        canonical_value(value, depth)
    return value
