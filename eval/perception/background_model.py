"""Background models: what a video looks like without its objects, with and without a first frame that names them."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from eval.perception.colors import dot, largest, length, without_specks

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
        picture: grey levels 0..255, in the colours of the reference
        video:   the video with each frame's global colour offset removed, grey levels
        noise:   standard deviation of the video around the background, grey levels per channel
    """

    picture: Float[np.ndarray, "h w 3"]
    video: Float[np.ndarray, "t h w 3"]
    noise: float


def shadow_residual(
    pixels: Float[np.ndarray, "*a 3"], background: Float[np.ndarray, "*b 3"]
) -> Float[np.ndarray, "*a"]:
    """Return how far pixels are from being the background (one, or one each) made darker or brighter, grey levels."""
    factor = np.clip(dot(pixels, background) / np.maximum(dot(background, background), 1.0), *SHADOW_RANGE)
    return length(pixels - factor[..., None] * background)


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
    """Find the background of a video.

    A pixel of the background is the median of the frames in which the video looks like the first reference frame there
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
        to_background = length(pixels - filled[zone])
        plain[:, zone] &= to_object > np.minimum(to_background, 60.0)

    sightings = plain.sum(0)
    ordered = np.sort(np.where(plain[..., None], video, np.inf), axis=0)
    middle = np.minimum(np.maximum(sightings - 1, 0) // 2, len(video) - 1)
    median = np.take_along_axis(ordered, middle[None, ..., None], axis=0)[0]
    seen = sightings >= min(_MIN_SIGHTINGS, len(video))
    background = np.where(seen[..., None], median, filled)
    deviation = np.abs(video - background)[:, seen & ~covered]
    noise = 1.4826 * float(np.median(deviation)) if deviation.size else 0.0
    return Background(background, video, noise)


_MAX_FRAMES = 33  # odd, so that the median is a value; more sharpen no background of a clip of seconds
_RARE = 2  # sightings that make a second colour of a pixel worth a look
_MAX_CHANGING = 0.6  # share of the canvas; where more changes, nothing around is known
_ALIEN = 22.0  # grey levels from all that encloses it, from which on a colour is taken for a thing's
_CLOSER = 0.6
_HOME = 0.75  # a colour that is there first, last and for this share of the time is the background's
_PEELS = 12
_PEELED = 3.0  # times the area removed before: a thing that lay there most of the time did not leave so much behind
_LEVELS = 3.0  # grey levels of noise that every video is granted


@dataclass(frozen=True)
class FreeBackground:
    """The empty scene.

    Units:
        picture:  sRGB, grey levels
        noise:    standard deviation of the video around it, grey levels per channel, by pixel
    """

    picture: Float[np.ndarray, "h w 3"]
    noise: Float[np.ndarray, "h w"]


def model_free_background(
    video: UInt8[np.ndarray, "t h w 3"], valid: Bool[np.ndarray, "t h w"] | None = None
) -> FreeBackground:
    """Find the background: the median of every pixel, or what was seen without a thing that lay there most of the time.

    A pixel that shows one colour for some time and another one before or after shows a thing that came or went; the
    background is the colour that joins up with the surroundings. A thing that never leaves its place is part of it.

    Units:
        video:  sRGB, registered on one canvas
        valid:  False = the canvas was not in view
    """
    chosen = np.linspace(0, len(video) - 1, min(len(video), _MAX_FRAMES)).round().astype(int)
    sample = video[chosen]
    seen = None if valid is None else valid[chosen]
    first = _median(sample, seen)
    distance = _apart(sample, first)
    if seen is not None:
        distance[~seen] = 0
    noise = np.median(distance, axis=0).astype(np.float32)
    level = max(_LEVELS, float(np.median(noise)))
    noise = np.clip(noise, _LEVELS, 4 * level)
    limit = np.maximum(14.0, 5 * np.minimum(noise, 2 * level))
    apart = distance > limit
    picture = _choose(sample, first, apart, limit)
    return FreeBackground(picture, np.where((picture != first).any(-1), level, noise))


def _apart(sample: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Largest difference of a channel, for every frame and pixel."""
    still = picture.round().astype(np.uint8)
    return np.stack([largest(cv2.absdiff(frame, still)) for frame in sample])


def _median(sample: np.ndarray, seen: np.ndarray | None) -> np.ndarray:
    """Median over the frames in which a pixel was seen; over all where it never was."""
    if seen is None:
        return _byte_median(sample) if len(sample) % 2 else np.median(sample, axis=0).astype(np.float32)
    count = seen.sum(0)
    order = np.where(seen[..., None], sample.astype(np.int16), 999)
    order.sort(axis=0)
    middle = np.maximum(count - 1, 0) // 2
    chosen = np.take_along_axis(order, middle[None, ..., None], axis=0)[0]
    return np.where(count[..., None] > 0, chosen, np.median(sample, axis=0)).astype(np.float32)


