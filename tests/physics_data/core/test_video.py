import numpy as np
import pytest

from physics_data.core.errors import VideoError
from physics_data.core.video import read_video, write_video
from physics_data.simulation import simulate


@pytest.fixture
def moving_square() -> np.ndarray:
    rgb = np.full((17, 48, 64, 3), (20, 40, 120), np.uint8)
    for frame in range(17):
        rgb[frame, 10:22, 2 * frame : 2 * frame + 12] = (220, 30, 20)
    return rgb


@pytest.fixture(scope="module")
def rendered_clips() -> list[np.ndarray]:
    return [simulate(scenario, seed=1).rgb for scenario in ("collide", "drop_bounce", "tower_hit", "carry")]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".webm", ".gif"])
def test_round_trip_keeps_pixels_and_times(tmp_path, moving_square, suffix):
    write_video(tmp_path / f"clip{suffix}", moving_square, 20.0)
    again = read_video(tmp_path / f"clip{suffix}")
    assert again.rgb.shape == moving_square.shape
    assert np.abs(again.rgb.astype(int) - moving_square).mean() < 1.0
    np.testing.assert_allclose(again.seconds, np.arange(17) / 20, atol=2e-3)
    assert again.frame_rate == pytest.approx(20, rel=0.01)


def test_max_frames_stops_early(tmp_path, moving_square):
    write_video(tmp_path / "clip.mp4", moving_square, 16.0)
    assert len(read_video(tmp_path / "clip.mp4", max_frames=5).rgb) == 5


def test_unreadable_files_are_refused_by_name(tmp_path, moving_square):
    whole, cut, text = tmp_path / "whole.mp4", tmp_path / "cut.mp4", tmp_path / "text.mp4"
    write_video(whole, np.tile(moving_square, (6, 1, 1, 1)), 16.0)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    text.write_text("not a video")
    for path in (cut, text):
        with pytest.raises(VideoError, match=f"cannot read .*{path.name}"):
            read_video(path)
    with pytest.raises(VideoError, match="no video file"):
        read_video(tmp_path / "absent.mp4")


def test_truncated_stream_is_refused(tmp_path, moving_square):
    whole = tmp_path / "whole.avi"
    write_video(whole, np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), dtype=np.uint8), 16.0)
    (tmp_path / "cut.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(VideoError, match=r"is cut off|cannot read"):
        read_video(tmp_path / "cut.avi")


@pytest.mark.parametrize(
    ("name", "shape", "pixel_format", "message"),
    [
        ("clip.txt", (2, 8, 8, 3), "yuv444p", "'.txt' is no video"),
        ("clip.ts", (2, 8, 8, 3), "yuv444p", "'.ts' is no video that is written"),
        ("clip.mp4", (0, 8, 8, 3), "yuv444p", "t >= 1"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, shape, pixel_format, message):
    with pytest.raises(VideoError, match=message):
        write_video(tmp_path / name, np.zeros(shape, np.uint8), 16.0, pixel_format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv420p"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".webm", ".gif"])
def test_equal_frames_give_equal_bytes(tmp_path, rendered_clips, suffix, pixel_format):
    """The macroblock tree of libx264 and the random identifiers of Matroska would give other bytes at each write."""
    path = tmp_path / f"clip{suffix}"
    for rgb in rendered_clips:
        written = set()
        for _ in range(4):
            write_video(path, rgb, 16.0, pixel_format)
            written.add(path.read_bytes())
        assert len(written) == 1
