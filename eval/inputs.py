"""What is scored: folders of videos on one side, reference clips on the other, compared in seconds."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from physics_data.core.errors import DataError, VideoError, suggest
from physics_data.core.video import VIDEO_SUFFIXES, read_video


@dataclass(frozen=True)
class System:
    """One model's videos. files maps a clip key to its video; strangers are files of no reference clip."""

    name: str
    folder: Path
    files: dict[str, Path]
    strangers: tuple[str, ...]


@dataclass(frozen=True)
class AlignedVideo:
    """A video on the frames and size of its reference.

    Units:
        rgb:      sRGB; for each reference frame the nearest picture in time
        seconds:  presentation time of that picture, s
        covered:  False = no picture is near enough, the video is missing there (its rgb is black)
        sha256:   of the file
    """

    rgb: UInt8[np.ndarray, "t h w 3"]
    seconds: Float[np.ndarray, "t"]
    covered: Bool[np.ndarray, "t"]
    sha256: str


def find_systems(folder: Path, keys: Collection[str], name: str | None = None) -> list[System]:
    """Find the videos of one system (a folder of videos) or of several (a folder of such folders).

    Raises:
        DataError: no such folder, no video in it, no video named like a reference clip, or two videos of one clip.
    """
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; give a folder with one video per reference clip, named <key>.mp4.")
    if _videos(folder):
        return [_system(folder, name or folder.resolve().name, keys)]
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and _videos(path)]
    if not inner:
        raise DataError(f"{folder} holds no video and no folder of videos ({', '.join(sorted(VIDEO_SUFFIXES))}).")
    if name is not None:
        raise DataError(
            f"--name {name} was given, but {folder} holds {len(inner)} systems; each takes its folder's name."
        )
    return [_system(path, path.name, keys) for path in inner]


def _videos(folder: Path) -> list[Path]:
    return sorted(
        p for p in folder.iterdir() if p.is_file() and p.suffix.lower() in VIDEO_SUFFIXES and p.name[0] != "."
    )


def _system(folder: Path, name: str, keys: Collection[str]) -> System:
    files: dict[str, Path] = {}
    strangers: list[str] = []
    for path in _videos(folder):
        if path.stem not in keys:
            strangers.append(path.name)
        elif path.stem in files:
            raise DataError(
                f"{folder} has two videos of '{path.stem}': {files[path.stem].name}, {path.name}; keep one."
            )
        else:
            files[path.stem] = path
    if not files:
        example = suggest(Path(strangers[0]).stem, sorted(keys)[:4])
        raise DataError(f"no video in {folder} is named like a reference clip: '{strangers[0]}' is none; {example}")
    return System(name, folder, files, tuple(strangers))


def load_aligned(path: Path, num_frames: int, frame_rate: float, height: int, width: int) -> AlignedVideo:
    """Read a video and put it on the reference's frames, in seconds, and on its size.

    A reference frame is covered when a picture lies within 3/4 of a reference interval (GIF times are rounded) or half
    an interval of a slower video, but never further than one reference interval. Pictures keep their own time, so a
    video of another rate is not mistaken for jerky motion.

    Units:
        num_frames, frame_rate, height, width:  the reference's; Hz, pixels

    Raises:
        VideoError: unreadable, or of another aspect ratio than the reference.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    video = read_video(path)
    given_height, given_width = video.rgb.shape[1:3]
    if abs(given_width * height - given_height * width) > max(given_width, given_height, width, height):
        raise VideoError(
            f"{path} has {given_width}x{given_height} pixels, another aspect ratio than the reference's "
            f"{width}x{height}; crop or pad it so that the reference's view is kept."
        )
    wanted = np.arange(num_frames) / frame_rate
    nearest = np.abs(video.seconds[:, None] - wanted).argmin(0)
    own_interval = float(np.median(np.diff(video.seconds))) if len(video.seconds) > 1 else 0.0
    reach = min(max(own_interval / 2, 0.75 / frame_rate), 1 / frame_rate) + 2e-3
    covered = np.abs(video.seconds[nearest] - wanted) <= reach
    pictures = {index: resize(video.rgb[index], height, width) for index in np.unique(nearest[covered])}
    empty = np.zeros((height, width, 3), np.uint8)
    rgb = np.stack([pictures[i] if seen else empty for i, seen in zip(nearest, covered, strict=True)])
    return AlignedVideo(rgb, np.where(covered, video.seconds[nearest], wanted), covered, digest)


def resize(picture: UInt8[np.ndarray, "h0 w0 3"], height: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
    """Scale a picture: pixel areas are averaged when it shrinks, interpolated linearly when it grows."""
    if picture.shape[:2] == (height, width):
        return picture
    down, across = _weights(picture.shape[0], height), _weights(picture.shape[1], width)
    return np.einsum("ab,bcd,ec->aed", down, picture.astype(np.float64), across, optimize=True).round().astype(np.uint8)


def _weights(old: int, new: int) -> Float[np.ndarray, "new old"]:
    scale = old / new
    centers = (np.arange(new) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(old) - np.clip(centers, 0, old - 1)[:, None])
    weights = np.maximum(0.0, 1.0 - distance / max(scale, 1.0))
    return weights / weights.sum(1, keepdims=True)
