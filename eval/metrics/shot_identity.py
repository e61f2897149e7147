"""Identity across a cut: does each object keep its colour, shape and size in the next shot?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from physics_data.core.clip import Clip
from physics_data.core.conventions import COLORS, srgb_decode
from physics_data.core.errors import DataError

SHOT_COLUMNS = {
    "shot_color": "objects keep their colour across the cut, 0 to 1",
    "shot_shape": "objects keep their shape across the cut, 0 to 1",
    "shot_size": "objects keep their size relative to each other across the cut, 0 to 1",
    "shot_identity": "worst of colour, shape and size in each frame after the cut, of the object kept worst",
}

_SATURATED, _LIT, _SMALLEST = 0.65, 0.01, 12
"""Saturation and linear brightness from which a pixel belongs to a coloured object; pixels of the smallest one."""

_OWN = 0.6
"""Overlap (intersection over union) of a region with the exact mask from which on it shows that object alone."""

_SIDE = 32
"""Side of the square on which two silhouettes are compared, pixels."""

_COLOR, _SHAPE, _SIZE = (0.04, 0.2), (0.06, 0.2), (np.log(1.12), np.log(1.8))
"""Deviations up to which the score is 1, and from which on it is 0: distance of chromaticities, 1 - overlap of the
silhouettes at one size and place, logarithm of the ratio of areas."""


@dataclass(frozen=True)
class _Region:
    """A connected region of one colour: chromaticity (linear rgb / sum), area in pixels, silhouette at a fixed size."""

    mask: Bool[np.ndarray, "h w"]
    chromaticity: Float[np.ndarray, "3"]
    area: int
    outline: Bool[np.ndarray, "s s"]


def shot_scores(video: UInt8[np.ndarray, "t h w 3"], clip: Clip) -> dict[str, float]:
    """Return the columns of ``SHOT_COLUMNS`` for a video that continues a multi-shot clip.

    Coloured objects are found in the video's pixels after the first cut, wherever they are, and matched with the
    objects of the clip, which its exact labels name. An object that is not found scores 0. With three objects or more,
    sizes are compared up to one factor for all, which another distance of the camera gives. Frames in which the clip
    itself does not show an object whole and alone are left out for that object.

    Args:
        video: on the frames and size of the clip
        clip: the reference; its objects have saturated colours, its background has none

    Raises:
        DataError: the clip has no cut, or shows no object whole after it.

    Source: this project.
    """
    spec, rendering, _ = clip.labelled
    if not spec.cuts:
        raise DataError(f"clip '{clip.meta.key}' has no cut; build with settings.camera_motion: cut, or scene files.")
    objects = [number for number, body in enumerate(spec.instances, 1) if body.role == "object"]
    rows: dict[int, list[tuple[float, float, float]]] = {}
    for frame in range(spec.cuts[0], spec.num_frames):
        true = _true_regions(clip.rgb[frame], rendering.instance_ids[frame], objects)
        scores = _frame_scores(list(true.values()), _regions(video[frame]))
        for number, score in zip(true, scores, strict=True):
            rows.setdefault(number, []).append(score)
    if not rows:
        raise DataError(f"clip '{clip.meta.key}' shows no object whole and alone after its cut; make another.")
    color, shape, size = np.mean([np.mean(scores, axis=0) for scores in rows.values()], axis=0)
    return {
        "shot_color": float(color),
        "shot_shape": float(shape),
        "shot_size": float(size),
        "shot_identity": min(float(np.min(scores, axis=1).mean()) for scores in rows.values()),
    }


def _true_regions(
    rgb: UInt8[np.ndarray, "h w 3"], ids: UInt8[np.ndarray, "h w"], objects: list[int]
) -> dict[int, _Region]:
    found: dict[int, _Region] = {}
    regions = _regions(rgb)
    for number in objects:
        mask = ids == number
        if mask[[0, -1]].any() or mask[:, [0, -1]].any():
            continue
        overlaps = [(mask & region.mask).sum() / (mask | region.mask).sum() for region in regions]
        if overlaps and max(overlaps) >= _OWN:
            found[number] = regions[int(np.argmax(overlaps))]
    return found


def _frame_scores(true: list[_Region], found: list[_Region]) -> list[tuple[float, float, float]]:
    """Return (colour, shape, size) of each true region, in the match with the best total."""
    if not true or not found:
        return [(0.0, 0.0, 0.0)] * len(true)
    growth = np.log([[other.area / region.area for other in found] for region in true])
    looks = np.array([[_look(region, other) for other in found] for region in true])
    rows, columns = linear_sum_assignment(-(looks.sum(axis=2) + _falling(np.abs(growth), _SIZE)))
    matched = growth[rows, columns]
    nearer = float(np.median(matched)) if len(matched) >= 3 else 0.0
    scores = [(0.0, 0.0, 0.0)] * len(true)
    for row, column, change in zip(rows, columns, matched, strict=True):
        color, shape = looks[row, column]
        scores[row] = (float(color), float(shape), float(_falling(abs(change - nearer), _SIZE)))
    return scores


def _look(region: _Region, other: _Region) -> tuple[float, float]:
    apart = float(np.linalg.norm(region.chromaticity - other.chromaticity))
    overlap = (region.outline & other.outline).sum() / (region.outline | other.outline).sum()
    return float(_falling(apart, _COLOR)), float(_falling(1.0 - overlap, _SHAPE))


def _falling(deviation: "np.ndarray | float", limits: tuple[float, float]) -> np.ndarray:
    free, worst = limits
    return np.asarray(np.clip((worst - np.asarray(deviation)) / (worst - free), 0.0, 1.0))


_PALETTE = np.array([color for name, color in COLORS.items() if name not in ("white", "black")])
_PALETTE = _PALETTE / _PALETTE.sum(axis=1, keepdims=True)


def _regions(rgb: UInt8[np.ndarray, "h w 3"]) -> list[_Region]:
    """Return the connected regions of saturated pixels whose nearest named colour is the same."""
    linear = srgb_decode(rgb / 255.0)
    brightest = linear.max(axis=2)
    colored = (brightest > _LIT) & (brightest - linear.min(axis=2) > _SATURATED * brightest)
    chromaticity = linear / np.maximum(linear.sum(axis=2, keepdims=True), 1e-9)
    nearest = np.linalg.norm(chromaticity[:, :, None] - _PALETTE, axis=3).argmin(axis=2)
    found = []
    for name in range(len(_PALETTE)):
        labels = np.zeros(nearest.shape, dtype=np.int32)
        ndimage.label(colored & (nearest == name), output=labels)
        for number in range(1, int(labels.max()) + 1):
            seen = labels == number
            mask = ndimage.binary_fill_holes(seen)
            assert mask is not None
            if (area := int(mask.sum())) >= _SMALLEST:
                found.append(_Region(mask, np.median(chromaticity[seen], axis=0), area, _outline(mask)))
    return found


def _outline(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "s s"]:
    """Return a silhouette moved to the middle of a small square, at a quarter of its area."""
    rows, columns = np.nonzero(mask)
    scale = np.sqrt(len(rows) / (0.25 * _SIDE * _SIDE))
    places = (np.arange(_SIDE) + 0.5 - _SIDE / 2) * scale
    grid = np.meshgrid(rows.mean() + places, columns.mean() + places, indexing="ij")
    return ndimage.map_coordinates(mask.astype(np.float64), grid, order=1, mode="constant") > 0.5
