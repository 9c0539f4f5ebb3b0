"""What other processes do with the data file, and what they must know of what this one does.

Whoever commits says before, in memory that all share, which rows, partitions and tables change in this turn; afterwards
that the turn has ended, and later that it is on the disk. So whatever a process remembers of the file is right as long
as what was said of it stays the same, and was said in a turn that is on the disk. Of a turn under way nobody knows
whether it is before its commit or behind it, and what is not on the disk yet must be told to nobody. A process that is
killed in its turn never says that it has ended, but the next one does for both.

Example: row r was changed last in turn 7, which is on the disk.

    process A                                   process B
    reads r, remembers it with the mark 7
                                                has turn 8: marks r with 8, commits
    r is marked 8, not 7: forgets it, reads it
    from the file; may be of either side of the
    commit: waits, and does not remember it
                                                turn 8 has ended; it is on the disk
    answers
    reads r, remembers it with the mark 8
"""

from typing import Final
from zlib import crc32

from magnetodb.model.rows import RowKey
from magnetodb.storage.log_index import HEADER_BYTES, LogIndex
from magnetodb.storage.writer_lock import (
    BEGUN,
    DURABLE,
    ENDED,
    FAILED,
    MARKS_BITS,
    PARTITION_MARKS,
    ROW_MARKS,
    TABLES,
    VERSION,
    WriterLock,
)

NOT_SETTLED: Final = -1
"""In place of a mark: of a turn that is not known to be on the disk."""

MARKS_MASK: Final = (1 << MARKS_BITS) - 1


class OtherProcesses:
    """All methods belong to the event loop's thread, but `wait` and `leave`, of which one at a time may run in another
    thread while the loop goes on. `last_version`: no row that this process has written has a later one.

    `fsync` False: what is committed counts as durable.
    """

    def __init__(self, lock: WriterLock, log: LogIndex, *, fsync: bool = True) -> None:
        self._fsync = fsync
        self.lock = lock
        self.log = log
        self.last_version = 0
        self._header = log.memory
        self._memory = lock.memory
        self._tables: tuple[int, bytes] = (NOT_SETTLED, b"")

    def header(self) -> bytes:
        """What is the same for as long as nobody commits, this process included."""
        return self._header[:HEADER_BYTES]

    def tables_changed(self) -> bool:
        """Whether row tables may have been made or dropped since `tables_read`."""
        turn, header = self._tables
        return self._memory[TABLES] != turn or (header != b"" and self.header() != header)

    def before_tables_are_read(self) -> tuple[int, bytes]:
        """What `tables_read` is told when they have been."""
        header = self.header()
        turn = self._memory[TABLES]
        return turn, b"" if turn <= self._memory[ENDED] else header

    def tables_read(self, before: tuple[int, bytes]) -> None:
        """The row tables are known as they were when `before` was got, or later."""
        self._tables = before

    def versions(self) -> int:
        """No row that any process has written has a later version."""
        return self._memory[VERSION]

    def mark_of(self, key: RowKey) -> int:
        """The mark of a row, to be asked before the row is read; NOT_SETTLED: it must not be remembered."""
        mark = self._memory[place_of_mark(key)]
        return mark if mark <= self._memory[DURABLE] else NOT_SETTLED

    def doubt_of_row(self, key: RowKey) -> int:
        """What must be durable before what was just read of a row is told to anybody: a turn; 0: it is."""
        mark = self._memory[place_of_mark(key)]
        return mark if mark > self._memory[DURABLE] else 0

    def doubt_of_partition(self, partition: bytes) -> int:
        """The same for rows of one partition."""
        mark = self._memory[PARTITION_MARKS + (crc32(partition) & MARKS_MASK)]
        return mark if mark > self._memory[DURABLE] else 0

    def doubt_of_all(self) -> int:
        """The same for rows of any partition."""
        turn = self._memory[BEGUN]
        return turn if turn > self._memory[DURABLE] else 0

    def ended(self) -> int:
        """The last turn that has ended."""
        return self._memory[ENDED]

    def durable(self) -> int:
        """A turn that is on the disk, with all before it."""
        return self._memory[DURABLE]

    def is_durable(self, turn: int) -> None:
        """The turn, which has ended, is on the disk. In any thread."""
        if self._memory[DURABLE] < turn:
            self._memory[DURABLE] = turn

    def failed(self) -> bool:
        """Whether some process could not bring its turn to the disk. It stays so until all have been started anew."""
        return self._memory[FAILED] != 0

    def fail(self) -> None:
        """The log could not be brought to the disk. In any thread."""
        self._memory[FAILED] = 1

    def enter(self) -> bool:
        """See WriterLock."""
        return self.lock.enter()

    def wait(self) -> None:
        """See WriterLock."""
        self.lock.wait()

    def begin(self) -> None:
        """Our turn begins."""
        self._memory[BEGUN] = self.lock.turn

    def mark(self, key: RowKey) -> int:
        """This turn, which is ours, changes a row; its mark from now on."""
        memory, turn = self._memory, self.lock.turn
        partition = crc32(key.partition)
        memory[PARTITION_MARKS + (partition & MARKS_MASK)] = turn
        memory[ROW_MARKS + (crc32(key.sort, partition) & MARKS_MASK)] = turn
        return turn

    def mark_tables(self) -> None:
        """This turn, which is ours, makes or drops row tables."""
        self._memory[TABLES] = self.lock.turn

    def leave(self) -> int:
        """End our turn, right after its commit or roll-back; its number."""
        memory, turn = self._memory, self.lock.turn
        if memory[VERSION] < self.last_version:
            memory[VERSION] = self.last_version
        if not self._fsync:
            memory[DURABLE] = turn
        memory[ENDED] = turn
        self.lock.leave()
        return turn

    def give_up(self) -> None:
        """Do without the turn that was asked for."""
        self.lock.leave()

    def close(self) -> None:
        """After all connections to the data file."""
        self._memory.release()
        self.lock.close()


def place_of_mark(key: RowKey) -> int:
    """Where in the shared memory the mark of a row is. Rows share places, and then forget each other in vain."""
    return ROW_MARKS + (crc32(key.sort, crc32(key.partition)) & MARKS_MASK)
