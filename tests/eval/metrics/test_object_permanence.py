"""Permanence of toy videos that go wrong after an occlusion."""

import numpy as np
import pytest
from edits import follow

from eval.metrics.composites import ObjectPermanence
from eval.metrics.visibility import Survival


def test_never_coming_back_is_noticed(toy):
    """A ball that stays behind the screen has the sightings before it only: recall, and one stretch of two."""
    reference = toy("occluder_pass")
    visible = reference.visible(next(iter(reference.present_at_start)))
    hidden = int(np.flatnonzero(~visible)[0])
    rgb = reference.clip.rgb.copy()
    rgb[hidden:] = rgb[hidden + 1]
    tracks = follow(reference, rgb)
    recall = visible[:hidden].sum() / visible.sum()
    assert Survival().score(reference, tracks) == pytest.approx((recall + 0.5) / 2, abs=0.02)
    assert ObjectPermanence().score(reference, tracks) == 0.0
