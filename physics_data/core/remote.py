"""Datasets behind URLs (``s3://``, ``gs://``, ``hf://``, ``https://``, ...): read clip by clip, and copied either way.

``Path("s3://bucket/x")`` is ``s3:/bucket/x``, so paths of the command line keep what is needed to tell them from local
ones. Any protocol of fsspec works; ``s3`` and ``gs`` fall back on pyarrow where s3fs or gcsfs are not installed.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from physics_data.core.atomic import LOCK_NAME, atomic_path, is_partial, scratch_folder
from physics_data.core.errors import DataError, StorageError
from physics_data.core.urls import is_remote, url_of

_CHUNK = 8 * 1024 * 1024
_LAST = ("index.parquet",)
"""Copied last: a dataset that has it is whole."""

_ASK = "check the URL, the credentials and the network"


@cache
def _filesystem(protocol: str, process: int) -> Any:
    """Open a filesystem once a process; connections do not survive a fork."""
    import fsspec

    try:
        return fsspec.filesystem(protocol, skip_instance_cache=True)
    except ValueError as error:
        raise StorageError(
            f"{protocol}:// is no protocol that fsspec knows; write s3, gs, hf, https or file."
        ) from error
    except ImportError as error:
        found = _arrow_filesystem(protocol)
        if found is None:
            raise StorageError(f"{protocol}:// needs another package: {error}") from error
        return found


def _arrow_filesystem(protocol: str) -> Any | None:
    """S3 and GCS through pyarrow, which comes with the package; credentials as in the vendors' own tools."""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow import fs

    if protocol in ("s3", "s3a"):
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        options: dict[str, Any] = {"region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")}
        if endpoint is not None:
            scheme, _, host = endpoint.partition("://")
            options |= {"endpoint_override": host, "scheme": scheme}
        return ArrowFSWrapper(fs.S3FileSystem(**{name: value for name, value in options.items() if value}))
    if protocol in ("gs", "gcs"):
        return ArrowFSWrapper(fs.GcsFileSystem())
    return None


def _open(path: str | Path) -> tuple[Any, str]:
    """Return the filesystem of a URL, and the path in it."""
    protocol, _, rest = url_of(path).partition("://")
    return _filesystem(protocol, os.getpid()), f"/{rest.lstrip('/')}" if protocol == "file" else rest


def _options(system: Any) -> dict[str, Any]:
    """Return what reading a range needs: pyarrow reads from the start of a file as a stream, which cannot seek."""
    from fsspec.implementations.arrow import ArrowFSWrapper

    return {"seekable": True} if isinstance(system, ArrowFSWrapper) else {}


def read_range(path: str | Path, offset: int, length: int) -> bytes:
    """Read some bytes of a file, local or remote; fewer where it ends before.

    Raises:
        OSError: it cannot be read.
    """
    if not is_remote(path):
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(length)
    system, place = _open(path)
    with _as_os_error(path):
        return bytes(system.cat_file(place, start=offset, end=offset + length, **_options(system)))


def read_whole(path: str | Path) -> bytes:
    """Read a small remote file.

    Raises:
        OSError: it cannot be read.
    """
    system, place = _open(path)
    with _as_os_error(path):
        return bytes(system.cat_file(place))


def size_of(path: str | Path) -> int | None:
    """Return the bytes of a file, local or remote; None where there is no such file.

    Raises:
        DataError: the server refused.
    """
    if not is_remote(path):
        return Path(path).stat().st_size if Path(path).is_file() else None
    facts = _facts(path)
    return None if facts is None else int(facts["size"])


def _facts(path: str | Path) -> dict[str, Any] | None:
    """Return what a server says of a file; None where it has no such file."""
    system, place = _open(path)
    try:
        with _as_os_error(path):
            system.invalidate_cache()  # another process may have written
            facts = system.info(place)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot read {error}; {_ASK}.") from error
    return None if facts.get("type") == "directory" else facts


@contextlib.contextmanager
def _as_os_error(path: str | Path) -> Iterator[None]:
    """Turn what client libraries raise into an OSError that names the URL."""
    try:
        yield
    except (FileNotFoundError, StorageError):
        raise
    except Exception as error:
        raise OSError(f"{url_of(path)}: {str(error).strip() or type(error).__name__}") from error


def cached_copy(path: str | Path) -> Path | None:
    """Return a local copy of a small remote file, fetched again where that one has changed; None if it is not there.

    Copies lie in ``~/.cache/worldsim/remote`` (or ``XDG_CACHE_HOME``), named after URL, size, time and ETag.

    Raises:
        DataError: the server refused.
    """
    facts = _facts(path)
    if facts is None:
        return None
    version = [str(facts.get(name)) for name in ("size", "ETag", "etag", "mtime", "last_modified", "LastModified")]
    name = hashlib.sha256("\n".join([url_of(path), *version]).encode()).hexdigest()[:24]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    copy = home / "worldsim" / "remote" / name / Path(path).name
    if not copy.is_file():
        try:
            _copy_file(path, copy)
        except OSError as error:
            raise DataError(f"cannot read {error}; {_ASK}.") from error
    return copy


