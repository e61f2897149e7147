"""Hand-counted Jaccard indices."""

import numpy as np
import pytest
from edits import follow

from eval.metrics.object_permanence import ObjectPermanence
from eval.perception.tracks import Track, Tracks


def tracks_with(reference, presence, births):
    """Tracks of one object with given presence and births."""
    n = len(presence)
    name = next(iter(reference.present_at_start.values()))
    track = Track(name, np.array(presence, bool), np.array(presence, bool), np.zeros((n, 2)), np.ones(n))
    labels = np.zeros((n, 64, 64), np.uint8)
    return Tracks((track,), np.arange(n) / 16, np.array(births, int), labels)


@pytest.mark.parametrize(
    ("present", "births", "expected"),
    [(17, 0, 1.0), (10, 0, 10 / 17), (17, 3, 17 / 20), (10, 3, 10 / 20), (0, 5, 0.0)],
)
def test_index_by_hand(toy, present, births, expected):
    reference = toy("free_drop")
    presence = [k < present for k in range(17)]
    found = tracks_with(reference, presence, [births] + [0] * 16)
    assert ObjectPermanence().score(reference, found) == pytest.approx(expected)


def test_hidden_frames_ask_for_nothing(toy):
    reference = toy("occluder_pass")
    number = next(iter(reference.present_at_start))
    visible = reference.visible(number)
    assert not visible.all()
    assert ObjectPermanence().score(reference, tracks_with(reference, visible, [0] * 17)) == 1.0
    assert ObjectPermanence().score(reference, tracks_with(reference, [True] * 17, [0] * 17)) == 1.0


def test_never_coming_back_costs_the_second_half(toy):
    """A ball that stays behind the screen has the sightings before it only."""
    reference = toy("occluder_pass")
    visible = reference.visible(next(iter(reference.present_at_start)))
    hidden = int(np.flatnonzero(~visible)[0])
    rgb = reference.clip.rgb.copy()
    rgb[hidden:] = rgb[hidden + 1]
    score = ObjectPermanence().score(reference, follow(reference, rgb))
    assert score == pytest.approx(visible[:hidden].sum() / visible.sum(), abs=0.02)
