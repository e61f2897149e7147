"""A folder of ordinary videos to a dataset folder of the same format as physics clips."""

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from physics_data.core.atomic import write_text
from physics_data.core.clip import Clip, ClipMeta, FootageOrigin
from physics_data.core.config import StrictModel
from physics_data.core.dataset import write_index
from physics_data.core.dataset_folder import claim_folder, read_manifest, shard_path, write_manifest
from physics_data.core.errors import DataError, VideoError
from physics_data.core.shards import IndexRow, write_shard
from physics_data.core.video import VIDEO_SUFFIXES, iterate_frames
from worldsim.data.framing import crop, scale_to_cover
from worldsim.data.shots import split_shots
from worldsim.data.windows import Window, cut_windows

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class IngestConfig(StrictModel):
    """How clips are cut out of videos.

    crop:                   the part of a wide or tall picture that is kept; ``random`` differs from window to window
    max_windows_per_file:   at most so many, drawn evenly at random from the whole file; None keeps all
    max_repeated_share:     windows with more repeated frames (the source is slower than frame_rate) are dropped
    test_share:             share of the files, by digest, whose clips go into split "test"

    Units:
        frame_rate:  Hz
    """

    num_frames: Count = 17
    frame_rate: Annotated[float, Field(gt=0)] = 16.0
    height: Count = 64
    width: Count = 64
    crop: Literal["centre", "random"] = "centre"
    max_windows_per_file: Count | None = None
    max_repeated_share: Share = 0.25
    test_share: Share = 0.1


@dataclass
class FileReport:
    """What became of one video. ``error`` is why it was skipped; ``dropped`` counts windows per reason."""

    file: str
    windows: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class Video:
    """One file to ingest, with what stands beside it."""

    path: Path
    name: str
    sha256: str
    caption: str
    licence: str


def ingest(
    folder: Path, out: Path, config: IngestConfig, *, on_file: Callable[[FileReport], None] = lambda report: None
) -> list[FileReport]:
    """Cut clips out of all videos below ``folder`` and write them as a dataset; an interrupted run is finished.

    The caption of a clip is the text file of the same stem beside its video, or empty. Licences are read from
    MANIFEST.tsv or MANIFEST.csv files with the columns "file" and "licence"; without one they are "unknown".
    A broken file is skipped and reported.

    Raises:
        DataError: no video there, none could be used, or ``out`` holds a dataset of another config.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
    if not paths:
        known = ", ".join(sorted(VIDEO_SUFFIXES))
        raise DataError(f"no video in {folder} or its subfolders; give a folder with files {known}.")
    claim_folder(out, config, advice="delete that folder")
    licences = _licences(folder)
    reports: list[FileReport] = []
    rows: list[IndexRow] = []
    names_by_content: dict[str, str] = {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            video = _describe(path, name, licences)
        except (OSError, UnicodeDecodeError) as error:
            reports.append(FileReport(name, error=f"it or the caption beside it cannot be read: {error}"))
            on_file(reports[-1])
            continue
        twin = names_by_content.setdefault(video.sha256, video.name)
        if twin != video.name:
            report, made = FileReport(video.name, error=f"the same bytes as {twin}"), []
        else:
            report, made = _ingest_file(video, out, config)
        reports.append(report)
        rows += made
        on_file(report)
    records = [asdict(report) for report in reports]
    write_text(out / "ingest.json", json.dumps(records, indent=1, ensure_ascii=False))
    if not rows:
        lines = "\n".join(f"  {r.file}: {r.error or r.dropped or 'no shot is long enough'}" for r in reports)
        raise DataError(f"no clip could be cut out of the {len(paths)} videos in {folder}:\n{lines}")
    write_index(out, rows)
    return reports


def _licences(folder: Path) -> dict[Path, str]:
    """Return path of a video → its licence, from every manifest below the folder."""
    found: dict[Path, str] = {}
    for path in sorted(folder.rglob("MANIFEST.[ct]sv")):
        with open(path, encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","):
                record = {(key or "").strip().lower(): value for key, value in line.items()}
                licence = record.get("licence") or record.get("license")
                if "file" not in record or ("licence" not in record and "license" not in record):
                    raise DataError(f"{path} needs the columns 'file' and 'licence'; it has {', '.join(record)}.")
                found[path.parent / str(record["file"]).strip()] = (licence or "unknown").strip()
    return found


def _describe(path: Path, name: str, licences: dict[Path, str]) -> Video:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    side_car = path.with_suffix(".txt")
    caption = " ".join(side_car.read_text(encoding="utf-8").split()) if side_car.is_file() else ""
    return Video(path, name, digest, caption, licences.get(path, "unknown"))


def _ingest_file(video: Video, out: Path, config: IngestConfig) -> tuple[FileReport, list[IndexRow]]:
    tar = shard_path(out, f"footage-{video.sha256[:16]}")
    about = {"file": video.name, "sha256": video.sha256, "caption": video.caption, "licence": video.licence}
    manifest = read_manifest(tar)
    if manifest is None or manifest["about"] != about:
        dropped: Counter[str] = Counter()
        try:
            rows = write_shard(tar, _clips(video, config, dropped))
        except (VideoError, DataError) as error:
            return FileReport(video.name, error=str(error)), []
        manifest = write_manifest(tar, rows, about=about, dropped=dict(dropped))
    rows = [IndexRow(**row) for row in manifest["rows"]]
    return FileReport(video.name, windows=len(rows), dropped=manifest["dropped"]), rows


def _clips(video: Video, config: IngestConfig, dropped: Counter[str]) -> Iterator[Clip]:
    rng = np.random.default_rng(int(video.sha256[:16], 16))
    split: Literal["train", "test"] = "test" if int(video.sha256[-8:], 16) < config.test_share * 2**32 else "train"
    stem = re.sub(r"[^A-Za-z0-9]+", "_", video.path.stem)[:40]
    covering = (
        (seconds, scale_to_cover(rgb, config.height, config.width)) for seconds, rgb in iterate_frames(video.path)
    )
    windows = cut_windows(split_shots(covering), config.num_frames, config.frame_rate)
    for number, window in enumerate(_choose(windows, config, rng, dropped)):
        across, down = rng.random(2) if config.crop == "random" else (0.5, 0.5)
        origin = FootageOrigin(
            file=video.name, sha256=video.sha256, start_seconds=round(window.start_seconds, 6), licence=video.licence
        )
        meta = ClipMeta(
            key=f"{stem}-{video.sha256[:8]}-{number:06d}",
            source="footage",
            split=split,
            caption=video.caption,
            frame_rate=config.frame_rate,
            num_frames=config.num_frames,
            height=config.height,
            width=config.width,
            origin=origin,
        )
        yield Clip(meta, crop(window.rgb, config.height, config.width, across=float(across), down=float(down)))


def _choose(
    windows: Iterator[Window], config: IngestConfig, rng: np.random.Generator, dropped: Counter[str]
) -> Iterator[Window]:
    """Leave out flawed windows and, above the limit, random ones; memory holds no more than the limit.

    Source: Vitter (1985), Random sampling with a reservoir, algorithm R.
    """
    limit = config.max_windows_per_file
    kept: list[Window] = []
    good = 0
    for window in windows:
        flaw = window.flaw(config.max_repeated_share)
        if flaw is not None:
            dropped[flaw] += 1
            continue
        good += 1
        if limit is None:
            yield window
        elif len(kept) < limit:
            kept.append(window)
        else:
            dropped["over_limit"] += 1
            place = int(rng.integers(good))
            if place < limit:
                kept[place] = window
    yield from sorted(kept, key=lambda window: window.start_seconds)
