"""What the terms and relations of a statement mean, given the values that are bound."""

from collections.abc import Callable
from typing import Final

from tests.storage.cassandra_model.cells import StoredRow, serialized
from tests.storage.cassandra_model.statements import CreateTable, Marker, Relation, Term

Values = tuple[object, ...]

ORDERED: Final[dict[str, Callable[[object, object], bool]]] = {
    "<": lambda left, right: order(left) < order(right),
    "<=": lambda left, right: order(left) <= order(right),
    ">": lambda left, right: order(left) > order(right),
    ">=": lambda left, right: order(left) >= order(right),
}


def value_of(term: Term, values: Values) -> object:
    """The value of a literal, or the one that is bound."""
    return values[term.position] if isinstance(term, Marker) else term.value


def whole(value: object) -> int:
    """A value that must be an integer."""
    assert isinstance(value, int)
    return value


def order(value: object) -> int | bytes | tuple[object, ...]:
    """What a value is ordered by: integers as such, all else as unsigned bytes."""
    if isinstance(value, tuple):
        return tuple([order(each) for each in value])
    return value if isinstance(value, int) else serialized(value)


def compare(operator: str, left: object, right: object) -> bool:
    """As in IF: a null equals null and differs from all else; no order with null holds."""
    if operator == "=":
        return left == right
    if operator == "!=":
        return left != right
    return left is not None and right is not None and ORDERED[operator](left, right)


def options(relation: Relation, values: Values) -> list[object]:
    """The values that an `=` or IN allows."""
    if relation.operator == "IN ?":
        (term,) = relation.terms
        listed = value_of(term, values)
        assert isinstance(listed, list | tuple)
        return list(listed)
    return [value_of(term, values) for term in relation.terms]


def columns_of(table: CreateTable, key: Values, clustering: Values, row: StoredRow, second: int) -> dict[str, object]:
    """The values of a row by column, its key's included; a null has none."""
    found = dict(zip(table.partition, key, strict=True))
    found |= dict(zip([name for name, _ in table.clustering], clustering, strict=True))
    return found | {column: cell.value for column, cell in row.values(second).items()}
