"""Do hidden objects come back where and when they should?"""

from typing import ClassVar

import numpy as np
from jaxtyping import Float

from eval.metrics.base import MetricInfo
from eval.metrics.sightings import Return, alike, info, returns
from eval.perception.tracks import Track, Tracks
from eval.reference import Reference

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
        "reappearance", "hidden objects come back at their place and time", "this project"
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
            scores.append(max(_score(reference, back, tracks.of(name)) for name in free))
        return float(np.mean(scores))


def _score(reference: Reference, back: Return, track: Track) -> float:
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
