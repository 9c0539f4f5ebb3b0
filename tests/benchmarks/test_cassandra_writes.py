"""What the raw driver sends for a PutItem is what our own driver sends."""

from uuid import UUID

from benchmarks.cassandra_writes import RawItem, StoredRow, batch_statements, intent_statement, item_statement
from benchmarks.sample_items import Sample
from magnetodb.model.items import StoredItem, canonical_item
from magnetodb.model.keys import TableKeys
from magnetodb.model.rows import Row
from magnetodb.operations.table_definition import table_of
from magnetodb.storage.cassandra import cql
from magnetodb.storage.cassandra.cql import ItemRow
from magnetodb.storage.cassandra.intents import Intent
from magnetodb.storage.cassandra.item_row import decode_positions

BEFORE, AFTER = UUID(int=1), UUID(int=2)


def stored(indexes):
    """An item of a table as it was read, and what its other value is."""
    sample = Sample("orders", 10, indexes=indexes)
    ids = iter(f"id{number}" for number in range(10))
    keys = TableKeys(table_of(sample.create_table(), project="default", now=0.0, new_id=lambda: next(ids)))
    one, other = (StoredItem.from_item(*canonical_item(sample.item(sample.key(3)))) for _ in range(2))
    row = Row(keys.row_key(one.item), one.value, 5, False, ItemRow(one.value, 5, BEFORE))
    return StoredRow.of(keys, row, other), one, other


def test_an_item_is_written_to_and_fro():
    row, one, other = stored(0)
    item = RawItem(row)

    assert [other.value, one.value, other.value] == [item.next_version().value for _ in range(3)]


def test_without_indexes_a_write_is_one_lightweight_transaction_of_the_version_that_was_read():
    row, _, other = stored(0)
    item = RawItem(row)
    statement = item_statement(item, item.next_version(), (5, BEFORE), 6, AFTER)

    assert cql.put(row.position.table) == statement.text
    assert (0, other.value, 6, AFTER, None, None, *row.position.key, 5, BEFORE) == statement.values


def test_with_indexes_rows_that_are_deleted_are_pending_until_the_batch():
    row, _, other = stored(2)
    item = RawItem(row)
    chosen = item.next_version()
    statement = item_statement(item, chosen, (5, BEFORE), 7, AFTER)
    intent = Intent(9, 6, AFTER, row.position)
    batch = batch_statements(item, chosen, 7, intent)
    puts = [each for each in batch if "SET v" in each.text]

    assert (7, 2) == (statement.values[4], len(decode_positions(statement.values[5])))
    assert [(7, other.value)] * 2 == [each.values[:2] for each in puts]
    assert 2 == sum(each.text.startswith("DELETE") and cql.INTENTS not in each.text for each in batch)
    assert [cql.set_done(row.position.table), cql.DELETE_INTENT] == [each.text for each in batch[-2:]]
    assert (9, 6, AFTER, row.position.table, *row.position.key, 6) == intent_statement(intent).values
