"""What a video looks like without its objects: one picture, from the first frame and the video's own statistics."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from eval.perception.colors import dot, length

SHADOW_RANGE = (0.4, 1.7)
"""Factors by which a background pixel may darken (a shadow falls on it) or brighten (one leaves it)."""

_PLAIN_TOLERANCE = 24.0
_SHADOW_TOLERANCE = 14.0
_MIN_SIGHTINGS = 3
_MAX_OFFSET = 40.0


@dataclass(frozen=True)
class Background:
    """The empty scene of one video.

    Units:
        plate:   grey levels 0..255, in the colours of the reference
        video:   the video with each frame's global colour offset removed, grey levels
        noise:   standard deviation of the video around the plate, grey levels per channel
    """

    plate: Float[np.ndarray, "h w 3"]
    video: Float[np.ndarray, "t h w 3"]
    noise: float


def shadow_residual(pixels: Float[np.ndarray, "*a 3"], plate: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*a"]:
    """Return how far pixels are from being the plate (one, or one each) made darker or brighter, grey levels."""
    factor = np.clip(dot(pixels, plate) / np.maximum(dot(plate, plate), 1.0), *SHADOW_RANGE)
    return length(pixels - factor[..., None] * plate)


def fill(picture: Float[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """Fill the masked pixels with the nearest pixel outside the mask."""
    if not mask.any() or mask.all():
        return picture
    nearest = np.asarray(ndimage.distance_transform_edt(mask, return_distances=False, return_indices=True))
    return picture[nearest[0], nearest[1]]


def _grow(mask: Bool[np.ndarray, "h w"], pixels: int) -> Bool[np.ndarray, "h w"]:
    return np.asarray(ndimage.binary_dilation(mask, iterations=pixels), dtype=bool)


def model_background(
    video: Float[np.ndarray, "t h w 3"],
    first: Float[np.ndarray, "h w 3"],
    masks: Bool[np.ndarray, "o h w"],
    palettes: list[Float[np.ndarray, "k 3"]],
) -> Background:
    """Find the plate of a video.

    A pixel of the plate is the median of the frames in which the video looks like the first reference frame there
    (within what blur and shadows can do). Where an object stood in the first frame, the frames count that differ from
    that object and resemble its surroundings. Pixels that never look like background keep the first frame's colour.

    Units:
        video, first:  grey levels 0..255, the same size
        masks:         the tracked objects in the first frame
        palettes:      each object's colours, grey levels
    """
    height = first.shape[0]
    wide = max(1, round(height / 64))
    covered = _grow(np.logical_or.reduce(masks, axis=0), wide)
    filled = fill(first, covered)
    offset = np.clip(np.median((video - filled)[:, ~covered], axis=1), -_MAX_OFFSET, _MAX_OFFSET)
    video = video - offset[:, None, None, :]

    window = 4 * wide + 1
    low = ndimage.minimum_filter(filled, size=(window, window, 1))
    high = ndimage.maximum_filter(filled, size=(window, window, 1))
    for mask in masks:
        zone = _grow(mask, wide)
        ring = _grow(zone, 3 * wide) & ~covered
        if ring.any():
            low[zone], high[zone] = filled[ring].min(0), filled[ring].max(0)
    inside = (video >= low - _PLAIN_TOLERANCE) & (video <= high + _PLAIN_TOLERANCE)
    plain = inside[..., 0] & inside[..., 1] & inside[..., 2]
    plain |= shadow_residual(video, filled) < _SHADOW_TOLERANCE
    for mask, palette in zip(masks, palettes, strict=True):
        zone = _grow(mask, 2 * wide)
        pixels = video[:, zone]
        to_object = length(pixels[..., None, :] - palette).min(-1)
        to_plate = length(pixels - filled[zone])
        plain[:, zone] &= to_object > np.minimum(to_plate, 60.0)

    sightings = plain.sum(0)
    ordered = np.sort(np.where(plain[..., None], video, np.inf), axis=0)
    middle = np.minimum(np.maximum(sightings - 1, 0) // 2, len(video) - 1)
    median = np.take_along_axis(ordered, middle[None, ..., None], axis=0)[0]
    seen = sightings >= min(_MIN_SIGHTINGS, len(video))
    plate = np.where(seen[..., None], median, filled)
    deviation = np.abs(video - plate)[:, seen & ~covered]
    noise = 1.4826 * float(np.median(deviation)) if deviation.size else 0.0
    return Background(plate, video, noise)
