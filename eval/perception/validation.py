"""How well the trackers follow objects: HOTA and IDF1 against the exact masks of simulated clips, per scenario."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from time import process_time

import numpy as np
from jaxtyping import UInt8

from eval.perception.free_tracker import track_freely
from eval.perception.object_tracker import INITIATION, track_objects
from eval.perception.tracks import Tracks
from eval.public.tracking import hota_scores, idf1, mask_detections
from eval.reference import Reference
from physics_data.core.clip import Clip
from physics_data.core.dataset import ShardDataset

SMALLEST = 12
"""Pixels below which a glimpse of an object is not asked for; it then counts neither for nor against a tracker."""


@dataclass(frozen=True)
class TrackingRow:
    """One tracker on one clip.

    Units:
        tracker:        "conditioned" on the first frame's masks, or "free"
        hota, idf1:     [0, 1]; one-to-one with the exact masks of everything that can move
        missed:         share of due sightings (more than SMALLEST pixels) that no track of that object covers
        unmatched:      tracks or initiations per frame beside the objects, 1
        cpu_seconds:    of this process, s
    """

    tracker: str
    key: str
    scenario: str
    hota: float
    idf1: float
    missed: float
    unmatched: float
    cpu_seconds: float


def exact_labels(clip: Clip, numbers: Iterable[int]) -> UInt8[np.ndarray, "t h w"]:
    """Return the instance ids of the numbered instances; everything else, and glimpses of them, is background."""
    _, rendering, _ = clip.labelled
    ids = rendering.instance_ids
    labels = np.zeros_like(ids)
    for number in numbers:
        mask = ids == number
        mask &= (mask.sum((1, 2)) >= SMALLEST)[:, None, None]
        labels[mask] = number
    return labels


def validate_clip(clip: Clip) -> list[TrackingRow]:
    """Run both trackers on a physics clip.

    The conditioned one is asked for what the first frame shows, the free one for everything that moves by more than a
    quarter of its size.
    """
    reference = Reference(clip, num_conditioning_frames=0)
    seconds = np.arange(len(clip.rgb)) / clip.meta.frame_rate
    covered = np.ones(len(clip.rgb), dtype=bool)
    rows = []
    shown = [i for i in reference.present_at_start if (clip.labelled[1].instance_ids[0] == i).sum() >= SMALLEST]
    if shown:
        truth = exact_labels(clip, shown)
        rows.append(
            _row("conditioned", clip, truth, lambda: track_objects(clip.rgb, seconds, covered, reference.first_frame))
        )
    movers = [i for i in reference.tracked if moves(reference, i)]
    if movers:
        truth = exact_labels(clip, movers)
        others = exact_labels(clip, set(reference.tracked) - set(movers))
        rows.append(_row("free", clip, truth, lambda: track_freely(clip.rgb, clip.meta.frame_rate), others))
    return rows


def moves(reference: Reference, number: int) -> bool:
    """Whether an object's outline moves through the picture by more than a quarter of its size, and at least 2 px."""
    outline = reference.silhouette(number)
    path = outline.centroid[outline.seen >= SMALLEST]
    if len(path) < 3:
        return False
    return bool(np.linalg.norm(np.ptp(path, axis=0)) > max(2.0, 0.25 * outline.diameter))


def _row(
    tracker: str,
    clip: Clip,
    truth: UInt8[np.ndarray, "t h w"],
    run: Callable[[], Tracks],
    others: UInt8[np.ndarray, "t h w"] | None = None,
) -> TrackingRow:
    began = process_time()
    tracks = run()
    spent = process_time() - began
    found = np.where(tracks.labels == INITIATION, 0, tracks.labels)
    if others is not None:  # a track on a thing that hardly moves is neither asked for nor wrong
        found = _without_unasked(found, truth, others)
    frames = mask_detections(truth, found)
    due = sum(len(frame.true_ids) for frame in frames)
    hit = sum(int((frame.overlap.max(1, initial=0.0) > 0.1).sum()) for frame in frames)
    strange = sum(int((frame.overlap.max(0, initial=0.0) < 0.1).sum()) for frame in frames) + int(
        tracks.initiations.sum()
    )
    return TrackingRow(
        tracker=tracker,
        key=clip.meta.key,
        scenario=clip.labelled[0].scenario,
        hota=hota_scores(frames).hota,
        idf1=idf1(frames),
        missed=1 - hit / max(due, 1),
        unmatched=strange / len(truth),
        cpu_seconds=spent,
    )


def _without_unasked(
    found: UInt8[np.ndarray, "t h w"], truth: UInt8[np.ndarray, "t h w"], others: UInt8[np.ndarray, "t h w"]
) -> UInt8[np.ndarray, "t h w"]:
    found = found.copy()
    for number in np.unique(found[found > 0]):
        mask = found == number
        if (others[mask] > 0).sum() > (truth[mask] > 0).sum():
            found[mask] = 0
    return found


def validate(
    dataset: ShardDataset,
    *,
    scenarios: Sequence[str] | None = None,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[TrackingRow]:
    """Run both trackers over the physics clips of a dataset, at most ``limit`` of each scenario.

    progress is told (clips done, clips in all). Twins are left out: an impossible clip has no one right answer.
    """
    rows: list[TrackingRow] = []
    positions, taken = [], dict[str, int]()
    for position in dataset.select(source="physics"):
        scenario = dataset.rows[position].scenario or ""
        if (scenarios is None or scenario in scenarios) and (limit is None or taken.get(scenario, 0) < limit):
            positions.append(position)
            taken[scenario] = taken.get(scenario, 0) + 1
    for done, position in enumerate(positions, start=1):
        clip = dataset.load(position)
        if clip.meta.pair is None:
            rows += validate_clip(clip)
        if progress is not None:
            progress(done, len(positions))
    return rows


def by_scenario(rows: Sequence[TrackingRow]) -> list[dict[str, float | str | int]]:
    """Return the means per tracker and scenario, then over all clips (scenario "all")."""
    table = []
    for tracker in sorted({row.tracker for row in rows}):
        own = [row for row in rows if row.tracker == tracker]
        for scenario in [*sorted({row.scenario for row in own}), "all"]:
            chosen = [asdict(row) for row in own if scenario in (row.scenario, "all")]
            figures = ("hota", "idf1", "missed", "unmatched", "cpu_seconds")
            means = {name: float(np.mean([row[name] for row in chosen])) for name in figures}
            table.append({"tracker": tracker, "scenario": scenario, "clips": len(chosen), **means})
    return table
