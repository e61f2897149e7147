"""When objects are due to be seen, when they are hidden, and which of them nobody can tell apart."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int

from eval.metrics.base import MetricInfo
from eval.perception.appearance import color_groups, palette_of
from eval.perception.tracks import Tracks
from eval.reference import Reference

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


def stretches(visible: Bool[np.ndarray, "t"]) -> list[Int[np.ndarray, "n"]]:
    """Split the frames of sight where a frame without sight lies between them."""
    frames = np.flatnonzero(visible)
    return np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1) if len(frames) else []


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
    return np.maximum(tracks.births - expected_late(reference)[1], 0) * reference.scored
