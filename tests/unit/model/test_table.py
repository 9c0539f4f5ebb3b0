import orjson

from magnetodb.model.table import STORED_FORMAT, Index, KeySchema, Table, Throughput, TimeToLive

INDEX = Index(
    name="by_g",
    kind="GSI",
    key=KeySchema(("g", "pk"), ("h",)),
    projection="INCLUDE",
    attributes=("x", "y"),
    rows_id="index_rows",
    status="CREATING",
    backfilling=True,
    throughput=Throughput(1, 2, 3.5, 4.5, 5),
    on_demand={"MaxReadRequestUnits": 7},
    warm={"ReadUnitsPerSecond": 8},
)
TABLE = Table(
    project="p",
    name="t",
    id="id",
    rows_id="rows",
    key=KeySchema(("pk",), ("sk",)),
    attribute_types={"sk": "N", "pk": "S", "g": "B", "h": "S"},
    indexes={"by_g": INDEX},
    created=12.25,
    status="UPDATING",
    billing_mode="PAY_PER_REQUEST",
    pay_per_request_since=13.5,
    throughput=Throughput(5, 6),
    deletion_protection=True,
    table_class="STANDARD_INFREQUENT_ACCESS",
    sse={"Status": "ENABLED"},
    time_to_live=TimeToLive("expires", "expiry_rows", "DISABLING"),
)


def test_a_table_reads_back() -> None:
    read = Table.from_json(TABLE.to_json(), version=9)

    assert read == TABLE
    assert list(read.attribute_types) == ["sk", "pk", "g", "h"]
    assert read.version == 9


def test_members_missing_in_old_data_take_their_defaults() -> None:
    stored = {
        "project": "p",
        "name": "t",
        "id": "id",
        "rows_id": "rows",
        "key": {"partition": ["pk"]},
        "attribute_types": {"pk": "S"},
        "indexes": {
            "by_g": {"name": "by_g", "kind": "GSI", "key": {"partition": ["pk"]}, "projection": "ALL", "rows_id": "i"}
        },
        "created": 1.0,
    }

    read = Table.from_json(orjson.dumps(stored))

    index = Index("by_g", "GSI", KeySchema(("pk",)), "ALL", (), "i")
    assert read == Table("p", "t", "id", "rows", KeySchema(("pk",)), {"pk": "S"}, {"by_g": index}, 1.0)


def test_members_of_newer_programs_are_ignored() -> None:
    stored = orjson.loads(TABLE.to_json()) | {"new_member": 1}
    stored["throughput"]["new_member"] = 1

    assert Table.from_json(orjson.dumps(stored)) == TABLE


def test_the_stored_json_says_its_format() -> None:
    assert orjson.loads(TABLE.to_json())["format"] == STORED_FORMAT


def test_indexes_come_by_kind() -> None:
    local = Index("local", "LSI", KeySchema(("pk",), ("h",)), "ALL", (), "local_rows")
    both = TABLE.with_index(local)

    assert both.local_indexes == [local]
    assert both.global_indexes == [INDEX]
