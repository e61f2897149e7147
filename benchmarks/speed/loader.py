"""Speed of reading clips for training, beside plain pipelines over the same bytes."""

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import torch
from torch.utils.data import Dataset

from benchmarks.rows import Row, median_row
from benchmarks.speed.timing import Job, interleaved, rates
from physics_data.core.array_codec import unpack_array
from physics_data.core.clip_index import write_index
from physics_data.core.conventions import DATASET_FORMAT
from physics_data.core.dataset import RECORD_NAME
from physics_data.core.provenance import write_provenance
from physics_data.core.shards import encode_clip, write_shard
from physics_data.core.video import decode_video
from physics_data.pipeline.generate import ClipTask, generate_clip
from physics_data.scenarios.shared.scenario import SceneSettings
from worldsim.data.collate import balanced_rows, first_fit_decreasing, padding_share
from worldsim.data.loading import Prefetch
from worldsim.data.mixture import Mixture
from worldsim.data.sources import ShardSource

NUM_CLIPS = 24
SETTINGS = SceneSettings(num_frames=32, frame_rate=32.0, width=128, height=128)
COMMAND = "python -m benchmarks speed loader --json"

_FIRST_BATCH = """
import sys, time
started = time.perf_counter()
import numpy as np
from pathlib import Path
from worldsim.data.collate import Crop, collate
from worldsim.data.mixture import Mixture
from worldsim.data.sources import ShardSource
source = ShardSource(Path(sys.argv[1]), "train", name="clips")
mixture = Mixture([source], [1.0], seed=0)
collate(mixture.load(mixture.batch(0, 8)), part=Crop(17, 64, 64), rng=np.random.default_rng(0))
print(time.perf_counter() - started)
"""


