"""Damaged and arbitrary input of every kind that footage and its labels are read from.

Each example ends in one of two ways: what could be read, or an error that names the file. ``make test-slow`` tries more
examples and prints the counts of docs/robustness.md (run pytest with -s to see them).
"""

import contextlib
import io
import json
import signal
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from physics_data.core.errors import DataError, VideoError, WorldsimError
from physics_data.core.video import iterate_frames, write_video
from tests.worldsim.tiny_clips import footage_clip, write_dataset
from worldsim.data.annotations.store import AnnotationStore, annotate
from worldsim.data.footage.ingest import IngestConfig, ingest
from worldsim.data.footage.media import Medium, find_media, read_picture
from worldsim.data.footage.sidecars import SideCars

HANG = 60.0
"""Processor seconds after which an example counts as a hang; the slowest takes about 0.3."""

Edit = Callable[[bytes], bytes]
EXAMPLES = [25, pytest.param(400, marks=pytest.mark.slow)]


def _flip(place: float, value: int) -> Edit:
    return lambda data: data[: (i := int(place * len(data)))] + bytes([value]) + data[i + 1 :]


def _delete(place: float, length: int) -> Edit:
    return lambda data: data[: (i := int(place * len(data)))] + data[i + length :]


def _insert(place: float, more: bytes) -> Edit:
    return lambda data: data[: (i := int(place * len(data)))] + more + data[i:]


def _again(place: float, length: int) -> Edit:
    return lambda data: data[: (i := int(place * len(data))) + length] + data[i:]


PLACE = st.floats(0, 1, exclude_max=True)
EDITS = st.lists(
    st.one_of(
        st.builds(_flip, PLACE, st.integers(0, 255)),
        st.builds(_delete, PLACE, st.one_of(st.integers(1, 64), st.integers(1, 10_000))),
        st.builds(_insert, PLACE, st.binary(min_size=1, max_size=40)),
        st.builds(_again, PLACE, st.integers(1, 600)),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, edits: list[Edit]) -> bytes:
    for edit in edits:
        data = edit(data)
    return data


@contextlib.contextmanager
def no_hang() -> Iterator[None]:
    def stop(*_) -> None:
        raise AssertionError(f"hangs for {HANG} s of processor time")

    former = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, former)


def examples(count: int):
    return settings(
        max_examples=count, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )


def report(kind: str, counts: Counter) -> None:
    print(f"fuzz: {kind}: {sum(counts.values())} inputs, {dict(counts)}")


def pictures(count: int = 6) -> np.ndarray:
    video = np.full((count, 32, 48, 3), 70, dtype=np.uint8)
    for number in range(count):
        video[number, 8:20, 3 * number : 3 * number + 10] = (220, 60, 50)
    return video


@pytest.mark.parametrize("count", EXAMPLES)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".gif", ".webp", ".png", ".avif"])
def test_videos(tmp_path: Path, suffix: str, count: int) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix in (".webp", ".png", ".avif"):
        frames = [Image.fromarray(frame) for frame in pictures()]
        frames[0].save(whole, save_all=True, append_images=frames[1:], duration=60)
    else:
        write_video(whole, pictures(), 16.0)
    data, path, counts = whole.read_bytes(), tmp_path / f"damaged{suffix}", Counter()

    @examples(count)
    @given(EDITS)
    def run(edits: list[Edit]) -> None:
        path.write_bytes(damaged(data, edits))
        with no_hang():
            try:
                before = -1.0
                for frame in islice(iterate_frames(path, max_pixels=2**20), 300):
                    assert before < frame.seconds < frame.end and frame.rgb.dtype == np.uint8
                    before = frame.seconds
                counts["read"] += 1
            except VideoError as error:
                assert path.name in str(error)
                counts["refused"] += 1

    run()
    report(f"video {suffix}", counts)


