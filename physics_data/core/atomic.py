"""Files that are either whole or absent, whatever kills the writer."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from physics_data.core.errors import StorageError

_PARTIAL = ".partial"


def _refuse(path: Path, error: OSError) -> StorageError:
    reasons = {
        errno.ENOSPC: "the disk is full; free some space or write elsewhere with --out",
        errno.EDQUOT: "your disk quota is used up; free some space or write elsewhere with --out",
        errno.EACCES: "you may not write there; choose another folder with --out",
        errno.EROFS: "the file system is read-only; choose another folder with --out",
    }
    reason = reasons.get(error.errno or 0, str(error))
    return StorageError(f"cannot write {path}: {reason}. Nothing half-written was left; the same command resumes.")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is flushed to disk and takes its place.

    The temporary name keeps the suffix of ``path``, since video containers are chosen by it.

    Raises:
        StorageError: the disk refused; the temporary file is gone and ``path`` is as it was.
    """
    partial = path.with_name(f".{path.stem}{_PARTIAL}-{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _refuse(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder which becomes ``path`` on success; an existing ``path`` is replaced."""
    partial = path.with_name(f".{path.name}{_PARTIAL}-{os.getpid()}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        for file_path in sorted(p for p in partial.rglob("*") if p.is_file()):
            with open(file_path, "rb+") as file:
                os.fsync(file.fileno())
        if path.exists():
            shutil.rmtree(path)
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _refuse(path, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a binary file atomically."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)


def remove_partials(folder: Path) -> None:
    """Delete what killed writers left in a folder; files of writers still alive stay."""
    for path in folder.glob(f".*{_PARTIAL}-*"):
        process = path.name.rpartition(f"{_PARTIAL}-")[2].partition(".")[0]
        if process.isdigit() and _is_alive(int(process)):
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
