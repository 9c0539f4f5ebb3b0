"""What other processes do with the data file, and what they must know of what this one does.

Whoever commits says before, in memory that all share, which rows and tables change in this turn, and afterwards that
the turn has ended. So whatever a process remembers of the file is right as long as what was said of it stays the same,
and was said in a turn that has ended: of a turn under way nobody knows whether it is before its commit or behind it. A
process that is killed in its turn never says that it has ended, but the next one does for both.

Example: row r was changed last in turn 7, which has ended.

    process A                                   process B
    reads r, remembers it with the mark 7
                                                has turn 8: marks r with 8, commits
    r is marked 8, not 7: forgets it, reads it
    from the file; 8 has not ended, so what it
    read may be of either side: not remembered
                                                turn 8 has ended
    reads r, remembers it with the mark 8
"""

from typing import Final
from zlib import crc32

from magnetodb.model.rows import RowKey
from magnetodb.storage.log_index import HEADER_BYTES, LogIndex
from magnetodb.storage.writer_lock import ENDED, MARKS, MARKS_BITS, TABLES, VERSION, WriterLock

NOT_SETTLED: Final = -1
"""In place of a mark: of a turn that has not ended."""

MARKS_MASK: Final = (1 << MARKS_BITS) - 1


class OtherProcesses:
    """All methods belong to the event loop's thread, but `wait` and `leave`, of which one at a time may run in another
    thread while the loop goes on. `last_version`: no row that this process has written has a later one."""

    def __init__(self, lock: WriterLock, log: LogIndex) -> None:
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
        return mark if mark <= self._memory[ENDED] else NOT_SETTLED

    def enter(self) -> bool:
        """See WriterLock."""
        return self.lock.enter()

    def wait(self) -> None:
        """See WriterLock."""
        self.lock.wait()

    def mark(self, key: RowKey) -> int:
        """This turn, which is ours, changes a row; its mark from now on."""
        turn = self.lock.turn
        self._memory[place_of_mark(key)] = turn
        return turn

    def mark_tables(self) -> None:
        """This turn, which is ours, makes or drops row tables."""
        self._memory[TABLES] = self.lock.turn

    def leave(self) -> None:
        """End our turn, right after its commit or roll-back."""
        memory = self._memory
        if memory[VERSION] < self.last_version:
            memory[VERSION] = self.last_version
        memory[ENDED] = self.lock.turn
        self.lock.leave()

    def give_up(self) -> None:
        """Do without the turn that was asked for."""
        self.lock.leave()

    def close(self) -> None:
        """After all connections to the data file."""
        self._memory.release()
        self.lock.close()


def place_of_mark(key: RowKey) -> int:
    """Where in the shared memory the mark of a row is. Rows share places, and then forget each other in vain."""
    return MARKS + (crc32(key.sort, crc32(key.partition)) & MARKS_MASK)
