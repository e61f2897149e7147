"""Materials and colours by name, for scenes that are written by hand."""

from typing import NamedTuple

from physics_data.core.errors import ConfigError, suggest
from physics_data.core.scene import Color
from physics_data.variation.colors import COLORS


class Material(NamedTuple):
    """What a body is made of.

    Units:
        density:      kg/m³ of the solid body
        friction:     Coulomb coefficient, 1
        restitution:  speed after / before a head-on impact, 1
        look:         fields of ``Appearance``
        color:        name of its own colour; None = no colour of its own
    """

    density: float
    friction: float
    restitution: float
    look: dict[str, float | str]
    color: str | None = None


MATERIALS: dict[str, Material] = {
    "rubber": Material(1100.0, 0.8, 0.75, {"specular": 0.05, "roughness": 0.8}),
    "plastic": Material(1000.0, 0.35, 0.5, {"specular": 0.25, "roughness": 0.3}),
    "wood": Material(650.0, 0.45, 0.4, {"specular": 0.06, "roughness": 0.6, "pattern": "wood"}, "brown"),
    "steel": Material(7850.0, 0.3, 0.6, {"metallic": 0.7, "specular": 0.5, "roughness": 0.15}, "silver"),
    "glass": Material(2500.0, 0.25, 0.6, {"transparency": 0.5, "specular": 0.6, "roughness": 0.05}, "white"),
    "stone": Material(2600.0, 0.6, 0.3, {"specular": 0.03, "roughness": 0.9, "pattern": "noise"}, "grey"),
    "ice": Material(917.0, 0.03, 0.3, {"transparency": 0.3, "specular": 0.5, "roughness": 0.1}, "white"),
    "foam": Material(40.0, 0.6, 0.25, {"specular": 0.0, "roughness": 1.0}),
}
"""Round values of common engineering tables (density, friction against a like surface, bounce of a small ball)."""

MORE_COLORS: dict[str, Color] = {
    "grey": (0.25, 0.25, 0.25),
    "gray": (0.25, 0.25, 0.25),
    "brown": (0.28, 0.14, 0.06),
    "pink": (0.85, 0.30, 0.45),
    "cyan": (0.05, 0.60, 0.65),
    "magenta": (0.70, 0.03, 0.45),
    "silver": (0.60, 0.60, 0.62),
    "gold": (0.80, 0.55, 0.12),
    "sand": (0.46, 0.38, 0.28),
    "slate": (0.20, 0.23, 0.27),
}


def material(name: str) -> Material:
    """Return a material.

    Raises:
        ConfigError: no such material; names the nearest.
    """
    if name not in MATERIALS:
        raise ConfigError(f"no material '{name}': {suggest(name, MATERIALS)}")
    return MATERIALS[name]


def color(given: str) -> tuple[str, Color]:
    """Return the name and the linear-light albedo of a colour name or of "#rrggbb" (sRGB).

    Raises:
        ConfigError: no such colour; names the nearest.
    """
    if given.startswith("#"):
        digits = given[1:]
        if len(digits) != 6 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
            raise ConfigError(f"'{given}' is no colour; write #rrggbb with six hexadecimal digits, e.g. #c83232.")
        levels = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
        red, green, blue = (_linear(level) for level in levels)
        return _nearest((red, green, blue)), (red, green, blue)
    known = {**COLORS, **MORE_COLORS}
    if given not in known:
        raise ConfigError(f"no colour '{given}': {suggest(given, known)} Or write it as #rrggbb.")
    return given, known[given]


def _linear(level: float) -> float:
    """IEC 61966-2-1, sRGB to linear light."""
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def _nearest(albedo: Color) -> str:
    known = {**COLORS, **MORE_COLORS}
    return min(known, key=lambda name: sum((a**0.5 - b**0.5) ** 2 for a, b in zip(known[name], albedo, strict=True)))
