"""Folders of ordinary footage to a dataset folder of the same format as physics clips."""

import json
import multiprocessing
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from physics_data.core.atomic import write_text
from physics_data.core.clip import Clip, ClipMeta, FootageMeasures, FootageOrigin
from physics_data.core.config import StrictModel
from physics_data.core.dataset import write_index
from physics_data.core.dataset_folder import claim_folder, read_manifest, shard_path, write_manifest
from physics_data.core.errors import DataError, VideoError
from physics_data.core.shards import IndexRow, RgbCodec, write_shard
from worldsim.data.footage.duplicates import SeenClips, thumbnails
from worldsim.data.footage.framing import crop, kept_shape, scale_to_cover
from worldsim.data.footage.measure import measure
from worldsim.data.footage.media import Medium, find_media
from worldsim.data.footage.shots import split_shots
from worldsim.data.footage.sidecars import SideCar, SideCars
from worldsim.data.footage.windows import Window, cut_windows

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]


class IngestConfig(StrictModel):
    """How clips are cut out of footage, and which are left out.

    A picture becomes a clip of one frame. Clips are dropped, and counted by reason, for being black, still or slower
    than ``frame_rate`` (see ``windows.Window``), and above these limits; 1 or a large number switches one off.

    framing:                ``crop`` cuts every picture to height x width; ``keep_shape`` keeps its proportions as far
                            as sides that are multiples of ``side_multiple`` allow, with about as many pixels
    crop:                   which part is kept: the centre, or a random one that differs from clip to clip
    sequence_rate:          rate of numbered picture files, which say nothing of their own
    max_windows_per_file:   at most so many, drawn evenly at random from the whole file; None keeps all
    max_repeated_share:     repeated frames (the source is slower than frame_rate)
    max_camera_shake:       image heights per frame, see ``FootageMeasures``
    max_text_share:         of the picture under lettering
    max_bars_share:         of the rows or columns in black bars
    max_same_difference:    grey levels by which no part of a clip differs from an earlier clip; -1 keeps all
    codec:                  how clips are stored: ``zstd`` keeps every byte, ``h264`` is about 14 times smaller and
                            off by 1.5 grey levels on average
    test_share:             share of the files, by digest, whose clips go into split "test"

    Units:
        frame_rate, sequence_rate:  Hz
    """

    num_frames: Count = 17
    frame_rate: Annotated[float, Field(gt=0)] = 16.0
    height: Count = 64
    width: Count = 64
    framing: Literal["crop", "keep_shape"] = "crop"
    side_multiple: Count = 16
    crop: Literal["centre", "random"] = "centre"
    sequence_rate: Annotated[float, Field(gt=0)] = 24.0
    max_windows_per_file: Count | None = None
    max_repeated_share: Share = 0.25
    max_camera_shake: NonNegative = 0.05
    max_text_share: Share = 0.12
    max_bars_share: Share = 0.04
    max_same_difference: Annotated[int, Field(ge=-1, le=255)] = 6
    codec: RgbCodec = "zstd"
    test_share: Share = 0.1

    def flaw(self, measures: FootageMeasures) -> str | None:
        """Return which limit a clip breaks, or None."""
        limits = {
            "shaky": (measures.camera_shake, self.max_camera_shake),
            "text": (measures.text_share, self.max_text_share),
            "letterbox": (measures.bars_share, self.max_bars_share),
        }
        return next((name for name, (value, limit) in limits.items() if value > limit), None)


@dataclass
class FileReport:
    """What became of one file. ``error`` is why it was skipped; ``dropped`` counts windows per reason."""

    file: str
    windows: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class _Source:
    """One medium with its content's digest and what stands beside it."""

    medium: Medium
    sha256: str
    side_car: SideCar


def ingest(
    folders: Sequence[Path],
    out: Path,
    config: IngestConfig,
    *,
    tables: Sequence[Path] = (),
    workers: int = 1,
    on_start: Callable[[int], None] = lambda count: None,
    on_file: Callable[[FileReport], None] = lambda report: None,
) -> list[FileReport]:
    """Cut clips out of everything below the folders and write them as a dataset; an interrupted run is finished.

    Captions and licences are those of ``sidecars``. A broken file is skipped and reported.

    Args:
        folders: folders with footage
        out: dataset folder
        config: how clips are cut out
        tables: further tables of captions and licences
        workers: processes; never changes the result
        on_start: called with the number of files
        on_file: called with the report of each file, in the order of their names

    Raises:
        DataError: no footage there, none could be used, or ``out`` holds a dataset of another config.
    """
    media = find_media(folders)
    side_cars = SideCars(folders, tables)
    claim_folder(out, config, advice="delete that folder")
    on_start(len(media))
    reports: list[FileReport] = []
    rows: list[IndexRow] = []
    seen = SeenClips(config.max_same_difference)
    for medium, done in zip(media, _each(media, side_cars, out, config, workers), strict=True):
        report, made = FileReport(medium.name), []
        if isinstance(done, str):
            report.error = done
        else:
            made = [
                IndexRow(**row)
                for row, pictures in zip(done["rows"], done["thumbnails"], strict=True)
                if seen.is_new(pictures)
            ]
            again = len(done["rows"]) - len(made)
            report.dropped = done["dropped"] | ({"near_duplicate": again} if again else {})
            report.windows = len(made)
        reports.append(report)
        rows += made
        on_file(report)
    write_text(out / "ingest.json", json.dumps([asdict(report) for report in reports], indent=1, ensure_ascii=False))
    if not rows:
        lines = "\n".join(f"  {r.file}: {r.error or r.dropped or 'no shot is long enough'}" for r in reports)
        where = ", ".join(map(str, folders))
        raise DataError(f"no clip could be cut out of the {len(media)} files in {where}:\n{lines}")
    write_index(out, rows)
    return reports


