"""What is scored: folders of videos on one side, reference clips on the other, compared in seconds."""

import hashlib
import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from jaxtyping import Bool, Float, UInt8

from physics_data.core.atomic import is_partial, paths_in, paths_under
from physics_data.core.errors import DataError, VideoError, suggest
from physics_data.core.video import VIDEO_SUFFIXES, TimedFrame, iterate_frames, sample_frames


@dataclass(frozen=True)
class System:
    """One model's videos. files maps a clip key to its video; unmatched are files of no reference clip.

    is_reference: the reference's own frames take the place of videos
    """

    name: str
    folder: Path
    files: dict[str, Path]
    unmatched: tuple[str, ...]
    is_reference: bool = False


@dataclass(frozen=True)
class AlignedVideo:
    """A video on the frames and size of its reference.

    Units:
        rgb:      sRGB; for each reference frame the picture that is shown then
        seconds:  presentation time of that picture, s
        covered:  False = no picture is shown any more, the video is missing there (its rgb is black)
        sha256:   of the file
    """

    rgb: UInt8[np.ndarray, "t h w 3"]
    seconds: Float[np.ndarray, "t"]
    covered: Bool[np.ndarray, "t"]
    sha256: str


RECORD_NAME = "provenance.yaml"
"""Beside the videos of a system: how they were made, by ``worldsim sample`` or ``benchmarks baselines``."""

MAX_CONDITIONING_FRAMES = 10_000


@dataclass(frozen=True)
class VideoRecord:
    """What the record beside videos says of them; None where it does not say it.

    num_conditioning_frames:  first frames that were given
    made_for:                 digest of the dataset, or fingerprint of the suite, that they continue
    kind:                     "ceiling" or "control" for videos of ``benchmarks baselines``
    """

    num_conditioning_frames: int | None = None
    made_for: str | None = None
    kind: Literal["ceiling", "control"] | None = None


def read_record(folder: Path) -> VideoRecord:
    """Read ``provenance.yaml`` of a folder of videos; an empty record where there is none.

    Raises:
        DataError: the file is damaged.
    """
    path = folder / RECORD_NAME
    if not path.is_file():
        return VideoRecord()
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        number = found.get("num_conditioning_frames", found.get("num_given"))
        made_for, kind = found.get("reference", found.get("suite")), found.get("kind")
        kind = "control" if kind == "dummy" else kind  # its former name
    except (OSError, ValueError, yaml.YAMLError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path} is no record of videos ({_line(error)}); make the videos again, or delete it."
        ) from error
    if number is not None:
        check_conditioning_frames(number, str(path))
    made_for = None if made_for is None else str(made_for)
    return VideoRecord(number, made_for, kind if kind in ("ceiling", "control") else None)


def check_conditioning_frames(number: object, source: str) -> None:
    """Refuse what is no number of conditioning frames.

    Raises:
        DataError: no whole number from 0 to ``MAX_CONDITIONING_FRAMES``.
    """
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= MAX_CONDITIONING_FRAMES:
        raise DataError(
            f"{source} says num_conditioning_frames = {number!r}; needed is a whole number from 0 to "
            f"{MAX_CONDITIONING_FRAMES}."
        )


def conditioning_frames(folders: Iterable[tuple[str, Path]], given: int | None) -> int:
    """Return how many first frames are not scored: one number for all systems of a table.

    Args:
        folders: name and folder of each system
        given: ``--num-conditioning-frames``; None = what the records beside the videos say

    Raises:
        DataError: nothing says it, the records differ, or a system was given more frames than ``given``.
    """
    found = {name: read_record(folder).num_conditioning_frames for name, folder in folders}
    if given is not None:
        check_conditioning_frames(given, "--num-conditioning-frames")
        for name, number in found.items():
            if number is not None and number > given:
                raise DataError(
                    f"system '{name}' was given {number} frames, --num-conditioning-frames {given} would score "
                    f"{number - given} of them; give at least {max(n or 0 for n in found.values())}."
                )
        return given
    unknown = [name for name, number in found.items() if number is None]
    known = {name: number for name, number in found.items() if number is not None}
    if unknown:
        some = f"; {', '.join(f'{n} for {name}' for name, n in known.items())}" if known else ""
        raise DataError(
            f"nothing says how many first frames '{unknown[0]}' was given (no {RECORD_NAME} beside its videos{some}); "
            "give --num-conditioning-frames N: frames that were given are not scored (1 for image to video)."
        )
    if len(set(known.values())) > 1:
        raise DataError(
            f"the systems were given different numbers of frames ({', '.join(f'{k}: {v}' for k, v in known.items())}); "
            f"give --num-conditioning-frames {max(known.values())} to leave as many out for all."
        )
    return max(known.values())


