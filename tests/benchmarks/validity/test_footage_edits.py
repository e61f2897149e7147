"""Edits of footage, on a painted clip in which everything is known."""

import numpy as np
import pytest
from scipy import ndimage

from benchmarks.validity.footage import RealTrial, is_held_out, real_figures, stretches
from benchmarks.validity.footage_edits import EDITS, Mover, find_mover
from physics_data.core.video import write_video


def painted(frames: int = 30) -> np.ndarray:
    """A textured wall before which a red disc of radius 9 flies from left to right."""
    rng = np.random.default_rng(0)
    wall = np.repeat(np.repeat(rng.integers(90, 140, (12, 16, 3)), 10, 0), 10, 1).astype(np.uint8)
    video = np.repeat(wall[None], frames, 0)
    rows, columns = np.mgrid[:120, :160]
    for frame in range(frames):
        disc = (columns - 20 - 4 * frame) ** 2 + (rows - 50) ** 2 < 81
        video[frame][disc] = (210, 30, 20)
    return video


@pytest.fixture(scope="module")
def found() -> tuple[np.ndarray, Mover]:
    video = painted()
    mover = find_mover(video)
    assert isinstance(mover, Mover)
    return video, mover


def red(picture: np.ndarray) -> np.ndarray:
    return (picture[..., 0] > 180) & (picture[..., 1] < 80)


def test_the_disc_is_found(found):
    video, mover = found
    assert len(mover.frames) >= 25
    truth = red(video[15])
    assert (mover.masks[15] & truth).sum() / (mover.masks[15] | truth).sum() > 0.85


def test_edits_do_what_they_say(found):
    video, mover = found
    start = mover.start
    for name in ("erase", "recolour", "duplicate", "teleport"):
        edited = EDITS[name](video, mover)
        assert np.array_equal(edited[: start - 1], video[: start - 1])
        assert edited.shape == video.shape and edited.dtype == np.uint8
    after = start + 3
    assert red(EDITS["erase"](video, mover)[after]).sum() == 0
    assert red(EDITS["recolour"](video, mover)[after]).sum() < 30
    assert red(EDITS["duplicate"](video, mover)[after]).sum() > 1.7 * red(video[after]).sum()
    moved = red(EDITS["teleport"](video, mover)[after])
    assert moved.sum() > 0.7 * red(video[after]).sum() and not (moved & red(video[after])).any()
    assert np.array_equal(EDITS["reverse"](video, mover), video[::-1])


def test_slow_edits_do_what_they_say(found):
    video, mover = found
    last = mover.edited[-1]
    whole = red(video[last]).sum()
    assert 2.2 < red(EDITS["grow"](video, mover)[last]).sum() / whole < 3.4
    parts, _ = ndimage.label(red(EDITS["split"](video, mover)[mover.start + 11]))
    assert parts.max() == 2
    assert "not seen to fall" in str(EDITS["freeze"](video, mover))


def test_a_ball_that_falls_is_frozen_to_the_end():
    video = painted()[:, :, :, :].copy()
    rows, columns = np.mgrid[:120, :160]
    wall = np.median(painted(60), axis=0).astype(np.uint8)
    for frame in range(len(video)):
        video[frame] = wall
        video[frame][(columns - 80) ** 2 + (rows - 14 - 0.1 * frame**2) ** 2 < 81] = (210, 30, 20)
    mover = find_mover(video)
    assert isinstance(mover, Mover)
    frozen = EDITS["freeze"](video, mover)
    assert not isinstance(frozen, str)
    places = [ndimage.center_of_mass(red(frozen[k])) for k in (mover.start, len(frozen) - 1)]
    assert np.allclose(*places, atol=0.5)


def test_nothing_to_edit_is_said():
    assert "nothing small" in str(find_mover(np.full((20, 60, 80, 3), 100, np.uint8)))
    noise = np.random.default_rng(0).integers(0, 256, (20, 60, 80, 3), dtype=np.uint8)
    assert "moves" in str(find_mover(noise))


def test_what_a_person_would_not_see_is_not_edited():
    """A thing as grey as its wall, one that stays where it is, and one whose background is never seen."""
    video = painted()
    pale = np.rint(0.2 * video + 0.8 * np.median(video, axis=0)).astype(np.uint8)
    assert isinstance(find_mover(pale), str)
    waiting = np.concatenate([video[:9], np.repeat(video[9:10], 30, 0)])
    assert isinstance(find_mover(waiting), str)
    panned = np.stack([np.roll(video[0], 5 * k, axis=1) for k in range(30)])
    assert isinstance(find_mover(panned), str)


def test_a_change_of_exposure_is_no_motion(found):
    """The same disc while the picture darkens by a quarter: it is found at the same places."""
    video, mover = found
    dark = np.rint(video * np.linspace(1, 0.75, len(video))[:, None, None, None]).astype(np.uint8)
    other = find_mover(dark)
    assert isinstance(other, Mover)
    both = np.intersect1d(mover.frames, other.frames)
    assert len(both) >= 20
    assert (other.masks[both] & mover.masks[both]).sum() / (other.masks[both] | mover.masks[both]).sum() > 0.9


def test_stretches_cover_the_clip(tmp_path):
    """Nine seconds at 10 Hz: two of four seconds; the last second has too few pictures."""
    path = tmp_path / "clip.mp4"
    write_video(path, np.zeros((90, 16, 16, 3), np.uint8), 10.0)
    found = list(stretches(path))
    assert [start for start, _ in found] == [0.0, 4.0]
    assert all(len(footage.rgb) == 40 and footage.seconds[0] == 0 for _, footage in found)


def test_a_name_decides_what_is_held_out():
    """By hand: sha256 of the two names and a line feed begin with 9 and 2."""
    assert is_held_out("trflorian_ball.mp4") and not is_held_out("ocv_box.mp4")


def test_figures_of_trials():
    def trial(clip: str, edit: str, strength: float) -> RealTrial:
        return RealTrial(clip, 0.0, edit, strength, strength >= 0.5, True)

    trials = [trial("a", "none", 0.1), trial("a", "erase", 0.9), trial("a", "reverse", 0.1)]
    trials += [trial("b", "none", 0.6), trial("b", "erase", 0.8), trial("c", "none", 0.0)]
    figures = real_figures(trials)
    assert figures.stretches == 3 and figures.false_alarms == pytest.approx(1 / 3)
    assert figures.most == pytest.approx(0.906, abs=1e-3)  # Clopper and Pearson's table, 1 of 3
    erase = figures.edits["erase"]
    assert (erase.auroc, erase.low, erase.pairs, erase.clips, erase.alarms) == (1.0, 1.0, 2, 2, 1.0)
    assert figures.edits["all edits but reverse"].pairs == 2
    reverse = figures.edits["reverse"]
    assert reverse.auroc == pytest.approx((0.5 + 0.0) / 2)
    assert (reverse.low, reverse.high) == (0.0, 1.0)  # one clip tells nothing of others
    with pytest.raises(ValueError, match="no stretch"):
        real_figures([])
