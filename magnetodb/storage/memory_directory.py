"""Data that needs not outlive its server: a directory on a file system that is kept in memory, for as long as the
server runs. The driver is the same as for data that stays."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from magnetodb.errors import DataFileError
from magnetodb.storage.sqlite_file import lock_directory

MEMORY_FILE_SYSTEM: Final = Path("/dev/shm")
FREE_BYTES_MIN: Final = 256 * 1024 * 1024
"""Containers often have a memory file system of 64 MB, which a test with some data fills."""

PREFIX: Final = "magnetodb-memory-"
LEFT_OVER_SECONDS: Final = 60.0
"""A directory of this age that no server has locked was left behind by kill -9; a younger one may be about to be."""


def make_memory_directory(places: tuple[Path, ...] = ()) -> Path:
    """A new directory for one server: in memory if the machine has such a file system with room, else among the
    temporary files. Removes those that servers which are no more have left. `places` are tried in order, and the last
    one is used in any case. Raises DataFileError."""
    places = places or (MEMORY_FILE_SYSTEM, Path(tempfile.gettempdir()))
    for place in places:
        remove_left_over(place)
    place = next((place for place in places[:-1] if has_room(place)), places[-1])
    try:
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    except OSError as error:
        raise DataFileError(f"No directory can be made in {place}: {error.strerror}.") from error


def has_room(place: Path) -> bool:
    """Whether data may be put there."""
    return os.access(place, os.W_OK) and shutil.disk_usage(place).free >= FREE_BYTES_MIN


def remove_left_over(place: Path) -> None:
    """Remove the directories of ours in `place` that no server has and that no server is about to take."""
    made_before = time.time() - LEFT_OVER_SECONDS
    for directory in place.glob(f"{PREFIX}*"):
        try:
            status = directory.stat()
            if status.st_uid != os.getuid() or status.st_mtime > made_before:
                continue
            lock = lock_directory(directory)
        except (OSError, DataFileError):
            continue  # Another's, in use, or gone meanwhile.
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)
