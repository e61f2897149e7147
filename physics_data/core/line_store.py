"""Append-only JSON lines of finished work, so that a stopped command goes on where it was."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from physics_data.core.atomic import write_refused


class LineStore:
    """Records of one fingerprint in a file of JSON lines, one line each, written as they come."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        """Open the file, which may be missing; a last line that a kill cut off is removed.

        Args:
            path: JSON lines, made when the first record is added
            fingerprint: of everything that decides a record; records of another one are not used

        Raises:
            StorageError: the disk refused.
        """
        self.path, self.fingerprint = Path(path), fingerprint
        try:
            self._data = self.path.read_bytes() if self.path.is_file() else b""
            whole = self._data[: self._data.rfind(b"\n") + 1]
            if whole != self._data:
                self.path.write_bytes(whole)
        except OSError as error:
            raise write_refused(self.path, error) from error
        self._data = whole

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield what was there when the store was opened; damaged lines are left out, so that they are made again."""
        for line in self._data.split(b"\n")[:-1]:
            try:
                record = json.loads(line)
                if record["fingerprint"] == self.fingerprint:
                    yield record
            except (ValueError, KeyError, TypeError, RecursionError):
                continue

    def add(self, record: Mapping[str, Any]) -> None:
        """Append a record.

        Raises:
            StorageError: the disk refused.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"fingerprint": self.fingerprint, **record}) + "\n")
        except OSError as error:
            raise write_refused(self.path, error) from error
