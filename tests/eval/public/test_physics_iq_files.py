"""Physics-IQ from files: against loops over the published definition, and against what the official program printed."""

import cv2
import numpy as np
import pytest

from eval.public.physics_iq_files import compare_files
from eval.real_reference import RealComparison, compare_with_recordings
from physics_data.core.video import write_video

RATE, COUNT = 8.0, 40  # five seconds
VIEWS = ("perspective-left", "perspective-center", "perspective-right")

OFFICIAL, OFFICIAL_VERIFIED = 55.71, 51.24
"""Printed by google-deepmind/physics-IQ-benchmark e457754 (generate_binary_masks, process_videos, calculate_iq_score)
on the files of ``folder``; Verified from its table with the formula of arXiv 2606.18943. OpenCV 5.0."""


def scene(kind: str, view: int, take: int, made: bool, height: int) -> np.ndarray:
    """A ball that falls and bounces before a textured wall, or two blocks that slide; takes differ by a few percent."""
    width = height * 4 // 3
    rows, columns = np.mgrid[:height, :width] / height
    wall = np.stack(
        [90 + 50 * np.sin(3 * columns + view), 100 + 40 * np.cos(4 * rows), 110 + 30 * np.sin(5 * rows)], -1
    )
    frames = []
    for time in np.arange(COUNT) / RATE:
        picture = wall.astype(np.uint8)
        if kind == "fall":
            gravity = 1.2 * (1 + 0.03 * take + 0.35 * made)
            phase = time % 2.2
            y = 0.15 + 0.5 * gravity * phase**2
            y = y if y < 0.85 else 0.85 - 0.2 * abs(np.sin(3 * phase))
            x = 0.3 + 0.1 * view + 0.25 * time * (1 + 0.02 * take - 0.2 * made)
            center = (round(x * height * 16), round(y * height * 16))
            cv2.circle(picture, center, round(0.96 * height), (240, 220, 60), cv2.FILLED, cv2.LINE_AA, shift=4)
        else:
            for number, (color, speed) in enumerate((((240, 235, 230), 0.2), ((30, 40, 60), -0.15))):
                if made and number and time > 3:
                    continue
                x = 0.3 + 0.7 * number + speed * time * (1 + 0.05 * take) + 0.05 * made * np.sin(2 * time)
                left, top = round(x * height), round((0.4 + 0.2 * number) * height)
                cv2.rectangle(picture, (left, top), (left + height // 10, top + height // 10), color, cv2.FILLED)
        frames.append(picture)
    return np.stack(frames)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two events, three views, two takes, and generated videos of another size, all under the official names."""
    root = tmp_path_factory.mktemp("physics_iq")
    (root / "real").mkdir()
    (root / "made").mkdir()
    number = 0
    for kind in ("fall", "slide"):
        for view, name in enumerate(VIEWS):
            number += 1
            for take in (0, 1):
                stem = f"{number + 198 * take:04d}_testing-videos_{RATE:.0f}FPS_{name}_take-{take + 1}_trimmed-{kind}"
                write_video(root / "real" / f"{stem}.mp4", scene(kind, view, take, False, 144), RATE)
            stem = f"{number:04d}_{name}_trimmed-{kind}"
            write_video(root / "made" / f"{stem}.mp4", scene(kind, view, 0, True, 96), RATE)
    return root


def stored_masks(path, folder) -> list[np.ndarray]:
    """The published steps, one after the other: each video's masks at its own size, through a file."""
    video, masks = cv2.VideoCapture(str(path)), []
    while True:
        read, picture = video.read()
        if not read:
            break
        grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (5, 5), 0)
        if not masks:
            mean = grey.astype(float)
            masks.append(np.zeros_like(grey))
            continue
        mean = 0.7 * mean + 0.3 * grey
        moving = (np.abs(grey.astype(int) - np.rint(mean)) > 10).astype(np.uint8) * 255
        square = np.ones((5, 5), np.uint8)
        moving = cv2.dilate(cv2.erode(moving, square), square)
        masks.append(cv2.erode(cv2.dilate(moving, square), square))
    file = str(folder / "masks.mp4")
    writer = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*"mp4v"), RATE, masks[0].shape[::-1], isColor=False)
    for mask in masks:
        writer.write(mask)
    writer.release()
    return read_all(file)


