"""Contact sheets of the clips a system did worst on, with what the tracker saw drawn over them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from scipy import ndimage

from eval.inputs import System
from eval.perception.tracker import BIRTH
from eval.perception.tracks import Tracks
from eval.reference import Reference
from eval.scoring import SceneScore, load_for, track_video
from physics_data.core.atomic import write_bytes
from physics_data.core.dataset import ShardDataset
from physics_data.core.sheets import contact_sheet

TRACK_COLORS = ((255, 221, 0), (0, 229, 255), (255, 64, 255), (140, 255, 60))
BIRTH_COLOR = (255, 255, 255)
_SCALE = 2


@dataclass(frozen=True)
class GalleryEntry:
    """One sheet: where it is and what its caption says."""

    file: str
    caption: str


def draw_tracks(video: UInt8[np.ndarray, "t h w 3"], tracks: Tracks) -> UInt8[np.ndarray, "t h2 w2 3"]:
    """Draw the outline of every track in its own colour and of births in white, at twice the size."""
    drawn = video.repeat(_SCALE, axis=1).repeat(_SCALE, axis=2)
    labels = tracks.labels.repeat(_SCALE, axis=1).repeat(_SCALE, axis=2)
    for frame, picture in zip(labels, drawn, strict=True):
        for number in np.unique(frame[frame > 0]):
            mask = frame == number
            outline = ndimage.binary_dilation(mask, structure=np.ones((3, 3))) & ~mask
            picture[outline] = BIRTH_COLOR if number == BIRTH else TRACK_COLORS[(number - 1) % len(TRACK_COLORS)]
    return drawn


def worst_rows(rows: Sequence[SceneScore], count: int) -> list[SceneScore]:
    """Return each system's readable clips with the lowest overall score."""
    chosen: list[SceneScore] = []
    for system in sorted({row.system for row in rows}):
        usable = [row for row in rows if row.system == system and row.sha256]
        usable.sort(key=lambda row: (_least(row), row.key))
        chosen += usable[:count]
    return chosen


def _least(row: SceneScore) -> float:
    shown = [row.values[name] for name in ("overall", "object_permanence")]
    return next((value for value in shown if value is not None), 1.0)


def write_gallery(
    folder: Path, dataset: ShardDataset, systems: Sequence[System], rows: Sequence[SceneScore], count: int
) -> list[GalleryEntry]:
    """Write a sheet for each of a system's ``count`` worst clips: the reference above, the video with tracks below."""
    files = {system.name: system.files for system in systems}
    entries = []
    for row in worst_rows(rows, count):
        clip = dataset.load(dataset.find(row.key))
        reference = Reference(clip)
        video = load_for(clip, files[row.system][row.key])
        truth = clip.rgb.repeat(_SCALE, axis=1).repeat(_SCALE, axis=2)
        sheet = contact_sheet([truth, draw_tracks(video.rgb, track_video(reference, video))], cell_height=128)
        png = io.BytesIO()
        Image.fromarray(sheet).save(png, format="PNG", optimize=True)
        name = f"{row.system}--{row.key}.png"
        write_bytes(folder / name, png.getvalue())
        scores = ", ".join(
            f"{metric.replace('_', ' ')} {value:.2f}" for metric, value in row.values.items() if value is not None
        )
        entries.append(GalleryEntry(name, f"{row.system}, {row.key}: {scores}"))
    return entries
