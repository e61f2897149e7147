"""Colours with names, floors, and light."""

import math

import numpy as np

from physics_data.core.conventions import COLORS as COLORS
from physics_data.core.errors import ConfigError, suggest
from physics_data.core.scene import Appearance, Lighting

FLOORS: dict[str, Appearance] = {
    "grey": Appearance(color_name="grey", albedo=(0.32, 0.32, 0.32), specular=0.0),
    "sand": Appearance(color_name="sand", albedo=(0.46, 0.38, 0.28), specular=0.0),
    "slate": Appearance(color_name="slate", albedo=(0.20, 0.23, 0.27), specular=0.0),
    "checker": Appearance(
        color_name="checker",
        albedo=(0.42, 0.42, 0.42),
        second_albedo=(0.26, 0.26, 0.26),
        pattern="checker",
        pattern_scale=1.6,
        specular=0.0,
    ),
}
"""Muted appearances of the floor, so that a ball of any named colour stands out."""

SCREEN = Appearance(color_name="grey", albedo=(0.13, 0.13, 0.13), specular=0.0)
"""The look of an occluder."""


def check_known(given: tuple[str, ...], known: dict[str, object], what: str) -> None:
    """Refuse names that a table does not have.

    Raises:
        ConfigError: a name is unknown; the message lists the known ones and the nearest.
    """
    for name in given:
        if name not in known:
            raise ConfigError(f"no {what} '{name}': {suggest(name, known)}")


def sample_colors(rng: np.random.Generator, palette: tuple[str, ...], count: int) -> list[Appearance]:
    """Draw the appearances of ``count`` bodies, no two of one colour.

    Raises:
        ConfigError: the palette has fewer colours than bodies, or an unknown one.
    """
    check_known(palette, dict(COLORS), "colour")
    if len(set(palette)) < count:
        raise ConfigError(
            f"the palette {list(palette)} has {len(set(palette))} colours, this scenario needs {count} different ones; "
            f"add some of {', '.join(sorted(set(COLORS) - set(palette)))}."
        )
    names = rng.choice(sorted(set(palette)), size=count, replace=False)
    return [Appearance(color_name=str(name), albedo=COLORS[str(name)]) for name in names]


def sample_floor(rng: np.random.Generator, floors: tuple[str, ...]) -> Appearance:
    """Draw the look of the floor.

    Raises:
        ConfigError: no floor is given, or an unknown one.
    """
    check_known(floors, dict(FLOORS), "floor")
    if not floors:
        raise ConfigError(f"no floor is given; write at least one of {', '.join(sorted(FLOORS))}.")
    return FLOORS[str(rng.choice(sorted(set(floors))))]


def sample_lighting(rng: np.random.Generator) -> Lighting:
    """Draw a sun that stands high on the camera's side, so that shadows fall near their bodies."""
    azimuth, elevation = (
        rng.uniform(math.radians(-130), math.radians(-50)),
        rng.uniform(math.radians(55), math.radians(75)),
    )
    direction = (
        math.cos(azimuth) * math.cos(elevation),
        math.sin(azimuth) * math.cos(elevation),
        math.sin(elevation),
    )
    return Lighting(sun_direction=direction, sun_intensity=float(rng.uniform(0.8, 1.0)))
