"""Rows of finished videos, kept one by one, so that a stopped run goes on where it was."""

import contextlib
import csv
import hashlib
import importlib.metadata
import io
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import eval as package
import physics_data
from eval.report.table import SeedScore
from eval.scoring import SceneScore, Status
from physics_data.core.line_store import LineStore

STORE_NAME = "rows.jsonl"

_LIBRARIES = ("numpy", "scipy", "opencv-python-headless", "av", "pillow", "numba")


class RowStore:
    """An append-only file of scored videos. Damaged lines, such as a half-written last one, are scored again."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        """Read what an earlier run with the same reference and scoring has left.

        Args:
            path: JSON lines, made when the first row is added
            fingerprint: of reference and scoring; rows of another one are not used
        """
        self._lines = LineStore(path, fingerprint)
        self._rows: dict[tuple[str, str, int, str], list[SeedScore]] = {}
        for record in self._lines.records():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                system, key, seed, sha256 = record["video"]
                self._rows[system, key, seed, sha256] = [_row(row) for row in record["rows"]]

    def get(self, system: str, key: str, seed: int, sha256: str) -> list[SeedScore] | None:
        """Return the rows of this very file, if it was scored before."""
        return self._rows.get((system, key, seed, sha256))

    def add(self, rows: Sequence[SceneScore], video: tuple[str, str, int, str]) -> None:
        """Keep the rows of a file, named by system, key, seed and sha256."""
        records = [asdict(row) for row in rows]
        self._rows[video] = [SeedScore(**record) for record in records]
        self._lines.add({"video": video, "rows": records})


def _row(record: dict) -> SeedScore:
    row = SeedScore(**record)
    texts = (row.system, row.key, row.scenario, row.engine, row.reason, row.sha256)
    numbers = row.values.values()
    if not all(isinstance(text, str) for text in texts) or row.status not in get_args(Status):
        raise TypeError("texts")
    if not all(value is None or isinstance(value, float | int) for value in numbers):
        raise TypeError("values")
    return row


def csv_text(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table as CSV."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *rows])
    return buffer.getvalue()


def scoring_sources(*folders: Path) -> list[Path]:
    """Return the sources that decide a score: ``eval``, the contract and labels it reads, and further folders.

    Whole packages, so that nothing that a metric imports can be left out.
    """
    own, data = Path(str(package.__file__)).parent, Path(str(physics_data.__file__)).parent
    return sorted(path for folder in (own, data / "core", data / "labels", *folders) for path in folder.rglob("*.py"))


def code_fingerprint(*folders: Path) -> str:
    """Return 16 hex digits of what makes a score: its sources and the versions of Python and the libraries."""
    digest = hashlib.sha256(platform.python_version().encode())
    for name in _LIBRARIES:
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    for path in scoring_sources(*folders):
        digest.update(f"{path.parent.name}/{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
