"""Videos of other rates, lengths, sizes and names."""

import errno
import os
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from edits import follow
from toy_scenes import ToyRenderer, closed_form, toy_clip

from eval.inputs import find_systems, load_aligned, resize, videos_in
from eval.metrics.free_motion import GravityError, VelocityError
from eval.reference import Reference
from eval.scoring import load_for, track_video
from physics_data.core.errors import DataError, VideoError
from physics_data.core.video import write_video


def numbered(count, height=32, width=48):
    """A video whose frame k has grey level 5 k."""
    return np.repeat(np.arange(count, dtype=np.uint8) * 5, height * width * 3).reshape(count, height, width, 3)


def encode_at(path, rgb, milliseconds):
    """Write frames at times of their own."""
    with av.open(str(path), "w") as container:
        codec = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
        stream = container.add_stream(codec, rate=16, options={"crf": "8"})
        stream.height, stream.width, stream.pix_fmt = *rgb.shape[1:3], "yuv444p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for moment, picture in zip(milliseconds, rgb, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = moment, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def read_numbers(video):
    return (video.rgb.reshape(len(video.rgb), -1).mean(1) / 5).round().astype(int).tolist()


def test_equal_rate_is_frame_by_frame(tmp_path):
    write_video(tmp_path / "a.mp4", numbered(17), 16.0)
    video = load_aligned(tmp_path / "a.mp4", 17, 16.0, 32, 48)
    assert read_numbers(video) == list(range(17))
    assert video.covered.all()
    assert len(video.sha256) == 64


def test_another_rate_is_compared_in_seconds(tmp_path):
    write_video(tmp_path / "fast.mp4", numbered(33), 32.0)
    assert read_numbers(load_aligned(tmp_path / "fast.mp4", 17, 16.0, 32, 48)) == list(range(0, 33, 2))
    write_video(tmp_path / "slow.mp4", numbered(9), 8.0)
    slow = load_aligned(tmp_path / "slow.mp4", 17, 16.0, 32, 48)
    assert slow.covered.all()
    assert read_numbers(slow)[::2] == list(range(9))
    assert set(slow.seconds) <= {k / 8 for k in range(9)}


@pytest.mark.parametrize("rate", [8, 12, 24, 32])
def test_another_rate_does_not_change_the_motion(tmp_path, rate):
    """The same fall filmed at another rate has the same gravity."""
    reference = Reference(toy_clip("projectile", 1), num_conditioning_frames=0)
    spec, _, _ = reference.clip.labelled
    filmed = spec.model_copy(update={"frame_rate": float(rate), "num_frames": rate + 1})
    write_video(tmp_path / "other.mp4", ToyRenderer().render(filmed, closed_form(filmed, "")).rgb, float(rate))
    tracks = track_video(reference, load_for(reference.clip, tmp_path / "other.mp4"))
    assert GravityError().score(reference, tracks) < 0.08
    assert VelocityError().score(reference, tracks) < 0.08


def test_short_videos_leave_frames_uncovered(tmp_path):
    write_video(tmp_path / "short.mp4", numbered(9), 16.0)
    video = load_aligned(tmp_path / "short.mp4", 17, 16.0, 32, 48)
    assert video.covered.tolist() == [True] * 9 + [False] * 8


def test_each_slide_of_a_slide_show_is_shown_until_the_next(tmp_path):
    write_video(tmp_path / "slides.mp4", numbered(2), 1.0)
    video = load_aligned(tmp_path / "slides.mp4", 17, 16.0, 32, 48)
    assert video.covered.all() and read_numbers(video) == [0] * 16 + [1]


@pytest.mark.parametrize("suffix", [".gif", ".mp4", ".webm", ".mkv"])
@pytest.mark.parametrize("rest", [(8, 16), (4, 10)], ids=["at the end", "in the middle"])
def test_held_pictures_cover_the_frames_they_are_shown_for(tmp_path, suffix, rest):
    """GIF writers store a picture that stays once, with a longer time; so do screen recorders and phones."""
    first, end = rest
    numbers = [first if first <= n < end else n for n in range(16)]
    if suffix == ".gif":
        write_video(tmp_path / "a.gif", numbered(16)[numbers], 16.0)
    else:
        kept = sorted({*numbers, 15})
        encode_at(tmp_path / f"a{suffix}", numbered(16)[[numbers[n] for n in kept]], [round(62.5 * n) for n in kept])
    video = load_aligned(tmp_path / f"a{suffix}", 16, 16.0, 32, 48)
    assert read_numbers(video) == numbers
    assert video.covered.all()
    assert (np.diff(video.seconds) > 0).all()  # at rest, not stopped in time


