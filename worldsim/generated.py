"""``GeneratedVideo``: frames that a model made, with what they were made from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from physics_data.core.arguments import checked_arguments
from physics_data.core.display import video_html
from physics_data.core.video import write_video


@dataclass(frozen=True)
class GeneratedVideo:
    """A video from a model. It shows itself in a notebook.

    Units:
        frames:      sRGB
        frame_rate:  Hz
    """

    frames: UInt8[np.ndarray, "t h w 3"]
    frame_rate: float
    prompt: str = ""
    seed: int | None = None

    @checked_arguments
    def save(self, path: str | Path) -> Path:
        """Write a video file for people (4:2:0); the suffix chooses the format (.mp4, .gif, .webm, ...)."""
        write_video(Path(path), self.frames, self.frame_rate, "yuv420p")
        return Path(path)

    def _repr_html_(self) -> str:
        return video_html(self.frames, self.frame_rate, self.prompt)
