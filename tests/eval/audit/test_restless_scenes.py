"""An event stands out among few comings and goings, and means little among many."""

import numpy as np

from eval.audit.footage import Footage
from eval.audit.video import audit_footage

RATE, HEIGHT, WIDTH, COUNT = 24.0, 180, 320, 72


def discs(restless: int) -> np.ndarray:
    """One disc crosses and vanishes halfway in the open; ``restless`` others come and go in the open meanwhile."""
    rng = np.random.default_rng(0)
    ground = rng.normal(120, 3, (HEIGHT, WIDTH, 3))
    yy, xx = np.mgrid[:HEIGHT, :WIDTH]
    video = np.repeat(ground[None], COUNT, 0)
    for frame in range(36):
        video[frame, (xx - 60 - 3 * frame) ** 2 + (yy - 30) ** 2 < 100] = (220, 60, 40)
    for _ in range(restless):
        first = 6 + int(rng.integers(0, 40))
        place = 40 + 240 * rng.random()
        row = 70 + 90 * rng.random()
        for frame in range(first, first + 14):
            x = place + 2.5 * (frame - first)
            video[frame, (xx - x) ** 2 + (yy - row) ** 2 < 100] = (40, 60, 200)
    return np.clip(video + rng.normal(0, 2, video.shape), 0, 255).astype(np.uint8)


def strength(restless: int) -> float:
    rgb = discs(restless)
    audit = audit_footage(Footage(rgb, np.arange(COUNT) / RATE, HEIGHT, WIDTH))
    return max((event.strength for event in audit.events if event.kind in ("vanish", "blink", "teleport")), default=0.0)


def test_a_thing_that_vanishes_alone_is_certain():
    assert strength(0) > 0.9


def test_the_same_among_many_that_come_and_go_is_no_alarm():
    assert strength(14) < 0.5
