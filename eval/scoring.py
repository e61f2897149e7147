"""From videos to one row per system and scene."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import UInt8
from scipy.ndimage import gaussian_filter

from eval.inputs import AlignedVideo, System, align, load_aligned
from eval.metrics import METRICS
from eval.metrics.metric import Metric
from eval.perception.external_masks import find_tracks, load_tracks
from eval.perception.object_tracker import track_objects
from eval.perception.tracks import Tracks
from eval.reference import Reference
from physics_data.core.clip import Clip
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError, VideoError
from physics_data.core.provenance import sha256_of
from physics_data.core.video import TimedFrame
from physics_data.core.workers import told_if_lost, worker_pool

if TYPE_CHECKING:
    from eval.store import RowStore

Status = Literal["ok", "short", "mismatched", "missing", "unreadable"]
"""Of a video: whole; too short; not beginning with the reference's conditioning frames; not there; not readable."""

MAX_OBJECT_DIFFERENCE, MAX_PICTURE_DIFFERENCE = 30.0, 20.0
"""Mean difference of the conditioning frames from the reference's, grey levels, over the reference's objects and over
the picture, from which they are others. A codec or a VAE stays below 10 at both (docs/evaluation.md)."""


@dataclass(frozen=True)
class SceneScore:
    """One system on one scene; None = the metric does not apply to the scene, for any system.

    reason says what is wrong with the video, empty where nothing is; sha256 is the video file's, empty where none is.
    """

    system: str
    key: str
    scenario: str
    engine: str
    status: Status
    reason: str
    sha256: str
    values: dict[str, float | None]


def metric_table() -> dict[str, Metric]:
    """Return an instance of every metric by name."""
    return {name: METRICS.get(name)() for name in METRICS}


def reference_positions(dataset: ShardDataset, split: str | None) -> list[int]:
    """Return the positions of the physics clips that are the reference: of pairs, the possible ones.

    Raises:
        DataError: there is none.
    """
    positions = [k for k in dataset.select(split=split, source="physics") if dataset.can_happen(k)]
    if not positions:
        splits = sorted({row.split for row in dataset.rows if row.source == "physics"})
        raise DataError(
            f"{dataset.folder} has no physics clip of split '{split}'; "
            + (
                f"it has the splits {', '.join(splits)}."
                if splits
                else "give one made by 'python -m physics_data build'."
            )
        )
    return positions


REFERENCE_NAME = "reference"
"""The system of every table that shows what the reference's own frames score: the tracker's error, and no more."""


def reference_system(systems: Sequence[System], folder: Path) -> System:
    """Return the reference as one more system.

    Raises:
        DataError: one of the others has its name.
    """
    if any(system.name == REFERENCE_NAME for system in systems):
        raise DataError(f"'{REFERENCE_NAME}' is the row of the truth; rename that folder of videos, or give --name.")
    return System(REFERENCE_NAME, folder, {}, (), is_reference=True)


def track_video(reference: Reference, video: AlignedVideo) -> Tracks:
    """Track the reference's objects in a video."""
    return track_objects(video.rgb, video.seconds, video.covered, reference.first_frame)


def load_for(clip: Clip, path: Path) -> AlignedVideo:
    """Read a video onto the frames and size of a clip."""
    meta = clip.meta
    return load_aligned(path, meta.num_frames, meta.frame_rate, meta.height, meta.width)


def score_clip(
    clip: Clip, systems: Sequence[System], num_conditioning_frames: int, tracks: Path | None = None
) -> list[SceneScore]:
    """Score every system's video of one reference clip; a video that is missing or unreadable gets the worst values.

    The first ``num_conditioning_frames`` frames of the reference, which every system was given, are not scored. tracks
    is a folder of somebody else's tracks (``eval.perception.external_masks``), taken in place of our tracker's.

    Raises:
        DataError: no frame is left to score; or tracks of a readable video are missing, or not as they should be.
    """
    reference = Reference(clip, num_conditioning_frames=num_conditioning_frames)
    metrics = metric_table()
    applies = {name: metric.refuses(reference) is None for name, metric in metrics.items()}
    return [_score_one(reference, system, metrics, applies, tracks) for system in systems]


