"""Clips that show nearly the same: small pictures that survive recoding and rescaling, and a search among them."""

import base64

import cv2
import numpy as np
from jaxtyping import UInt8

_CELLS = 16
_SIZE = 3 * _CELLS * _CELLS


def thumbnails(rgb: UInt8[np.ndarray, "t h w 3"]) -> str:
    """Return the first, middle and last frame as 16 x 16 grey levels, in base 64.

    Recoding moves a cell by a few levels; an object that is elsewhere moves some cells by more, so two stretches of one
    still camera are told apart.
    """
    frames = [
        cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        for frame in (rgb[0], rgb[len(rgb) // 2], rgb[-1])
    ]
    return base64.b64encode(np.stack(frames).tobytes()).decode()


class SeenClips:
    """The clips kept so far, and whether a further one shows something else than all of them."""

    def __init__(self, max_difference: int) -> None:
        """Start with none.

        Args:
            max_difference: grey levels by which no cell of two equal clips differs; -1: no two are equal
        """
        self._max_difference = max_difference
        self._cells = np.zeros((0, _SIZE), dtype=np.uint8)
        self._means = np.zeros(0)
        self._count = 0

    def is_new(self, pictures: str) -> bool:
        """Return whether a clip's ``thumbnails`` differ from all kept ones, and keep them if so."""
        cells = np.frombuffer(base64.b64decode(pictures), dtype=np.uint8)
        # Means differ by no more than the cells do: a cheap test that leaves few to compare.
        near = np.abs(self._means[: self._count] - cells.mean()) <= self._max_difference
        candidates = self._cells[: self._count][near].astype(np.int16)
        if (np.abs(candidates - cells).max(axis=1, initial=0) <= self._max_difference).any():
            return False
        if self._count == len(self._cells):
            more = max(1024, self._count)
            self._cells = np.concatenate([self._cells, np.zeros((more, _SIZE), dtype=np.uint8)])
            self._means = np.concatenate([self._means, np.zeros(more)])
        self._cells[self._count], self._means[self._count] = cells, cells.mean()
        self._count += 1
        return True
