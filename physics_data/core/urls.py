"""Paths that are URLs: ``s3://bucket/folder``, and ``s3:/bucket/folder``, which ``Path`` makes of it."""

import re
from pathlib import Path

from physics_data.core.errors import StorageError

_URL = re.compile(r"([a-z][a-z0-9+.-]+):/{1,3}(.+)", re.DOTALL)


def is_remote(path: str | Path) -> bool:
    """Return whether a path is a URL, with the slashes that ``Path`` takes away or without them."""
    return _URL.match(str(path)) is not None


def url_of(path: str | Path) -> str:
    """Return the URL of a remote path as it was written; another path as it is."""
    found = _URL.match(str(path))
    if found is None:
        return str(path)
    protocol, rest = found.groups()
    return f"{protocol}://{'/' * (protocol == 'file')}{rest}"


def require_local(path: str | Path, what: str) -> Path:
    """Return a local path.

    Raises:
        StorageError: it is a URL.
    """
    if is_remote(path):
        raise StorageError(
            f"{what} needs a local folder, given is {url_of(path)}; 'worldsim-data copy SOURCE TARGET' copies a "
            "dataset from a URL and to one."
        )
    return Path(path)