def _worst(metrics: dict[str, Metric], applies: dict[str, bool]) -> dict[str, float | None]:
    return {name: metric.info.worst if applies[name] else None for name, metric in metrics.items()}


def _score_one(
    reference: Reference, system: System, metrics: dict[str, Metric], applies: dict[str, bool], given: Path | None
) -> SceneScore:
    clip = reference.clip
    spec, _, _ = clip.labelled
    worst = _worst(metrics, applies)
    row = partial(SceneScore, system.name, clip.meta.key, spec.scenario, clip.meta.engine or "")
    path = system.files.get(clip.meta.key)
    if system.is_reference:
        meta = clip.meta
        seconds, digest = np.arange(meta.num_frames) / meta.frame_rate, hashlib.sha256(clip.rgb.tobytes()).hexdigest()
        own = AlignedVideo(clip.rgb, seconds, np.ones(meta.num_frames, bool), digest)
        return _score_aligned(reference, system.name, own, metrics, applies, None)
    if path is None:
        return row("missing", f"no video {clip.meta.key}.* in {system.folder}", "", worst)
    try:
        video = load_for(clip, path)
    except VideoError as error:
        return row("unreadable", str(error), "", worst)
    return _score_aligned(reference, system.name, video, metrics, applies, given)


def _score_aligned(
    reference: Reference,
    system: str,
    video: AlignedVideo,
    metrics: dict[str, Metric],
    applies: dict[str, bool],
    given: Path | None,
) -> SceneScore:
    clip = reference.clip
    worst = _worst(metrics, applies)
    row = partial(
        SceneScore, system, clip.meta.key, clip.meta.spec.scenario if clip.meta.spec else "", clip.meta.engine or ""
    )
    if given is None:
        tracks = track_video(reference, video)
    else:
        found = find_tracks(given, system, clip.meta.key)
        tracks = load_tracks(found, video, reference.first_frame, clip.meta.frame_rate)
    values: dict[str, float | None] = {}
    for name, metric in metrics.items():
        value = float(metric.score(reference, tracks)) if applies[name] else None
        values[name] = worst[name] if value is not None and not isfinite(value) else value
    other = starts_elsewhere(reference, video)
    missing = int((~video.covered).sum())
    total = clip.meta.num_frames
    reason = f"shows {total - missing} of {total} reference frames; the others count as worst" if missing else ""
    if other:
        return row("mismatched", "; ".join(filter(None, (other, reason))), video.sha256, values)
    return row("short" if missing else "ok", reason, video.sha256, values)


def starts_elsewhere(reference: Reference, video: AlignedVideo) -> str:
    """Return in what a video's conditioning frames are not the reference's, or "" where they are.

    Both are blurred by a pixel, so that a change of size costs nothing. Where no frame was given nothing is compared.
    """
    _, rendering, _ = reference.clip.labelled
    shown = np.flatnonzero(video.covered & ~reference.scored)
    if not len(shown):
        return ""
    pairs = [[gaussian_filter(a[k].astype(np.float32), (1, 1, 0)) for a in (rendering.rgb, video.rgb)] for k in shown]
    off = np.array([np.abs(true - made).mean(axis=-1) for true, made in pairs])
    things = np.isin(rendering.instance_ids[shown], list(reference.tracked))
    by_object = float(off[things].mean()) if things.any() else 0.0
    if by_object <= MAX_OBJECT_DIFFERENCE and off.mean() <= MAX_PICTURE_DIFFERENCE:
        return ""
    return (
        f"its conditioning frames are not the reference's ({by_object:.0f} grey levels off at the objects, "
        f"{off.mean():.0f} in the picture): made for another dataset?"
    )


