"""What other processes do with the data file: whether they have committed since we looked, and whose turn it is.

Whatever this process remembers of the file (rows, ids of tables, an open snapshot) is right as long as nobody else has
committed. While it has the right to write, nobody else can.
"""

from typing import Final

from magnetodb.storage.log_index import HEADER_BYTES, LogIndex
from magnetodb.storage.writer_lock import WriterLock

GENERATION: Final = 1
"""Place in the shared memory: grows when row tables are made or dropped; odd while that is being committed, or if the
process that did it was killed meanwhile. Written by whoever has the right to write."""

VERSION: Final = 2
"""Place in the shared memory: no row has a later version. Written by whoever has the right to write."""


class OtherProcesses:
    """All methods belong to the event loop's thread, but `wait` and `leave`, of which one at a time may run in another
    thread while the loop goes on."""

    def __init__(self, lock: WriterLock, log: LogIndex) -> None:
        self.lock = lock
        self.log = log
        self._memory = log.memory
        self._shared = lock.memory
        self._known = b""
        self._own = b""
        self._generation = -1
        self._writing = False
        self.last_version = 0
        """No row that this process has written has a later version."""

    def have_committed(self) -> bool:
        """Whether another process has committed since this was asked last. At the first time: True."""
        header = self._memory[:HEADER_BYTES]
        # In this order: `leave` notes our own commit first, then says that we no longer write, and only then can
        # another process commit.
        if header == self._known or self._writing:
            return False
        self._known = header
        return True

    def look_again(self) -> None:
        """What has been told by `have_committed` was not done: it is told again."""
        self._known = b""
        self._generation = -1

    def changed_tables(self) -> bool:
        """Whether row tables may have been made or dropped since this was asked last."""
        generation = self._shared[GENERATION]
        changed = generation != self._generation or generation % 2 == 1
        self._generation = generation
        return changed

    def versions(self) -> int:
        """No row has a later version than this, or than `last_version`."""
        return self._shared[VERSION]

    def enter(self) -> bool:
        """See WriterLock. What others have committed must be looked at when the right is ours, and then `begin`."""
        return self.lock.enter()

    def wait(self) -> None:
        """See WriterLock."""
        self.lock.wait()

    def begin(self) -> None:
        """The right to write is ours: from here on every commit is ours."""
        self._writing = True
        if self._shared[GENERATION] % 2:
            self._shared[GENERATION] += 1

    def change_tables(self) -> None:
        """This turn's commit makes or drops row tables."""
        self._shared[GENERATION] |= 1

    def leave(self) -> None:
        """End the turn, right after the commit or the roll-back."""
        shared = self._shared
        if shared[GENERATION] % 2:
            shared[GENERATION] += 1
            self._generation = shared[GENERATION]
        if shared[VERSION] < self.last_version:
            shared[VERSION] = self.last_version
        self._known = self._own = self._memory[:HEADER_BYTES]
        self._writing = False
        self.lock.leave()

    def undisturbed(self) -> bool:
        """Whether nobody was seen to have committed since our own last commit."""
        return self._known is self._own

    def close(self) -> None:
        """After all connections to the data file."""
        self.log.close()
        self.lock.close()
