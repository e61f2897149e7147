"""Files and folders that are either whole or absent, whatever kills the writer; locks that die with their holder.

A writer holds an advisory lock (flock) on its temporary file or folder. The kernel drops the lock with the process, in
whatever container it ran, so whoever writes into the same folder next knows what is left over and removes it.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shlex
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from physics_data.core.errors import DataError, StorageError
from physics_data.core.urls import require_local

LOCK_NAME = ".lock"
_PARTIAL = re.compile(r"\..*\.partial-([0-9a-f]{16}|\d+)(\.[^.]*)?", re.DOTALL)
_LOCK_TAKEN = (errno.EWOULDBLOCK, errno.EACCES)

_swept: set[Path] = set()
"""Folders whose leftovers this process has removed."""


def write_refused(path: Path, error: OSError) -> StorageError:
    """Return the error that tells why ``path`` could not be written, and what to do."""
    in_the_way = "a file stands where a folder is needed; choose another place with --out"
    reasons = {
        errno.ENOSPC: "the disk is full; free some space or write elsewhere with --out",
        errno.EDQUOT: "your disk quota is used up; free some space or write elsewhere with --out",
        errno.EACCES: "you may not write there; choose another folder with --out",
        errno.EPERM: "you may not write there; choose another folder with --out",
        errno.EFBIG: "the file is larger than this account or file system allows",
        errno.EROFS: "the file system is read-only; choose another folder with --out",
        errno.ENOTDIR: in_the_way,
        errno.EEXIST: in_the_way,
        errno.EISDIR: "a folder of that name is there; choose another name",
        errno.ENAMETOOLONG: "the name is too long for this file system; choose a shorter one",
    }
    reason = reasons.get(error.errno or 0, str(error))
    return StorageError(f"cannot write {path}: {reason}. Nothing half-written was left; the same command resumes.")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _partial_of(path: Path, suffix: str) -> Path:
    # Random: process numbers repeat from container to container. Cut: the whole must stay below 255 bytes.
    return path.with_name(f".{path.name.removesuffix(suffix)[:40]}.partial-{secrets.token_hex(8)}{suffix}")


def is_partial(path: Path) -> bool:
    """Return whether a path is the temporary file or folder of a writer, alive or dead, and holds no result."""
    return _PARTIAL.fullmatch(path.name) is not None


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is flushed to disk and takes its place.

    The temporary file is there, empty, and its name keeps the suffix of ``path``, since video containers are chosen by
    it. Leftovers of dead writers in the same folder are removed.

    Raises:
        StorageError: the disk refused; the temporary file is gone and ``path`` is as it was.
    """
    partial = _partial_of(require_local(path, "writing"), path.suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep_once(path.parent)
        with _lock_of(partial, os.O_RDWR | os.O_CREAT):
            yield partial
            with open(partial, "rb+") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise write_refused(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder which becomes ``path`` on success; an existing folder ``path`` is replaced.

    Raises:
        StorageError: see ``atomic_path``; also where ``path`` is a file.
    """
    require_local(path, "writing")
    partial, former = _partial_of(path, ""), _partial_of(path, "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep_once(path.parent)
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        partial.mkdir()
        with _lock_of(partial, os.O_RDONLY):
            yield partial
            for file_path in sorted(p for p in partial.rglob("*") if p.is_file()):
                with open(file_path, "rb+") as file:
                    os.fsync(file.fileno())
            if path.exists():
                path.replace(former)
            partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise write_refused(path, error) from error
    finally:
        if former.exists() and not path.exists():
            former.replace(path)
        shutil.rmtree(former, ignore_errors=True)
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder of this machine (in ``TMPDIR``), deleted at the end; a killed process's by the next.

    Raises:
        StorageError: the disk refused.
    """
    home = Path(tempfile.gettempdir()) / f"worldsim-{os.getuid()}"
    folder = _partial_of(home / "scratch", "")
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep_once(home)
        folder.mkdir()
        with _lock_of(folder, os.O_RDONLY):
            yield folder
    except OSError as error:
        raise write_refused(folder, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _lock_of(path: Path, flags: int) -> Iterator[None]:
    """Hold the lock of a temporary path that nobody else writes."""
    descriptor = os.open(path, flags, 0o666)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: leftovers are not removed there
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a binary file atomically."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)


def _sweep_once(folder: Path) -> None:
    if (resolved := folder.resolve()) not in _swept:
        _swept.add(resolved)
        remove_partials(folder)


def remove_partials(folder: Path) -> None:
    """Delete what killed writers left in a folder; files of writers still alive stay.

    The first write of a process into a folder does this by itself; call it where nothing is written.
    """
    if not folder.is_dir():
        return
    for path in filter(is_partial, list(folder.iterdir())):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue  # gone by now, or not ours
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        except OSError:
            continue  # its writer is alive, or nobody can know
        finally:
            os.close(descriptor)


def require_writable(path: Path) -> None:
    """Refuse a file or folder that could not be written, before the work of which it would be the result.

    A file is made, and removed, in the nearest folder on the way to ``path`` that is there.

    Raises:
        StorageError: the disk refused, or a file stands where a folder is needed.
    """
    require_local(path, "writing")
    folder = path if path.is_dir() else path.absolute().parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    probe = _partial_of(folder / "probe", "")
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        probe.unlink()
    except OSError as error:
        raise write_refused(path, error) from error


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Let one process at a time write into a folder: ``with folder_lock(out): ...``.

    The folder is made where it is missing. The lock is a ``flock`` on the file ``.lock`` in it: it ends with the
    process, however that ends, and holds across containers that share the folder. It is not reentrant.

    Raises:
        StorageError: another process holds it (the message says which), or the folder cannot be made or entered.
    """
    path = require_local(folder, "writing") / LOCK_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _take(path)
    except OSError as error:
        raise write_refused(folder, error) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # a forked child holds a copy of the descriptor
        os.close(descriptor)


def _take(path: Path) -> int:
    """Return a descriptor that holds the lock of the file that is at ``path`` now."""
    while True:
        still_there = False
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _LOCK_TAKEN:
                holder = os.read(descriptor, 1000).decode(errors="replace").strip()
                os.close(descriptor)
                raise StorageError(
                    f"{path.parent} is being written by another process ({holder or 'just started'}). Wait for it or "
                    "stop it, or choose another folder with --out. The lock ends with that process."
                ) from None
            warnings.warn(f"{path.parent}: this file system has no locks ({error}); start no second run", stacklevel=4)
        with contextlib.suppress(FileNotFoundError):
            still_there = os.path.samestat(os.fstat(descriptor), path.stat())
        if still_there:  # else its last holder removed it meanwhile
            command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])[:500]
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}: {command}".encode())
            return descriptor
        os.close(descriptor)


def paths_in(folder: Path) -> list[Path]:
    """Return what lies in a folder.

    Raises:
        DataError: the folder cannot be read, or vanished.
    """
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise _unreadable(folder, error) from error


def paths_under(folder: Path) -> Iterator[Path]:
    """Yield all files and folders below a folder. Unlike ``Path.rglob`` it never leaves out what cannot be read.

    Raises:
        DataError: a folder cannot be read, or vanished.
    """

    def refuse(error: OSError) -> None:
        raise _unreadable(Path(error.filename), error) from error

    for parent, folders, files in os.walk(folder, onerror=refuse):
        yield from (Path(parent) / name for name in (*folders, *files))


def _unreadable(folder: Path, error: OSError) -> DataError:
    return DataError(f"cannot look into the folder {folder} ({error.strerror or error}); make it readable, or move it.")
