"""From files on disk to clips. Each made frame carries its number as a brightness, so timing can be read back."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from physics_data.core.clip import FootageMeasures
from physics_data.core.clip_index import write_index
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.video import iterate_frames, write_video
from physics_data.pipeline.check import check_dataset
from worldsim.data.footage import media as module
from worldsim.data.footage.cutter import split_shots
from worldsim.data.footage.ingest import FileReport, IngestConfig, ingest
from worldsim.data.footage.windows import cut_windows

CONFIG = IngestConfig(num_frames=5, frame_rate=8.0, height=32, width=32, test_fraction=0.0)
FOOTAGE = Path(os.environ.get("WORLDSIM_FOOTAGE", Path(__file__).parents[5] / "shared" / "footage"))


def ramp(num_frames: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frame n has level 40 + 4 n, with a block that moves so that no window is still."""
    video = np.empty((num_frames, height, width, 3), dtype=np.uint8)
    for number in range(num_frames):
        video[number] = 40 + 4 * number
        video[number, :4, (2 * number) % width : (2 * number) % width + 8] = 255
    return video


def frame_numbers(rgb: np.ndarray) -> list[float]:
    """Read the frame numbers back from the lower half of the picture."""
    return [(float(frame[16:].mean()) - 40) / 4 for frame in rgb]


def by_file(reports: list[FileReport]) -> dict[str, FileReport]:
    return {report.file: report for report in reports}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi", ".webm", ".gif"])
def test_every_container_is_resampled_by_seconds(tmp_path: Path, suffix: str) -> None:
    write_video(tmp_path / "in" / f"clip{suffix}", ramp(40), 20.0)
    reports = ingest([tmp_path / "in"], tmp_path / "out", CONFIG)
    assert reports[0].error is None
    dataset = ShardDataset(tmp_path / "out")
    assert len(dataset) == 3  # 39 intervals of 1/20 s hold 16 grid points of 1/8 s: three windows of 5
    for window, position in enumerate(dataset.select()):
        clip = dataset.load(position)
        assert clip.rgb.shape == (5, 32, 32, 3)
        assert clip.meta.origin is not None
        assert clip.meta.origin.start_seconds == pytest.approx(window * 5 / 8, abs=0.02)
        expected = [20 * (window * 5 + n) / 8 for n in range(5)]
        assert frame_numbers(clip.rgb) == pytest.approx(expected, abs=0.9)


