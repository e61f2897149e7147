import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from physics_data.core import atomic
from physics_data.core.atomic import atomic_folder, atomic_path, folder_lock, is_partial, remove_partials, write_text
from physics_data.core.errors import StorageError

HOLDER = """
import sys, time
from pathlib import Path
from physics_data.core.atomic import {what}
with {what}(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def hold(what, path):
    """Start a process that holds a lock or an unfinished output, and wait until it does."""
    command = [sys.executable, "-c", HOLDER.format(what=what), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_failing_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "sub" / "file.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_path(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("writer", [atomic_path, atomic_folder])
@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "you may not write there"),
    ],
)
def test_a_refusing_disk_is_worded(tmp_path, writer, number, sentence):
    with pytest.raises(StorageError, match=sentence), writer(tmp_path / "a"):
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_worded(tmp_path):
    (tmp_path / "file").write_text("mine")
    for use in (
        lambda: write_text(tmp_path / "file" / "a.txt", "x"),
        lambda: atomic_folder(tmp_path / "file").__enter__(),
        lambda: atomic_folder(tmp_path / "file" / "sub").__enter__(),
        lambda: folder_lock(tmp_path / "file").__enter__(),
        lambda: folder_lock(tmp_path / "file" / "sub").__enter__(),
    ):
        with pytest.raises(StorageError, match="a file stands where a folder is needed"):
            use()
    assert (tmp_path / "file").read_text() == "mine"


def test_names_as_long_as_the_file_system_takes_are_written(tmp_path):
    for name in ("球" * 83 + ".mp4", "x" * 255):
        write_text(tmp_path / name, "whole")
    with pytest.raises(StorageError, match="the name is too long"):
        write_text(tmp_path / ("x" * 256), "whole")


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
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("what", ["atomic_path", "atomic_folder"])
def test_leftovers_go_when_their_writer_is_dead_and_not_before(tmp_path, what):
    (tmp_path / ".y.partial-4711.tar").write_text("left by a former version")
    (tmp_path / ".mine.partial").write_text("of another program")
    writer = hold(what, tmp_path / "x.tar")
    try:
        remove_partials(tmp_path)
        (partial,) = filter(is_partial, tmp_path.iterdir())
        assert partial.suffix == ".tar" or what == "atomic_folder"
    finally:
        kill(writer)
    assert partial.exists()
    atomic._swept.discard(tmp_path.resolve())
    write_text(tmp_path / "next.txt", "any write into the folder sweeps it")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".mine.partial", "next.txt"]


def test_a_folder_is_locked_while_its_writer_lives(tmp_path):
    out = tmp_path / "run"
    writer = hold("folder_lock", out)
    try:
        with pytest.raises(StorageError, match=rf"another process \(process {writer.pid} on .*The lock ends with"):
            folder_lock(out).__enter__()
    finally:
        kill(writer)
    with folder_lock(out), pytest.raises(StorageError, match="another process"):
        folder_lock(out).__enter__()
    assert list(out.iterdir()) == [], "a lock that was let go leaves nothing behind"


def test_a_lock_outlives_a_deleted_lock_file(tmp_path):
    with folder_lock(tmp_path):
        (tmp_path / ".lock").unlink()
        with folder_lock(tmp_path):
            assert (tmp_path / ".lock").is_file()
        shutil.rmtree(tmp_path)