def _each(
    media: Sequence[Medium], side_cars: SideCars, out: Path, config: IngestConfig, workers: int
) -> Iterator[dict[str, Any] | str]:
    """Yield the manifest of each medium's shard, or why there is none, in order."""
    work = partial(_ingest_one, out=out, config=config)
    names_by_content: dict[str, str] = {}
    sources = (_describe(medium, side_cars, names_by_content) for medium in media)
    if workers <= 1:
        yield from map(work, sources)
        return
    # spawn: a forked child would inherit the thread pools of the decoders in an undefined condition.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(work, sources)
        except BrokenProcessPool as error:
            raise DataError(
                "a worker was killed, most often for want of memory; the same command goes on from here, "
                f"with fewer --workers than {workers} if it happens again."
            ) from error


def _describe(medium: Medium, side_cars: SideCars, names_by_content: dict[str, str]) -> _Source | str:
    """Return a medium with its digest and side-car, or why it is not used."""
    try:
        source = _Source(medium, medium.sha256(), side_cars.of(medium))
    except (OSError, ValueError) as error:
        return f"it or the caption beside it cannot be read: {error}"
    same = names_by_content.setdefault(source.sha256, medium.name)
    return source if same == medium.name else f"the same bytes as {same}"


def _ingest_one(source: _Source | str, out: Path, config: IngestConfig) -> dict[str, Any] | str:
    if isinstance(source, str):
        return source
    tar = shard_path(out, f"footage-{source.sha256[:16]}")
    side_car = source.side_car
    about = {
        "file": source.medium.name,
        "sha256": source.sha256,
        "caption": side_car.caption,
        "licence": side_car.licence,
    }
    manifest = read_manifest(tar)
    if manifest is not None and manifest["about"] == about:
        return manifest
    dropped: Counter[str] = Counter()
    pictures: list[str] = []
    try:
        rows = write_shard(tar, _clips(source, config, dropped, pictures), rgb_codec=config.codec)
    except (VideoError, DataError) as error:
        return str(error)
    return write_manifest(tar, rows, about=about, dropped=dict(dropped), thumbnails=pictures)


def _clips(source: _Source, config: IngestConfig, dropped: Counter[str], pictures: list[str]) -> Iterator[Clip]:
    rng = np.random.default_rng(int(source.sha256[:16], 16))
    split: Literal["train", "test"] = "test" if int(source.sha256[-8:], 16) < config.test_share * 2**32 else "train"
    stem = re.sub(r"[^A-Za-z0-9]+", "_", Path(source.medium.name).stem)[:40]
    is_still = source.medium.kind == "still"
    windows = cut_windows(
        split_shots(_covering(source.medium, config)), 1 if is_still else config.num_frames, config.frame_rate
    )
    for number, (window, measures) in enumerate(_choose(windows, config, rng, dropped, is_still)):
        across, down = rng.random(2) if config.crop == "random" else (0.5, 0.5)
        height, width = _shape(window.rgb.shape[1:3], config)
        rgb = crop(window.rgb, height, width, across=float(across), down=float(down))
        pictures.append(thumbnails(rgb))
        meta = ClipMeta(
            key=f"{stem}-{source.sha256[:8]}-{number:06d}",
            source="footage",
            split=split,
            caption=source.side_car.caption,
            frame_rate=config.frame_rate,
            num_frames=len(rgb),
            height=height,
            width=width,
            origin=FootageOrigin(
                file=source.medium.name,
                sha256=source.sha256,
                start_seconds=round(window.start_seconds, 6),
                licence=source.side_car.licence,
            ),
            measures=measures,
        )
        yield Clip(meta, rgb)


def _covering(medium: Medium, config: IngestConfig) -> Iterator[tuple[float, UInt8[np.ndarray, "h w 3"]]]:
    for seconds, rgb in medium.frames(config.sequence_rate):
        yield seconds, scale_to_cover(rgb, *_shape(rgb.shape[:2], config))


def _shape(size: tuple[int, ...], config: IngestConfig) -> tuple[int, int]:
    if config.framing == "crop":
        return config.height, config.width
    return kept_shape((size[0], size[1]), config.height * config.width, config.side_multiple)


def _choose(
    windows: Iterator[Window], config: IngestConfig, rng: np.random.Generator, dropped: Counter[str], is_still: bool
) -> Iterator[tuple[Window, FootageMeasures]]:
    """Leave out flawed windows and, above the limit, random ones; memory holds no more than the limit.

    Source: Vitter (1985), Random sampling with a reservoir, algorithm R.
    """
    limit = config.max_windows_per_file
    kept: list[tuple[Window, FootageMeasures]] = []
    good = 0
    for window in windows:
        flaw = window.flaw(config.max_repeated_share, is_still=is_still)
        measures = None if flaw else measure(window.rgb, config.frame_rate)
        flaw = flaw or (config.flaw(measures) if measures else None)
        if flaw is not None or measures is None:
            dropped[flaw or "unmeasured"] += 1
            continue
        good += 1
        if limit is None:
            yield window, measures
        elif len(kept) < limit:
            kept.append((window, measures))
        else:
            dropped["over_limit"] += 1
            place = int(rng.integers(good))
            if place < limit:
                kept[place] = (window, measures)
    yield from sorted(kept, key=lambda pair: pair[0].start_seconds)