def test_changing_frame_intervals_count_by_time(tmp_path: Path) -> None:
    path = tmp_path / "in" / "vfr.mp4"
    path.parent.mkdir()
    moments = [0, 30, 40, 130, 240, 250, 260, 380, 500, 620]  # ms; the grid is 0, 125, 250, 375, 500
    frames = ramp(len(moments))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1000, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for moment, rgb in zip(moments, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = moment, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    ingest([tmp_path / "in"], tmp_path / "out", CONFIG)
    clip = ShardDataset(tmp_path / "out").load(0)
    assert frame_numbers(clip.rgb) == pytest.approx([0, 3, 5, 7, 8], abs=0.5)


def test_gif_delays_of_their_own_are_kept(tmp_path: Path) -> None:
    delays = [30, 60, 250, 40, 40, 90, 250, 120, 500]
    pictures = [Image.fromarray(frame) for frame in ramp(len(delays))]
    (tmp_path / "in").mkdir()
    pictures[0].save(tmp_path / "in" / "a.gif", save_all=True, append_images=pictures[1:], duration=delays)
    ingest([tmp_path / "in"], tmp_path / "out", IngestConfig(**{**CONFIG.model_dump(), "max_repeated_fraction": 1.0}))
    clip = ShardDataset(tmp_path / "out").load(0)
    expected = [0, 2, 2, 4, 6]  # frames begin at 0, 30, 90, 340, 380, 420, 510 ms; shown at 0, 125, 250, 375, 500 ms
    assert frame_numbers(clip.rgb) == pytest.approx(expected, abs=0.6)


def test_broken_files_are_named_and_the_others_used(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_video(folder / "deep" / "er" / "good.mp4", ramp(20), 16.0)
    write_video(folder / "whole.mkv", ramp(36)[16:], 16.0)
    (folder / "cut.mp4").write_bytes((folder / "deep" / "er" / "good.mp4").read_bytes()[:-3000])
    (folder / "text.mp4").write_text("this is no video")
    (folder / "empty.webm").write_bytes(b"")
    write_video(folder / "odd_caption.mp4", ramp(24), 16.0)
    (folder / "odd_caption.txt").write_bytes(b"caf\xe9")
    (folder / "notes.md").write_text("ignored")
    reports = by_file(ingest([folder], tmp_path / "out", CONFIG))
    assert set(reports) == {"deep/er/good.mp4", "whole.mkv", "cut.mp4", "text.mp4", "empty.webm", "odd_caption.mp4"}
    assert {name for name, report in reports.items() if report.error} == {
        "cut.mp4",
        "text.mp4",
        "empty.webm",
        "odd_caption.mp4",
    }
    assert "text.mp4" in str(reports["text.mp4"].error)
    assert reports["deep/er/good.mp4"].windows == 2
    assert not list((tmp_path / "out" / "shards").glob("*partial*"))


def test_a_folder_of_broken_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="no video in"):
        ingest([tmp_path / "in"], tmp_path / "out", CONFIG)
    (tmp_path / "in" / "a.mp4").write_text("x")
    with pytest.raises(DataError, match=r"no clip could be cut out[^$]*a\.mp4"):
        ingest([tmp_path / "in"], tmp_path / "out", CONFIG)


def test_flaws_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_video(folder / "black.mp4", np.zeros((12, 48, 64, 3), dtype=np.uint8), 8.0)
    write_video(folder / "still.mp4", np.full((12, 48, 64, 3), 99, dtype=np.uint8), 8.0)
    write_video(folder / "slow.mp4", ramp(8), 3.0)  # shown for 8 / 3 s: 21 frames at 8 Hz
    write_video(folder / "short.mp4", ramp(3), 8.0)
    write_video(folder / "good.mp4", ramp(22), 8.0)
    reports = by_file(ingest([folder], tmp_path / "out", CONFIG))
    assert reports["black.mp4"].dropped == {"black": 2}
    assert reports["still.mp4"].dropped == {"still": 2}
    assert reports["slow.mp4"].dropped == {"slow_source": 4}
    assert (reports["short.mp4"].windows, reports["short.mp4"].dropped) == (0, {})
    assert (reports["good.mp4"].windows, reports["good.mp4"].dropped) == (4, {})


def test_the_limit_keeps_windows_from_the_whole_file(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "long.mp4", np.tile(ramp(40), (3, 1, 1, 1)), 8.0)
    limited = IngestConfig(**{**CONFIG.model_dump(), "max_windows_per_file": 4, "max_same_difference": -1})
    reports = ingest([tmp_path / "in"], tmp_path / "out", limited)
    dataset = ShardDataset(tmp_path / "out")
    starts = [origin.start_seconds for p in range(4) if (origin := dataset.load(p).meta.origin)]
    assert len(dataset) == 4 and starts == sorted(set(starts))
    assert starts[-1] > 5
    assert reports[0].dropped["over_limit"] == 24 - 4


def test_captions_and_licences_stand_beside_the_videos(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_video(folder / "sub" / "a.mp4", ramp(8), 8.0)
    write_video(folder / "b.mp4", ramp(12)[4:], 8.0)
    (folder / "sub" / "a.txt").write_text("a bright\n  block slides\n")
    (folder / "sub" / "MANIFEST.csv").write_text("File,Licence\na.mp4,CC0-1.0\n")
    ingest([folder], tmp_path / "out", CONFIG)
    clips = [ShardDataset(tmp_path / "out").load(position) for position in range(2)]
    found = {clip.meta.origin.file: (clip.meta.caption, clip.meta.origin.licence) for clip in clips if clip.meta.origin}
    assert found == {"sub/a.mp4": ("a bright block slides", "CC0-1.0"), "b.mp4": ("", "unknown")}
    assert {clip.meta.domain for clip in clips} == {2}


def test_a_rotated_file_comes_out_upright(tmp_path: Path) -> None:
    upright = np.zeros((8, 64, 48, 3), dtype=np.uint8)
    upright[:, :32] = 255  # bright above
    for number in range(8):
        upright[number, 40:48, 4 * number : 4 * number + 8] = 128
    path = tmp_path / "in" / "phone.mp4"
    write_video(path, np.ascontiguousarray(np.rot90(upright, 1, axes=(1, 2))), 8.0)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # version 0: 40 bytes of times and layers come before the matrix
    clockwise = [0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30]
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in clockwise)
    path.write_bytes(data)
    ingest([tmp_path / "in"], tmp_path / "out", CONFIG)
    rgb = ShardDataset(tmp_path / "out").load(0).rgb
    assert rgb[:, :8].mean() > 240 and rgb[:, -4:].mean() < 40


def test_a_second_run_makes_nothing_and_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write_video(tmp_path / "in" / f"{number}.mp4", ramp(20 + number), 8.0)
    ingest([tmp_path / "in"], tmp_path / "once", CONFIG)
    calls = 0
    original = module.iterate_frames

    def stop_at_the_third(path: Path, **options):
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return original(path, **options)

    monkeypatch.setattr(module, "iterate_frames", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        ingest([tmp_path / "in"], tmp_path / "twice", CONFIG)
    assert len(list((tmp_path / "twice" / "shards").glob("*.tar"))) == 2
    ingest([tmp_path / "in"], tmp_path / "twice", CONFIG)
    assert calls == 4  # only the third file was opened again
    for shard in (tmp_path / "once" / "shards").iterdir():
        assert (tmp_path / "twice" / "shards" / shard.name).read_bytes() == shard.read_bytes()
    with pytest.raises(DataError, match=r"frame_rate: 8\.0 → 4\.0"):
        ingest([tmp_path / "in"], tmp_path / "twice", IngestConfig(**{**CONFIG.model_dump(), "frame_rate": 4.0}))


def test_files_are_split_by_their_content(tmp_path: Path) -> None:
    for number in range(12):  # digests decide, so by chance alone one of 2,048 would fail
        write_video(tmp_path / "in" / f"{number}.mp4", ramp(12 + number), 8.0)
    ingest([tmp_path / "in"], tmp_path / "out", IngestConfig(**{**CONFIG.model_dump(), "test_fraction": 0.5}))
    dataset = ShardDataset(tmp_path / "out")
    splits: dict[str, set[str]] = {}
    for row in dataset.rows:
        splits.setdefault(row.shard, set()).add(row.split)
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == {"train", "test"}


def test_a_copy_of_a_file_is_used_once(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "a.mp4", ramp(12), 8.0)
    (tmp_path / "in" / "b.mp4").write_bytes((tmp_path / "in" / "a.mp4").read_bytes())
    reports = by_file(ingest([tmp_path / "in"], tmp_path / "out", CONFIG))
    assert "same bytes as a.mp4" in str(reports["b.mp4"].error)
    assert len(ShardDataset(tmp_path / "out")) == reports["a.mp4"].windows


@pytest.mark.skipif(not FOOTAGE.is_dir(), reason=f"no footage in {FOOTAGE}; set WORLDSIM_FOOTAGE")
def test_real_footage(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("MANIFEST.tsv", "trflorian_ball.mp4", "intelprev_bolt-multi-size-detection.gif"):
        (folder / name).symlink_to(FOOTAGE / name)
    reports = by_file(ingest([folder], tmp_path / "out", IngestConfig(test_fraction=0.0)))
    assert all(report.error is None for report in reports.values())
    assert [report.windows > 0 for report in reports.values() if not report.is_table] == [True, True]
    licences = {
        clip.meta.origin.licence for clip in map(ShardDataset(tmp_path / "out").load, range(3)) if clip.meta.origin
    }
    assert licences == {"MIT", "CC-BY-4.0"}


def test_workers_change_nothing(tmp_path: Path) -> None:
    for number in range(4):
        write_video(tmp_path / "in" / f"{number}.mp4", ramp(20 + number), 8.0)
    (tmp_path / "in" / "broken.mp4").write_text("x")
    reports = [ingest([tmp_path / "in"], tmp_path / f"out{n}", CONFIG, workers=n) for n in (1, 2)]
    assert reports[0] == reports[1]
    for path in sorted((tmp_path / "out1").rglob("*.tar")):
        assert (tmp_path / "out2" / "shards" / path.name).read_bytes() == path.read_bytes()


def test_pictures_become_clips_of_one_frame_and_sequences_videos(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, frame in enumerate(ramp(24)):
        Image.fromarray(frame).save(folder / f"run{number:02d}.png")
    Image.fromarray(ramp(2)[1]).save(folder / "photo.png")
    config = IngestConfig(**{**CONFIG.model_dump(), "sequence_rate": 16.0})
    reports = by_file(ingest([folder], tmp_path / "out", config))
    assert (reports["photo.png"].windows, reports["run#.png"].windows) == (1, 2)
    rows = {row.num_frames for row in ShardDataset(tmp_path / "out").rows}
    assert rows == {1, 5}


def test_the_shape_of_the_source_can_be_kept(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "wide.mp4", ramp(12, height=72, width=128), 8.0)
    write_video(tmp_path / "in" / "tall.mp4", ramp(14, height=128, width=72), 8.0)
    config = IngestConfig(**{**CONFIG.model_dump(), "framing": "keep_shape", "height": 48, "width": 48})
    ingest([tmp_path / "in"], tmp_path / "out", config)
    shapes = {(row.height, row.width) for row in ShardDataset(tmp_path / "out").rows}
    assert shapes == {(32, 64), (64, 32)}


def test_h264_shards_are_smaller_and_nearly_equal(tmp_path: Path) -> None:
    write_video(tmp_path / "in" / "a.mp4", ramp(24), 8.0)
    clips = {}
    for codec in ("zstd", "h264"):
        ingest([tmp_path / "in"], tmp_path / codec, IngestConfig(**{**CONFIG.model_dump(), "codec": codec}))
        clips[codec] = ShardDataset(tmp_path / codec).load(1)
    assert clips["h264"].meta == clips["zstd"].meta
    difference = np.abs(clips["h264"].rgb.astype(int) - clips["zstd"].rgb)
    assert difference.mean() < 2.5


def test_every_flaw_that_the_pixels_show_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    bars = ramp(10)
    bars[:, :8] = bars[:, -8:] = 0
    bars[:, 20:28, 4:12] = 255
    for number in range(10):
        bars[number, 30:36, 3 * number : 3 * number + 6] = 255
    write_video(folder / "bars.mp4", bars, 8.0)
    write_video(folder / "good.mp4", ramp(22), 8.0)
    write_video(folder / "recoded.mkv", ramp(22)[:21], 8.0)
    reports = by_file(ingest([folder], tmp_path / "out", CONFIG))
    assert reports["bars.mp4"].dropped == {"letterbox": 2}
    assert reports["good.mp4"].windows == 4
    assert (reports["recoded.mkv"].windows, reports["recoded.mkv"].dropped) == (0, {"near_duplicate": 4})
    dataset = ShardDataset(tmp_path / "out")
    assert check_dataset(dataset).findings == [], "near duplicates lie in a shard and not in the index"
    write_index(tmp_path / "out", dataset.rows[1:])
    (found,) = check_dataset(ShardDataset(tmp_path / "out")).findings
    assert "4 clips were kept, the index has 3" in found.message


@pytest.mark.parametrize(
    ("field", "limit", "reason"),
    [
        ("camera_shake", "max_camera_shake", "shaky"),
        ("text_share", "max_text_fraction", "text"),
        ("bars_share", "max_bars_fraction", "letterbox"),
    ],
)
def test_each_limit_has_its_reason(field: str, limit: str, reason: str) -> None:
    fine = {"motion": 0.1, "camera_motion": 0.0, "camera_shake": 0.0, "text_share": 0.0, "bars_share": 0.0}
    assert CONFIG.flaw(FootageMeasures(**fine)) is None
    over = FootageMeasures(**{**fine, field: getattr(CONFIG, limit) + 0.01})
    assert CONFIG.flaw(over) == reason
    assert IngestConfig(**{**CONFIG.model_dump(), limit: 1.0}).flaw(over) is None


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_video(folder / "long.mp4", ramp(30), 8.0)
    (folder / "metadata.csv").write_text("file,text\nlong.mp4,a block\nmissing.mp4,a ball\nlong.mp4,a, b\n")
    limited = IngestConfig(**{**CONFIG.model_dump(), "max_frames_per_file": 12})
    reports = by_file(ingest([folder], tmp_path / "out", limited))
    assert reports["long.mp4"].windows == 2 and "only its first 12 frames" in reports["long.mp4"].notes[0]
    table = reports[str(folder / "metadata.csv")]
    assert table.is_table and "row 4" in table.notes[0] and "missing.mp4" in table.notes[1]
    small = IngestConfig(**{**CONFIG.model_dump(), "max_pixels": 48 * 64 - 1})
    with pytest.raises(DataError, match="million pixels"):
        ingest([folder], tmp_path / "small", small)


def test_an_unexpected_fault_of_one_file_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "in" / "a.mp4", ramp(12), 8.0)
    write_video(tmp_path / "in" / "b.mp4", ramp(20)[8:], 8.0)
    original = module.iterate_frames

    def fails(path: Path, **options):
        if path.name == "a.mp4":
            raise ZeroDivisionError("division by zero")
        return original(path, **options)

    monkeypatch.setattr(module, "iterate_frames", fails)
    reports = by_file(ingest([tmp_path / "in"], tmp_path / "out", CONFIG))
    assert reports["a.mp4"].error == "it fails with ZeroDivisionError: division by zero"
    assert reports["b.mp4"].windows == 2


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov", ".gif"])
@pytest.mark.parametrize(("count", "rate"), [(17, 30), (17, 24), (33, 30), (49, 30), (17, 60), (17, 25), (51, 16)])
def test_a_clip_of_so_many_frames_is_one_window_of_them(tmp_path: Path, suffix: str, count: int, rate: int) -> None:
    """Containers round time stamps to 1 or 10 ms; that costs no frame."""
    write_video(tmp_path / f"a{suffix}", ramp(count), float(rate))
    windows = list(cut_windows(split_shots(iterate_frames(tmp_path / f"a{suffix}")), count, float(rate)))
    assert [len(window.rgb) for window in windows] == [count]
