"""The audit on drawn discs: lawful motion raises nothing, each violation is named when and where it happens."""

import numpy as np
import pytest
from discs import drawn

from eval.audit.folder import audit_videos
from eval.audit.footage import Footage
from eval.audit.laws import fit_laws
from eval.audit.video import audit_footage
from physics_data.core.errors import DataError
from physics_data.core.video import write_video

RED, BLUE, GREEN = (220, 40, 40), (40, 60, 230), (30, 200, 60)
RATE = 24.0
N = 40


def slide(n=N):
    return np.stack([np.linspace(14, 82, n), np.full(n, 48.0)], -1)[:, None]


def audited(rgb, rate=RATE):
    return audit_footage(Footage(rgb, np.arange(len(rgb)) / rate, *rgb.shape[1:3]))


def test_a_lawful_slide_raises_nothing():
    audit = audited(drawn(slide(), [RED]))
    assert not audit.alarm
    assert audit.permanence.value == pytest.approx(1.0, abs=0.05)
    assert audit.motions[0].model == "constant_velocity"
    assert audit.moved == pytest.approx(68 / 96, rel=0.05)


def test_leaving_the_picture_raises_nothing():
    path = np.stack([np.linspace(14, 130, N), np.full(N, 48.0)], -1)[:, None]
    assert not audited(drawn(path, [RED])).alarm


@pytest.mark.parametrize("rate", [8.0, 24.0, 60.0])
def test_a_vanished_disc_is_named_at_its_time(rate):
    path = slide()
    path[20:] = np.nan
    audit = audited(drawn(path, [RED]), rate)
    assert audit.alarm
    assert audit.events[0].kind == "vanish"
    assert audit.events[0].seconds == pytest.approx(19 / audit.frame_rate, abs=1.5 / audit.frame_rate)
    assert audit.events[0].x == pytest.approx(path[19, 0, 0] / 96, abs=0.03)


def test_an_appearing_disc_is_named():
    path = slide()
    path[:20] = np.nan
    audit = audited(drawn(path, [RED]))
    assert audit.events[0].kind == "appear"


def test_a_double_is_named():
    path = np.concatenate([slide(), slide() + np.array([0.0, 30.0])], axis=1)
    path[:20, 1] = np.nan
    audit = audited(drawn(path, [RED, RED]))
    assert audit.events[0].kind == "duplicate"


def test_a_new_colour_is_named():
    first, second = slide(), slide()
    first[20:], second[:20] = np.nan, np.nan
    audit = audited(drawn(np.concatenate([first, second], axis=1), [RED, BLUE]))
    assert audit.alarm
    assert audit.events[0].kind == "color_swap"


def test_a_jump_is_named():
    path = slide()
    path[20:, 0, 1] += 30
    audit = audited(drawn(path, [RED]))
    assert audit.alarm
    assert audit.events[0].kind in ("teleport", "blink")


def test_standing_still_abstains():
    audit = audited(drawn(np.tile([[[30.0, 30.0]]], (N, 1, 1)), [RED]))
    assert audit.permanence.value is None
    assert audit.moved == 0.0
    assert "nothing moves" in audit.permanence.reason


@pytest.mark.parametrize(
    ("law", "path"),
    [
        ("rest", lambda t: np.stack([0 * t, 0 * t], -1)),
        ("constant_velocity", lambda t: np.stack([60 * t, 10 * t], -1)),
        ("constant_acceleration", lambda t: np.stack([30 * t, 80 * t**2 - 60 * t], -1)),
        ("friction", lambda t: np.stack([80 * np.where(t < 0.6, t - t**2 / 1.2, 0.3), 0 * t], -1)),
        ("oscillation", lambda t: np.stack([20 * np.cos(4 * np.pi * t), 0 * t], -1)),
    ],
)
def test_the_law_that_made_a_path_describes_it_best(law, path):
    time = np.linspace(0, 1, 32)
    noise = np.random.default_rng(0).normal(0, 0.15, (32, 2))
    assert fit_laws(time, path(time) + noise, 12.0)[0].law == law


def test_folders(tmp_path):
    """Good, corrupt, missing, and one file by itself: one record each, the corrupt one an alarm with its reason."""
    write_video(tmp_path / "a.mp4", drawn(slide(), [RED]), RATE)
    (tmp_path / "b.mp4").write_bytes(b"no video")
    good, bad = audit_videos(tmp_path)
    assert not good.alarm
    assert good.file == "a.mp4"
    assert bad.alarm
    assert bad.error
    assert bad.permanence.value == 0.0
    (alone,) = audit_videos(tmp_path / "a.mp4")
    assert alone == good
    (tmp_path / "c.txt").write_text("no video")
    with pytest.raises(DataError, match="c.txt is no video"):
        list(audit_videos(tmp_path / "c.txt"))
    with pytest.raises(DataError, match="no file or folder"):
        list(audit_videos(tmp_path / "none"))
