"""Skill: how much of what the best control leaves open a system gets right."""

import numpy as np
from jaxtyping import Float

from eval.statistics import CONFIDENCE, Interval, run_widening

RESAMPLES = 1999


def skill(
    system: Float[np.ndarray, "n"] | Float[np.ndarray, "r n"],
    control: Float[np.ndarray, "n"],
    generator: np.random.Generator,
) -> Interval | None:
    """Return 1 - mean(1 - system) / mean(1 - control) over scenes: 0 = no better than the control, 1 = perfect.

    The interval draws scenes, each with both of its values, since a scene that is hard is hard for both (percentiles).
    With several runs it is widened by ``run_widening`` of the linearised skill.

    Units:
        system, control: scores of the same scenes, 0 = worst, 1 = best; the system's may be runs x scenes

    Returns:
        None where the control is perfect: then nothing is left open.

    Source: the skill score of Murphy (1988), Monthly Weather Review 116, with a perfect forecast of 1.
    """
    left_open = float(np.mean(1.0 - control))
    if left_open <= 0.0:
        return None
    table = np.atleast_2d(system)
    system, (runs, count) = np.nanmean(table, axis=0), table.shape
    value = 1.0 - float(np.mean(1.0 - system)) / left_open
    if count == 1:
        return Interval(value, None, None, 1, "none", runs)
    wider = run_widening((table - 1.0 + (1.0 - value) * (1.0 - control)) / left_open)
    picks = generator.integers(0, count, (RESAMPLES, count))
    open_then = (1.0 - control)[picks].mean(1)
    kept = open_then > 0.0
    draws = 1.0 - (1.0 - system)[picks].mean(1)[kept] / open_then[kept]
    tail = 50 * (1 - CONFIDENCE)
    low, high = (float(end) for end in np.percentile(draws, [tail, 100 - tail]))
    low, high = value - (value - low) * wider, value + (high - value) * wider
    return Interval(value, low, high, count, "percentile" if runs == 1 else "crossed", runs)
