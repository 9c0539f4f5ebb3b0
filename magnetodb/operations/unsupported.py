"""Members of requests whose feature does not exist here: refused in plain words, never ignored."""

from collections.abc import Callable
from typing import Any, Final

from magnetodb.errors import ValidationException

Harmless = Callable[[Any], bool]


def never(value: Any) -> bool:
    """Whatever the member says, it asks for the feature."""
    return False


def empty(value: Any) -> bool:
    """An empty list asks for nothing."""
    return bool(value == [])


UNSUPPORTED: Final[dict[str, dict[str, tuple[Harmless, str]]]] = {
    "CreateTable": {
        "StreamSpecification": (lambda value: value["StreamEnabled"] is False, "DynamoDB Streams"),
        "ResourcePolicy": (never, "Resource-based policies"),
        "GlobalTableSourceArn": (never, "Global tables"),
        "GlobalTableSettingsReplicationMode": (never, "Global tables"),
        "VectorIndexes": (empty, "Vector indexes"),
    },
    "UpdateTable": {
        "StreamSpecification": (lambda value: value["StreamEnabled"] is False, "DynamoDB Streams"),
        "ReplicaUpdates": (never, "Global tables"),
        "MultiRegionConsistency": (never, "Global tables"),
        "GlobalTableWitnessUpdates": (never, "Global tables"),
        "GlobalTableSettingsReplicationMode": (never, "Global tables"),
        "DisassociationProtectionEnabled": (lambda value: value is False, "Global tables"),
        "VectorIndexUpdates": (empty, "Vector indexes"),
    },
}
"""For each operation and member: what it may say without asking for anything, and the name of the feature."""


def refuse_unsupported(operation_name: str, request: dict[str, Any]) -> None:
    """Raise ValidationException for the first member that asks for what does not exist here."""
    for name, (harmless, feature) in UNSUPPORTED[operation_name].items():
        value = request.get(name)
        if value is not None and not harmless(value):
            raise ValidationException(f"{feature} are not supported here: {operation_name} cannot honour {name}.")
