"""Edits of footage, on a painted clip in which everything is known."""

import numpy as np
import pytest

from benchmarks.validity.footage import RealTrial, real_figures
from benchmarks.validity.footage_edits import EDITS, Mover, find_mover, middle_of


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
    start = middle_of(mover)
    for name in ("erase", "recolour", "duplicate", "teleport"):
        edited = EDITS[name](video, mover, start)
        assert np.array_equal(edited[: start - 1], video[: start - 1])
        assert edited.shape == video.shape and edited.dtype == np.uint8
    after = start + 3
    assert red(EDITS["erase"](video, mover, start)[after]).sum() == 0
    assert red(EDITS["recolour"](video, mover, start)[after]).sum() < 30
    assert red(EDITS["duplicate"](video, mover, start)[after]).sum() > 1.7 * red(video[after]).sum()
    moved = red(EDITS["teleport"](video, mover, start)[after])
    assert moved.sum() > 0.7 * red(video[after]).sum() and not (moved & red(video[after])).any()
    assert np.array_equal(EDITS["reverse"](video, mover, start), video[::-1])


def test_nothing_to_edit_is_said():
    assert "nothing small" in str(find_mover(np.full((20, 60, 80, 3), 100, np.uint8)))
    noise = np.random.default_rng(0).integers(0, 256, (20, 60, 80, 3), dtype=np.uint8)
    assert "moves" in str(find_mover(noise))


def test_figures_of_trials():
    def trial(clip: str, edit: str, strength: float) -> RealTrial:
        return RealTrial(clip, 0.0, edit, strength, strength >= 0.5, True)

    trials = [trial("a", "none", 0.1), trial("a", "erase", 0.9), trial("a", "reverse", 0.1)]
    trials += [trial("b", "none", 0.6), trial("b", "erase", 0.8), trial("c", "none", 0.0)]
    figures = real_figures(trials)
    assert figures.stretches == 3 and figures.false_alarms == pytest.approx(1 / 3)
    assert figures.auroc["erase"] == 1.0 and figures.pairs == {"erase": 2, "reverse": 1, "all edits but reverse": 2}
    assert figures.auroc["reverse"] == pytest.approx((0.5 + 0.0) / 2)
    with pytest.raises(ValueError, match="no stretch"):
        real_figures([])
