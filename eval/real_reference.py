"""Generated videos against real recordings of the same events: Physics-IQ, pixels, and the tracks found in both."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
from jaxtyping import UInt8
from scipy.optimize import linear_sum_assignment

from eval.inputs import load_aligned, resize, videos_in
from eval.perception.free_tracker import track_freely
from eval.perception.tracks import Tracks
from eval.public.physics_iq import MIN_SIDE, SceneValues, physics_iq_score, verified_score
from eval.public.physics_iq_files import compare_files
from eval.public.pixels import psnr, ssim
from eval.statistics import Interval, bootstrap_mean
from eval.store import csv_text
from physics_data.core.atomic import write_text
from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError
from physics_data.core.video import iterate_frames

SIDE = 640
"""Pixels of the longer side that tracks are looked for in; Physics-IQ and pixels are compared at the real size."""

OFFICIAL_SECONDS = 5.0
"""Length that Physics-IQ compares, after the conditioning frames; of files that bear its names."""

_FASTEST = 30.5  # Hz; faster recordings are compared at every second, third ... picture
_REACH = 0.15  # picture diagonals that two tracks may be apart on average and still be the same thing
_ASKED = 6  # frames for which a thing of the real clip must be seen to be asked for


class ComparedVideo(StrictModel):
    """One generated video against its recording, after the conditioning frames.

    Units:
        frames:             compared
        missing:            of these, frames for which the generated video shows nothing; they count as black
        psnr, ssim:         dB; 1
        spatial, weighted, spatiotemporal: Physics-IQ's three intersections over union, 0..1
        squared_error:      Physics-IQ's, 0..1
        things:             followed in the recording for six frames or more
        found:              of these, those that the generated video has, too, 0..1; None where nothing moves
        seen:               fraction of the frames in which the recording shows them that the generated video does
        distance:           mean distance of what both show, picture diagonals; None where nothing is found
        extra:              things of the generated video that the recording lacks
    """

    name: str
    frames: int
    missing: int
    psnr: float
    ssim: float
    spatial: float
    weighted: float
    spatiotemporal: float
    squared_error: float
    things: int
    found: float | None
    seen: float | None
    distance: float | None
    extra: int


class MeanFigure(StrictModel):
    """Mean over videos with its 95 % bootstrap interval."""

    mean: float
    low: float | None
    high: float | None
    videos: int


class RealComparison(StrictModel):
    """All videos of a folder against recordings.

    ceiling:              what Physics-IQ is held against: "second take", or "perfect copy" where there is none
    physics_iq, physics_iq_verified: of 100, over all videos
    means:                by the names of ``ComparedVideo``
    without_recording:    generated files of no recording
    without_video:        recordings of which there is no generated video; they count as worst in no mean, but are named
    note:                 what to know of the figures; empty = nothing
    """

    ceiling: str
    num_conditioning_frames: int
    physics_iq: float
    physics_iq_verified: float
    means: dict[str, MeanFigure]
    videos: tuple[ComparedVideo, ...]
    without_recording: tuple[str, ...]
    without_video: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class VideoPair:
    """Files of one event: its recording, a second recording (or None), and the generated video.

    official: whether they bear the names of Physics-IQ
    """

    name: str
    real: Path
    second_take: Path | None
    generated: Path
    official: bool = False


def find_pairs(
    real: Path, generated: Path, second_take: Path | None = None
) -> tuple[list[VideoPair], tuple[str, ...], tuple[str, ...]]:
    """Pair the videos of folders by the stems of their names; also return what has no recording, and no video.

    Names of Physics-IQ are paired by view and event: 0001_testing-videos_30FPS_perspective-left_take-1_trimmed-EVENT is
    the recording of 0001_perspective-left_trimmed-EVENT. Files with take-2 among the recordings are second takes.

    Raises:
        DataError: no such folder, no video in it, two videos of one stem, no common name, or no second take of a pair.
    """
    recordings, videos = _by_stem(real), _by_stem(generated)
    takes = {} if second_take is None else {_first_take(name): path for name, path in _by_stem(second_take).items()}
    if own := {name: path for name, path in recordings.items() if name.endswith(_SECOND)}:
        recordings = {name: path for name, path in recordings.items() if name not in own}
        takes = takes or {_first_take(name): path for name, path in own.items()}
        if not recordings:
            raise DataError(f"{real} holds second takes alone; give the folder of the first takes, too.")
    shared = sorted(recordings.keys() & videos.keys())
    if not shared:
        raise DataError(
            f"no video of {generated} is named like a recording of {real}: '{min(videos)}' there, '{min(recordings)}' "
            "here; give each generated video the name of its recording."
        )
    if takes and (lacking := [name for name in shared if name not in takes]):
        raise DataError(
            f"{second_take or real} has no second take of '{lacking[0]}'; give one of each, or leave them all out."
        )
    pairs = [
        VideoPair(name, recordings[name], takes.get(name), videos[name], _is_official(recordings[name]))
        for name in shared
    ]
    return pairs, tuple(sorted(videos.keys() - shared)), tuple(sorted(recordings.keys() - shared))


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; give a folder of videos.")
    found: dict[str, Path] = {}
    for path in videos_in(folder):
        name = _event_of(path.stem)
        if name in found:
            raise DataError(f"{folder} has two videos named '{name}': {found[name].name}, {path.name}.")
        found[name] = path
    if not found:
        raise DataError(f"{folder} holds no video; give a folder of videos.")
    return found


_PHYSICS_IQ = re.compile(r"\d{4}_(?:[a-z]+-videos_\d+FPS_)?(perspective-[a-z]+)_(?:take-([12])_)?trimmed-(.+)")
"""Names of recordings and submissions of Physics-IQ (github.com/google-deepmind/physics-IQ-benchmark, README)."""

_SECOND = "_take-2"


def _event_of(stem: str) -> str:
    """Return view and event of a name of Physics-IQ, with a mark of the second take; else the stem itself."""
    official = _PHYSICS_IQ.fullmatch(stem)
    if official is None:
        return stem
    view, take, event = official.groups()
    return f"{view}_{event}{_SECOND if take == '2' else ''}"


def _is_official(path: Path) -> bool:
    return _PHYSICS_IQ.fullmatch(path.stem) is not None


def _first_take(name: str) -> str:
    return name.removesuffix(_SECOND)


def compare_with_recordings(
    real: Path,
    generated: Path,
    second_take: Path | None = None,
    *,
    num_conditioning_frames: int = 0,
    side: int = SIDE,
    seed: int = 0,
) -> Iterator[ComparedVideo | RealComparison]:
    """Yield the figures of every pair, and last those of all.

    Every generated video is brought to its recording's frames, in seconds, and size.

    Args:
        real: folder of recordings
        generated: folder of generated videos of the same names
        second_take: folder of second recordings of the same events: how far two takes differ is Physics-IQ's ceiling
        num_conditioning_frames: first frames, at the recording's rate, that the model was given; left out
        side: pixels of the longer side that tracks are looked for in
        seed: of the bootstrap

    Raises:
        DataError: see ``find_pairs``; or conditioning frames that leave nothing of a recording.
        VideoError: a file that cannot be read.
    """
    pairs, without_recording, without_video = find_pairs(Path(real), Path(generated), second_take)
    values, rows, smallest = [], [], MIN_SIDE
    for pair in pairs:
        row, scene, shorter = _compared(pair, num_conditioning_frames, side)
        smallest = min(smallest, shorter)
        values.append(scene)
        rows.append(row)
        yield row
    names = ("psnr", "ssim", "spatial", "weighted", "spatiotemporal", "squared_error", "found", "seen", "distance")
    means = {}
    for name in names:
        known = np.array([value for row in rows if (value := getattr(row, name)) is not None], dtype=np.float64)
        if len(known):
            means[name] = _figure(bootstrap_mean(known, np.random.default_rng(seed)))
    yield RealComparison(
        ceiling="perfect copy" if pairs[0].second_take is None else "second take",
        num_conditioning_frames=num_conditioning_frames,
        physics_iq=physics_iq_score(values),
        physics_iq_verified=verified_score(values),
        means=means,
        videos=tuple(rows),
        without_recording=without_recording,
        without_video=without_video,
        note=_TOO_SMALL.format(smallest) if smallest < MIN_SIDE else "",
    )


def _figure(interval: Interval) -> MeanFigure:
    return MeanFigure(mean=interval.mean, low=interval.low, high=interval.high, videos=interval.scenes)


def _read(path: Path) -> tuple[UInt8[np.ndarray, "t h w 3"], float]:
    """Frames of a recording, and their rate, Hz; faster ones than 30 Hz are thinned."""
    frames = list(iterate_frames(path))
    seconds = np.array([frame.seconds for frame in frames])
    rate = 1 / float(np.median(np.diff(seconds))) if len(frames) > 1 else 1.0
    step = max(1, int(np.ceil(rate / _FASTEST)))
    return np.stack([frame.rgb for frame in frames[::step]]), rate / step


_TOO_SMALL = (
    "The smallest recording's shorter side has {} pixels. Physics-IQ's kernels are made for "
    f"{MIN_SIDE} and more: compare its scores at one size only."
)


def _compared(pair: VideoPair, given: int, side: int) -> tuple[ComparedVideo, SceneValues, int]:
    """Return the figures of one pair and the shorter side of its recording, pixels."""
    first, rate = _read(pair.real)
    start, seconds = given / rate, OFFICIAL_SECONDS if pair.official else None
    if seconds is not None:
        first = first[: given + round(seconds * rate)]
    if given >= len(first):
        raise DataError(f"{given} conditioning frames leave nothing of {pair.real}, which has {len(first)}.")
    count, height, width = first.shape[:3]
    aligned = load_aligned(pair.generated, count, rate, height, width)
    first, video = first[given:], aligned.rgb[given:]
    values = compare_files(pair.real, pair.second_take, pair.generated, start=start, seconds=seconds)
    found = values.video[0]
    real_tracks, video_tracks = (track_freely(_shrunk(rgb, side), rate) for rgb in (first, video))
    things, found_there, seen, distance, extra = _tracks_in_both(real_tracks, video_tracks)
    row = ComparedVideo(
        name=pair.name,
        frames=len(first),
        missing=int((~aligned.covered[given:]).sum()),
        psnr=psnr(first, video),
        ssim=ssim(first, video),
        spatial=found.spatial,
        weighted=found.weighted,
        spatiotemporal=float(np.mean(found.spatiotemporal)),
        squared_error=float(np.mean(found.squared_error)),
        things=things,
        found=found_there,
        seen=seen,
        distance=distance,
        extra=extra,
    )
    return row, values, min(height, width)


def _shrunk(rgb: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(rgb.shape[1:3])
    if scale >= 1:
        return rgb
    return np.stack([resize(frame, round(rgb.shape[1] * scale), round(rgb.shape[2] * scale)) for frame in rgb])


def _tracks_in_both(real: Tracks, video: Tracks) -> tuple[int, float | None, float | None, float | None, int]:
    """Match the things of a recording with those of a video by their mean distance (Hungarian method)."""
    asked = [track for track in real.tracks if track.presence.sum() >= _ASKED]
    there = [track for track in video.tracks if track.presence.sum() >= _ASKED]
    diagonal = float(np.hypot(*real.labels.shape[1:]))
    apart = np.ones((len(asked), len(there)))
    for row, one in enumerate(asked):
        for column, other in enumerate(there):
            both = one.presence & other.presence
            if both.sum() >= _ASKED // 2:
                away = np.linalg.norm(one.centroid[both] - other.centroid[both], axis=1)
                apart[row, column] = float(away.mean()) / diagonal
    pairs = [(i, j) for i, j in zip(*linear_sum_assignment(apart), strict=True) if apart[i, j] < _REACH]
    extra = len(there) - len(pairs)
    if not asked:
        return 0, None, None, None, extra
    shown = sum(int((asked[i].presence & there[j].presence).sum()) for i, j in pairs)
    due = sum(int(track.presence.sum()) for track in asked)
    distance = float(np.mean([apart[i, j] for i, j in pairs])) if pairs else None
    return len(asked), len(pairs) / len(asked), shown / due, distance, extra


TABLES = ("comparison.json", "compared.csv", "report.html")
"""What ``write_comparison`` writes."""


def write_comparison(out: Path, result: RealComparison) -> None:
    """Write ``TABLES``: all figures, a row for each video, and a page.

    Raises:
        StorageError: the disk refused.
    """
    rows = [list(video.model_dump().values()) for video in result.videos]
    write_text(out / TABLES[0], result.model_dump_json(indent=1) + "\n")
    write_text(out / TABLES[1], csv_text(list(ComparedVideo.model_fields), rows))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    html = environment.get_template("compare.html.j2").render(result=result, columns=list(ComparedVideo.model_fields))
    write_text(out / TABLES[2], html)
