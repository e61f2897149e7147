"""Lengths and products of colour vectors; several times faster than the general routines on a last axis of three."""

import cv2
import numpy as np
from jaxtyping import Float


def dot(first: Float[np.ndarray, "*a 3"], second: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*c"]:
    """Return the scalar product over the last axis."""
    return np.einsum("...c,...c->...", first, second)


def length(vectors: Float[np.ndarray, "*a 3"]) -> Float[np.ndarray, "*a"]:
    """Return the Euclidean length over the last axis, in the unit of the vectors."""
    return np.sqrt(dot(vectors, vectors))


def largest(values: np.ndarray) -> np.ndarray:
    """Return the largest of the three channels, over the last axis."""
    return np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])


def without_specks(mask: np.ndarray) -> np.ndarray:
    """Open a mask (uint8) with a square of two pixels: what is one pixel thin goes, the rest stays where it is."""
    square = np.ones((2, 2), np.uint8)
    return cv2.dilate(cv2.erode(mask, square, anchor=(0, 0)), square, anchor=(1, 1))
