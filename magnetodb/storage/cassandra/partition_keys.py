"""Partition keys as Cassandra stores them: the same bytes, but that it refuses an empty one.

So keys that are nothing but zero bytes have one more there: b"" is b"\\x00", b"\\x00" is b"\\x00\\x00". Order is kept.
Written to disk: do not change.
"""


def stored_partition(partition: bytes) -> bytes:
    """The partition key that Cassandra sees."""
    if partition and partition[0]:
        return partition
    return partition if partition.strip(b"\x00") else partition + b"\x00"


def partition_of(stored: bytes) -> bytes:
    """The partition key of which `stored` is the form that Cassandra sees."""
    if stored[0]:
        return stored
    return stored if stored.strip(b"\x00") else stored[:-1]
