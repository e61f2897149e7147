"""Audit folders of videos: every video once, finished ones kept, and tables of what was found."""

import contextlib
import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from pydantic import ValidationError

from eval.audit.audit_systems import write_audit_page
from eval.audit.evidence import TRACK_COLUMNS, TRACKS_FOLDER, Evidence, safe_stem
from eval.audit.footage import SIDE, AuditOptions, Footage, footage_of
from eval.audit.result import Measure, MotionRecord, VideoAudit
from eval.audit.video import abstain, audit_footage, audit_video
from eval.inputs import conditioning_frames, read_record, videos_in
from eval.store import code_fingerprint, csv_text
from physics_data.core.arguments import checked_arguments
from physics_data.core.atomic import folder_lock, write_text
from physics_data.core.errors import ConfigError, DataError, VideoError
from physics_data.core.line_store import LineStore
from physics_data.core.video import VIDEO_SUFFIXES
from physics_data.core.workers import told_if_lost, worker_pool

ROWS_NAME = "audits.jsonl"
"""One line for each finished audit; a later run with the same settings takes them from here."""

TABLES = ("audits.json", "audits.csv", "events.csv", "motions.csv", "tracks.csv")
"""What is written when all videos are done."""


def audit_videos(
    source: Path,
    workers: int = 1,
    *,
    num_conditioning_frames: int | None = None,
    options: AuditOptions | None = None,
    out: Path | None = None,
) -> Generator[VideoAudit, None, None]:
    """Audit a video, or every one of a folder and the folders in it; one that cannot be read says so and is an alarm.

    Args:
        source: video or folder
        workers: processes
        num_conditioning_frames: first frames that are not judged; None = what the record beside the videos says, else 0
        options: how videos are looked at
        out: folder in which finished audits are kept under the sha256 of their video, and tables, tracks, stills and a
            page are written

    Raises:
        DataError: no such file or folder, no video in it, or a record that was given more frames than are left out.
        StorageError: another process writes into ``out``, or the disk refused; finished audits stay.
        WorkerError: a worker process died; finished audits stay.
    """
    source, options = Path(source), options or AuditOptions()
    names = find_videos(source)
    given = {
        folder: _conditioning_frames(folder, num_conditioning_frames) for folder in {path.parent for path in names}
    }
    jobs = [(path, name, given[path.parent]) for path, name in names.items()]
    if out is None:
        yield from _audits(jobs, workers, options, None)
        return
    with folder_lock(out):
        store = AuditStore(out, options)
        kept = {path: found for path, name, n in jobs if (found := store.get(path, name, n))}
        fresh = _audits([job for job in jobs if job[0] not in kept], workers, options, out)
        done = []
        for path, _, _ in jobs:
            audit = kept.get(path)
            if audit is None:
                audit = next(fresh)
                store.add(audit)
            done.append(audit)
            yield audit
        write_tables(out, done)
        write_audit_page(out, done)


@checked_arguments
def audit(
    video: str | Path | UInt8[np.ndarray, "t h w 3"],
    frame_rate: float | None = None,
    *,
    num_conditioning_frames: int | None = None,
    side: int = SIDE,
    metres_per_pixel: float | None = None,
    workers: int = 1,
) -> VideoAudit | list[VideoAudit]:
    """Audit a video without any reference: things that vanish, appear, double, jump, change or gain energy.

    Args:
        video: a file, a folder of files (returns a list), or uint8 sRGB frames [t h w 3]
        frame_rate: of frames, Hz
        num_conditioning_frames: first frames that are not judged; None = what the record beside the videos says, else 0
        side: pixels of the longer side that are looked at
        metres_per_pixel: in the plane of motion, m; gives accelerations in m/s² and tests g
        workers: processes, for a folder

    Raises:
        ConfigError: frames without a frame rate, or a file with one.
        DataError: no such file or folder, or no video in it.
        VideoError: the file cannot be read.

    Examples:
        >>> import worldsim as ws
        >>> clip = ws.simulate("drop_bounce", seed=3)
        >>> ws.audit(clip.rgb, clip.meta.frame_rate).alarm
        False
    """
    if isinstance(video, np.ndarray):
        if frame_rate is None:
            raise ConfigError("frames in memory have no rate; give audit(frames, frame_rate=...), in Hz.")
        given = num_conditioning_frames or 0
        looked_at = footage_of(video, frame_rate, num_conditioning_frames=given, side=side)
        found = audit_footage(looked_at, metres_per_pixel=metres_per_pixel)
        return found.model_copy(update={"num_conditioning_frames": given})
    if frame_rate is not None:
        raise ConfigError(f"{video} says its own frame rate; leave frame_rate out.")
    options = AuditOptions(side=side, metres_per_pixel=metres_per_pixel)
    audits = list(audit_videos(Path(video), workers, num_conditioning_frames=num_conditioning_frames, options=options))
    if Path(video).is_dir():
        return audits
    if audits[0].error:
        raise VideoError(audits[0].error)
    return audits[0]


def find_videos(source: Path) -> dict[Path, str]:
    """Return the videos of a folder and the folders in it, or the one file, with names that can be printed.

    Raises:
        DataError: no such file or folder, or no video in it.
    """
    if not source.exists():
        raise DataError(f"no file or folder {source}; give a video or a folder of videos.")
    if source.is_dir():
        paths = videos_in(source, recursive=True)
    else:
        paths = [source] if source.suffix.lower() in VIDEO_SUFFIXES else []
    if not paths:
        what = "holds" if source.is_dir() else "is"
        raise DataError(f"{source} {what} no video ({', '.join(sorted(VIDEO_SUFFIXES))}).")
    base = source if source.is_dir() else source.parent
    return {p: p.relative_to(base).as_posix().encode("utf-8", "backslashreplace").decode() for p in paths}


