"""What goes on from frame to frame: who is there, how far off, and where it breaks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from eval.perception.tracks import Tracks
from eval.reference import Reference
from eval.scoring import load_for, track_video
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import VideoError

BROKEN_DISTANCE = 1.0
"""An object this many diameters from where it should be is at the wrong place."""

LOST_DISTANCE = 3.0
"""Position errors are counted up to this many diameters; an object that is gone is this far off."""


@dataclass(frozen=True)
class Timeline:
    """One video beside its reference.

    Units:
        seconds:     s
        permanence:  share of the sightings due that are there, less what should not be there; NaN where none is due
        distance:    mean distance from where the objects should be, their diameters; NaN where none is seen whole
        broken:      first frame in which an object that is due is gone, misplaced, or one too many; None = nowhere
        what:        what happens in it
    """

    seconds: Float[np.ndarray, "t"]
    permanence: Float[np.ndarray, "t"]
    distance: Float[np.ndarray, "t"]
    broken: int | None
    what: str


def timeline(reference: Reference, tracks: Tracks) -> Timeline:
    """Compare tracks with the reference frame by frame.

    A single frame may be the tracker's error: what is wrong in two frames in a row, or in the last, is broken.
    """
    meta = reference.clip.meta
    count = meta.num_frames
    due, hits = np.zeros(count), np.zeros(count)
    distances: list[np.ndarray] = []
    faults: list[tuple[int, str]] = []
    for number, name in reference.present_at_start.items():
        visible, track = reference.visible(number), tracks.of(name)
        due += visible
        hits += visible & track.presence
        faults += _first(visible & ~track.presence, f"{name} is gone")
        outline = reference.silhouette(number)
        off = np.linalg.norm(track.centroid - outline.centroid, axis=1) / max(outline.diameter, 1.0)
        clear = reference.clear(number) & visible
        off = np.where(track.presence, np.minimum(off, LOST_DISTANCE), LOST_DISTANCE)
        distances.append(np.where(clear, off, np.nan))
        faults += _first(clear & track.whole & (off > BROKEN_DISTANCE), f"{name} is at the wrong place")
    late = [reference.visible(i) for i in reference.tracked if i not in reference.present_at_start]
    extra = np.maximum(tracks.initiations - (np.sum(late, axis=0) if late else 0), 0) * reference.scored
    faults += _first(extra > 0, "something is there that should not be")
    total = due + extra
    permanence = np.where(total > 0, hits / np.maximum(total, 1), np.nan)
    stacked = np.array(distances).reshape(-1, count)
    counted = np.isfinite(stacked).sum(0)
    distance = np.where(counted > 0, np.nansum(stacked, axis=0) / np.maximum(counted, 1), np.nan)
    broken, what = min(faults, default=(None, ""), key=lambda fault: fault[0] or 0)
    return Timeline(np.arange(count) / meta.frame_rate, permanence, distance, broken, what)


def _first(wrong: np.ndarray, what: str) -> list[tuple[int, str]]:
    lasting = wrong & np.append(wrong[1:], True)
    frames = np.flatnonzero(lasting)
    return [(int(frames[0]), what)] if len(frames) else []


def timelines(
    dataset: ShardDataset,
    systems: Mapping[str, Mapping[str, Path]],
    num_conditioning_frames: int,
    baselines: Sequence[str] = (),
    limit: int = 24,
) -> dict[str, Any]:
    """Return curve → system → mean over scenes at each second, for at most ``limit`` scenes, spread evenly.

    Scenes whose camera moves are left out; a video that is missing or cannot be read counts as gone throughout.
    """
    keys = [row.key for row in dataset.rows]
    chosen = sorted({keys[int(i)] for i in np.linspace(0, len(keys) - 1, min(limit, len(keys)))})
    found: dict[str, list[Timeline]] = {name: [] for name in systems}
    for key in chosen:
        clip = dataset.load(dataset.find(key))
        reference = Reference(clip, num_conditioning_frames=num_conditioning_frames)
        spec, _, _ = reference.clip.labelled
        if spec.camera.is_moving or not reference.present_at_start:
            continue
        for name, files in systems.items():
            found[name].append(_timeline_of(reference, files.get(key)))
    return {
        "presence over time (share of objects due that are there, one component of permanence)": _curves(
            found, "permanence", baselines
        ),
        "position error over time (diameters; lower is better)": _curves(found, "distance", baselines),
    }


def _timeline_of(reference: Reference, path: Path | None) -> Timeline:
    count, rate = reference.clip.meta.num_frames, reference.clip.meta.frame_rate
    gone = Timeline(np.arange(count) / rate, np.zeros(count), np.full(count, LOST_DISTANCE), 0, "no video")
    if path is None:
        return gone
    try:
        return timeline(reference, track_video(reference, load_for(reference.clip, path)))
    except VideoError:
        return gone


def _curves(found: Mapping[str, Sequence[Timeline]], field: str, baselines: Sequence[str]) -> dict[str, Any]:
    curves = {}
    for name, lines in found.items():
        if not lines:
            continue
        length = max(len(line.seconds) for line in lines)
        table = np.full((len(lines), length), np.nan)
        for row, line in zip(table, lines, strict=True):
            row[: len(line.seconds)] = getattr(line, field)
        count = np.isfinite(table).sum(0)
        keep = count > 0
        values = table[:, keep]
        mean = np.nanmean(values, axis=0)
        error = np.sqrt(np.nanvar(values, axis=0) / count[keep])
        seconds = max(lines, key=lambda line: len(line.seconds)).seconds[keep]
        curves[name] = {
            "seconds": seconds.round(4).tolist(),
            "mean": mean.round(4).tolist(),
            "error": error.round(4).tolist(),
            "is_baseline": name in baselines,
        }
    return curves
