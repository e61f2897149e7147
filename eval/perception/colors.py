"""Lengths and products of colour vectors; several times faster than the general routines on a last axis of three."""

import numpy as np
from jaxtyping import Float


def dot(first: Float[np.ndarray, "*a 3"], second: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*c"]:
    """Return the scalar product over the last axis."""
    return np.einsum("...c,...c->...", first, second)


def length(vectors: Float[np.ndarray, "*a 3"]) -> Float[np.ndarray, "*a"]:
    """Return the Euclidean length over the last axis, in the unit of the vectors."""
    return np.sqrt(dot(vectors, vectors))
