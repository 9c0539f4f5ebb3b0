"""Document paths with their placeholders resolved: what an item has there, and which paths are in each other's way."""

from collections.abc import Sequence
from typing import Any, Final, NoReturn, TypeAlias

from magnetodb.errors import ValidationException
from magnetodb.model.attribute_values import AttributeValue

Item: TypeAlias = dict[str, AttributeValue]
Elements: TypeAlias = tuple[str | int, ...]
PathTree: TypeAlias = dict[Any, Any]
"""Elements of paths to subtrees, or to the position of the path that ends there."""

EMPTY_ITEM: Final[Item] = {}


def value_at(item: Item, elements: Elements) -> AttributeValue | None:
    """The value that a path leads to, or None where it leads nowhere."""
    value: AttributeValue | None = item.get(elements[0])  # type: ignore[arg-type]
    for element in elements[1:]:
        if value is None:
            return None
        if isinstance(element, str):
            members = value.get("M")
            value = None if members is None else members.get(element)
        else:
            values = value.get("L")
            value = values[element] if values is not None and element < len(values) else None
    return value


def path_text(elements: Elements) -> str:
    """A path as AWS's messages show it: [a, [0], b]."""
    return f"[{', '.join(f'[{element}]' if type(element) is int else str(element) for element in elements)}]"


def path_tree(parameter: str, paths: Sequence[Elements]) -> PathTree:
    """The paths as a tree. Raises ValidationException where one leads into or is another, and where two disagree on
    whether a value is a list or a map."""
    tree: PathTree = {}
    for position, elements in enumerate(paths):
        node = tree
        for place, element in enumerate(elements):
            if node and type(next(iter(node))) is not type(element):
                _refuse_pair(parameter, paths, position)
            if place == len(elements) - 1:
                if element in node:
                    _refuse_pair(parameter, paths, position)
                node[element] = position
            else:
                node = node.setdefault(element, {})
                if type(node) is int:
                    _refuse_pair(parameter, paths, position)
    return tree


def _refuse_pair(parameter: str, paths: Sequence[Elements], second: int) -> NoReturn:
    later = paths[second]
    for earlier in paths[:second]:
        shared = min(len(earlier), len(later))
        equal = next((place for place in range(shared) if earlier[place] != later[place]), shared)
        if equal == shared:
            what = "overlap"
        elif type(earlier[equal]) is not type(later[equal]):
            what = "conflict"
        else:
            continue
        raise ValidationException(
            f"Invalid {parameter}: Two document paths {what} with each other; must remove or rewrite one of these "
            f"paths; path one: {path_text(earlier)}, path two: {path_text(later)}"
        )
    raise AssertionError("no pair of paths disagrees")
