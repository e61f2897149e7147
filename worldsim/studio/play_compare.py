"""How far a dream is from the simulator, frame by frame, measured from the pixels of both in the same way."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from physics_data.core.conventions import srgb_decode
from worldsim.studio.play_session import PlayFrame

FOREGROUND = 0.045
"""Distance of linear colours from the background above which a pixel is something."""

SAME_COLOR = 0.25
"""Largest distance of a pixel's chromaticity from a body's that it can still belong to it."""

MIN_SHARE = 0.25
"""Share of a body's area in the simulator that must be seen in the dream for it to count as kept."""


@dataclass(frozen=True)
class Distance:
    """Of one frame.

    kept:    bodies that are seen in the simulator and in the dream, of ``seen``
    place:   mean distance of their centres, picture widths; None if none is kept
    motion:  speed of the centres in the dream minus that in the simulator, mean over kept bodies, widths/s; None at
             the start
    """

    seen: int
    kept: int
    place: float | None
    motion: float | None


class Comparison:
    """Compares frames in their order; bodies are found in the dream by their colour in the simulator."""

    def __init__(self, frame_rate: float) -> None:
        self._rate = frame_rate
        self._before: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def compare(self, frame: PlayFrame, dream: UInt8[np.ndarray, "h w 3"]) -> Distance:
        """Return how far a frame of the dream is from that of the simulator."""
        real, dreamt = srgb_decode(frame.small / 255.0), srgb_decode(dream / 255.0)
        numbers = [int(n) for n in np.unique(frame.small_ids) if n and (frame.small_ids == n).sum() >= 4]
        owners = _owners(real, dreamt, frame.small_ids, numbers)
        now: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for number in numbers:
            own, found = frame.small_ids == number, owners == number
            if found.sum() >= MIN_SHARE * own.sum():
                now[number] = (_centre(own), _centre(found))
        places = [float(np.linalg.norm(a - b)) for a, b in now.values()]
        motions = []
        for number, (a, b) in now.items():
            if number in self._before:
                real_before, dream_before = self._before[number]
                speeds = np.linalg.norm(b - dream_before) - np.linalg.norm(a - real_before)
                motions.append(float(speeds) * self._rate)
        self._before = now
        return Distance(len(numbers), len(now), _mean(places), _mean(motions))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _owners(
    real: Float[np.ndarray, "h w 3"], dreamt: Float[np.ndarray, "h w 3"], ids: np.ndarray, numbers: list[int]
) -> np.ndarray:
    """Return the body that each pixel of the dream belongs to by its colour, 0 for none."""
    if not numbers:
        return np.zeros(ids.shape, dtype=int)
    background = _background(real, ids)
    palette = np.stack([_chroma(real[ids == number].mean(axis=0)) for number in numbers])
    away = np.linalg.norm(_chroma(dreamt)[:, :, None] - palette, axis=-1)
    nearest, least = away.argmin(axis=-1), away.min(axis=-1)
    is_something = np.abs(dreamt - background).max(axis=-1) > FOREGROUND
    return np.where(is_something & (least < SAME_COLOR), np.array(numbers)[nearest], 0)


def _background(real: Float[np.ndarray, "h w 3"], ids: np.ndarray) -> Float[np.ndarray, "h w 3"]:
    """Fill the places of bodies with the mean of the rest of their row."""
    filled = real.copy()
    for row in range(len(ids)):
        free = ids[row] == 0
        if free.any() and not free.all():
            filled[row, ~free] = real[row, free].mean(axis=0)
    return filled


def _chroma(color: np.ndarray) -> np.ndarray:
    """Return colours without their brightness, which shadows change."""
    return color / np.maximum(color.sum(axis=-1, keepdims=True), 1e-3)


def _centre(mask: np.ndarray) -> np.ndarray:
    """Return the centre of a mask, picture widths."""
    return np.argwhere(mask).mean(axis=0)[::-1] / mask.shape[1]
