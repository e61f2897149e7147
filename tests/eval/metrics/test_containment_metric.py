"""Containment on a box that carries a ball, with outlines drawn by hand: what must be noticed, in order."""

from dataclasses import replace

import numpy as np
import pytest
from test_permanence_components import first, truth
from toy_scenes import closed_form, toy_clip

from eval.metrics.containment import Containment, containment_intervals
from eval.reference import Reference
from physics_data.core.conventions import clip_generator
from physics_data.scenarios.containers import BALL, CONTAINER, Carry
from physics_data.scenarios.shared.scenario import SceneSettings

FRAMES, SIZE = 17, 64
METRIC = Containment()


def carried(is_hidden):
    """A reference: the box and the ball in it go 32 pixels to the right; the ball is hidden in the middle or never."""
    settings = SceneSettings(
        layout="centred", num_frames=FRAMES, frame_rate=16, physics_rate=960, width=SIZE, height=SIZE
    )
    spec = Carry().sample(clip_generator(0, "carry", 0), settings, 0, 0)
    clip = toy_clip("free_drop")
    trajectory = closed_form(spec, "fall")
    way = np.linspace(0.0, 1.5, FRAMES)
    position = trajectory.position.copy()
    for body in (BALL, CONTAINER):
        position[:, body] = position[0, body]
        position[:, body, 0] += way
    ids = np.zeros((FRAMES, SIZE, SIZE), np.uint8)
    amodal = np.zeros((FRAMES, 2, SIZE, SIZE), bool)
    for k in range(FRAMES):
        x = 8 + 2 * k
        amodal[k, 1, 30:44, x - 2 : x + 12] = amodal[k, 0, 33:41, x + 1 : x + 9] = True
        ids[k][amodal[k, 1]] = 2
        if not (is_hidden and 4 <= k < 13):
            ids[k][amodal[k, 0]] = 1
    colors = np.array([(120, 120, 120), (200, 40, 40), (90, 60, 40)], np.uint8)
    _, rendering, _ = clip.labelled
    drawn = replace(rendering, rgb=colors[ids], instance_ids=ids, amodal_masks=amodal)
    meta = clip.meta.model_copy(update={"spec": spec})
    return Reference(
        replace(clip, meta=meta, rgb=drawn.rgb, rendering=drawn, trajectory=replace(trajectory, position=position)),
        num_conditioning_frames=0,
    )


def left_behind(tracks, share):
    """The ball goes this much less far than its box."""
    centroid = tracks.tracks[0].centroid.copy()
    centroid[:, 0] -= share * 2 * np.arange(FRAMES)
    return first(tracks, centroid=centroid)


def test_a_carried_ball_is_in_its_box_all_the_time():
    (interval,) = containment_intervals(carried(is_hidden=False))
    assert (interval.name, len(interval.inside), len(interval.hidden)) == ("ball", FRAMES, 0)


def test_a_ball_that_stays_behind_costs():
    reference = carried(is_hidden=False)
    values = [METRIC.score(reference, left_behind(truth(reference), share)) for share in (0.0, 0.5, 1.0)]
    assert values[0] == pytest.approx(1.0)
    assert (np.diff(values) < -0.1).all(), values


def test_a_hidden_ball_shows_nowhere_but_at_its_box():
    reference = carried(is_hidden=True)
    tracks = truth(reference)
    (interval,) = containment_intervals(reference)
    assert METRIC.score(reference, tracks) == 1.0
    centroid, presence = tracks.tracks[0].centroid.copy(), tracks.tracks[0].presence.copy()
    centroid[interval.hidden], presence[interval.hidden] = tracks.tracks[0].centroid[0], True
    left = first(tracks, centroid=centroid, presence=presence)
    outside = np.abs(centroid[interval.hidden, 0] - (13 + 2 * interval.hidden)) > 7 + 4 * 2 / np.sqrt(np.pi) + 0.5
    assert METRIC.score(reference, left) <= 1.0 - outside.mean() + 0.15 < 1.0


def test_a_scene_without_container_is_refused():
    assert "container" in (METRIC.refuses(Reference(toy_clip("free_drop"), num_conditioning_frames=0)) or "")
