"""Select: which attributes of the items that a Query or Scan found are answered, and where they are read from."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from magnetodb.errors import ValidationException
from magnetodb.model.keys import KeyCodec

INVALID: Final = "One or more parameter values were invalid: "


class Selection(NamedTuple):
    """`counts_only`: no items are answered. `fetches`: the index's rows only say which items of the table are meant."""

    counts_only: bool = False
    fetches: bool = False


ITEMS: Final = Selection()
COUNT: Final = Selection(counts_only=True)
FETCHED_ITEMS: Final = Selection(fetches=True)

PROJECTING: Final = ("AttributesToGet", "ProjectionExpression")

QUERY_INVALID: Final = "1 validation error detected: "
"""How Query, but not Scan, begins to say that nothing is projected."""


def check_select(request: dict[str, Any], invalid: str = "") -> None:
    """Raise ValidationException where Select contradicts the parameters beside it, whatever the table is; `invalid` is
    how it begins where a projection is missing."""
    select = request.get("Select")
    if select is None:
        return
    projecting = next((name for name in PROJECTING if request.get(name) is not None), None)
    if select == "SPECIFIC_ATTRIBUTES":
        if projecting is None:
            raise ValidationException(
                f"{invalid}Must specify the AttributesToGet or ProjectionExpression when choosing to get "
                "SPECIFIC_ATTRIBUTES"
            )
    elif projecting is not None:
        what = "only the Count" if select == "COUNT" else select
        raise ValidationException(f"Cannot specify the {projecting} when choosing to get {what}")
    if select == "ALL_PROJECTED_ATTRIBUTES" and request.get("IndexName") is None:
        raise ValidationException("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")


def selection(select: str | None, codec: KeyCodec, asked: Iterable[str]) -> Selection:
    """What Select means on the table or index of the codec. `asked` are the attributes that the projection names, none
    where all are wanted. Raises ValidationException where a global index does not have what is asked for."""
    index, projected = codec.index, codec.projection
    if index is None or projected is None:
        return COUNT if select == "COUNT" else ITEMS
    missing = [name for name in asked if name not in projected]
    if index.kind == "LSI":
        if missing or select == "ALL_ATTRIBUTES":
            return FETCHED_ITEMS
    elif missing:
        raise ValidationException(
            f"{INVALID}Global secondary index {index.name} does not project [{', '.join(missing)}]"
        )
    elif select == "ALL_ATTRIBUTES":
        raise ValidationException(
            f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} "
            "because its projection type is not ALL"
        )
    return COUNT if select == "COUNT" else ITEMS