def test_a_long_video_is_not_held_in_memory(tmp_path):
    write_video(tmp_path / "long.mp4", np.tile(numbered(50, 96, 144), (6, 1, 1, 1)), 50.0)
    tracemalloc.start()
    video = load_aligned(tmp_path / "long.mp4", 96, 16.0, 24, 36)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert video.covered.all() and peak < 8 * 96 * 144 * 3 * 8 + 2 * video.rgb.nbytes


@pytest.mark.parametrize("size", [128, 96, 256])
def test_another_size_is_scaled(tmp_path, size):
    reference = Reference(toy_clip("projectile"), num_conditioning_frames=0)
    large = Reference(toy_clip("projectile", size=size), num_conditioning_frames=0).clip.rgb
    write_video(tmp_path / "large.mp4", large, 16.0)
    video = load_for(reference.clip, tmp_path / "large.mp4")
    assert video.rgb.shape == reference.clip.rgb.shape
    error = np.abs(video.rgb.astype(int) - reference.clip.rgb).mean()
    assert error < 4, error
    tracks = track_video(reference, video)
    same = follow(reference, reference.clip.rgb)
    np.testing.assert_allclose(tracks.of("blue").centroid, same.of("blue").centroid, atol=0.3)


def test_another_shape_is_refused(tmp_path):
    write_video(tmp_path / "wide.mp4", numbered(17, 32, 96), 16.0)
    with pytest.raises(VideoError, match=r"96x32 .* another aspect ratio than the reference's 48x32"):
        load_aligned(tmp_path / "wide.mp4", 17, 16.0, 32, 48)


def test_resize_keeps_means_and_gradients():
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None] * 3, (64, 1, 3))
    half = resize(ramp, 32, 32)
    np.testing.assert_allclose(half[5, 1:-1, 0], (np.arange(32) * 6 + 1.5)[1:-1], atol=0.51)
    double = resize(ramp, 128, 128)
    np.testing.assert_allclose(double[5, 2:-2, 0], ((np.arange(128) + 0.5) / 2 - 0.5)[2:-2] * 3, atol=0.51)
    assert resize(ramp, 64, 64) is ramp


def test_one_folder_or_folders_of_folders(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / "clip-1.mp4", numbered(3), 16.0)
    write_video(tmp_path / "b" / "holiday.mp4", numbered(3), 16.0)
    many = find_systems(tmp_path, {"clip-1", "clip-2"})
    assert [(s.name, set(s.files), s.unmatched) for s in many] == [
        ("a", {"clip-1"}, ()),
        ("b", {"clip-1"}, ("holiday.mp4",)),
    ]
    assert find_systems(tmp_path / "a", {"clip-1"}, "mine")[0].name == "mine"


def test_folders_that_cannot_be_scored(tmp_path):
    with pytest.raises(DataError, match="no folder"):
        find_systems(tmp_path / "absent", {"clip-1"})
    with pytest.raises(DataError, match="holds no video"):
        find_systems(tmp_path, {"clip-1"})
    write_video(tmp_path / "clip-2.mp4", numbered(3), 16.0)
    with pytest.raises(DataError, match=r"named like a reference clip: 'clip-2.mp4' is none; known are clip-1"):
        find_systems(tmp_path, {"clip-1"})
    write_video(tmp_path / "clip-2.gif", numbered(3), 16.0)
    with pytest.raises(DataError, match="two videos of 'clip-2'"):
        find_systems(tmp_path, {"clip-2"})


@pytest.mark.parametrize("recursive", [True, False])
def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch, recursive):
    """Path.rglob leaves such folders out without a word; root may read all, so the system's answer is replaced."""
    locked = tmp_path / "a" / "locked" if recursive else tmp_path
    locked.mkdir(parents=True, exist_ok=True)
    write_video(tmp_path / "clip.mp4", numbered(3), 16.0)
    scan, listdir = os.scandir, os.listdir

    def refusing(read):
        def refuse(path):
            if Path(path) == locked:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return read(path)

        return refuse

    monkeypatch.setattr(os, "scandir", refusing(scan))
    monkeypatch.setattr(os, "listdir", refusing(listdir))
    with pytest.raises(DataError, match=r"cannot look into the folder .* \(Permission denied\)"):
        videos_in(tmp_path, recursive=recursive)