def score_videos(
    dataset: ShardDataset,
    videos: Mapping[str, UInt8[np.ndarray, "t h w 3"]],
    num_conditioning_frames: int,
    frame_rate: float | None = None,
    name: str = "videos",
) -> list[SceneScore]:
    """Score frames in memory: key of a reference clip → its video; return a row per video.

    ``eval.report.table.summarise(rows, seed=0)`` makes means with intervals of them.

    Units:
        videos:      sRGB; any size of the reference's aspect ratio
        frame_rate:  Hz; None = the reference's

    Raises:
        UnknownNameError: a key is none of the dataset.
        DataError: no frame is left to score, or a video has another aspect ratio.
    """
    rows = []
    for key, frames in videos.items():
        clip = dataset.load(dataset.find(key))
        reference = Reference(clip, num_conditioning_frames=num_conditioning_frames)
        meta, step = clip.meta, 1 / (frame_rate or clip.meta.frame_rate)
        timed = (TimedFrame(k * step, (k + 1) * step, picture) for k, picture in enumerate(frames))
        try:
            video = align(timed, f"video '{key}'", meta.num_frames, meta.frame_rate, meta.height, meta.width)
        except VideoError as error:
            raise DataError(str(error)) from error
        metrics = metric_table()
        applies = {metric: one.refuses(reference) is None for metric, one in metrics.items()}
        rows.append(_score_aligned(reference, name, video, metrics, applies, None))
    return rows


def _score_position(
    folder: Path, num_conditioning_frames: int, tracks: Path | None, job: tuple[int, Sequence[System]]
) -> list[SceneScore]:
    position, systems = job
    return score_clip(ShardDataset(folder).load(position), systems, num_conditioning_frames, tracks)


def score_systems(
    dataset: ShardDataset,
    positions: Sequence[int],
    systems: Sequence[System],
    num_conditioning_frames: int,
    workers: int = 1,
    tracks: Path | None = None,
    store: "RowStore | None" = None,
) -> Iterator[list[SceneScore]]:
    """Yield the rows of each reference clip in order; the rows do not depend on the number of workers.

    Rows of videos that the store holds are taken from it, others are added to it as they come.

    Raises:
        DataError: see ``score_clip``.
        WorkerError: a worker process died.
    """
    known: dict[int, dict[str, SceneScore]] = {position: {} for position in positions}
    digests: dict[tuple[int, str], str] = {}
    for position, system in product(positions if store is not None else (), systems):
        key = dataset.rows[position].key
        if store is not None and (system.is_reference or key in system.files):
            digest = dataset.rows[position].sha256 if system.is_reference else sha256_of(system.files[key])
            digests[position, system.name] = digest
            rows = store.get(system.name, key, 0, digest)
            if rows:
                known[position][system.name] = rows[0]
    jobs = [(p, [system for system in systems if system.name not in known[p]]) for p in positions]
    for (position, asked), rows in zip(
        jobs, _score_jobs(dataset, jobs, num_conditioning_frames, workers, tracks), strict=True
    ):
        for system, row in zip(asked, rows, strict=True):
            if store is not None and (position, system.name) in digests:
                store.add([row], (system.name, row.key, 0, digests[position, system.name]))
            known[position][system.name] = row
        yield [known[position][system.name] for system in systems]


def _score_jobs(
    dataset: ShardDataset,
    jobs: Sequence[tuple[int, Sequence[System]]],
    num_conditioning_frames: int,
    workers: int,
    tracks: Path | None,
) -> Iterator[list[SceneScore]]:
    """Yield the rows of each job, in order; a job without systems costs nothing."""
    work = partial(_score_position, dataset.folder, num_conditioning_frames, tracks)
    busy = [job for job in jobs if job[1]]
    if workers == 1 or len(busy) < 2:
        yield from (work(job) if job[1] else [] for job in jobs)
        return
    with told_if_lost("Finished videos are kept: run the same command again."), worker_pool(workers) as pool:
        found = pool.map(work, busy)
        yield from (next(found) if job[1] else [] for job in jobs)
