"""Appearances of bodies and floors: plain ones, and two sets that share no pattern, shade, material or picture.

Whatever the appearance, the scene's generator gives what the plain one takes from it, and everything else comes from a
generator spawned off it. So one index shows the same motion in the same named colours with every set.
"""

import hashlib
import zlib
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from physics_data.core.errors import ConfigError
from physics_data.core.scene import Appearance, Color, ImageTexture, Pattern
from physics_data.variation import colors
from physics_data.variation.colors import SCREEN

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@runtime_checkable
class AppearanceSettings(Protocol):
    """What the draws of appearances read of ``SceneSettings``."""

    @property
    def appearance(self) -> str:
        """One of "plain", "varied", "held_out"."""
        ...

    @property
    def palette(self) -> tuple[str, ...]:
        """Names in ``COLORS``."""
        ...

    @property
    def floors(self) -> tuple[str, ...]:
        """Names in ``FLOORS``."""
        ...

    @property
    def textures(self) -> str | None:
        """Folder of pictures for floors and backdrops."""
        ...


class Interval(NamedTuple):
    """Numbers from low (included) to high (not)."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        """Draw uniformly."""
        return float(rng.uniform(self.low, self.high))


class PatternRule(NamedTuple):
    """A pattern, how often it is drawn, its period on bodies and on floors (m), and how its second colour is made.

    second:  "dark" or "light" shade of the first colour, or "white"
    """

    pattern: Pattern
    chance: float
    period: Interval
    floor_period: Interval
    second: str


class LookSet(NamedTuple):
    """One of the two sets.

    brightness:  factors on a named colour's albedo
    paleness:    share of grey of the same strength that is mixed into it
    """

    patterns: tuple[PatternRule, ...]
    brightness: Interval
    paleness: Interval
    specular: Interval
    roughness: Interval
    metallic_chance: float
    metallic: Interval
    metal_roughness: Interval
    floors: dict[str, tuple[Color, Color]]
    floor_patterns: tuple[Pattern, ...]
    floor_roughness: Interval
    polish_chance: float
    polish: Interval


SETS: dict[str, LookSet] = {
    "varied": LookSet(
        patterns=(
            PatternRule("plain", 0.30, Interval(0.50, 0.51), Interval(0.50, 0.51), "dark"),
            PatternRule("checker", 0.20, Interval(0.20, 0.34), Interval(0.8, 1.6), "light"),
            PatternRule("stripes", 0.15, Interval(0.16, 0.30), Interval(0.7, 1.2), "dark"),
            PatternRule("wood", 0.20, Interval(0.055, 0.10), Interval(0.05, 0.09), "dark"),
            PatternRule("noise", 0.15, Interval(0.14, 0.26), Interval(0.3, 0.8), "dark"),
        ),
        brightness=Interval(0.85, 1.05),
        paleness=Interval(0.00, 0.04),
        specular=Interval(0.05, 0.30),
        roughness=Interval(0.20, 0.50),
        metallic_chance=0.15,
        metallic=Interval(0.35, 0.60),
        metal_roughness=Interval(0.10, 0.30),
        floors={
            "oak": ((0.48, 0.34, 0.21), (0.25, 0.145, 0.075)),
            "ash": ((0.55, 0.47, 0.36), (0.36, 0.28, 0.19)),
            "concrete": ((0.40, 0.40, 0.39), (0.27, 0.27, 0.265)),
            "sandstone": ((0.50, 0.43, 0.33), (0.38, 0.31, 0.23)),
            "tiles": ((0.44, 0.44, 0.43), (0.25, 0.255, 0.26)),
            "linen": ((0.52, 0.50, 0.46), (0.41, 0.39, 0.35)),
        },
        floor_patterns=("wood", "noise", "checker", "plain"),
        floor_roughness=Interval(0.40, 0.80),
        polish_chance=0.25,
        polish=Interval(0.05, 0.15),
    ),
    "held_out": LookSet(
        patterns=(
            PatternRule("dots", 0.5, Interval(0.16, 0.28), Interval(0.6, 1.1), "white"),
            PatternRule("marble", 0.5, Interval(0.16, 0.32), Interval(0.5, 1.1), "dark"),
        ),
        brightness=Interval(0.68, 0.80),
        paleness=Interval(0.06, 0.12),
        specular=Interval(0.35, 0.50),
        roughness=Interval(0.55, 0.85),
        metallic_chance=0.25,
        metallic=Interval(0.65, 0.90),
        metal_roughness=Interval(0.02, 0.08),
        floors={
            "marble": ((0.58, 0.57, 0.55), (0.27, 0.28, 0.30)),
            "green_marble": ((0.20, 0.27, 0.23), (0.40, 0.46, 0.41)),
            "rose_granite": ((0.42, 0.34, 0.33), (0.24, 0.20, 0.205)),
            "carpet": ((0.24, 0.27, 0.35), (0.34, 0.37, 0.45)),
        },
        floor_patterns=("marble", "dots"),
        floor_roughness=Interval(0.10, 0.35),
        polish_chance=0.35,
        polish=Interval(0.18, 0.35),
    ),
}
"""The two sets. Nothing that one draws can be drawn from the other; a test holds them to it."""

_FLOOR_OF: dict[str, Pattern] = {
    "oak": "wood",
    "ash": "wood",
    "concrete": "noise",
    "sandstone": "noise",
    "tiles": "checker",
    "linen": "plain",
    "marble": "marble",
    "green_marble": "marble",
    "rose_granite": "marble",
    "carpet": "dots",
}
_PICTURE_CHANCE = 0.35


def spawned(rng: np.random.Generator) -> np.random.Generator:
    """Return a generator of its own for what is no matter of physics; the given one draws on as if nothing was."""
    return rng.spawn(1)[0]


def sample_appearances(rng: np.random.Generator, settings: AppearanceSettings, count: int) -> list[Appearance]:
    """Draw the appearances of ``count`` bodies, no two of one named colour; the name stays true whatever the pattern.

    Raises:
        ConfigError: the palette has fewer colours than bodies, or an unknown one.
    """
    plain = colors.sample_colors(rng, settings.palette, count)
    own = spawned(rng)
    if settings.appearance == "plain":
        return plain
    return [_varied(own, settings, look.color_name, look.albedo) for look in plain]


def sample_prop(rng: np.random.Generator, settings: AppearanceSettings, plain: Appearance = SCREEN) -> Appearance:
    """Draw the look of a screen, a ramp, a container: its colour and its name stay, pattern and material vary."""
    own = spawned(rng)
    if settings.appearance == "plain":
        return plain
    look = _varied(own, settings, plain.color_name, plain.albedo)
    # What hides or carries others stays opaque and dull, so that it is taken for nothing else.
    return look.model_copy(update={"metallic": 0.0, "specular": 0.3 * look.specular})


def sample_floor(rng: np.random.Generator, settings: AppearanceSettings) -> Appearance:
    """Draw the look of the floor: muted, so that a body of any named colour stands out.

    Raises:
        ConfigError: no floor is given, or an unknown one.
    """
    plain = colors.sample_floor(rng, settings.floors)
    own = spawned(rng)
    if settings.appearance == "plain":
        return plain
    chosen = SETS[settings.appearance]
    name = str(own.choice(list(chosen.floors)))
    pattern = _FLOOR_OF[name]
    first, second = chosen.floors[name]
    tone = own.uniform(0.9, 1.1)
    polish = chosen.polish.draw(own) if own.random() < chosen.polish_chance else 0.0
    roughness = chosen.floor_roughness.draw(own)
    periods = {rule.pattern: rule.floor_period for rule in chosen.patterns}
    period = periods[pattern].draw(own)
    picture = draw_picture(own, settings)
    use_picture = own.random() < _PICTURE_CHANCE
    look = Appearance(
        color_name=name,
        albedo=_scaled(first, tone),
        second_albedo=_scaled(second, tone),
        pattern=pattern,
        pattern_scale=period,
        specular=0.1,
        roughness=roughness,
        metallic=polish,
    )
    if picture is None or not use_picture:
        return look
    return look.model_copy(
        update={
            "color_name": "picture",
            "pattern": "image",
            "image": picture,
            "albedo": (0.8, 0.8, 0.8),
            "pattern_scale": float(own.uniform(2.0, 4.0)),
        }
    )


def draw_picture(rng: np.random.Generator, settings: AppearanceSettings) -> ImageTexture | None:
    """Draw a picture of the settings' ``textures`` folder that belongs to the wanted set; None without a folder.

    A checksum of a picture's name decides which set it belongs to, so the two have nothing in common and stay as they
    are when files come or go.

    Raises:
        ConfigError: there is no such folder, or it has no picture of the wanted set.
    """
    if settings.textures is None:
        return None
    folder = Path(settings.textures)
    if not folder.is_dir():
        raise ConfigError(f"textures: there is no folder {folder}; give one with pictures, or leave textures out.")
    wanted = int(settings.appearance == "held_out")
    files = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in PICTURE_SUFFIXES]
    own = [file for file in files if zlib.crc32(file.stem.encode()) % 2 == wanted]
    if not own:
        raise ConfigError(
            f"textures: of the {len(files)} pictures ({', '.join(PICTURE_SUFFIXES)}) in {folder} none belongs to the "
            f"{settings.appearance} set; add more: about half of them belong to either set."
        )
    file = own[int(rng.integers(len(own)))]
    return ImageTexture(file=str(file), sha256=hashlib.sha256(file.read_bytes()).hexdigest())


def _varied(rng: np.random.Generator, settings: AppearanceSettings, name: str, albedo: Color) -> Appearance:
    """Draw pattern, shade and material of a body of a named colour; the same number of draws in every case."""
    chosen = SETS[settings.appearance]
    chances = np.array([rule.chance for rule in chosen.patterns])
    rule = chosen.patterns[int(rng.choice(len(chances), p=chances / chances.sum()))]
    brightness, paleness = chosen.brightness.draw(rng), chosen.paleness.draw(rng)
    shade = _paler(_scaled(albedo, brightness), paleness)
    is_metal = rng.random() < chosen.metallic_chance
    metallic, polished = chosen.metallic.draw(rng), chosen.metal_roughness.draw(rng)
    specular, roughness = chosen.specular.draw(rng), chosen.roughness.draw(rng)
    return Appearance(
        color_name=name,
        albedo=shade,
        second_albedo=_second(shade, rule.second),
        pattern=rule.pattern,
        pattern_scale=rule.period.draw(rng),
        specular=specular,
        roughness=polished if is_metal else roughness,
        metallic=metallic if is_metal else 0.0,
    )


def _second(shade: Color, how: str) -> Color:
    if how == "white":
        return (0.85, 0.85, 0.85) if min(shade) < 0.5 else (0.10, 0.10, 0.10)
    if how == "light" and max(shade) < 0.8:
        return _scaled(_paler(shade, 0.22), 1.3)
    return _scaled(shade, 0.42)


def _scaled(color: Color, factor: float) -> Color:
    red, green, blue = (min(float(channel * factor), 1.0) for channel in color)
    return (red, green, blue)


def _paler(color: Color, share: float) -> Color:
    peak = max(color)
    red, green, blue = (float(channel + (peak - channel) * share) for channel in color)
    return (red, green, blue)