@pytest.mark.parametrize("count", EXAMPLES)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif", ".avif"])
def test_pictures(tmp_path: Path, suffix: str, count: int) -> None:
    Image.fromarray(pictures(1)[0]).save(tmp_path / f"whole{suffix}")
    data, path = (tmp_path / f"whole{suffix}").read_bytes(), tmp_path / f"damaged{suffix}"
    counts: Counter = Counter()

    @examples(count)
    @given(EDITS)
    def run(edits: list[Edit]) -> None:
        path.write_bytes(damaged(data, edits))
        with no_hang():
            try:
                assert read_picture(path, max_pixels=2**20).shape[2] == 3
                counts["read"] += 1
            except VideoError as error:
                assert path.name in str(error)
                counts["refused"] += 1

    run()
    report(f"picture {suffix}", counts)


RECORDS = [{"file_name": f"{name}.mp4", "text": f"a red ball {name}", "license": "MIT"} for name in "abcd"]


def table_bytes(kind: str) -> bytes:
    if kind == ".jsonl":
        return "".join(json.dumps(record) + "\n" for record in RECORDS).encode()
    if kind == ".parquet":
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(RECORDS), buffer)
        return buffer.getvalue()
    rows = [list(RECORDS[0]), *(record.values() for record in RECORDS)]
    return "".join(("\t" if kind == ".tsv" else ",").join(row) + "\n" for row in rows).encode()


def contents(whole: bytes) -> st.SearchStrategy[bytes]:
    """Damaged originals, any bytes, any text in some encoding."""
    text = st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    return st.one_of(EDITS.map(lambda edits: damaged(whole, edits)), st.binary(max_size=300), text)


@pytest.mark.parametrize("count", EXAMPLES)
@pytest.mark.parametrize(
    "name", ["metadata.csv", "captions.tsv", "manifest.jsonl", "metadata.parquet", "a.txt", "a.json"]
)
def test_captions(tmp_path: Path, name: str, count: int) -> None:
    path, counts = tmp_path / name, Counter()
    media = [Medium(f"{stem}.mp4", "video", (tmp_path / f"{stem}.mp4",)) for stem in "abcd"]
    whole = json.dumps(RECORDS[0]).encode() if name[0] == "a" else table_bytes(path.suffix)

    @examples(count)
    @given(contents(whole))
    def run(data: bytes) -> None:
        path.write_bytes(data)
        with no_hang():
            known = SideCars([tmp_path])
            said = sum(map(len, known.faults.values())) + sum(map(len, known.unmatched(media).values()))
            for medium in media:
                try:
                    json.dumps(known.of(medium).caption).encode()
                    known.of(medium).licence.encode()
                except ValueError:
                    said += 1
        counts["with a word" if said else "read"] += 1

    run()
    report(f"captions {name}", counts)


def tar_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("count", EXAMPLES)
@pytest.mark.parametrize("suffix", [".tar", ".parquet"])
def test_packed_files(tmp_path: Path, suffix: str, count: int) -> None:
    """Media of a damaged file are found, or it is said that some are missing; none is lost without a word."""
    members = {f"x/{stem}.{kind}": f"{stem} {kind} ".encode() * 40 for stem in "abc" for kind in ("mp4", "txt")}
    if suffix == ".tar":
        whole = tar_bytes(members)
    else:
        cells = [{"bytes": data, "path": name} for name, data in members.items() if name.endswith("mp4")]
        buffer = io.BytesIO()
        pq.write_table(pa.table({"video": cells, "text": ["a", "b", "c"]}), buffer)
        whole = buffer.getvalue()
    path, counts = tmp_path / f"damaged{suffix}", Counter()

    @examples(count)
    @given(contents(whole))
    def run(data: bytes) -> None:
        path.write_bytes(data)
        with no_hang():
            try:
                media = find_media([path])
            except DataError:  # nothing is in it
                counts["refused"] += 1
                return
            faults = [medium for medium in media if medium.fault]
            assert faults or len(media) >= 3, "media are lost without a word"
            for medium in media:
                if medium.fault is None:
                    with contextlib.suppress(OSError, ValueError):  # named in the report of the file
                        medium.sha256()
                        SideCars([]).of(medium)
            counts["with a word" if faults else "read"] += 1

    run()
    report(f"packed {suffix}", counts)


