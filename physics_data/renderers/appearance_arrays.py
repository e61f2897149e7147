"""``AppearanceArrays``: what the kernels need to draw more than plain colours, as flat arrays."""

import math
import zlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int32, Int64, UInt8

from physics_data.core.scene import Appearance, Body, ImageTexture, Plane, SceneSpec
from physics_data.renderers.kernels.scene_struct import (
    BACKDROP,
    CHECKER,
    DOTS,
    ENVIRONMENT,
    GRADIENT,
    IMAGE,
    MARBLE,
    NOISE,
    NUM_COLUMNS,
    PLAIN,
    STRIPES,
    WOOD,
)
from physics_data.renderers.textures import Picture, load_picture, srgb_decoded

_PATTERNS = {
    "plain": PLAIN,
    "checker": CHECKER,
    "stripes": STRIPES,
    "dots": DOTS,
    "wood": WOOD,
    "marble": MARBLE,
    "noise": NOISE,
    "image": IMAGE,
}
_BASIC_PATTERNS = ("plain", "checker", "stripes")
_BASIC_ROUGHNESS = Appearance.model_fields["roughness"].default
_MOST_LEVELS = 12
_LARGEST_GAIN = 20.0
_CLEARLY = 0.1


class AppearanceArrays(NamedTuple):
    """Axes: s surfaces (planes, then solids), m textures, l lamps.

    material:       see the column numbers in ``kernels.look_layout``; albedos, periods per m, shares
    pattern:        kind of pattern
    texture:        which texture the pattern "image" shows, -1 for none
    needs_samples:  1 where a surface shows other surfaces, so that its pixels have edges of their own
    texels:         sRGB bytes of all mip levels of all textures, row by row
    levels:         [texture, level]: first texel, width, height
    num_levels:     of each texture
    decoded:        linear value of an sRGB byte
    lamps:          position (m), color × intensity (3), radius (m), 0
    behind:         GRADIENT, ENVIRONMENT or BACKDROP, and the texture
    air:            with a picture behind the scene: light from above (3), colour of the horizon (3); always: factor on
                    the light from below (3)
    screen:         1 / width, 1 / height (1 / pixels), exposure as a factor
    """

    material: Float[np.ndarray, "s 16"]
    pattern: Int64[np.ndarray, "s"]
    texture: Int32[np.ndarray, "s"]
    needs_samples: UInt8[np.ndarray, "s"]
    texels: UInt8[np.ndarray, "_ 3"]
    levels: Int32[np.ndarray, "m 12 3"]
    num_levels: Int32[np.ndarray, "m"]
    decoded: Float32[np.ndarray, "256"]
    lamps: Float[np.ndarray, "l 8"]
    behind: Int32[np.ndarray, "2"]
    air: Float[np.ndarray, "9"]
    screen: Float[np.ndarray, "3"]


def needs_rich(spec: SceneSpec) -> bool:
    """Whether a scene needs more than plain colours, checkers and stripes with one kind of highlight under one sky."""
    lighting = spec.lighting
    return bool(
        any(_is_rich(body.appearance) for body in spec.bodies)
        or lighting.lamps
        or lighting.environment
        or lighting.backdrop
        or spec.sensor.exposure
    )


def reaches_far(spec: SceneSpec) -> bool:
    """Whether a solid may change pixels where neither it nor its shadow of the sun is: mirrors, glass and lamps do."""
    return bool(spec.lighting.lamps) or any(
        isinstance(body.shape, Plane) and body.appearance.metallic > 0 for body in spec.bodies
    )


def pack_appearance(spec: SceneSpec, surfaces: list[Body]) -> AppearanceArrays:
    """Turn the appearance of a scene into arrays.

    ``surfaces`` are the bodies of the kernels' surfaces: planes, then solids; one that is drawn in parts comes once
    for each part.

    Raises:
        DataError: a picture is missing or is another one than the scene was made with.
    """
    lighting = spec.lighting
    behind_picture = lighting.environment or lighting.backdrop
    wanted = [*(body.appearance.image for body in surfaces), behind_picture]
    names = list(dict.fromkeys(name for name in wanted if name is not None))
    pictures = [load_picture(name) for name in names]
    texels, levels, num_levels = _flatten(pictures)
    kind = ENVIRONMENT if lighting.environment else BACKDROP if lighting.backdrop else GRADIENT
    air = np.concatenate([np.zeros(6), _ground_factor(surfaces)])
    if behind_picture is not None:
        air[:6] = _air_of(pictures[names.index(behind_picture)], lighting.ambient_intensity)
    lamps = [(*lamp.position, *(lamp.intensity * c for c in lamp.color), lamp.radius, 0.0) for lamp in lighting.lamps]
    return AppearanceArrays(
        material=np.array([_material(body) for body in surfaces], dtype=np.float64).reshape(-1, NUM_COLUMNS),
        pattern=np.array([_PATTERNS[body.appearance.pattern] for body in surfaces], dtype=np.int64),
        texture=np.array([_place(names, body.appearance.image) for body in surfaces], dtype=np.int32),
        needs_samples=np.array([_shows_others(body.appearance) for body in surfaces], dtype=np.uint8),
        texels=texels,
        levels=levels,
        num_levels=num_levels,
        decoded=srgb_decoded(),
        lamps=np.array(lamps, dtype=np.float64).reshape(-1, 8),
        behind=np.array([kind, _place(names, behind_picture)], dtype=np.int32),
        air=air,
        screen=np.array([1.0 / spec.width, 1.0 / spec.height, 2.0**spec.sensor.exposure]),
    )


