"""Contact sheets of the clips a system did worst on, with what the tracker saw drawn over them."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from scipy import ndimage

from eval.inputs import System
from eval.perception.object_tracker import INITIATION
from eval.perception.tracks import Tracks
from eval.reference import Reference
from eval.report.page import goodness
from eval.report.table import HEADLINE, seed_of
from eval.report.timelines import timeline
from eval.scoring import SceneScore, load_for, track_video
from physics_data.core.atomic import write_bytes, write_text
from physics_data.core.dataset import ShardDataset
from physics_data.core.display import contact_sheet
from physics_data.core.errors import VideoError

TRACK_COLORS = ((255, 221, 0), (0, 229, 255), (255, 64, 255), (140, 255, 60))
INITIATION_COLOR = (255, 255, 255)
_SCALE = 2


@dataclass(frozen=True)
class GalleryEntry:
    """One sheet: where it is and what its caption says."""

    file: str
    caption: str


def draw_tracks(video: UInt8[np.ndarray, "t h w 3"], tracks: Tracks) -> UInt8[np.ndarray, "t h2 w2 3"]:
    """Draw the outline of every track in its own colour and of initiations in white, at twice the size."""
    drawn = video.repeat(_SCALE, axis=1).repeat(_SCALE, axis=2)
    labels = tracks.labels.repeat(_SCALE, axis=1).repeat(_SCALE, axis=2)
    for frame, picture in zip(labels, drawn, strict=True):
        for number in np.unique(frame[frame > 0]):
            mask = frame == number
            outline = ndimage.binary_dilation(mask, structure=np.ones((3, 3))) & ~mask
            picture[outline] = (
                INITIATION_COLOR if number == INITIATION else TRACK_COLORS[(number - 1) % len(TRACK_COLORS)]
            )
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


CAPTIONS_NAME = "captions.json"
_MARKER = (225, 45, 45)


def write_gallery(
    folder: Path,
    dataset: ShardDataset,
    systems: Sequence[System],
    rows: Sequence[SceneScore],
    count: int,
    num_conditioning_frames: int,
) -> list[GalleryEntry]:
    """Write a sheet for each of a system's ``count`` worst clips: the reference above, the video with tracks below."""
    files = {(system.name, 0): system.files for system in systems}
    return write_worst(folder, dataset, files, rows, count, num_conditioning_frames)


def write_worst(
    folder: Path,
    dataset: ShardDataset,
    files: Mapping[tuple[str, int], Mapping[str, Path]],
    rows: Sequence[SceneScore],
    count: int,
    num_conditioning_frames: int,
) -> list[GalleryEntry]:
    """Write the sheets and their captions; files maps (system, seed) to its videos by key.

    A red frame marks where the video breaks first; the sheet shows that moment whatever its spacing.
    """
    entries = []
    for row in worst_rows(rows, count):
        clip = dataset.load(dataset.find(row.key))
        reference = Reference(clip, num_conditioning_frames=num_conditioning_frames)
        try:
            video = load_for(clip, files[row.system, seed_of(row)][row.key])
        except VideoError:
            continue  # listed with its reason beside the table; there is nothing to draw
        tracks = track_video(reference, video)
        drawn, what = draw_tracks(video.rgb, tracks), ""
        truth = clip.rgb.repeat(_SCALE, axis=1).repeat(_SCALE, axis=2)
        moments = np.unique(np.linspace(0, len(drawn) - 1, 9).round().astype(int))
        line = timeline(reference, tracks) if reference.present_at_start else None
        if line is not None and line.broken is not None:
            moments[np.abs(moments - line.broken).argmin()] = line.broken
            _frame(drawn[line.broken])
            what = f"; {line.what} at {line.seconds[line.broken]:.2f} s"
        sheet = contact_sheet([truth[moments], drawn[moments]], cell_height=128, columns=len(moments))
        png = io.BytesIO()
        Image.fromarray(sheet).save(png, format="PNG", optimize=True)
        name = f"{row.system}--{row.key}" + (f".seed{seed_of(row)}" if seed_of(row) else "") + ".png"
        write_bytes(folder / name, png.getvalue())
        entries.append(GalleryEntry(name, f"{row.system}, {row.key}{what}. {_scores(row)}"))
    if entries:
        write_text(folder / CAPTIONS_NAME, json.dumps({e.file: e.caption for e in entries}, indent=1) + "\n")
    return entries


def _scores(row: SceneScore) -> str:
    """The headline, and the components of which more than half is missing."""
    given = {name: value for name, value in row.values.items() if value is not None}
    head = ", ".join(_score(name, given[name]) for name in HEADLINE if name in given)
    low = [name for name, value in given.items() if name not in HEADLINE and (goodness(name, value) or 0.0) < 0.5]
    return head + (f"; broken: {', '.join(_score(name, given[name]) for name in low)}" if low else "")


def _score(metric: str, value: float) -> str:
    return f"{metric.replace('_', ' ')} {value:.2f}"


def _frame(picture: UInt8[np.ndarray, "h w 3"]) -> None:
    width = max(3, picture.shape[0] // 32)
    for edge in (np.s_[:width], np.s_[-width:], np.s_[:, :width], np.s_[:, -width:]):
        picture[edge] = _MARKER
