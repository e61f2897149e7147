"""Audit any folder of videos, without a reference."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.suites.suite import Edition, Prepared, Progress, Submission, SuiteInfo, Task
from eval.inputs import folders_in, videos_in
from eval.report.table import Kind, SeedScore
from physics_data.core.errors import DataError, VideoError

_COLUMNS = {
    "permanence": "1 = nothing vanishes, appears, doubles, jumps or changes; 0 where the audit cannot tell",
    "realism": "1 = nothing gains energy; covers what moves as unaided things do; 0 where the audit cannot tell",
    "measured": "share of permanence and realism that the audit could measure; what it could not counts as 0 in both",
    "permanence_coverage": "share of what would have to be judged that could be",
    "moved": "path lengths of all things, picture heights; where it is 0 the other figures mean nothing",
}


class Folder:
    """What can be said of any videos, whatever their names, sizes and rates. Systems are compared only in words."""

    info: ClassVar[SuiteInfo] = SuiteInfo(
        "folder", "audit of any videos, without a reference", _COLUMNS, ("realism", "permanence"), False, None
    )

    def prepare(self, edition: Edition, cache: Path, workers: int, progress: Progress) -> Prepared:
        """Return that there is nothing to prepare."""
        return Prepared(None, (), "no-reference", {"suite": "folder"})

    def tasks(self, prepared: Prepared) -> Iterator[Task]:
        """Yield nothing: models may be given anything."""
        return iter(())

    def find(self, prepared: Prepared, folder: Path, name: str | None) -> list[Submission]:
        """Take every video, of a folder or of the folders in it."""
        folder = Path(folder)
        if not folder.is_dir():
            raise DataError(f"no folder {folder}; give a folder of videos.")
        inner = [folder] if videos_in(folder) else [p for p in folders_in(folder) if videos_in(p)]
        if not inner:
            raise DataError(f"{folder} holds no video and no folder of videos.")
        if name is not None and len(inner) > 1:
            raise DataError(f"--name {name} was given, but {folder} holds {len(inner)} folders of videos.")
        return [Submission(name or p.resolve().name, 0, p, {v.name: v for v in videos_in(p)}) for p in inner]

    def baselines(self, prepared: Prepared, progress: Progress) -> tuple[list[Submission], Mapping[str, Kind]]:
        """Return none: without a reference there is nothing to make them from."""
        return [], {}

    def expected_keys(self, prepared: Prepared, submission: Submission) -> Sequence[str]:
        """Return the files that are there."""
        return tuple(submission.files)

    def score(self, prepared: Prepared, submission: Submission, keys: Collection[str]) -> Sequence[SeedScore]:
        """Audit the named files after their conditioning frames; what cannot be read or measured gets the worst values.

        An audit that abstains is no better than one that finds everything wrong: a video in which nothing moves would
        else be the best of all.
        """
        from eval.audit.video import audit_video

        rows = []
        for key in keys:
            path = submission.files[key]
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            row = SeedScore(submission.system, key, "any", "", "ok", "", digest, {})
            try:
                audit = audit_video(path, num_conditioning_frames=prepared.num_conditioning_frames)
            except VideoError as error:
                worst: dict[str, float | None] = dict.fromkeys(_COLUMNS, 0.0)
                rows.append(replace(row, status="unreadable", reason=str(error), values=worst))
                continue
            both = (audit.permanence, audit.realism)
            values = {
                "permanence": audit.permanence.value or 0.0,
                "realism": audit.realism.value or 0.0,
                "measured": sum(measure.value is not None for measure in both) / len(both),
                "permanence_coverage": audit.permanence.coverage,
                "moved": audit.moved,
            }
            first = f"{audit.events[0].kind} at {audit.events[0].seconds:.2f} s" if audit.events else ""
            unknown = "; ".join(f"not measured: {measure.reason}" for measure in both if measure.value is None)
            rows.append(replace(row, reason=first or unknown, values=values))
        return rows

    def gallery(
        self, prepared: Prepared, submissions: Sequence[Submission], rows: Sequence[SeedScore], count: int, out: Path
    ) -> dict[str, Any]:
        """Return nothing."""
        return {}
