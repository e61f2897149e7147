"""Frames that were given are not scored: what a video shows in them changes no metric."""

import numpy as np
import pytest
from edits import emptied, follow, vanishing

from eval.metrics import METRICS
from eval.reference import Reference
from physics_data.core.errors import DataError

SCENARIOS = ("free_drop", "projectile", "collide", "occluder_pass")
GIVEN = (1, 3, 5)


def scores(reference, rgb):
    tracks = follow(reference, rgb)
    metrics = {name: METRICS.get(name)() for name in METRICS}
    return {name: m.score(reference, tracks) for name, m in metrics.items() if m.refuses(reference) is None}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("given", GIVEN)
def test_an_emptied_scene_is_worst_however_many_frames_were_given(toy, scenario, given):
    """True frames, then an empty scene: every metric that applies is at its worst, with 1 given frame as with 5."""
    reference = toy(scenario, given=given)
    found = scores(reference, emptied(reference.clip, given))
    assert {"survival", "identity", "count", "object_permanence"} <= set(found)
    assert {name: value for name, value in found.items() if value != METRICS.get(name).info.worst} == {}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("given", GIVEN)
def test_the_truth_stays_at_its_best(toy, scenario, given):
    reference = toy(scenario, given=given)
    found = scores(reference, reference.clip.rgb)
    assert found["object_permanence"] > 0.98
    assert found.get("motion_realism", 1.0) > 0.95


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_is_shown_in_conditioning_frames_is_not_counted(toy, scenario):
    """The object is gone in frames 1 to 4 of 5 given ones, and there again: nothing that is scored is wrong."""
    reference = toy(scenario, given=5)
    gone = scores(reference, vanishing(reference.clip, [1, 2, 3, 4]))
    whole = scores(reference, reference.clip.rgb)
    assert gone == pytest.approx(whole, abs=0.02)
    assert scores(toy(scenario), vanishing(reference.clip, [1, 2, 3, 4]))["survival"] < 0.9


def test_a_change_at_the_seam_is_noticed(toy):
    """The conditioning frames show what an object was: it may not jump or change its colour with the first new one."""
    reference = toy("collide", given=4)
    rgb = reference.clip.rgb.copy()
    rgb[4:] = rgb[4:, :, :, ::-1]
    assert scores(reference, rgb)["attributes"] <= 0.5
    late = reference.clip.rgb[np.minimum(np.arange(17) + 3 * (np.arange(17) >= 4), 16)]
    assert scores(reference, late)["motion_realism"] < 0.7


@pytest.mark.parametrize("given", [-1, 17, 40])
def test_something_must_be_left_to_score(toy, given):
    with pytest.raises(DataError, match="leave nothing to score"):
        Reference(toy("free_drop").clip, num_conditioning_frames=given)