def read_all(path) -> list[np.ndarray]:
    video, found = cv2.VideoCapture(str(path)), []
    while True:
        read, picture = video.read()
        if not read:
            return found
        found.append(picture)


def by_loops(first, second, folder) -> dict[str, float]:
    size = (48, 36)
    masks = [[cv2.resize(m, size)[..., 0] > 127 for m in stored_masks(path, folder)] for path in (first, second)]
    frames = [[cv2.resize(f, size) / 255.0 for f in read_all(path)] for path in (first, second)]
    shared = [float((a & b).sum() / (a | b).sum()) if (a | b).any() else 1.0 for a, b in zip(*masks, strict=True)]
    ever = [np.any(m, axis=0) for m in masks]
    often = [np.mean(m, axis=0) for m in masks]
    return {
        "spatial": float((ever[0] & ever[1]).sum() / (ever[0] | ever[1]).sum()),
        "weighted": float(np.minimum(*often).sum() / np.maximum(*often).sum()),
        "spatiotemporal": float(np.mean(shared)),
        "squared_error": float(np.mean([((a - b) ** 2).mean() for a, b in zip(*frames, strict=True)])),
    }


def test_values_of_files_against_loops(folder, tmp_path):
    name = "perspective-center"
    first = folder / "real" / f"0002_testing-videos_{RATE:.0f}FPS_{name}_take-1_trimmed-fall.mp4"
    second = folder / "real" / f"0200_testing-videos_{RATE:.0f}FPS_{name}_take-2_trimmed-fall.mp4"
    made = folder / "made" / f"0002_{name}_trimmed-fall.mp4"
    found = compare_files(first, second, made)
    for values, other in ((found.video[0], made), (found.variance[0], second)):
        expected = by_loops(first, other, tmp_path)
        # a mean that rounds to the other side may change a pixel, of about a hundred
        assert values.spatial == pytest.approx(expected["spatial"], abs=0.01)
        assert values.weighted == pytest.approx(expected["weighted"], abs=0.01)
        assert np.mean(values.spatiotemporal) == pytest.approx(expected["spatiotemporal"], abs=0.01)
        assert np.mean(values.squared_error) == pytest.approx(expected["squared_error"], rel=1e-5)


def test_six_pairs_as_the_official_program_scores_them(folder):
    *rows, result = compare_with_recordings(folder / "real", folder / "made", side=64)
    assert isinstance(result, RealComparison)
    assert len(rows) == 6
    assert result.physics_iq == pytest.approx(OFFICIAL, abs=0.1)
    assert result.physics_iq_verified == pytest.approx(OFFICIAL_VERIFIED, abs=0.1)
    assert "144 pixels" in result.note


def test_a_recording_of_another_rate_is_brought_to_that_of_the_video(tmp_path):
    """At half the rate every second frame is left; at one and a half times every other frame is a mixture."""
    frames = scene("slide", 0, 0, False, 144)[:21]
    place = np.arange(31) / 1.5
    before, share = np.floor(place).astype(int), (place % 1)[:, None, None, None]
    mixed = ((1 - share) * frames[before] + share * frames[np.minimum(before + 1, 20)]).astype(np.uint8)
    write_video(tmp_path / "recording.mp4", frames, RATE)
    write_video(tmp_path / "half.mp4", frames[::2], RATE / 2)
    write_video(tmp_path / "more.mp4", mixed, RATE * 1.5)
    for name, count in (("half", 11), ("more", 31)):
        found = compare_files(tmp_path / "recording.mp4", None, tmp_path / f"{name}.mp4").video[0]
        assert len(found.spatiotemporal) == count
        assert found.spatial > 0.97
        assert max(found.squared_error) < 1e-4


def test_a_video_that_ends_early_is_black_from_there_on(tmp_path):
    frames = scene("fall", 1, 0, False, 144)
    write_video(tmp_path / "whole.mp4", frames, RATE)
    write_video(tmp_path / "half.mp4", frames[:20], RATE)
    found = compare_files(tmp_path / "whole.mp4", None, tmp_path / "half.mp4").video[0]
    assert len(found.squared_error) == COUNT
    assert max(found.squared_error[:20]) < 1e-4
    assert min(found.squared_error[20:]) > 0.05
