"""Every kind of odd or damaged video: it is decoded rightly, or refused by name; never a crash, never a hang."""

import io
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from physics_data.core.errors import VideoError
from physics_data.core.video import read_video, write_video


def squares(num_frames: int = 8, height: int = 32, width: int = 48) -> np.ndarray:
    video = np.full((num_frames, height, width, 3), 60, dtype=np.uint8)
    for number in range(num_frames):
        video[number, : height // 2, 2 * number : 2 * number + 8] = (220, 40, 40)
    return video


def encode(path: Path, rgb: np.ndarray, codec: str, pixel_format: str, times: list[int] | None = None) -> None:
    """Encode with any codec; ``times`` are presentation times in 1/1000 s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=1000 if times else 16)
        stream.width, stream.height, stream.pix_fmt = rgb.shape[2], rgb.shape[1], pixel_format
        for number, picture in enumerate(rgb):
            frame = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[2] == 4 else "rgb24")
            if times:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("ten_bit.mkv", "libx264", "yuv420p10le"),
        ("ten_bit.mp4", "libx264", "yuv422p10le"),
        ("old.avi", "mpeg4", "yuv420p"),
        ("photos.avi", "mjpeg", "yuvj420p"),
        ("lossless.mkv", "ffv1", "yuv444p"),
        ("vp8.webm", "libvpx", "yuv420p"),
        ("grey.mkv", "ffv1", "gray"),
    ],
)
def test_codecs_and_depths_in_use_are_decoded(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    encode(tmp_path / name, squares(), codec, pixel_format)
    video = read_video(tmp_path / name)
    assert video.rgb.shape == (8, 32, 48, 3)
    assert abs(float(video.rgb[0, 28, 40].mean()) - 60) < 6
    assert video.frame_rate == pytest.approx(16, rel=0.01)


@pytest.mark.parametrize(("name", "codec"), [("alpha.mov", "qtrle"), ("alpha.mkv", "ffv1")])
def test_transparency_is_dropped(tmp_path: Path, name: str, codec: str) -> None:
    video = np.concatenate([squares(), np.full((8, 32, 48, 1), 128, dtype=np.uint8)], axis=-1)
    encode(tmp_path / name, video, codec, "argb" if codec == "qtrle" else "bgra")
    assert read_video(tmp_path / name).rgb.shape == (8, 32, 48, 3)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (31, 47), (2, 4096)])
def test_odd_sizes_survive(tmp_path: Path, size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    encode(tmp_path / "odd.mkv", rgb, "ffv1", "bgr0")
    np.testing.assert_array_equal(read_video(tmp_path / "odd.mkv").rgb, rgb)


@pytest.mark.slow
def test_8k_is_decoded(tmp_path: Path) -> None:
    encode(tmp_path / "8k.mp4", np.full((2, 4320, 7680, 3), 90, dtype=np.uint8), "libx264", "yuv420p")
    assert read_video(tmp_path / "8k.mp4").rgb.shape == (2, 4320, 7680, 3)


def test_times_that_run_backwards_or_stand_still_become_rising(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    encode(path, squares(6), "ffv1", "yuv444p", times=[0, 100, 100_000, 100_040, 100_080, 100_120])
    seconds = read_video(path).seconds
    assert (np.diff(seconds) > 0).all() and seconds[2] == pytest.approx(100.0)


def test_a_change_of_size_in_the_middle_is_refused_by_name(tmp_path: Path) -> None:
    small, large = (Image.fromarray(squares(1, *size)[0]) for size in ((16, 16), (32, 48)))
    raw = []
    for picture in (small, large):
        buffer = io.BytesIO()
        picture.save(buffer, "png")
        raw.append(buffer.getvalue())
    path = tmp_path / "two.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=16)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
        for number, data in enumerate(raw):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 16)
            container.mux(packet)
    with pytest.raises(VideoError, match=r"two\.mov changes its picture size"):
        read_video(path)


def test_sound_without_a_picture_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match=r"sound\.mp4 has no picture stream"):
        read_video(path)


_FUZZ = """
import random, signal, sys
from pathlib import Path
from physics_data.core.errors import VideoError
from physics_data.core.video import iterate_frames

folder, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
originals = sorted(folder.glob("original.*"))
chance = random.Random(seed)
decoded = refused = 0
for number in range(count):
    source = originals[number % len(originals)]
    data = bytearray(source.read_bytes())
    kind = chance.randrange(4)
    if kind == 0:
        for _ in range(chance.randrange(1, 60)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif kind == 1:
        del data[chance.randrange(len(data)):]
    elif kind == 2:
        place = chance.randrange(len(data))
        del data[place : place + chance.randrange(1, 200)]
    else:
        place = chance.randrange(len(data))
        data[place:place] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 200)))
    path = folder / f"damaged{source.suffix}"
    path.write_bytes(data)
    signal.setitimer(signal.ITIMER_PROF, 20)  # of processor time: a hang ends the process, and the test
    try:
        for place, (_, rgb) in enumerate(iterate_frames(path)):
            assert rgb.ndim == 3 and rgb.shape[2] == 3
            if place > 200:
                break
        decoded += 1
    except VideoError as error:
        assert path.name in str(error)
        refused += 1
    signal.setitimer(signal.ITIMER_PROF, 0)
print(decoded, refused)
"""


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_are_decoded_or_refused(tmp_path: Path, count: int) -> None:
    """Mutates files of five formats in a process of its own; a crash or a hang would end that process."""
    for suffix in (".mp4", ".mkv", ".webm", ".avi", ".gif"):
        write_video(tmp_path / f"original{suffix}", squares(), 16.0)
    command = [sys.executable, "-c", _FUZZ, str(tmp_path), str(count), "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != -signal.SIGPROF, "a damaged file keeps the decoder busy for more than 20 s"
    assert done.returncode == 0, done.stderr[-2000:]
    decoded, refused = map(int, done.stdout.split())
    print(f"fuzz: videos: {count} inputs, {decoded} read, {refused} refused")
    assert decoded + refused == count and refused > count // 10