def files_of(folder: str | Path) -> dict[str, int]:
    """Return the files of a folder and its subfolders, relative name → bytes; locks and unfinished files are left out.

    Raises:
        DataError: there is no such folder or nothing in it, or the server refused.
    """
    kept = listed_files(folder)
    if not kept:
        raise DataError(f"there is nothing at {url_of(folder)}; give the folder of a dataset.")
    return kept


def listed_files(folder: str | Path) -> dict[str, int]:
    """Return the same as ``files_of``; nothing where there is no such folder.

    Raises:
        DataError: the server refused.
    """
    if is_remote(folder):
        system, place = _open(folder)
        found: dict[str, Any] = {}
        try:
            with contextlib.suppress(FileNotFoundError), _as_os_error(folder):
                system.invalidate_cache()
                found = system.find(place, detail=True)
        except OSError as error:
            raise DataError(f"cannot list {error}; {_ASK}.") from error
        root = place.strip("/")
        listed = {name.strip("/").removeprefix(root).lstrip("/"): int(facts["size"]) for name, facts in found.items()}
    else:
        files = [file for file in sorted(Path(folder).rglob("*")) if file.is_file()]
        listed = {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}
    return {n: size for n, size in listed.items() if Path(n).name != LOCK_NAME and not is_partial(Path(n))}


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield where to write files of a folder: there, or, for a URL, in a scratch folder that is then uploaded.

    Shards go before their manifests, as they are written; nothing is uploaded after an error. Objects of a store are
    whole or absent, and each is asked for its size once it is there.

    Raises:
        StorageError: the disk or the server refused, or a file arrived with another size.
    """
    if not is_remote(folder):
        yield folder
        return
    with scratch_folder() as scratch:
        yield scratch
        files = listed_files(scratch)
        for name in sorted(files, key=_order):
            target = _inside(folder, name)
            try:
                _copy_file(scratch / name, target)
                arrived = size_of(target)
            except (OSError, DataError) as error:
                raise StorageError(f"cannot write {url_of(target)}: {error}. The same command resumes.") from error
            if arrived != files[name]:
                raise StorageError(
                    f"{url_of(target)} arrived with {arrived} of {files[name]} bytes. The same command resumes."
                )


def remove_files(folder: Path) -> None:
    """Delete all files behind a URL: the index first, so that what is left does not open, and the record last.

    Raises:
        StorageError: the server refused.
    """
    for name in sorted(listed_files(folder), key=lambda name: (name not in _LAST, name == "dataset.yaml", name)):
        target = _inside(folder, name)
        system, place = _open(target)
        try:
            with _as_os_error(target):
                system.rm_file(place)
        except OSError as error:
            raise StorageError(f"cannot delete {error}; {_ASK}.") from error


def _order(name: str) -> tuple[bool, bool, str]:
    """Sort key of the files of a dataset: shards before their manifests, the index at the end."""
    return name in _LAST, not name.endswith(".tar"), name


def copy_folder(source: str | Path, target: str | Path, on_file: Callable[[str, int], None]) -> tuple[int, int]:
    """Copy a folder from or to a URL, or between two; the same call goes on with what is missing.

    A file counts as copied if it has the same size; shards are verified by ``check`` and by every clip that is read.
    The index is copied last, so a dataset that is not whole does not open.

    Args:
        source: folder or URL
        target: folder or URL
        on_file: is told the name and the bytes of each file, once it is there

    Returns:
        How many files were copied, and how many were there already.

    Raises:
        DataError: nothing is there, or the source cannot be read.
        StorageError: the target refused.
    """
    wanted, there = files_of(source), listed_files(target)
    names = sorted(wanted, key=_order)
    copied = 0
    for name in names:
        if there.get(name) != wanted[name] or name in _LAST:
            try:
                _copy_file(_inside(source, name), _inside(target, name))
            except FileNotFoundError as error:
                raise DataError(f"{name} has gone from {url_of(source)} meanwhile; copy again.") from error
            except OSError as error:
                raise StorageError(f"cannot copy {name}: {error}. The same command resumes.") from error
            copied += 1
        on_file(name, wanted[name])
    return copied, len(names) - copied


def _inside(folder: str | Path, name: str) -> str | Path:
    return f"{url_of(folder).rstrip('/')}/{name}" if is_remote(folder) else Path(folder) / name


def _opened(path: str | Path) -> Any:
    if not is_remote(path):
        return open(path, "rb")
    system, place = _open(path)
    return system.open(place, "rb")


def _chunks(path: str | Path) -> Iterator[bytes]:
    with _opened(path) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _copy_file(source: str | Path, target: str | Path) -> None:
    """Copy one file in chunks; a local target is whole or absent, and so is an object of a store."""
    with _as_os_error(source):
        if not is_remote(target):
            with atomic_path(Path(target)) as partial, open(partial, "wb") as file:
                for chunk in _chunks(source):
                    file.write(chunk)
            return
        system, place = _open(target)
        if system.protocol in ("file", ("file", "local"), "memory"):
            system.makedirs(place.rpartition("/")[0], exist_ok=True)
        with system.open(place, "wb") as file:
            for chunk in _chunks(source):
                file.write(chunk)
