"""Conventions of the whole project, stated once.

Units are SI (m, kg, s, rad). The world is right-handed with z up. Quaternions are wxyz and rotate body vectors
into the world (``world_from_body``). Cameras look along +z with x right and y down; pixel (0, 0) is the
top-left one and pixel centres lie at +0.5. ``depth_map`` is the z coordinate in the camera frame in metres, not the
length of the ray; +inf for the sky and beyond ``FAR_PLANE``. ``optical_flow`` is the motion field of the visible
surface in pixels per frame (x right, y down); shadows and mirror images have none of their own. Instance id 0 is the
background. Numpy video is ``t h w c`` uint8 sRGB; torch video is ``b c t h w`` in [-1, 1]; latents are ``b c t h w``.
In masks True means keep. Random generators depend on what is made, never on the worker or the order.
"""

import zlib

import numpy as np
from jaxtyping import Float

STANDARD_GRAVITY = 9.81
"""Magnitude of gravity used by the scenarios, m/s²."""

BACKGROUND_ID = 0
"""Instance id of everything that is not an instance: sky and planes."""

SCENE_FORMAT = "worldsim.scene/2"
CLIP_FORMAT = "worldsim.clip/3"
DATASET_FORMAT = "worldsim.dataset/2"
"""Versions of the stored formats, as they are written. A reader refuses a version it does not know."""

CLIP_FORMATS_READ = ("worldsim.clip/2", CLIP_FORMAT)
DATASET_FORMATS_READ = ("worldsim.dataset/1", DATASET_FORMAT)

FAR_PLANE = 1000.0
"""Farthest depth that labels hold, m. What a pixel shows beyond it is sky to depth, normals and object coordinates: a
floor seen at its horizon would reach any depth."""

DOMAIN_ABSENT = 0
DOMAIN_PHYSICS = 1
DOMAIN_REAL = 2
"""Which world a clip comes from, as the generator is told it; 0 means it is not told."""


def clip_generator(root_seed: int, scenario: str, index: int) -> np.random.Generator:
    """Return the generator of one clip; equal arguments give equal draws on every worker.

    The scenario enters through its CRC-32, so adding one to a config leaves the clips of the others as they were.
    """
    return np.random.default_rng(np.random.SeedSequence(root_seed, spawn_key=(zlib.crc32(scenario.encode()), index)))


def step_seed(root_seed: int, stream: str, index: int) -> int:
    """Return a 63-bit seed for step ``index`` of a named stream, for generators of other libraries."""
    sequence = np.random.SeedSequence(root_seed, spawn_key=(zlib.crc32(stream.encode()), index))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def srgb_encode(linear: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return the sRGB values of linear light, both in [0, 1]."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def srgb_decode(encoded: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return the linear light of sRGB values, both in [0, 1]. Source: IEC 61966-2-1 (1999)."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


COLORS: dict[str, tuple[float, float, float]] = {
    "red": (0.75, 0.03, 0.03),
    "blue": (0.02, 0.12, 0.75),
    "green": (0.03, 0.42, 0.06),
    "yellow": (0.88, 0.70, 0.03),
    "purple": (0.36, 0.03, 0.50),
    "orange": (0.92, 0.28, 0.02),
    "white": (0.90, 0.90, 0.90),
    "black": (0.02, 0.02, 0.02),
}
"""Albedos in linear light; any two are at least 0.3 apart."""
