"""A Fréchet distance of clips over fixed pixel features, without a download: blur, stillness, wrong colours move it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from eval.inputs import resize

DIMENSIONS = 12
"""Directions that are kept: few enough for tens of clips."""

_GRID, _MOMENTS = 8, 4


def clip_features(rgb: UInt8[np.ndarray, "t h w 3"]) -> Float[np.ndarray, "d"]:
    """Return colours, motion and edges of a clip on a coarse grid of places and moments, in units of 0 to 1."""
    video = rgb.astype(np.float64) / 255
    moments = np.linspace(0, len(rgb) - 1, _MOMENTS).round().astype(int)
    small = np.stack([resize(rgb[moment], _GRID, _GRID) for moment in moments]) / 255.0
    motion = _pooled(np.abs(np.diff(video, axis=0)).mean(axis=(0, 3)))
    edges = np.abs(np.diff(video, axis=1))[:, :, 1:] + np.abs(np.diff(video, axis=2))[:, 1:]
    return np.concatenate([small.ravel(), motion, _pooled(edges.mean(axis=(0, 3)))])


def _pooled(picture: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "p"]:
    """Return the means of a grid of 4 x 4 cells."""
    rows = np.array_split(picture, _GRID // 2, axis=0)
    return np.array([cell.mean() for row in rows for cell in np.array_split(row, _GRID // 2, axis=1)])


@dataclass(frozen=True)
class Projection:
    """Principal directions of true clips, each scaled to unit variance."""

    mean: Float[np.ndarray, "d"]
    directions: Float[np.ndarray, "k d"]

    @classmethod
    def fit(cls, features: Float[np.ndarray, "n d"]) -> "Projection":
        """Fit on the features of true clips; each feature is put on the scale of its own scatter first."""
        mean, scatter = features.mean(axis=0), features.std(axis=0)
        scale = 1.0 / np.maximum(scatter, 1e-2 * max(float(scatter.max()), 1e-9))
        _, size, axes = np.linalg.svd((features - mean) * scale, full_matrices=False)
        kept = min(DIMENSIONS, len(size), len(features) - 1)
        unit = np.sqrt(len(features)) / np.maximum(size[:kept], 1e-9)
        return cls(mean, unit[:, None] * axes[:kept] * scale)

    def __call__(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
        """Return the coordinates of clips."""
        return (features - self.mean) @ self.directions.T


def frechet_distance(first: Float[np.ndarray, "n k"], second: Float[np.ndarray, "m k"]) -> float:
    """Return the squared Fréchet distance of the normal distributions with the samples' means and covariances.

    |mean - mean'|² + tr(C + C' - 2 (C C')^½), the last term from the eigenvalues of C C', which are not negative.

    Source: Dowson, Landau (1982), Journal of Multivariate Analysis 12; Heusel et al. (2017), NeurIPS.
    """
    shift = first.mean(axis=0) - second.mean(axis=0)
    a, b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (first, second))
    shared = np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0.0)).sum()
    return float(max(0.0, shift @ shift + np.trace(a) + np.trace(b) - 2.0 * shared))
