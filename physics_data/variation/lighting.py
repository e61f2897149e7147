"""Sun, sky, lamps, and what the sensor makes of the light; plain, or from two sets that have nothing in common."""

import math
from typing import NamedTuple

import numpy as np

from physics_data.core.scene import Color, Lamp, Lighting, Sensor
from physics_data.variation import colors
from physics_data.variation.appearance import AppearanceSettings, Interval, draw_picture, spawned


class Sky(NamedTuple):
    """Zenith, horizon, strength of the sun and of the ambient light (radiance factors)."""

    zenith: Color
    horizon: Color
    sun: float
    ambient: float


class LightSet(NamedTuple):
    """One of the two sets.

    azimuth, elevation:  of the sun, degrees; azimuth from +x towards +y, the camera stands at -90
    sun_angle:           half angle under which the sun is seen, degrees; wide for soft shadows
    lamp_azimuth:        of a lamp around the scene's middle, degrees
    lamp_warmth:         share of blue that its light lacks
    shutter, aperture:   shares of the frame interval; m
    """

    skies: dict[str, Sky]
    azimuth: Interval
    elevation: Interval
    sun_angle: Interval
    lamp_chance: float
    lamp_azimuth: Interval
    lamp_intensity: Interval
    lamp_warmth: Interval
    exposure: tuple[Interval, ...]
    grain: Interval
    shutter_chance: float
    shutter: Interval
    aperture_chance: float
    aperture: Interval


SETS: dict[str, LightSet] = {
    "varied": LightSet(
        skies={
            "noon": Sky((0.28, 0.50, 0.85), (0.78, 0.86, 0.95), 0.95, 0.33),
            "overcast": Sky((0.62, 0.66, 0.70), (0.80, 0.82, 0.84), 0.45, 0.62),
            "hazy": Sky((0.55, 0.66, 0.80), (0.90, 0.89, 0.85), 0.75, 0.45),
            "afternoon": Sky((0.30, 0.45, 0.72), (0.93, 0.85, 0.72), 0.90, 0.34),
            "indoors": Sky((0.72, 0.69, 0.64), (0.66, 0.62, 0.56), 0.60, 0.45),
        },
        azimuth=Interval(-135.0, -45.0),
        elevation=Interval(42.0, 75.0),
        sun_angle=Interval(0.8, 4.0),
        lamp_chance=0.3,
        lamp_azimuth=Interval(-160.0, -20.0),
        lamp_intensity=Interval(0.8, 1.8),
        lamp_warmth=Interval(0.1, 0.4),
        exposure=(Interval(-0.3, 0.3),),
        grain=Interval(0.0, 2.5),
        shutter_chance=0.25,
        shutter=Interval(0.2, 0.5),
        aperture_chance=0.08,
        aperture=Interval(0.05, 0.12),
    ),
    "held_out": LightSet(
        skies={
            "dusk": Sky((0.20, 0.22, 0.42), (0.90, 0.60, 0.45), 0.80, 0.40),
            "clear_morning": Sky((0.18, 0.42, 0.78), (0.70, 0.84, 0.90), 0.90, 0.40),
            "white_studio": Sky((0.92, 0.92, 0.93), (0.88, 0.88, 0.89), 0.55, 0.55),
            "dark_studio": Sky((0.05, 0.05, 0.06), (0.16, 0.16, 0.18), 0.95, 0.30),
        },
        azimuth=Interval(-178.0, -140.0),
        elevation=Interval(28.0, 40.0),
        sun_angle=Interval(4.5, 8.0),
        lamp_chance=0.4,
        lamp_azimuth=Interval(20.0, 160.0),
        lamp_intensity=Interval(2.0, 3.0),
        lamp_warmth=Interval(0.45, 0.7),
        exposure=(Interval(-0.6, -0.35), Interval(0.35, 0.6)),
        grain=Interval(3.0, 5.0),
        shutter_chance=0.25,
        shutter=Interval(0.6, 0.9),
        aperture_chance=0.08,
        aperture=Interval(0.14, 0.20),
    ),
}
"""The two sets. Nothing that one draws can be drawn from the other; a test holds them to it."""

_BACKDROP_CHANCE = 0.35
"""How often a picture of the ``textures`` folder stands behind the scene."""


def sample_lighting(rng: np.random.Generator, settings: AppearanceSettings) -> Lighting:
    """Draw sun, sky and lamps; plain light stands high on the camera's side, so that shadows fall near their bodies."""
    plain = colors.sample_lighting(rng)
    own = spawned(rng)
    if settings.appearance == "plain":
        return plain
    chosen = SETS[settings.appearance]
    sky = chosen.skies[str(own.choice(list(chosen.skies)))]
    azimuth, elevation = math.radians(chosen.azimuth.draw(own)), math.radians(chosen.elevation.draw(own))
    has_lamp = own.random() < chosen.lamp_chance
    lamp = _lamp(own, chosen)
    picture, is_before_picture = draw_picture(own, settings), own.random() < _BACKDROP_CHANCE
    return Lighting(
        sun_direction=_direction(azimuth, elevation),
        sun_intensity=sky.sun * float(own.uniform(0.92, 1.08)),
        sun_angle=chosen.sun_angle.draw(own),
        ambient_intensity=sky.ambient,
        sky_zenith=sky.zenith,
        sky_horizon=sky.horizon,
        lamps=(lamp,) if has_lamp else (),
        backdrop=picture if is_before_picture else None,
    )


def sample_sensor(rng: np.random.Generator, settings: AppearanceSettings) -> Sensor:
    """Draw exposure, grain, and now and then motion blur or depth of field; a plain appearance has a perfect sensor."""
    own = spawned(rng)
    if settings.appearance == "plain":
        return Sensor()
    chosen = SETS[settings.appearance]
    exposure = chosen.exposure[int(own.integers(len(chosen.exposure)))].draw(own)
    is_blurred, is_focused = own.random() < chosen.shutter_chance, own.random() < chosen.aperture_chance
    shutter, aperture = chosen.shutter.draw(own), chosen.aperture.draw(own)
    return Sensor(
        exposure=exposure,
        grain=chosen.grain.draw(own),
        shutter=shutter if is_blurred else 0.0,
        aperture=aperture if is_focused else 0.0,
        seed=int(own.integers(2**31)),
    )


def _lamp(rng: np.random.Generator, chosen: LightSet) -> Lamp:
    """Draw a lamp at 2 to 3 m from the scene's middle, above and out of the way of what happens."""
    azimuth, distance = math.radians(chosen.lamp_azimuth.draw(rng)), rng.uniform(2.0, 3.0)
    warmth = chosen.lamp_warmth.draw(rng)
    return Lamp(
        position=(distance * math.cos(azimuth), distance * math.sin(azimuth), float(rng.uniform(1.8, 2.8))),
        color=(1.0, 1.0 - 0.4 * warmth, 1.0 - warmth),
        intensity=chosen.lamp_intensity.draw(rng),
        radius=float(rng.uniform(0.08, 0.25)),
    )


def _direction(azimuth: float, elevation: float) -> tuple[float, float, float]:
    return (
        math.cos(azimuth) * math.cos(elevation),
        math.sin(azimuth) * math.cos(elevation),
        math.sin(elevation),
    )
