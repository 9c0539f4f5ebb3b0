import os

import pytest

from magnetodb.errors import DataFileError
from magnetodb.storage.memory_directory import LEFT_OVER_SECONDS, has_room, make_memory_directory
from magnetodb.storage.sqlite_file import open_file


@pytest.fixture
def made(tmp_path):
    """made(age in seconds) -> a directory of that age."""

    def make(age=0.0):
        directory = make_memory_directory((tmp_path,))
        made_at = directory.stat().st_mtime - age
        os.utime(directory, (made_at, made_at))
        return directory

    return make


def test_each_server_has_its_own(made):
    assert made() != made()


def test_the_first_place_with_room_is_taken(tmp_path):
    last = tmp_path / "last"
    last.mkdir()

    assert tmp_path == make_memory_directory((tmp_path / "missing", tmp_path, last)).parent
    assert last == make_memory_directory((tmp_path / "missing", last)).parent
    assert has_room(tmp_path)
    assert not has_room(tmp_path / "missing")


def test_what_a_killed_server_left_is_removed_by_the_next(made):
    left = made(LEFT_OVER_SECONDS + 1)
    open_file(left).close()
    made_at = left.stat().st_mtime - LEFT_OVER_SECONDS - 1
    os.utime(left, (made_at, made_at))
    made()

    assert not left.exists()


def test_what_a_server_has_or_is_about_to_take_stays(made):
    new = made()
    taken = made(LEFT_OVER_SECONDS + 1)
    opened = open_file(taken)
    made_at = taken.stat().st_mtime - LEFT_OVER_SECONDS - 1
    os.utime(taken, (made_at, made_at))
    made()
    opened.close()

    assert new.exists()
    assert taken.exists()


def test_a_place_where_nothing_can_be_made_is_told(tmp_path):
    with pytest.raises(DataFileError, match="No directory can be made in"):
        make_memory_directory((tmp_path / "missing",))
