"""Visibility intervals of the reference, and the metrics on them: survival, count, reappearance."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from eval.metrics.metric import MetricInfo
from eval.perception.appearance import color_groups, palette_of
from eval.perception.tracks import Track, Tracks
from eval.reference import Reference
from physics_data.core.trajectory import true_intervals

MIN_STRETCH = 3
"""Frames that a stretch of sight must have to count by itself."""


@dataclass(frozen=True)
class Return:
    """An object that was out of sight and comes back.

    Units:
        hidden:  first frame in which no pixel of it is seen
        early:   first frame after that in which any is
        back:    first frame in which enough of it is seen to be due
        end:     last frame of the stretch of sight that begins then, inclusive
    """

    number: int
    name: str
    hidden: int
    early: int
    back: int
    end: int


def info(name: str, summary: str, source: str, *more: str) -> MetricInfo:
    """Return the description of a component of permanence, all of which go from 0 to 1."""
    needs = ("instance_ids", "amodal_masks", *more)
    return MetricInfo(name, summary, "1", "higher", 1.0, 0.0, needs, source)


@lru_cache(maxsize=4)
def due(reference: Reference) -> dict[int, Bool[np.ndarray, "t"]]:
    """Return, by instance id, the scored frames in which an object of the first frame must be seen; at least one."""
    seen = {number: reference.visible(number) for number in reference.present_at_start}
    return {number: visible for number, visible in seen.items() if visible.any()}


def stretches(flags: Bool[np.ndarray, "t"]) -> list[Int[np.ndarray, "n"]]:
    """Return the frames of every unbroken stretch of True."""
    return [np.arange(first, end) for first, end in true_intervals(flags)]


@lru_cache(maxsize=4)
def returns(reference: Reference) -> list[Return]:
    """Return every return in scored frames, after at least one frame wholly out of sight, to three frames of sight.

    What comes back may have gone out of sight in the conditioning frames.
    """
    found = []
    for number in due(reference):
        seen = reference.silhouette(number).seen
        runs = stretches(reference.visible(number, with_conditioning=True))
        for before, after in pairwise(runs):
            gap = np.arange(before[-1] + 1, after[0])
            dark = gap[seen[gap] == 0]
            if len(dark) and len(after) >= MIN_STRETCH and reference.scored[after[0]]:
                name = reference.tracked[number]
                found.append(Return(number, name, int(dark[0]), int(dark[-1]) + 1, int(after[0]), int(after[-1])))
    return found


@lru_cache(maxsize=4)
def alike(reference: Reference) -> dict[str, int]:
    """Return a number for each object's colour: objects that share it are told apart by their places alone."""
    first = reference.first_frame
    names = reference.present_at_start
    palettes = [palette_of(first.rgb.astype(np.float32), first.instance_ids == number) for number in names]
    return dict(zip(names.values(), color_groups(palettes), strict=True))


def expected_late(reference: Reference) -> tuple[Int[np.ndarray, "t"], Int[np.ndarray, "t"]]:
    """Return how many objects that enter later must, and how many may, be seen in each frame."""
    late = [number for number in reference.tracked if number not in reference.present_at_start]
    none = np.zeros(reference.clip.meta.num_frames, dtype=np.int64)
    must = sum((reference.visible(number).astype(np.int64) for number in late), start=none)
    may = sum((near(reference.silhouette(number).seen > 0).astype(np.int64) for number in late), start=none)
    return must, may


def near(frames: Bool[np.ndarray, "t"]) -> Bool[np.ndarray, "t"]:
    """Return the frames and their neighbours: a picture may be half a frame late."""
    return np.convolve(frames, np.ones(3), mode="same") > 0


def uncalled(reference: Reference, tracks: Tracks) -> Int[np.ndarray, "t"]:
    """Return the pieces of each scored frame that are no object, less the objects that may have entered."""
    return np.maximum(tracks.initiations - expected_late(reference)[1], 0) * reference.scored


