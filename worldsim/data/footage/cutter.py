"""``Cutter``: the shard of one medium, from its shots to its manifest; a worker's job, wherever it runs."""

import contextlib
import dataclasses
import hashlib
import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import UInt8
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from physics_data.core.atomic import write_text
from physics_data.core.clip import Clip, ClipMeta, FootageMeasures, FootageOrigin
from physics_data.core.dataset import read_manifest, shard_path, write_manifest
from physics_data.core.errors import DataError, StorageError, VideoError
from physics_data.core.shards import write_shard
from physics_data.core.video import TimedFrame
from worldsim.data.footage.ingest_config import IngestConfig
from worldsim.data.footage.measure import measure, thumbnails
from worldsim.data.footage.media import Medium, medium_from_record
from worldsim.data.footage.sidecars import SideCar
from worldsim.data.footage.windows import Window, crop, cut_windows, kept_shape, scale_to_cover

PLAN_NAME = "media.json"
"""The list of all media with checksum, caption and licence, in the dataset folder: workers read their part from it."""


@dataclass(frozen=True)
class Source:
    """One medium with its content's digest and what stands beside it."""

    medium: Medium
    sha256: str
    side_car: SideCar

    @property
    def shard_name(self) -> str:
        """The name of the shard that its clips go into."""
        return f"footage-{self.sha256[:16]}"


def write_plan(out: Path, sources: Sequence[Source]) -> None:
    """Write what a ``Cutter`` reads its sources from."""
    records = [asdict(source) for source in sources]
    write_text(out / PLAN_NAME, json.dumps(records, indent=1, default=str))  # escapes: names may be no UTF-8


@dataclass(frozen=True)
class Cutter:
    """Makes the shards of one dataset of footage by name.

    It is all that a worker is sent: sources are read from the plan in the folder, which every machine sees.
    """

    config: IngestConfig
    out: Path

    def __reduce__(self) -> tuple[type["Cutter"], tuple[IngestConfig, Path]]:
        return type(self), (self.config, self.out)

    @cached_property
    def _sources(self) -> dict[str, Source]:
        records = json.loads((self.out / PLAN_NAME).read_text(encoding="utf-8"))
        sources = [
            Source(medium_from_record(record["medium"]), record["sha256"], SideCar(**record["side_car"]))
            for record in records
        ]
        return {source.shard_name: source for source in sources}

    def __call__(self, name: str, on_clip: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Make a shard and return its manifest; of a medium that cannot be used, only ``error`` and no rows."""
        source = self._sources[name]
        tar = shard_path(self.out, name)
        about = {
            "file": source.medium.name,
            "sha256": source.sha256,
            "caption": source.side_car.caption,
            "licence": source.side_car.licence,
        }
        with contextlib.suppress(DataError):  # a damaged manifest: its shard is made again
            manifest = read_manifest(tar)
            if manifest is not None and manifest.get("about") == about and manifest.get("digest") == _digest(manifest):
                return manifest
        dropped: Counter[str] = Counter()
        pictures: list[str] = []
        notes: list[str] = []

        def clips() -> Iterator[Clip]:
            for clip in _clips(source, self.config, dropped, pictures, notes):
                yield clip
                on_clip()

        try:
            rows = write_shard(tar, clips(), rgb_codec=self.config.codec)
        except StorageError:
            raise
        except (VideoError, DataError) as error:
            return {"error": str(error), "rows": []}
        except Exception as error:  # one file never stops the others
            return {"error": f"it fails with {type(error).__name__}: {error}", "rows": []}
        facts = {"about": about, "dropped": dict(dropped), "notes": notes, "thumbnails": pictures}
        stored = [row.model_dump(mode="json", by_alias=True) for row in rows]
        return write_manifest(tar, rows, **facts, digest=_digest({**facts, "rows": stored}))


def _digest(manifest: dict[str, Any]) -> str:
    facts = {name: value for name, value in manifest.items() if name not in ("digest", "bytes")}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _clips(
    source: Source, config: IngestConfig, dropped: Counter[str], pictures: list[str], notes: list[str]
) -> Iterator[Clip]:
    rng = np.random.default_rng(int(source.sha256[:16], 16))
    split: Literal["train", "test"] = "test" if int(source.sha256[-8:], 16) < config.test_fraction * 2**32 else "train"
    stem = re.sub(r"[^A-Za-z0-9]+", "_", Path(source.medium.name).stem)[:40]
    is_still = source.medium.kind == "still"
    windows = cut_windows(
        split_shots(_covering(source.medium, config, notes)), 1 if is_still else config.num_frames, config.frame_rate
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


def _covering(medium: Medium, config: IngestConfig, notes: list[str]) -> Iterator[TimedFrame]:
    frames = medium.frames(config.sequence_rate, max_pixels=config.max_pixels, notes=notes)
    for number, frame in enumerate(frames):
        if number == config.max_frames_per_file:
            notes.append(f"only its first {number} frames are used; --max-frames-per-file allows no more")
            return
        yield dataclasses.replace(frame, rgb=scale_to_cover(frame.rgb, *_shape(frame.rgb.shape[:2], config)))


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
        flaw = window.flaw(config.max_repeated_fraction, is_still=is_still)
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


_LOOK_AHEAD = 2
"""Frames that the detector wants to see after a cut before it says so."""

_MIN_SHOT = 5
_WORKING_HEIGHT = 96
"""Cuts are looked for in pictures of this height, pixels; more would only cost time."""


def split_shots(frames: Iterator[TimedFrame]) -> Iterator[tuple[int, TimedFrame]]:
    """Yield (shot number, frame).

    A cut is a frame that differs from the one before in hue, saturation and brightness by much more than its
    neighbours do: fast motion and pans change every frame, a cut changes one. A change of the picture size is a cut.
    Fades are not found, nor cuts within two frames of the start or the end.

    Source: the adaptive detector of PySceneDetect, with its default thresholds.
    """
    shot, size = 0, None
    detector, waiting = _detector(), deque[tuple[int, TimedFrame]]()
    for number, frame in enumerate(frames):
        if frame.rgb.shape != size:
            for _, held in waiting:
                yield shot, held
            waiting.clear()
            shot += size is not None
            size, detector = frame.rgb.shape, _detector()
        waiting.append((number, frame))
        cuts = {cut.frame_num for cut in detector.process_frame(FrameTimecode(number, 25.0), _small(frame.rgb))}
        if len(waiting) > _LOOK_AHEAD:
            oldest, held = waiting.popleft()
            shot += oldest in cuts
            yield shot, held
    for _, held in waiting:
        yield shot, held


def _detector() -> AdaptiveDetector:
    return AdaptiveDetector(min_scene_len=_MIN_SHOT, window_width=_LOOK_AHEAD)


def _small(rgb: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
    """Return a small picture with the channels in the order that OpenCV expects."""
    height, width = rgb.shape[:2]
    if height > _WORKING_HEIGHT:
        size = (max(1, round(width * _WORKING_HEIGHT / height)), _WORKING_HEIGHT)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(rgb[..., ::-1])