def measure_loader(repeats: int) -> list[Row]:
    """Time decoding, random access, H.264, the first batch, waiting, memory and packing."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_dataset(folder)
        source = ShardSource(folder, "train", name="clips")
        return [
            *_decoding(folder, source, repeats),
            *_random_access(source, repeats),
            *_h264(source, repeats),
            _first_batch(folder, repeats),
            *_waiting(source, repeats),
            _memory(source),
            _resume(source),
            *_packing(),
        ]


def _write_dataset(folder: Path) -> None:
    names = ("free_drop", "projectile", "collide", "occluder_pass")
    tasks = [ClipTask(names[i % len(names)], ("mujoco", "bullet")[i % 2], i) for i in range(NUM_CLIPS)]
    clips = [generate_clip(task, SETTINGS, 0, "raycast").clip for task in tasks]
    write_provenance(folder / RECORD_NAME, None, format=DATASET_FORMAT)
    write_index(folder, write_shard(folder / "shards" / "train-00000.tar", clips))


def _decoding(folder: Path, source: ShardSource, repeats: int) -> list[Row]:
    frames = len(source) * SETTINGS.num_frames
    plain = _Plain(folder)
    contenders: dict[str, Job] = {
        "ours": lambda: [source.load(position) for position in range(len(source))],
        "webdataset over the same shard, rgb and ids": lambda: list(_webdataset(folder)),
        "torch Dataset over the same members, rgb and ids, no checksums": lambda: [plain[i] for i in range(len(plain))],
    }
    found = rates(interleaved(contenders, repeats), frames)
    ours = found.pop("ours")
    size = f"{SETTINGS.num_frames}x{SETTINGS.height}x{SETTINGS.width}"
    return [
        median_row(f"clips of {size} with masks", ours, "frames/s on one core", 4000.0, name, other, COMMAND)
        for name, other in found.items()
    ]


def _random_access(source: ShardSource, repeats: int) -> list[Row]:
    order = np.random.default_rng(0).permutation(len(source))
    times = []
    for _ in range(repeats):
        for position in order:
            started = time.perf_counter()
            source.load(int(position))
            times.append(1e3 * (time.perf_counter() - started))
    return [median_row("random access to one clip", times, "ms", 5.0, None, None, COMMAND)]


def _h264(source: ShardSource, repeats: int) -> list[Row]:
    clips = [source._dataset.load(position) for position in range(8)]
    videos = [encode_clip(clip, "h264")["rgb.mp4"] for clip in clips]
    contenders: dict[str, Job] = {
        "ours": lambda: [decode_video(data, what="a clip") for data in videos],
        "bare PyAV, one thread": lambda: [_bare_decode(data) for data in videos],
    }
    found = rates(interleaved(contenders, repeats), len(videos) * SETTINGS.num_frames)
    return [
        median_row(
            "H.264 clips decoded to rgb",
            found["ours"],
            "frames/s on one core",
            0.9 * statistics.median(found["bare PyAV, one thread"]),
            "bare PyAV, one thread",
            found["bare PyAV, one thread"],
            COMMAND,
        )
    ]


def _first_batch(folder: Path, repeats: int) -> Row:
    seconds = []
    for _ in range(min(repeats, 3)):
        command = [sys.executable, "-c", _FIRST_BATCH, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds.append(float(done.stdout))
    return median_row("start of a process to its first batch of 8", seconds, "s", 3.0, None, None, COMMAND)


def _waiting(source: ShardSource, repeats: int) -> list[Row]:
    """Compare steps that load 4 clips ahead of time with steps that reuse one batch; the model is a matrix product."""
    mixture = Mixture([source], [1.0], seed=0)
    torch.set_num_threads(1)
    weight = torch.randn(2048, 2048)

    def make(step: int) -> torch.Tensor:
        return torch.from_numpy(np.stack([clip.rgb for clip in mixture.load(mixture.batch(step, 4))]))

    def compute() -> None:
        x = weight
        for _ in range(4):
            x = x @ weight

    steps = 12

    def with_loader() -> None:
        with Prefetch(make, 0, steps, 2) as batches:
            for step in range(steps):
                batches.take(step)
                compute()

    def with_constant() -> None:
        for _ in range(steps):
            compute()

    found = interleaved({"loader": with_loader, "constant": with_constant}, repeats)
    seconds = {name: [value / steps for value in values] for name, values in found.items()}
    constant = seconds["constant"]
    limit = 1.02 * statistics.median(constant)
    name = "a step of arithmetic on one of two cores, 4 clips loaded ahead"
    return [median_row(name, seconds["loader"], "s", limit, "the same with a constant batch", constant, COMMAND)]


def _memory(source: ShardSource) -> Row:
    for position in range(200):
        source.load(position % len(source))
    before = _resident()
    for position in range(4000):
        source.load(position % len(source))
    growth = (_resident() - before) / 2**20
    return median_row("growth of memory over 4,000 loaded clips", [growth], "MiB", 16.0, None, None, COMMAND)


def _resume(source: ShardSource) -> Row:
    started = time.perf_counter()
    mixture = Mixture([source], [1.0], seed=0)
    mixture.load(mixture.batch(1_000_000, 8))
    seconds = time.perf_counter() - started
    return median_row("batch of step 1,000,000 after a restart", [seconds], "s", 2.0, None, None, COMMAND)


def _packing() -> Iterator[Row]:
    """Pad rows of real sizes: stills and clips of 1 to 33 frames in the five shapes of 480p to 720p footage, scaled."""
    for window in (64, 256):
        for budget in (1024, 2048, 4096):
            ours, first_fit = [], []
            for seed in range(5):
                rng = np.random.default_rng(seed)
                shapes = ((64, 64), (48, 80), (80, 48), (128, 128), (96, 160))
                lengths = []
                for _ in range(window):
                    height, width = shapes[rng.integers(len(shapes))]
                    frames = int(rng.choice([1, 5, 9, 17, 33], p=[0.3, 0.1, 0.1, 0.4, 0.1]))
                    lengths.append((height // 16) * (width // 16) * ((frames - 1) // 4 + 1))
                ours.append(100 * padding_share(balanced_rows(lengths, budget), lengths))
                first_fit.append(100 * padding_share(first_fit_decreasing(lengths, budget), lengths))
            name = f"padding of rows of {budget} tokens, {window} samples packed together"
            yield median_row(name, ours, "% of the places", 2.0, "first-fit decreasing alone", first_fit, COMMAND)


class _Plain(Dataset[tuple[np.ndarray, np.ndarray]]):
    """What one would write first: each clip's members as files, decompressed on access."""

    def __init__(self, folder: Path) -> None:
        import tarfile

        with tarfile.open(folder / "shards" / "train-00000.tar") as tar:
            members = {info.name: file.read() for info in tar if (file := tar.extractfile(info))}
        self._members, self._keys = members, sorted({name.partition(".")[0] for name in members})
        self._folder = folder / "plain"
        self._folder.mkdir()
        for name, data in members.items():
            (self._folder / name).write_bytes(data)

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return _unpack({path.name.partition(".")[2]: path.read_bytes() for path in self._paths(index)})

    def _paths(self, index: int) -> list[Path]:
        return [self._folder / f"{self._keys[index]}.{suffix}" for suffix in ("json", "rgb.zst", "instance_ids.zst")]


def _webdataset(folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from webdataset import WebDataset  # pyright: ignore[reportAttributeAccessIssue]

    for sample in WebDataset(str(folder / "shards" / "train-00000.tar"), shardshuffle=False):
        yield _unpack(sample)


def _unpack(members: dict[str, bytes]) -> tuple[np.ndarray, np.ndarray]:
    arrays = json.loads(members["json"])["arrays"]
    rgb = unpack_array(members["rgb.zst"], arrays["rgb"])
    return rgb, unpack_array(members["instance_ids.zst"], arrays["instance_ids"])


def _bare_decode(data: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(data), "r") as container:
        container.streams.video[0].codec_context.thread_count = 1
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
