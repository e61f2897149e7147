"""Fitting any video to the sizes a VAE takes: edges and the last frame are repeated, and cut off again afterwards."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from physics_data.core.errors import VideoError

Frame = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Grid:
    """A video's size and the next larger one that fits.

    Units:
        num_frames:       frames
        height, width:    px
        temporal_factor:  frames a latent frame; 4 k + 1 frames fit a factor of 4
        spatial_factor:   px a latent position
    """

    num_frames: int
    height: int
    width: int
    temporal_factor: int
    spatial_factor: int

    @property
    def padded(self) -> tuple[int, int, int]:
        """Frames, height and width that fit."""
        frames = math.ceil((self.num_frames - 1) / self.temporal_factor) * self.temporal_factor + 1
        height, width = (math.ceil(x / self.spatial_factor) * self.spatial_factor for x in (self.height, self.width))
        return frames, height, width

    @property
    def remark(self) -> str | None:
        """Say what is padded; None if the video fits as it is."""
        frames, height, width = self.padded
        said = []
        if frames != self.num_frames:
            said.append(f"{self.num_frames} frames to {frames} (the last one is repeated)")
        if (height, width) != (self.height, self.width):
            said.append(f"{self.width}x{self.height} px to {width}x{height} (edges are repeated)")
        return f"padded {' and '.join(said)}; decoding cuts it off again" if said else None

    def pieces(self, frames: Iterable[Frame]) -> Iterator[UInt8[np.ndarray, "t hp wp 3"]]:
        """Yield the padded video: its first frame, then ``temporal_factor`` frames at a time.

        Raises:
            VideoError: a frame has another size than the grid.
        """
        piece: list[np.ndarray] = []
        wanted = 1
        for frame in frames:
            piece.append(self._fill(frame))
            if len(piece) == wanted:
                yield np.stack(piece)
                piece, wanted = [], self.temporal_factor
        if piece:
            yield np.stack(piece + [piece[-1]] * (wanted - len(piece)))

    def _fill(self, frame: Frame) -> np.ndarray:
        if frame.shape[:2] != (self.height, self.width):
            raise VideoError(
                f"a frame has {frame.shape[1]}x{frame.shape[0]} px, the first one had {self.width}x{self.height}; "
                "convert the video to one size first."
            )
        _, height, width = self.padded
        if (height, width) == (self.height, self.width):
            return frame
        return np.pad(frame, ((0, height - self.height), (0, width - self.width), (0, 0)), mode="edge")
