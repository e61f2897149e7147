"""What is measured of a continued clip: each column's unit, direction, and the value that cannot be better."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One number per clip.

    metric:     name of the metric of ``eval`` that gives it; None = it is made here
    direction:  which values are better; "either" = the sign says what happens, and none is better
    best:       the value of the truth; None = there is no bound
    """

    title: str
    unit: str
    direction: Literal["higher", "lower", "either"]
    best: float | None
    metric: str | None = None


COLUMNS: dict[str, Column] = {
    "permanence_failure": Column("scenes with survival < 0.5", "share", "lower", 0.0),
    "lost_share": Column("sightings lost, 1 - survival", "1", "lower", 0.0),
    "count": Column("count", "1", "higher", 1.0, "count"),
    "identity_error": Column("identity error, 1 - IDF1", "1", "lower", 0.0),
    "identity_switches": Column("identity switches a clip", "count", "lower", 0.0),
    "attributes": Column("attributes", "1", "higher", 1.0, "attributes"),
    "color_error": Column("change of colour", "grey levels", "lower", 0.0),
    "size_error": Column("change of area", "abs. log2", "lower", 0.0),
    "position_error": Column("position error", "diameters", "lower", 0.0),
    "velocity_error": Column("velocity error", "diameters/frame", "lower", 0.0),
    "speed_gain": Column("speed made over true speed", "log2", "either", 0.0),
    "inertia_error": Column("error of steady horizontal motion", "relative", "lower", 0.0, "velocity_error"),
    "gravity_error": Column("gravity error", "relative", "lower", 0.0, "gravity_error"),
    "momentum": Column("momentum kept", "1", "higher", 1.0, "momentum"),
    "energy": Column("energy not gained", "1", "higher", 1.0, "energy"),
    "psnr": Column("PSNR", "dB", "higher", None),
    "ssim": Column("SSIM", "1", "higher", 1.0),
    "stillness": Column("motion energy off the truth's", "abs. log2", "lower", 0.0),
    "blur": Column("edge energy off the truth's", "abs. log2", "lower", 0.0),
}
"""The columns of ``scenes.csv``, in order. What they mean exactly is said in ``docs/ablation.md``."""

ARROWS = {"higher": "↑", "lower": "↓", "either": "–"}

SET_COLUMNS: dict[str, Column] = {
    "frechet": Column("Fréchet distance to the truth", "1", "lower", 0.0),
}
"""What is measured of all continuations of a split together."""
