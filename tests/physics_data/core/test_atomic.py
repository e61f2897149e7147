import errno
import os

import pytest

from physics_data.core.atomic import atomic_folder, atomic_path, remove_partials, write_text
from physics_data.core.errors import StorageError


def test_a_failing_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "sub" / "file.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_full_disk_is_worded(tmp_path):
    with pytest.raises(StorageError, match="the disk is full; free some space"), atomic_path(tmp_path / "a") as partial:
        partial.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_folder_replaces_only_when_whole(tmp_path):
    target = tmp_path / "model"
    with atomic_folder(target) as partial:
        (partial / "a").write_text("1")
    with pytest.raises(RuntimeError), atomic_folder(target) as partial:
        (partial / "a").write_text("2")
        raise RuntimeError
    assert (target / "a").read_text() == "1"
    with atomic_folder(target) as partial:
        (partial / "b").write_text("3")
    assert [p.name for p in target.iterdir()] == ["b"]


def test_only_leftovers_of_dead_writers_are_removed(tmp_path):
    dead, alive = tmp_path / ".x.partial-999999999.tar", tmp_path / f".y.partial-{os.getpid()}"
    dead.write_text("")
    alive.write_text("")
    remove_partials(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [alive.name]