def _is_rich(look: Appearance) -> bool:
    return (
        look.pattern not in _BASIC_PATTERNS
        or look.roughness != _BASIC_ROUGHNESS
        or look.metallic > 0
        or look.transparency > 0
    )


def _shows_others(look: Appearance) -> bool:
    """Whether edges of other bodies show on this one so clearly that they must be smooth."""
    return max(look.transparency, look.metallic * _sharpness(look)) > _CLEARLY


def _sharpness(look: Appearance) -> float:
    """Return the share of a metal's mirror image that is not smeared into the light from all around."""
    return (1.0 - look.roughness) ** 2


def _place(names: list[ImageTexture], name: ImageTexture | None) -> int:
    return -1 if name is None else names.index(name)


def _flatten(
    pictures: list[Picture],
) -> tuple[UInt8[np.ndarray, "_ 3"], Int32[np.ndarray, "m 12 3"], Int32[np.ndarray, "m"]]:
    texels: list[np.ndarray] = []
    levels = np.zeros((max(len(pictures), 1), _MOST_LEVELS, 3), dtype=np.int32)
    first = 0
    for index, picture in enumerate(pictures):
        for level, pixels in enumerate(picture.levels):
            levels[index, level] = (first, pixels.shape[1], pixels.shape[0])
            texels.append(pixels.reshape(-1, 3))
            first += len(texels[-1])
    count = np.array([len(picture.levels) for picture in pictures] or [0], dtype=np.int32)
    # A kernel must be given something to point at, even where nothing is read.
    return np.concatenate(texels or [np.zeros((1, 3), dtype=np.uint8)]), levels, count


def _air_of(picture: Picture, ambient_intensity: float) -> Float[np.ndarray, "6"]:
    """Return what a picture behind the scene sends down, its hue halved, and the colour at its middle height."""
    coarse = next(level for level in picture.levels if max(level.shape[:2]) <= 64)
    linear = srgb_decoded()[coarse].astype(np.float64)
    height = len(linear)
    above = linear[: (height + 1) // 2].mean(axis=(0, 1))
    above = 0.55 + 0.45 * above / max(above.max(), 1e-6)
    middle = linear[height * 2 // 5 : height * 3 // 5 + 1].mean(axis=(0, 1))
    return np.concatenate([above * ambient_intensity, middle])


def _ground_factor(surfaces: list[Body]) -> Float[np.ndarray, "3"]:
    """Return what a picture on the first plane changes in the light that the ground sends up.

    The plain renderer takes the ground's colour from its two albedos, which say nothing about a picture.
    """
    if not surfaces or not isinstance(surfaces[0].shape, Plane) or surfaces[0].appearance.image is None:
        return np.ones(3)
    look = surfaces[0].appearance
    assert look.image is not None
    taken = (np.array(look.albedo) + np.array(look.second_albedo)) / 2
    return np.array(look.albedo) * load_picture(look.image).mean / np.maximum(taken, 1e-6)


def _material(body: Body) -> tuple[float, ...]:
    look = body.appearance
    level, gain = _highlight(look.roughness)
    transparency = 0.0 if isinstance(body.shape, Plane) else look.transparency
    return (
        *look.albedo,
        *look.second_albedo,
        1.0 / look.pattern_scale,
        look.specular,
        level,
        gain,
        look.metallic,
        transparency,
        _sharpness(look),
        *_origin(body),
    )


def _highlight(roughness: float) -> tuple[float, float]:
    """Return log2 of the highlight's exponent, and its height relative to the usual one.

    The exponent is 2^11 for a polished surface, 2^6 at the usual roughness, 2 for chalk. A wider lobe is lower, since
    it sends the same light into more directions.
    """
    usual = 6.0
    below = roughness <= _BASIC_ROUGHNESS
    level = usual + (5.0 * (1.0 - roughness / _BASIC_ROUGHNESS) if below else 0.0)
    if not below:
        level = usual - 5.0 * (roughness - _BASIC_ROUGHNESS) / (1.0 - _BASIC_ROUGHNESS)
    return level, min((2.0**level + 8.0) / (2.0**usual + 8.0), _LARGEST_GAIN)


def _origin(body: Body) -> tuple[float, float, float]:
    """Return where in the stuff a body is carved from, periods of the pattern; its name decides."""
    bits = zlib.crc32(body.name.encode())
    first, second, third = ((bits >> shift & 255) / 255.0 for shift in (0, 8, 16))
    if body.appearance.pattern == "wood":
        # Near enough to the heart of the trunk for bent rings, and never at it.
        angle = 2.0 * math.pi * second
        return (60.0 * first, 2.6 * math.cos(angle), 2.6 * math.sin(angle))
    return (60.0 * first, 60.0 * second, 60.0 * third)
