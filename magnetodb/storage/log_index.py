"""What SQLite's index of the write-ahead log says about it, read from the memory that SQLite shares between processes.

The header changes with every commit, so comparing it tells for a fraction of a microsecond whether anything has been
committed. Its format is fixed: https://www.sqlite.org/walformat.html#the_wal_index_file_format.
"""

import mmap
import os
import sys
from pathlib import Path
from typing import Final

HEADER_BYTES: Final = 48
"""The first copy of the header. SQLite writes it last: when it has changed, the commit is visible."""

INDEX_BYTES: Final = 4096
"""So much is mapped. SQLite makes the file larger than this before it uses it, and never smaller."""

FRAMES: Final = slice(16, 20)
COPIED_FRAMES: Final = slice(96, 100)


class LogIndex:
    """The index of the log of the data file at `path`, which must be open and have been read.

    It must be closed after all connections to the file: closing any descriptor of a file ends the locks that the
    process has on it, SQLite's too.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(f"{path}-shm", os.O_RDONLY | os.O_CLOEXEC)
        self.memory = mmap.mmap(self._file, INDEX_BYTES, prot=mmap.PROT_READ)
        """`memory[:HEADER_BYTES]` is the header."""

    def frames(self) -> int:
        """How many frames (pages) the log has. While somebody commits it may be any number."""
        return int.from_bytes(self.memory[FRAMES], sys.byteorder)

    def copied_frames(self) -> int:
        """How many of them have been copied into the data file."""
        return int.from_bytes(self.memory[COPIED_FRAMES], sys.byteorder)

    def close(self) -> None:
        """Close the file; see above."""
        self.memory.close()
        os.close(self._file)
