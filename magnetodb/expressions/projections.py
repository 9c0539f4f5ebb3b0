"""Projections: the parts of an item that a request asked for."""

from collections.abc import Sequence
from typing import Any

from magnetodb.expressions.document_paths import Elements, Item, PathTree, path_tree
from magnetodb.expressions.parser import parse_projection as parse_tree
from magnetodb.expressions.placeholders import Names, Placeholders
from magnetodb.expressions.plans import Planner, cached
from magnetodb.model.attribute_values import AttributeValue


class Projection:
    """Document paths of which none leads into another. `attributes` are their top-level attributes."""

    __slots__ = ("attributes", "paths", "tree")

    def __init__(self, paths: Sequence[Elements], parameter: str = "ProjectionExpression") -> None:
        """Raise ValidationException for paths that overlap or conflict."""
        self.paths = tuple(paths)
        self.tree = path_tree(parameter, self.paths)
        self.attributes: tuple[str, ...] = tuple(self.tree)

    def apply(self, item: Item) -> Item:
        """The parts of the item that the paths lead to, in their lists and maps. Elements of a list come in the order
        of their indexes and close ranks; a list or map of which nothing is left is not there."""
        return _members_of(item, self.tree)


def parse_projection(text: str, placeholders: Placeholders, parameter: str = "ProjectionExpression") -> Projection:
    """The projection that `text` states."""
    projection, names = _projection_plan(parameter, text, placeholders.names)
    placeholders.use(parameter, names, ())
    return projection


@cached
def _projection_plan(parameter: str, text: str, names: Names) -> tuple[Projection, tuple[str, ...]]:
    tree = parse_tree(parameter, text)
    planner = Planner(parameter, names, tree.names)
    return Projection([planner.elements(path) for path in tree.paths], parameter), tree.names


def _members_of(members: Item, tree: PathTree) -> Item:
    projected: Item = {}
    for name, below in tree.items():
        value = members.get(name)
        if value is not None:
            if type(below) is not int:
                value = _part(value, below)
                if value is None:
                    continue
            projected[name] = value
    return projected


def _part(value: AttributeValue, tree: PathTree) -> AttributeValue | None:
    """Recursion is bounded by the length of paths."""
    if type(next(iter(tree))) is str:
        members = _members_of(value["M"], tree) if "M" in value else None
        return {"M": members} if members else None
    elements = _elements_of(value["L"], tree) if "L" in value else None
    return {"L": elements} if elements else None


def _elements_of(elements: list[Any], tree: PathTree) -> list[AttributeValue]:
    projected = []
    for index in sorted(tree):
        if index < len(elements):
            below = tree[index]
            value = elements[index] if type(below) is int else _part(elements[index], below)
            if value is not None:
                projected.append(value)
    return projected