class Survival:
    """Share of the sightings due that are there, half by frame and half by stretch of sight.

    Per object: (recall over its frames of sight + mean recall over its stretches of sight) / 2, so that a short
    reappearance after a long time in view counts as much as that time. Mean over the objects of the first frame.

    Source: recall per object; the events are those of Baillargeon, Spelke, Wasserman (1985).
    """

    info: ClassVar[MetricInfo] = info(
        "survival", "objects are present whenever they should be visible", "Baillargeon, Spelke, Wasserman (1985)"
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object of the first frame is seen well in any frame."""
        return None if due(reference) else "no object of the first frame is seen well"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the share in [0, 1]."""
        shares = []
        for number, visible in due(reference).items():
            presence = tracks.of(reference.tracked[number]).presence
            recall = float(presence[visible].mean())
            runs = [run for run in stretches(visible) if len(run) >= MIN_STRETCH]
            shares.append((recall + np.mean([presence[run].mean() for run in runs] or [recall])) / 2)
        return float(np.mean(shares))


class Count:
    """1 - ∫|n - n*| / ∫n*, at least 0: n objects and strange pieces are seen, n* are due.

    An object that is partly covered, or was seen a frame ago, may be counted or not, so n* is a range; objects that
    enter later belong to it, and a video that never shows them is short of them.

    Source: this project; count errors as in Baillargeon, Spelke, Wasserman (1985).
    """

    info: ClassVar[MetricInfo] = info("count", "the number of visible objects is correct", "this project")

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where nothing is seen well in any frame."""
        return None if _bounds(reference)[0].any() else "no object is seen well in any frame"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the score in [0, 1]."""
        low, high = _bounds(reference)
        number = tracks.initiations + np.sum([track.presence for track in tracks.tracks], axis=0, dtype=np.int64)
        error = np.maximum(number - high, 0) + np.maximum(low - number, 0)
        return max(0.0, 1.0 - float(error[reference.scored].sum() / low.sum()))


def _bounds(reference: Reference) -> tuple[np.ndarray, np.ndarray]:
    low, high = expected_late(reference)
    for number in reference.present_at_start:
        low = low + reference.visible(number)
        high = high + near(reference.silhouette(number).seen > 0)
    return low, high


FREE_PLACE, WORST_PLACE = 0.25, 2.0
"""Diameters off that are the tracker's, and from which the score is 0."""

WORST_SECONDS = 0.5
"""Seconds early or late from which the score is 0."""


class Reappearance:
    """How near in place and time objects come back from behind others, the worse of the two.

    Time: 1 - seconds / 0.5 outside the span from its first visible pixel to the frame in which it is due, half a frame
    interval free at either end. Place: at the first frame in which both are seen whole,
    1 - (distance / diameter - 0.25) / 1.75. An object that is not back while the reference shows it scores 0. Mean
    over the returns; where colours are alike, the nearest of them counts.

    Source: this project, after the occlusion events of Baillargeon, Spelke, Wasserman (1985).
    """

    info: ClassVar[MetricInfo] = info(
        "reappearance", "occluded objects reappear at the right place and time", "this project"
    )

    def refuses(self, reference: Reference) -> str | None:
        """Return a reason where no object goes out of sight and comes back."""
        return None if returns(reference) else "no object goes out of sight and comes back"

    def score(self, reference: Reference, tracks: Tracks) -> float:
        """Return the score in [0, 1]."""
        colors = alike(reference)
        scores = []
        for back in returns(reference):
            same = [name for name, color in colors.items() if color == colors[back.name]]
            # One that is in sight itself cannot stand for the hidden one.
            free = [
                name
                for number, name in reference.present_at_start.items()
                if name in same
                and (name == back.name or not reference.visible(number, with_conditioning=True)[back.hidden])
            ]
            scores.append(max(_return_score(reference, back, tracks.of(name)) for name in free))
        return float(np.mean(scores))


def _return_score(reference: Reference, back: Return, track: Track) -> float:
    frames = np.arange(back.hidden, back.end + 1)
    frames = frames[reference.scored[frames]]
    shown = frames[track.presence[frames]]
    if not (shown >= back.back).any():
        return 0.0
    early = max(0, back.early - int(shown[0]) - 1)
    late = max(0, int(shown[0]) - back.back - 1)
    time = max(0.0, 1.0 - (early + late) / reference.clip.meta.frame_rate / WORST_SECONDS)
    after = np.arange(back.back, back.end + 1)
    both = after[reference.clear(back.number)[after] & track.whole[after]]
    if not len(both):
        return time
    outline = reference.silhouette(back.number)
    first = both[:1]
    off = np.linalg.norm(track.centroid[first] - outline.centroid[first], axis=-1) / outline.diameter
    return min(time, float(place_marks(off)[0]))


def place_marks(off: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return 1 for what is in its place and 0 for what is 2 diameters off; ``off`` in diameters."""
    return 1.0 - np.clip((off - FREE_PLACE) / (WORST_PLACE - FREE_PLACE), 0.0, 1.0)
