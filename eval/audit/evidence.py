"""What an audit leaves beside its figures: tracks as a table, stills of events, and the video with its tracks drawn."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from eval.audit.footage import Footage
from eval.audit.result import Event, VideoAudit
from eval.perception.scene import Scene
from eval.perception.tracks import Track, Tracks
from physics_data.core.atomic import write_bytes, write_text
from physics_data.core.video import write_video

TRACK_COLUMNS = ("file", "track", "frame", "seconds", "x", "y", "area")
"""Of ``tracks.csv``. Units: s from the first picture; x, y in pixels of the file, area in its pixels."""

TRACKS_FOLDER, STILLS_FOLDER, OVERLAYS_FOLDER = "tracks", "stills", "overlays"
MAX_STILLS = 4
"""Events of a video that get a still, the strongest first."""

_COLORS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
_TRAIL = 1.0  # s
_RED = (255, 40, 40)


@dataclass(frozen=True)
class Evidence:
    """Writes the evidence of one video into a folder.

    stem:     of its files
    overlay:  whether the video is drawn
    name:     of the video in the tables
    """

    folder: Path
    stem: str
    overlay: bool
    name: str

    def write(self, footage: Footage, scene: Scene, tracks: Tracks, audit: VideoAudit) -> None:
        """Write the tracks, the stills and the overlay of an audited video; tracks lie on the scene's canvas.

        Raises:
            StorageError: the disk refused.
        """
        path = self.folder / TRACKS_FOLDER / f"{self.stem}.csv"
        before = path.read_text(encoding="utf-8") if footage.first else ""
        write_text(path, before + track_rows(footage, scene, tracks, self.name))
        for event in audit.events[:MAX_STILLS]:
            picture = still(scene, tracks, event)
            done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            if done:
                write_bytes(self.folder / STILLS_FOLDER / still_name(self.stem, event), data.tobytes())
        if self.overlay and len(scene.video) > 1:
            rate = (len(tracks.seconds) - 1) / float(tracks.seconds[-1] - tracks.seconds[0])
            window = f".{tracks.seconds[0]:.0f}s" if footage.first else ""
            path = self.folder / OVERLAYS_FOLDER / f"{self.stem}{window}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, drawn_tracks(scene, tracks), rate)


def safe_stem(name: str) -> str:
    """Return a name for files: what is no letter, digit, point, hyphen or underscore becomes an underscore."""
    return re.sub(r"[^\w.-]+", "_", name)


def still_name(stem: str, event: Event) -> str:
    """Return the file name of the still of an event."""
    return f"{stem}.{event.seconds:.2f}s.{event.track}.{event.kind}.png"


def track_rows(footage: Footage, scene: Scene, tracks: Tracks, file: str) -> str:
    """Return the rows of ``TRACK_COLUMNS`` as CSV, without a header; places are those of the file's own pixels.

    Of a window that is not the first, what it shares with the one before is left out.
    """
    scale = footage.width / footage.rgb.shape[2]
    back = np.linalg.inv(scene.to_canvas)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for track in tracks.tracks:
        for frame in np.flatnonzero(track.presence):
            if footage.first and frame < footage.given:
                continue
            x, y = track.centroid[frame]
            if scene.camera.moving:
                x, y, w = back[frame] @ np.array([x, y, 1.0])
                x, y = x / w, y / w
            seconds, area = float(tracks.seconds[frame]), float(track.area[frame]) * scale**2
            row = (f"{seconds:.4f}", f"{x * scale:.2f}", f"{y * scale:.2f}", f"{area:.1f}")
            writer.writerow([file, track.name, footage.first + int(frame), *row])
    return buffer.getvalue()


def still(scene: Scene, tracks: Tracks, event: Event) -> UInt8[np.ndarray, "h w 3"]:
    """Return the picture before, at and after an event beside each other, with a circle where it happens."""
    frame = int(np.abs(tracks.seconds - event.seconds).argmin())
    height, width = scene.video.shape[1:3]
    lag = max(1, round(0.2 / max(float(np.median(np.diff(tracks.seconds))), 1e-3)))
    pictures = []
    for chosen in (frame - lag, frame, frame + lag):
        picture = scene.video[min(max(chosen, 0), len(scene.video) - 1)].copy()
        size = next((t.size for t in tracks.tracks if t.name == event.track), 0.0)
        center = (round(event.x * width), round(event.y * height))
        cv2.circle(picture, center, max(8, round(1.5 * np.sqrt(size))), _RED, 2, cv2.LINE_AA)
        pictures.append(picture)
    return np.concatenate(pictures, axis=1)


def drawn_tracks(scene: Scene, tracks: Tracks) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the video with the outline, the number and the last second of the path of every track."""
    video = scene.video.copy()
    for number, track in enumerate(tracks.tracks, start=1):
        color = _COLORS[number % len(_COLORS)]
        for frame in np.flatnonzero(track.presence):
            picture = video[frame]
            mask = (tracks.labels[frame] == number).astype(np.uint8)
            outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            cv2.drawContours(picture, outlines, -1, color, 1, cv2.LINE_AA)
            _draw_trail(picture, track, tracks.seconds, int(frame), color)
    return video


def _draw_trail(picture: np.ndarray, track: Track, seconds: np.ndarray, frame: int, color: Sequence[int]) -> None:
    recent = track.presence & (seconds <= seconds[frame]) & (seconds > seconds[frame] - _TRAIL)
    points = np.rint(track.centroid[recent]).astype(np.int32)[:, None]
    cv2.polylines(picture, [points], False, color, 1, cv2.LINE_AA)
    place = (int(points[-1, 0, 0]) + 4, int(points[-1, 0, 1]) - 4)
    cv2.putText(picture, track.name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, 1, cv2.LINE_AA)
