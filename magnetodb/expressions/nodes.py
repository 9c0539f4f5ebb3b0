"""What the parser makes of an expression's text: trees of immutable nodes whose placeholders (#name, :value) still
stand for themselves. The legacy parameters are turned into the same nodes.
"""

from typing import NamedTuple, TypeAlias


class Path(NamedTuple):
    """A document path. `elements` starts with an attribute name or #placeholder; integers are list indexes."""

    elements: tuple[str | int, ...]


class Value(NamedTuple):
    """A :placeholder of ExpressionAttributeValues."""

    placeholder: str


class Call(NamedTuple):
    """A function with its arguments; the parser has checked that it exists, where it stands and how many it takes."""

    function: str
    arguments: tuple["Operand", ...]


class Arithmetic(NamedTuple):
    """Two operands of SET with + or - between them."""

    operator: str
    left: "Operand"
    right: "Operand"


Operand: TypeAlias = Path | Value | Call | Arithmetic


class Comparison(NamedTuple):
    """One of = <> < <= > >=."""

    operator: str
    left: Operand
    right: Operand


class Between(NamedTuple):
    """low <= operand <= high."""

    operand: Operand
    low: Operand
    high: Operand


class In(NamedTuple):
    """The operand equals one of the choices, of which there are 1 to 100."""

    operand: Operand
    choices: tuple[Operand, ...]


class Not(NamedTuple):
    """The condition does not hold."""

    condition: "ConditionNode"


class And(NamedTuple):
    """All conditions hold; chains are flat, so that a thousand operands are one node."""

    conditions: tuple["ConditionNode", ...]


class Or(NamedTuple):
    """One of the conditions holds; flat like `And`."""

    conditions: tuple["ConditionNode", ...]


ConditionNode: TypeAlias = Comparison | Between | In | Not | And | Or | Call


class SetAction(NamedTuple):
    """SET path = value."""

    path: Path
    value: Operand


class RemoveAction(NamedTuple):
    """REMOVE path."""

    path: Path


class AddAction(NamedTuple):
    """ADD path value: a number is added, a set is united."""

    path: Path
    value: Value


class DeleteAction(NamedTuple):
    """DELETE path value: the elements are taken out of the set."""

    path: Path
    value: Value


Action: TypeAlias = SetAction | RemoveAction | AddAction | DeleteAction


class ConditionTree(NamedTuple):
    """A parsed condition with its #names and :values in order of appearance and the first elements of its paths."""

    condition: ConditionNode
    names: tuple[str, ...]
    values: tuple[str, ...]
    roots: tuple[str, ...]


class UpdateTree(NamedTuple):
    """A parsed update expression: its actions section after section, as written."""

    actions: tuple[Action, ...]
    names: tuple[str, ...]
    values: tuple[str, ...]


class ProjectionTree(NamedTuple):
    """A parsed projection expression."""

    paths: tuple[Path, ...]
    names: tuple[str, ...]