def check_made_for(folders: Iterable[tuple[str, Path]], digest: str, what: str) -> None:
    """Refuse videos whose record says that they continue other scenes.

    Args:
        folders: name and folder of each system
        digest: of the dataset, or fingerprint of the suite, that they are scored against
        what: its name, for the message

    Raises:
        DataError: they were made for others.
    """
    for name, folder in folders:
        made_for = read_record(folder).made_for
        if made_for is not None and made_for != digest:
            raise DataError(
                f"the videos of '{name}' were made for other scenes ({made_for}, {what} is {digest}; see "
                f"{folder / RECORD_NAME}); score them against those, or make videos for these."
            )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def find_systems(folder: Path, keys: Collection[str], name: str | None = None) -> list[System]:
    """Find the videos of one system (a folder of videos) or of several (a folder of such folders).

    Raises:
        DataError: no such folder, no video in it, no video named like a reference clip, or two videos of one clip.
    """
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; give a folder with one video per reference clip, named <key>.mp4.")
    if videos_in(folder):
        return [_system(folder, name or folder.resolve().name, keys)]
    inner = [path for path in folders_in(folder) if videos_in(path)]
    if not inner:
        raise DataError(f"{folder} holds no video and no folder of videos ({', '.join(sorted(VIDEO_SUFFIXES))}).")
    if name is not None:
        raise DataError(
            f"--name {name} was given, but {folder} holds {len(inner)} systems; each takes its folder's name."
        )
    return [_system(path, path.name, keys) for path in inner]


def videos_in(folder: Path, *, recursive: bool = False) -> list[Path]:
    """Return the video files that lie directly in a folder, sorted; hidden ones do not count.

    recursive adds those of the folders in it, and what has a video's name but is no file, so that it can be reported.

    Raises:
        DataError: a folder that cannot be read, or that vanished while it was looked through.
    """
    return sorted(
        path
        for path in (paths_under(folder) if recursive else paths_in(folder))
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")
        if path.is_file() or (recursive and not path.is_dir())
    )


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, in the order of their names.

    Hidden ones do not count, nor what a killed writer left.
    """
    return sorted(
        path for path in paths_in(folder) if path.is_dir() and not path.name.startswith(".") and not is_partial(path)
    )


def _system(folder: Path, name: str, keys: Collection[str]) -> System:
    files: dict[str, Path] = {}
    unmatched: list[str] = []
    for path in videos_in(folder):
        if path.stem not in keys:
            unmatched.append(path.name)
        elif path.stem in files:
            raise DataError(
                f"{folder} has two videos of '{path.stem}': {files[path.stem].name}, {path.name}; keep one."
            )
        else:
            files[path.stem] = path
    if not files:
        example = suggest(Path(unmatched[0]).stem, sorted(keys)[:4])
        raise DataError(f"no video in {folder} is named like a reference clip: '{unmatched[0]}' is none; {example}")
    return System(name, folder, files, tuple(unmatched))


def load_aligned(path: Path, num_frames: int, frame_rate: float, height: int, width: int) -> AlignedVideo:
    """Read a video and put it on the reference's frames, in seconds, and on its size.

    A reference frame is covered when a picture is shown at its time: each is shown until the next one, the last one
    for its own duration (``sample_frames``). Pictures keep their own time, so a video of another rate is not mistaken
    for jerky motion; a picture that is held for longer than usual shows that nothing moves, and gets the time of the
    reference. Only the frames that are needed are decoded, and one is held in memory at a time.

    Units:
        num_frames, frame_rate, height, width:  the reference's; Hz, pixels

    Raises:
        VideoError: unreadable, or of another aspect ratio than the reference.
    """
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return replace(align(iterate_frames(path), str(path), num_frames, frame_rate, height, width), sha256=digest)


def align(
    frames: Iterable[TimedFrame], what: str, num_frames: int, frame_rate: float, height: int, width: int
) -> AlignedVideo:
    """Put pictures with their times on the reference's frames and size; see ``load_aligned``. what: for messages.

    Raises:
        VideoError: no picture, or another aspect ratio than the reference.
    """
    rgb = np.zeros((num_frames, height, width, 3), np.uint8)
    seconds = np.arange(num_frames) / frame_rate
    times: dict[int, tuple[float, float]] = {}  # number of a frame in the file → when it is shown
    sources: list[int] = []
    first = None
    sampled = itertools.islice(sample_frames(iter(frames), frame_rate), num_frames)
    for count, (source, frame) in enumerate(sampled):
        first = first or frame.rgb.shape[:2]
        if source in times:
            rgb[count] = rgb[count - 1]
        else:
            _require_shape(what, frame.rgb.shape[:2], (height, width), first)
            rgb[count] = resize(frame.rgb, height, width)
            times[source] = frame.seconds, frame.end
        sources.append(source)
    if not sources:
        raise VideoError(f"{what} has no picture; give at least one.")
    usual = float(np.median([end - start for start, end in times.values()]))
    for count, (start, end) in enumerate(times[source] for source in sources):
        if end - start <= 1.5 * max(usual, 1 / frame_rate):
            seconds[count] = start
    return AlignedVideo(rgb, seconds, np.arange(num_frames) < len(sources), "")


def _require_shape(what: str, size: tuple[int, ...], reference: tuple[int, int], first: tuple[int, ...]) -> None:
    if size != first:
        raise VideoError(f"{what} changes its picture size in the middle; convert it to one size first.")
    (given_height, given_width), (height, width) = size, reference
    if abs(given_width * height - given_height * width) > max(given_width, given_height, width, height):
        raise VideoError(
            f"{what} has {given_width}x{given_height} pixels, another aspect ratio than the reference's "
            f"{width}x{height}; crop or pad it so that the reference's view is kept, or take a suite of its shape "
            "(--shape wide or tall)."
        )


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
