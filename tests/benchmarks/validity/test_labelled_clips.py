"""Labels of generated clips, figures from trials, and motion drawn by Bullet's own renderer."""

import numpy as np
import pytest

from benchmarks.validity.footage import half_of
from benchmarks.validity.generated import RIGHT, GeneratedTrial, generated_figures, labels


def test_every_label_is_known_and_in_its_half():
    seen = labels()
    assert len(seen) == 36
    assert {label for entry in seen.values() for label in entry} == set(RIGHT)
    held_out = sum(half_of(f"{name}.webm") == "held_out" for name in seen)
    assert held_out == 20


def test_figures_of_generated_clips():
    trials = [
        GeneratedTrial("a", False, ("still",), True, 0.2),
        GeneratedTrial("b", False, (), False, None),
        GeneratedTrial("c", True, (), True, 0.9),
    ]
    figures = generated_figures(trials)
    assert (figures.right, figures.quiet, figures.realism) == (0.5, 1.0, 1.0)
    assert np.isnan(generated_figures(trials[1:2]).realism)


def test_a_drawn_ball_falls_and_its_rod_ends_at_the_pivot():
    pytest.importorskip("pybullet", reason="PyBullet has no wheel for Python 3.12")
    from benchmarks.validity.renderings import BROKEN, LAWFUL, rendered

    time = np.arange(3) / 4
    rng = np.random.default_rng(0)
    (ball,) = LAWFUL["bouncing"](rng, time)
    assert np.isclose(ball.path[0, 2] - ball.path[1, 2], 9.81 / 2 / 16)
    (bob,) = LAWFUL["swinging"](rng, time)
    lengths = np.linalg.norm(bob.path - bob.pivot, axis=1)
    assert np.allclose(lengths, lengths[0])
    (still,) = BROKEN["still"](rng, time)
    assert not np.ptp(still.path, axis=0).any()
    video = rendered([ball], np.random.default_rng(0))
    assert video.shape == (3, 240, 320, 3)
    changed = np.abs(video[1].astype(int) - video[0]).max(-1) > 30
    rows = np.flatnonzero(changed.any(1))
    assert 20 < np.ptp(rows) < 120  # from where it was to where it is
