"""Tracks that somebody else's perception found: masks in an ``.npz`` file for every video, instead of our tracker.

A file ``KEY.npz`` holds

- ``masks``: whole numbers, [t h w]; 0 = nothing, any other number the same thing in every picture;
- ``seconds``: [t], the time of each picture from the video's first; may be left out where the rate is the reference's.

Which number is which object follows from the first picture: each object of the reference's first frame is the number
that overlaps its mask most. What is no object is a initiation.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy.optimize import linear_sum_assignment

from eval.inputs import AlignedVideo
from eval.perception.tracks import FirstFrame, Track, Tracks
from physics_data.core.errors import DataError

SUFFIX = ".npz"
INITIATION = 255

_MIN_OVERLAP = 0.3
_WHERE = "see 'Tracks of your own' in docs/evaluation.md"


def find_tracks(folder: Path, system: str, key: str) -> Path:
    """Return the file of a video: ``FOLDER/SYSTEM/KEY.npz`` where that folder is, else ``FOLDER/KEY.npz``.

    Raises:
        DataError: no such file.
    """
    own = folder / system
    path = (own if own.is_dir() else folder) / f"{key}{SUFFIX}"
    if not path.is_file():
        raise DataError(
            f"no tracks {path} for the video of {system}; every video that is scored needs its own; {_WHERE}."
        )
    return path


def load_tracks(path: Path, video: AlignedVideo, first: FirstFrame, rate: float) -> Tracks:
    """Read the masks of a video onto the reference's frames, and say which of them is which object.

    Units:
        rate:  of the reference, Hz

    Raises:
        DataError: unreadable, other shapes or types than they should be, or of another size or length than the video.
    """
    masks, seconds = _read(path, rate)
    height, width = first.instance_ids.shape
    if masks.shape[1:] != (height, width):
        raise DataError(
            f"{path}: masks have {masks.shape[2]}x{masks.shape[1]} pixels, the reference {width}x{height}; scale them "
            "to it by the nearest pixel."
        )
    nearest = np.abs(seconds[:, None] - video.seconds).argmin(axis=0)
    off = np.abs(seconds[nearest] - video.seconds)
    if (off[video.covered] > 0.75 / rate).any():
        late = float(video.seconds[video.covered][off[video.covered].argmax()])
        raise DataError(f"{path}: the video has a picture at {late:.2f} s, the masks none within 3/4 of a frame.")
    shown = np.where(video.covered[:, None, None], masks[nearest], 0)
    return _tracks(shown, video, first, _numbers(masks[0], first))


def _read(path: Path, rate: float) -> tuple[Int[np.ndarray, "t h w"], Float[np.ndarray, "t"]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as .npz ({error}); write it with numpy.savez_compressed.") from error
    unmatched = sorted(set(arrays) - {"masks", "seconds"})
    if "masks" not in arrays or unmatched:
        raise DataError(f"{path} holds {sorted(arrays)}, needed is 'masks' and, if you like, 'seconds'; {_WHERE}.")
    masks = arrays["masks"]
    if masks.ndim != 3 or not np.issubdtype(masks.dtype, np.integer) or not len(masks):
        raise DataError(f"{path}: masks are {masks.dtype} {list(masks.shape)}, needed are whole numbers [t h w].")
    if masks.min() < 0:
        raise DataError(f"{path}: masks go down to {masks.min()}; 0 is nothing, things are numbered from 1.")
    seconds = np.asarray(arrays.get("seconds", np.arange(len(masks)) / rate))
    if seconds.shape != (len(masks),) or not np.issubdtype(seconds.dtype, np.number):
        raise DataError(
            f"{path}: seconds are {seconds.dtype} {list(seconds.shape)}, one for each of {len(masks)} masks."
        )
    seconds = seconds.astype(np.float64)
    if not np.isfinite(seconds).all() or (np.diff(seconds) <= 0).any():
        raise DataError(f"{path}: seconds must be finite and rise from picture to picture.")
    return masks.astype(np.int64), seconds


def _numbers(mask: Int[np.ndarray, "h w"], first: FirstFrame) -> dict[int, int]:
    """Return instance id → number in the masks, by the greatest overlap in all (intersection over union from 0.3)."""
    ids = [i for i in first.tracked if (first.instance_ids == i).any()]
    found = [int(number) for number in np.unique(mask) if number]
    overlap = np.zeros((len(ids), len(found)))
    for row, i in enumerate(ids):
        for column, number in enumerate(found):
            both = (first.instance_ids == i) & (mask == number)
            either = (first.instance_ids == i) | (mask == number)
            overlap[row, column] = both.sum() / either.sum()
    pairs = zip(*linear_sum_assignment(-overlap), strict=True)
    return {ids[row]: found[column] for row, column in pairs if overlap[row, column] >= _MIN_OVERLAP}


def _tracks(masks: Int[np.ndarray, "t h w"], video: AlignedVideo, first: FirstFrame, numbers: dict[int, int]) -> Tracks:
    ids = [i for i in first.tracked if (first.instance_ids == i).any()]
    labels = np.where(masks > 0, INITIATION, 0).astype(np.uint8)
    tracks = []
    for place, i in enumerate(ids, start=1):
        own = masks == numbers[i] if i in numbers else np.zeros(masks.shape, bool)
        labels[own] = place
        tracks.append(_track(first.tracked[i], own, video.rgb))
    known = list(numbers.values())
    initiations = np.array([len(np.setdiff1d(frame, [0, *known])) for frame in masks], dtype=np.int64)
    return Tracks(tuple(tracks), np.asarray(video.seconds, dtype=np.float64), initiations, labels)


def _track(name: str, own: Bool[np.ndarray, "t h w"], rgb: UInt8[np.ndarray, "t h w 3"]) -> Track:
    rows, columns = own.sum(axis=2), own.sum(axis=1)
    area = rows.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = rows @ (np.arange(own.shape[1]) + 0.5) / area
        x = columns @ (np.arange(own.shape[2]) + 0.5) / area
        color = np.einsum("thw,thwc->tc", own, rgb, dtype=np.float64) / area[:, None]
    cut = (rows[:, 0] > 0) | (rows[:, -1] > 0) | (columns[:, 0] > 0) | (columns[:, -1] > 0)
    presence = area > 0
    return Track(name, presence, presence & ~cut, np.stack([x, y], axis=-1), area.astype(np.float64), color)
