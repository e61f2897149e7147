"""Rows of finished videos, kept one by one, so that a killed run goes on where it was."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from eval.report.table import SeedScore


class RowStore:
    """An append-only file of scored videos. A half-written last line is dropped."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        """Read what an earlier run with the same reference and scoring has left.

        Args:
            path: JSON lines, made when the first row is added
            fingerprint: of reference and scoring; rows of another one are not used
        """
        self.path, self.fingerprint = Path(path), fingerprint
        self._rows: dict[tuple[str, str, int, str], list[SeedScore]] = {}
        if not self.path.is_file():
            return
        text = self.path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self.path.write_text(whole, encoding="utf-8")
        for line in whole.splitlines():
            record = json.loads(line)
            if record["fingerprint"] == fingerprint:
                system, key, seed, sha256 = record["video"]
                self._rows[system, key, seed, sha256] = [SeedScore(**row) for row in record["rows"]]

    def get(self, system: str, key: str, seed: int, sha256: str) -> list[SeedScore] | None:
        """Return the rows of this very file, if it was scored before."""
        return self._rows.get((system, key, seed, sha256))

    def add(self, rows: list[SeedScore], video: tuple[str, str, int, str]) -> None:
        """Keep the rows of a file, named by system, key, seed and sha256."""
        self._rows[video] = rows
        self.path.parent.mkdir(parents=True, exist_ok=True)
        record = {"fingerprint": self.fingerprint, "video": video, "rows": [asdict(row) for row in rows]}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_fingerprint() -> str:
    """Return 16 hex digits of the sources that make a score: a change of the scoring scores everything again."""
    import eval as package

    root = Path(str(package.__file__)).parent
    digest = hashlib.sha256()
    for path in sorted(
        path for part in ("perception", "metrics", "audit", "twins") for path in (root / part).rglob("*.py")
    ):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    for name in ("scoring.py", "reference.py", "inputs.py"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()[:16]