@pytest.mark.parametrize("count", EXAMPLES)
@pytest.mark.parametrize("suffix", [".tar", ".json"])
def test_labels(tmp_path: Path, suffix: str, count: int) -> None:
    """Damaged pseudo-labels are refused, or they are the ones that were written."""
    folder = write_dataset(tmp_path / "data", [footage_clip(n, num_frames=4, size=32) for n in range(2)])
    annotate(folder, ["moving"])
    path = (folder / "annotations" / "moving" / "all-00000.tar").with_suffix(suffix)
    whole, counts = path.read_bytes(), Counter()
    keys = ["footage-000000", "footage-000001"]
    right = [AnnotationStore(folder, "moving").load(key)["moving_mask"] for key in keys]

    @examples(count)
    @given(contents(whole))
    def run(data: bytes) -> None:
        path.write_bytes(data)
        with no_hang():
            try:
                store = AnnotationStore(folder, "moving")
                found = [store.load(key)["moving_mask"] for key in keys]
            except DataError as error:
                assert "annotate" in str(error)
                counts["refused"] += 1
                return
        np.testing.assert_array_equal(found, right)
        counts["read"] += 1

    run()
    report(f"labels {suffix}", counts)


@pytest.mark.parametrize("count", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_whole_ingests(tmp_path: Path, count: int) -> None:
    """A folder with a good video and damaged neighbours always gives the clips of the good one, and names the rest."""
    folder = tmp_path / "in"
    write_video(folder / "good.mp4", pictures(8), 8.0)
    write_video(tmp_path / "other.mp4", pictures(10)[:, ::-1], 8.0)
    config = IngestConfig(num_frames=4, frame_rate=8.0, height=16, width=16, max_pixels=2**20)
    originals = {
        "bad.mp4": (tmp_path / "other.mp4").read_bytes(),
        "bad.tar": tar_bytes({"a.mp4": (tmp_path / "other.mp4").read_bytes(), "a.txt": b"a ball"}),
        "metadata.csv": table_bytes(".csv"),
        "good.json": b'{"text": "a ball"}',
    }
    counts: Counter = Counter()

    @examples(count)
    @given(st.sampled_from(sorted(set(originals) - {"good.json"})), EDITS, st.integers(0, 10**9))
    def run(name: str, edits: list[Edit], number: int) -> None:
        for other in originals:
            (folder / other).unlink(missing_ok=True)
        (folder / name).write_bytes(damaged(originals[name], edits))
        with no_hang():
            reports = ingest([folder], tmp_path / f"out{number}-{sum(counts.values())}", config)
        assert next(report.windows for report in reports if report.file == "good.mp4") == 2
        counts["with a word" if any(r.error or r.notes for r in reports) else "read"] += 1

    run()
    report("whole ingest", counts)


@pytest.mark.parametrize("count", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_ingests_go_on_after_damage_to_their_own_files(tmp_path: Path, count: int) -> None:
    """Manifests and the index of a dataset in the making are made again or refused with a sentence."""
    write_video(tmp_path / "in" / "good.mp4", pictures(8), 8.0)
    config = IngestConfig(num_frames=4, frame_rate=8.0, height=16, width=16)
    ingest([tmp_path / "in"], tmp_path / "out", config)
    files = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.suffix in (".json", ".yaml")}
    counts: Counter = Counter()

    @examples(count)
    @given(st.sampled_from(sorted(files)), EDITS)
    def run(path: Path, edits: list[Edit]) -> None:
        path.write_bytes(damaged(files[path], edits))
        with no_hang():
            try:
                assert ingest([tmp_path / "in"], tmp_path / "out", config)[0].windows == 2
                counts["read or made again"] += 1
            except WorldsimError:
                counts["refused"] += 1
        for other, data in files.items():
            other.write_bytes(data)

    run()
    report("files of an ingest", counts)