def _byte_median(sample: np.ndarray) -> np.ndarray:
    """Median of an odd number of pictures, bit by bit: four times as fast as ``np.median``."""
    found = np.zeros(sample.shape[1:], np.uint8)
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):
        trial = found | np.uint8(bit)
        below = np.zeros(sample.shape[1:], np.uint8)
        for picture in sample:
            below += picture < trial
        np.copyto(found, trial, where=below <= len(sample) // 2)
    return found.astype(np.float32)


def _choose(sample: np.ndarray, first: np.ndarray, apart: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Choose each changing pixel's background among its three commonest colours: the one that fits what is around.

    What never changes is the background; the colours expected inside a changing region are drawn in from its rim.
    """
    changing = apart.sum(0) >= _RARE
    changing = without_specks(changing.astype(np.uint8))
    share = changing.mean()
    if not 0 < share < _MAX_CHANGING:
        return first
    reach = max(1, round(max(first.shape) / 64))
    region = cv2.dilate(changing, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    region |= _holes(region)
    if region.mean() > _MAX_CHANGING:
        return first
    expected = cv2.inpaint(first.round().astype(np.uint8), region, 3, cv2.INPAINT_TELEA).astype(np.float32)
    rows, columns = np.nonzero(changing)
    history = sample[:, rows, columns].astype(np.int16)
    best = first[rows, columns]
    around = _around(first, region > 0)
    gap = _gap(best, around[:, rows, columns])
    alien = _gap(first, around) > _ALIEN
    rest = apart[:, rows, columns]
    homely = ~rest[0] & ~rest[-1] & (rest.mean(0) < 1 - _HOME)
    for _ in range(2):
        other = _median(history[:, :, None], rest[:, :, None])[:, 0]
        near = (largest(np.abs(history - other[None])) <= limit[rows, columns]) & rest
        other_gap = _gap(other, around[:, rows, columns])
        better = (near.sum(0) >= _RARE) & (gap > _ALIEN) & ~homely & (other_gap < _CLOSER * gap)
        best, gap = np.where(better[:, None], other, best), np.where(better, other_gap, gap)
        rest = rest & ~near
    picture = first.copy()
    picture[rows, columns] = best
    alien[rows[homely], columns[homely]] = False
    return _peel(picture, first, expected, (region > 0) & alien, reach)


def _holes(region: np.ndarray) -> np.ndarray:
    """What lies inside the outlines of a region."""
    outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(region), outlines, -1, 1, cv2.FILLED)


def _around(picture: np.ndarray, region: np.ndarray) -> np.ndarray:
    """The colours that enclose each pixel of a region: the first one outside it to the left, right, above, below."""
    found = []
    for turned, flipped in ((0, 0), (0, 1), (1, 0), (1, 1)):
        unknown, colors = (region.T, picture.transpose(1, 0, 2)) if turned else (region, picture)
        unknown, colors = (unknown[:, ::-1], colors[:, ::-1]) if flipped else (unknown, colors)
        place = np.where(unknown, -1, np.arange(unknown.shape[1])[None])
        place = np.maximum.accumulate(place, axis=1)
        filled = np.take_along_axis(colors, np.maximum(place, 0)[..., None], axis=1)
        filled = np.where((place >= 0)[..., None], filled, np.inf)
        filled = filled[:, ::-1] if flipped else filled
        found.append(filled.transpose(1, 0, 2) if turned else filled)
    return np.stack(found)


def _gap(colors: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Distance to the most similar of the enclosing colours, grey levels."""
    return largest(np.abs(colors[None] - around)).min(0)


def _peel(picture: np.ndarray, first: np.ndarray, expected: np.ndarray, region: np.ndarray, reach: int) -> np.ndarray:
    """Take away what is left of a thing that lay on its own place: colours like those removed right beside."""
    removed = (largest(np.abs(picture - first)) > 14).astype(np.float32)
    before, most = picture.copy(), (1 + _PEELED) * float(removed.sum())
    window = (4 * reach + 3, 4 * reach + 3)
    for _ in range(_PEELS):
        weight = cv2.blur(removed, window)
        beside = cv2.blur(first * removed[..., None], window) / np.maximum(weight, 1e-6)[..., None]
        alike = (weight > 0.1) & (largest(np.abs(picture - beside)) < 40)
        new = region & alike & (removed == 0)
        if not new.any():
            break
        picture[new] = expected[new]
        removed[new] = 1.0
        if removed.sum() > most:
            return before
    return picture
