"""The folders that the studio shows, and nothing beside them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from physics_data.core.errors import DataError

MAX_DEPTH = 4
"""Levels below a chosen folder that are searched for datasets, results and runs."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Workspace:
    """Chosen folders, of which the first one also keeps what is made in the studio.

    A place in them is written ``N/path``, N being the number of the folder.
    """

    folders: tuple[Path, ...]

    @property
    def home(self) -> Path:
        """Where jobs, votes, scenes and videos of the studio are kept."""
        return self.folders[0] / "studio"

    def path(self, place: str) -> Path:
        """Return the file or folder of a place.

        Raises:
            DataError: it is not there, or lies outside of the chosen folders, also by a link.
        """
        number, _, rest = place.partition("/")
        if "\0" in place or not number.isdecimal() or int(number) >= len(self.folders):
            raise DataError(f"'{place}' is no place in the folders of this studio.")
        root = self.folders[int(number)].resolve()
        found = (root / rest.lstrip("/")).resolve()
        if found != root and root not in found.parents:
            raise DataError(f"'{place}' lies outside of the folders of this studio.")
        if not found.exists():
            raise DataError(f"'{place}' is not there any more.")
        return found

    def place(self, path: Path) -> str:
        """Return how a path in the folders is written.

        Raises:
            DataError: it lies outside.
        """
        resolved = path.resolve()
        for number, folder in enumerate(self.folders):
            root = folder.resolve()
            if resolved == root or root in resolved.parents:
                return f"{number}/{resolved.relative_to(root).as_posix()}"
        raise DataError(f"'{path}' lies outside of the folders of this studio.")

    def holding(self, name: str) -> Iterator[Path]:
        """Yield the folders that hold a file of this name, down to ``MAX_DEPTH`` levels; links are not followed."""
        for folder in self.folders:
            yield from _search(folder, name, MAX_DEPTH)

    def new_folder(self, kind: str, name: str) -> Path:
        """Return a folder of the home that is not there yet.

        Raises:
            DataError: no plain name, or it is taken.
        """
        path = self.named(kind, name)
        if path.exists():
            raise DataError(f"there is already a '{name}'; give another name.")
        return path

    def named(self, kind: str, name: str) -> Path:
        """Return the path of something named in the home.

        Raises:
            DataError: no plain name.
        """
        if not _NAME.fullmatch(name):
            raise DataError(f"'{name[:80]}' is no name; use letters, digits, - and _, at most 64, a letter first.")
        return self.home / kind / name


def _search(folder: Path, name: str, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    if any(entry.name == name for entry in entries):
        yield folder
    if depth:
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith("."):
                yield from _search(entry, name, depth - 1)
