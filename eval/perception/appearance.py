"""What objects look like: palettes from the first frame, and how much of a pixel an object covers."""

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage
from scipy.cluster.vq import kmeans2

from eval.perception.colors import dot, length

_COLORS = 4
_SAME_COLOR = 45.0
_INVISIBLE = 14.0
_SHADES = (0.4, 2.0)  # how much darker or lighter than in the first frame another side of an object may be
_COLOURFUL = 0.25  # (largest - smallest channel) / largest; what is greyer has the hue of shadows and of grounds
_SHADE_COST = 8.0  # grey levels, so that a colour that was seen explains better than one that is inferred


def palette_of(first: Float[np.ndarray, "h w 3"], mask: np.ndarray) -> Float[np.ndarray, "k 3"]:
    """Return up to four colours of a masked object; the rim, where colours mix with the background, is left out.

    Units:
        first:  grey levels 0..255
        mask:   bool [h w], at least one pixel
    """
    core = np.asarray(ndimage.binary_erosion(mask), dtype=bool)
    pixels = first[core if core.sum() >= 4 else mask].astype(np.float64)
    distinct = np.unique(pixels.round(), axis=0)
    if len(distinct) <= _COLORS:
        return distinct
    order = np.argsort(pixels.sum(1))
    seeds = pixels[order[np.linspace(0, len(order) - 1, _COLORS).round().astype(int)]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a colour that no pixel takes drops out below
        centers, assigned = kmeans2(pixels, seeds, iter=10, minit="matrix", missing="warn")
    return centers[np.unique(assigned)]


def color_groups(palettes: list[Float[np.ndarray, "k 3"]]) -> list[int]:
    """Return a group number for each object; objects that colour cannot tell apart share one."""
    groups = list(range(len(palettes)))
    for j, second in enumerate(palettes):
        for i, first in enumerate(palettes[:j]):
            distance = length(first[:, None] - second[None])
            if max(distance.min(0).mean(), distance.min(1).mean()) < _SAME_COLOR:
                groups = [groups[i] if g == groups[j] else g for g in groups]
    return groups


@dataclass(frozen=True)
class Evidence:
    """How well pixels are explained by one object in front of the background.

    Units:
        alpha:     share of the pixel that the object covers, 0..1
        residual:  colour that the mixture of object and background leaves unexplained, grey levels
    """

    alpha: Float[np.ndarray, "n"]
    residual: Float[np.ndarray, "n"]


def explain(
    pixels: Float[np.ndarray, "n 3"], background: Float[np.ndarray, "n 3"], palette: Float[np.ndarray, "k 3"]
) -> Evidence:
    """Explain each pixel as a mixture of the background and the palette colour that fits best.

    Blur and half-covered pixels are such mixtures, so edges stay with the object and areas keep their size. A colour
    that hardly differs from the background explains nothing. A side that turns into light or shade keeps its hue:
    a colour with one also explains its own multiples from 0.4 to 2, of which the object covers the whole pixel.

    Units:
        pixels, background, palette:  grey levels 0..255
    """
    best = Evidence(np.zeros(len(pixels)), np.full(len(pixels), np.inf))
    difference = pixels - background
    for color in palette:
        contrast = color - background
        square = dot(contrast, contrast)
        alpha = np.clip(dot(difference, contrast) / np.maximum(square, 1.0), 0.0, 1.0)
        residual = length(difference - alpha[:, None] * contrast)
        alpha = np.where(square > _INVISIBLE**2, alpha, 0.0)
        better = residual < best.residual
        best = Evidence(np.where(better, alpha, best.alpha), np.where(better, residual, best.residual))
        if np.ptp(color) < _COLOURFUL * color.max():
            continue
        shade = np.clip(dot(pixels, color) / max(float(color @ color), 1.0), *_SHADES)
        residual = length(pixels - shade[:, None] * color) + _SHADE_COST
        better = (residual < best.residual) & (length(difference) > _INVISIBLE)
        best = Evidence(np.where(better, 1.0, best.alpha), np.where(better, residual, best.residual))
    return best
