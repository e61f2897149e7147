"""Picture files as textures: checked, decoded once per process, with every coarser level a look-up may need."""

import functools
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, UnidentifiedImageError

from physics_data.core.conventions import srgb_decode
from physics_data.core.errors import DataError
from physics_data.core.scene import ImageTexture

LARGEST_SIDE = 2048
"""Larger pictures are halved until no side has more texels; a texel is then no larger than a pixel of what is drawn."""

_KEPT_PICTURES = 64


@dataclass(frozen=True)
class Picture:
    """A decoded picture: sRGB bytes of every mip level, the finest first, each half as large as the one before."""

    levels: tuple[UInt8[np.ndarray, "_ _ 3"], ...]

    @property
    def mean(self) -> Float[np.ndarray, "3"]:
        """The mean colour, linear light."""
        return srgb_decoded()[self.levels[-1].reshape(-1, 3)].mean(axis=0)


def image_texture(path: Path | str) -> ImageTexture:
    """Describe a picture file so that a scene can name it; the scene then insists on these very bytes.

    Raises:
        DataError: there is no such file, or it holds no picture.
    """
    data = _read(Path(path))
    _decode(data, str(path))
    return ImageTexture(file=str(path), sha256=hashlib.sha256(data).hexdigest())


def load_picture(texture: ImageTexture) -> Picture:
    """Return the picture of a texture, from this process's store if it was asked for before.

    Relative files are looked up from the working folder.

    Raises:
        DataError: the file is missing, holds no picture, or is another one than the scene was made with.
    """
    return _load(texture.file, texture.sha256)


@functools.lru_cache(maxsize=1)
def srgb_decoded() -> Float[np.ndarray, "256"]:
    """Return the linear value of every sRGB byte."""
    return srgb_decode(np.arange(256) / 255.0).astype(np.float32)


def srgb_encoded(linear: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Return the nearest sRGB byte of linear values: the one whose neighbours' midpoints lie around the value."""
    decoded = srgb_decoded().astype(np.float64)
    return np.searchsorted((decoded[1:] + decoded[:-1]) / 2, linear).astype(np.uint8)


@functools.lru_cache(maxsize=_KEPT_PICTURES)
def _load(file: str, sha256: str) -> Picture:
    data = _read(Path(file))
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(
            f"the picture {file} has sha256 {found[:12]}…, the scene was made with {sha256[:12]}…; "
            "bring back that file, or name this one with renderers.textures.image_texture(path)."
        )
    return Picture(tuple(_levels(_decode(data, file))))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"the picture {path} cannot be read ({error.strerror}); give the path of a picture file."
        ) from error


def _decode(data: bytes, name: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{name} holds no picture that can be read; give a PNG, JPEG or WebP file.") from error


def _levels(image: Image.Image) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """Halve a picture in linear light until one texel is left, and drop the levels that are too fine."""
    linear = srgb_decoded()[np.asarray(image)]
    levels = []
    while True:
        height, width = linear.shape[:2]
        if max(height, width) <= LARGEST_SIDE:
            levels.append(np.ascontiguousarray(srgb_encoded(linear)))
        if max(height, width) == 1:
            return levels
        linear = _halved(_halved(linear, 0), 1)


def _halved(linear: Float[np.ndarray, "h w 3"], axis: int) -> Float[np.ndarray, "_ _ 3"]:
    """Average along an axis into half as many texels, all of one width, whatever the number."""
    count = linear.shape[axis]
    if count == 1:
        return linear
    if count % 2 == 0:
        pairs = linear.take(range(0, count, 2), axis) + linear.take(range(1, count, 2), axis)
        return pairs * np.float32(0.5)
    # Texel k of n covers [2k + k/n, 2k + 2 + (k + 1)/n] of 2n + 1 old ones.
    half = count // 2
    share = np.arange(half, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(3)]) / half
    first, second, third = (linear.take(range(k, k + 2 * half - 1, 2), axis) for k in range(3))
    step = np.float32(1.0 / half)
    return ((1 - share) * first + second + (share + step) * third) / np.float32(2.0 + step)