def _conditioning_frames(folder: Path, given: int | None) -> int:
    """Number of conditioning frames of the videos of a folder: the option, else the record, else none."""
    if given is None and read_record(folder).num_conditioning_frames is None:
        return 0
    return conditioning_frames([(folder.name, folder)], given)


def _audits(
    jobs: Sequence[tuple[Path, str, int]], workers: int, options: AuditOptions, out: Path | None
) -> Iterator[VideoAudit]:
    work, kept_in = partial(_audit_or_say, options, out), "" if out is None else str(out)
    if workers == 1 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    with told_if_lost(f"The same command goes on from {kept_in}." if kept_in else ""), worker_pool(workers) as pool:
        try:
            yield from pool.map(work, jobs)
        except (KeyboardInterrupt, GeneratorExit):
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _audit_or_say(options: AuditOptions, out: Path | None, job: tuple[Path, str, int]) -> VideoAudit:
    path, name, given = job
    cv2.setNumThreads(1)
    evidence = None if out is None else Evidence(out, safe_stem(name), options.overlay, name)
    try:
        audit = audit_video(path, num_conditioning_frames=given, options=options, evidence=evidence)
        return audit.model_copy(update={"file": name})
    except (VideoError, OSError, MemoryError, cv2.error) as error:
        nothing = Measure(value=0.0, coverage=0.0, reason="cannot be read")
        empty = Footage(np.zeros((1, 1, 1, 3), np.uint8), np.zeros(1), 0, 0)
        audit = abstain(empty, name, "", 0.0, (), "cannot be read")
        said = str(error) if isinstance(error, VideoError) else f"cannot audit {name}: {error or type(error).__name__}"
        said = said.encode("utf-8", "backslashreplace").decode()
        return audit.model_copy(update={"permanence": nothing, "realism": nothing, "alarm": True, "error": said})


class AuditStore:
    """Finished audits in a folder, one JSON line each, found by the sha256 of the video and the settings."""

    def __init__(self, folder: Path, options: AuditOptions) -> None:
        """Read what earlier runs left; damaged lines, and audits by other code or settings, are not used."""
        self._lines = LineStore(Path(folder) / ROWS_NAME, f"{code_fingerprint()} {options}")
        self._rows: dict[tuple[str, int], VideoAudit] = {}
        for record in self._lines.records():
            with contextlib.suppress(KeyError, TypeError, RecursionError, ValidationError):
                audit = VideoAudit.model_validate_json(json.dumps(record["audit"]))
                self._rows[audit.sha256, audit.num_conditioning_frames] = audit

    def get(self, path: Path, name: str, num_conditioning_frames: int) -> VideoAudit | None:
        """Return the audit of this very video, if there is one."""
        if not self._rows or not path.is_file():
            return None
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            return None
        found = self._rows.get((digest, num_conditioning_frames))
        return None if found is None else found.model_copy(update={"file": name})

    def add(self, audit: VideoAudit) -> None:
        """Keep an audit; one of a video that could not be read is made again next time."""
        if audit.error:
            return
        self._lines.add({"audit": audit.model_dump()})


def write_tables(out: Path, audits: Sequence[VideoAudit]) -> None:
    """Write ``TABLES``: all records as JSON; one row a video, an event, and a followed thing as CSV.

    Raises:
        StorageError: the disk refused.
    """
    write_text(out / TABLES[0], json.dumps([audit.model_dump() for audit in audits], indent=1) + "\n")
    columns = ["file", "sha256", "seconds", "frame_rate", "width", "height", "num_conditioning_frames", "things"]
    columns += ["camera", "moved", "alarm", "error"]
    measures = ["permanence", "realism"]
    rows = []
    for audit in audits:
        record = audit.model_dump()
        values = [record[name][part] for name in measures for part in ("value", "coverage", "reason")]
        rows.append([record[name] for name in columns] + values + ["; ".join(f.text for f in audit.findings)])
    names = [f"{name}{part}" for name in measures for part in ("", "_coverage", "_reason")]
    write_text(out / TABLES[1], csv_text([*columns, *names, "findings"], rows))
    events = [[a.file, *e.model_dump().values()] for a in audits for e in a.events]
    write_text(out / TABLES[2], csv_text(["file", "kind", "seconds", "track", "x", "y", "strength", "text"], events))
    motions = [_motion_row(a.file, m) for a in audits for m in a.motions]
    columns = ["file", "track", "model", "residual", "seconds", "restitutions"]
    columns += ["acceleration_x", "acceleration_y", "acceleration_error", "unit", "period"]
    write_text(out / TABLES[3], csv_text(columns, motions))
    parts = (out / TRACKS_FOLDER / f"{safe_stem(audit.file)}.csv" for audit in audits)
    rows = [part.read_text(encoding="utf-8") for part in parts if part.is_file()]
    write_text(out / TABLES[4], ",".join(TRACK_COLUMNS) + "\n" + "".join(rows))


def _motion_row(file: str, motion: MotionRecord) -> list[object]:
    restitutions = " ".join(f"{e:.3f}" for e in motion.restitutions)
    figures = [motion.model, motion.residual, motion.seconds, restitutions]
    return [file, motion.track, *figures, *(motion.acceleration or ("", "")), motion.error, motion.unit, motion.period]
