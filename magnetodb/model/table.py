"""table_info: what is known of a table and its indexes. Immutable; a change makes a new one.

A table's items are the rows of row table `rows_id`; each index has a hidden row table of its own. Ids are made new for
each table and index and never used again, so a late write to a dropped table cannot reach its successor.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

import orjson

AttributeType = Literal["S", "N", "B"]
TableStatus = Literal["CREATING", "UPDATING", "DELETING", "ACTIVE"]
IndexKind = Literal["LSI", "GSI"]
ProjectionType = Literal["ALL", "KEYS_ONLY", "INCLUDE"]
TimeToLiveStatus = Literal["ENABLING", "ENABLED", "DISABLING"]

STORED_FORMAT = 1
"""Format of the JSON that `to_json` makes. Written to disk: add members with defaults, do not change these."""


@dataclass(frozen=True, slots=True)
class KeySchema:
    """Names of the key attributes: one partition attribute and at most one sort attribute on a table or a local index;
    one to four and none to four on a global index."""

    partition: tuple[str, ...]
    sort: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All key attributes, partition attributes first."""
        return self.partition + self.sort


@dataclass(frozen=True, slots=True)
class Throughput:
    """Provisioned capacity units per second; 0 and 0 where the table is billed per request."""

    read: int = 0
    write: int = 0
    last_increase: float | None = None
    last_decrease: float | None = None
    decreases_today: int = 0


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index. `attributes` are INCLUDE's non-key attributes, in the order that the user gave.

    Settings that were not given are None; else they are dicts as in the user's request: {"MaxReadRequestUnits": ..} and
    {"ReadUnitsPerSecond": ..}.
    """

    name: str
    kind: IndexKind
    key: KeySchema
    projection: ProjectionType
    attributes: tuple[str, ...]
    rows_id: str
    status: TableStatus = "ACTIVE"
    backfilling: bool = False
    throughput: Throughput = Throughput()
    on_demand: dict[str, int] | None = None
    warm: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class TimeToLive:
    """The expiry of a table's items: a top-level attribute that holds seconds since the epoch. A table whose items do
    not expire has none. The hidden row table `rows_id` has the items in the order in which they expire."""

    attribute: str
    rows_id: str
    status: TimeToLiveStatus = "ENABLING"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is stored. Times are seconds since the epoch. `attribute_types` has the key attributes of the table
    and of its indexes, in the order of AttributeDefinitions. `indexes` keeps the order of creation, LSIs first."""

    project: str
    name: str
    id: str
    rows_id: str
    key: KeySchema
    attribute_types: dict[str, AttributeType]
    indexes: dict[str, Index]
    created: float
    status: TableStatus = "ACTIVE"
    billing_mode: Literal["PROVISIONED", "PAY_PER_REQUEST"] = "PROVISIONED"
    pay_per_request_since: float | None = None
    throughput: Throughput = Throughput()
    on_demand: dict[str, int] | None = None
    warm: dict[str, int] | None = None
    deletion_protection: bool = False
    table_class: Literal["STANDARD", "STANDARD_INFREQUENT_ACCESS"] = "STANDARD"
    table_class_since: float | None = None
    sse: dict[str, Any] | None = None
    tags: dict[str, str] = field(default_factory=dict)
    time_to_live: TimeToLive | None = None
    version: int = field(default=0, compare=False)
    """Version of the system row that this was read from."""

    @property
    def local_indexes(self) -> list[Index]:
        """The LSIs in order of creation."""
        return [index for index in self.indexes.values() if index.kind == "LSI"]

    @property
    def global_indexes(self) -> list[Index]:
        """The GSIs in order of creation."""
        return [index for index in self.indexes.values() if index.kind == "GSI"]

    @property
    def changing_index(self) -> Index | None:
        """The index of an existing table that is coming (CREATING) or going (DELETING); there is one at most. The
        indexes of a table that is itself new are none."""
        if self.status != "UPDATING":
            return None
        return next((index for index in self.indexes.values() if index.status in ("CREATING", "DELETING")), None)

    @property
    def unfilled_index(self) -> Index | None:
        """The index of an existing table that is coming and is not being filled yet."""
        index = self.changing_index
        return index if index is not None and index.status == "CREATING" and not index.backfilling else None

    def with_index(self, index: Index) -> Self:
        """The same table with one index added or replaced."""
        return replace(self, indexes=self.indexes | {index.name: index})

    def without_index(self, name: str) -> Self:
        """The same table without an index, and without the types of attributes that were only its key."""
        indexes = {each: index for each, index in self.indexes.items() if each != name}
        used = {*self.key.names, *(each for index in indexes.values() for each in index.key.names)}
        types = {each: kind for each, kind in self.attribute_types.items() if each in used}
        return replace(self, indexes=indexes, attribute_types=types)

    def to_json(self) -> bytes:
        """The table as it is stored; `version` is not part of it."""
        members = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "version"}
        return orjson.dumps({"format": STORED_FORMAT, **members})

    @classmethod
    def from_json(cls, stored: bytes, *, version: int = 0) -> Self:
        """What `to_json` made, perhaps of an older or newer program: members missing take their defaults, members
        unknown are ignored. `version`: of the row that it was read from."""
        members = _known_members(cls, orjson.loads(stored))
        members["key"] = _key_schema(members["key"])
        members["indexes"] = {name: _index(index) for name, index in members["indexes"].items()}
        if members.get("time_to_live") is not None:
            members["time_to_live"] = TimeToLive(**_known_members(TimeToLive, members["time_to_live"]))
        return cls(**_with_throughput(members) | {"version": version})


def _index(stored: dict[str, Any]) -> Index:
    members = _known_members(Index, stored)
    members["key"] = _key_schema(members["key"])
    members["attributes"] = tuple(members.get("attributes", ()))
    return Index(**_with_throughput(members))


def _key_schema(stored: dict[str, Any]) -> KeySchema:
    return KeySchema(tuple(stored["partition"]), tuple(stored.get("sort", ())))


def _with_throughput(members: dict[str, Any]) -> dict[str, Any]:
    if "throughput" in members:
        members["throughput"] = Throughput(**_known_members(Throughput, members["throughput"]))
    return members


def _known_members(cls: type[Table | Index | Throughput | TimeToLive], stored: dict[str, Any]) -> dict[str, Any]:
    return {each.name: stored[each.name] for each in fields(cls) if each.name in stored}
