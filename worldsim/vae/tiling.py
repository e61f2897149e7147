"""Cutting a picture into tiles that are coded one at a time and fit together without a seam.

Every tile is coded with a margin as wide as the network sees, and the margin is thrown away, so each kept value is what
it would be in the whole picture. Nothing is blended: blending hides seams and blurs what lies under them.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A stretch of one side: ``outer`` is computed, ``kept`` of the picture is taken from it.

    Units:
        kept, outer:  latent positions from the picture's edge, [start, stop)
    """

    kept: tuple[int, int]
    outer: tuple[int, int]

    def outer_slice(self, scale: int = 1) -> slice:
        """Return what is computed, in the picture; ``scale`` is the picture's positions per latent position."""
        return slice(self.outer[0] * scale, self.outer[1] * scale)

    def kept_slice(self, scale: int = 1) -> slice:
        """Return what is kept, in the picture."""
        return slice(self.kept[0] * scale, self.kept[1] * scale)

    def inner_slice(self, scale: int = 1) -> slice:
        """Return what is kept, in the tile."""
        start = self.kept[0] - self.outer[0]
        return slice(start * scale, (start + self.kept[1] - self.kept[0]) * scale)


@dataclass(frozen=True)
class Tile:
    """One tile of a picture."""

    rows: Span
    columns: Span

    @property
    def area(self) -> int:
        """Latent positions that are computed."""
        (top, bottom), (left, right) = self.rows.outer, self.columns.outer
        return (bottom - top) * (right - left)


def cut(height: int, width: int, tile: int | None, margin: int) -> list[Tile]:
    """Return tiles that together keep every position once; None makes one tile of everything.

    Units:
        height, width, tile, margin:  latent positions
    """
    rows, columns = (list(_spans(length, tile or length, margin)) for length in (height, width))
    return [Tile(row, column) for row in rows for column in columns]


def margin_of(reach: int, spatial_factor: int) -> int:
    """Return the margin, in latent positions, for a network that sees ``reach`` pixels to each side."""
    return math.ceil(reach / spatial_factor)


def _spans(length: int, tile: int, margin: int) -> Iterator[Span]:
    count = math.ceil(length / tile)
    edges = [round(i * length / count) for i in range(count + 1)]
    for start, stop in itertools.pairwise(edges):
        yield Span((start, stop), (max(start - margin, 0), min(stop + margin, length)))
