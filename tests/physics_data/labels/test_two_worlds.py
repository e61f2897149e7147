"""Derived labels of an impossible clip are, at every frame, those of the bodies that the frame shows."""

from dataclasses import fields

import numpy as np
import pytest

from physics_data.core.clip import Clip
from physics_data.core.mechanics import inertia_tensor
from physics_data.labels.boxes import clip_boxes
from physics_data.labels.tables import BodyLabels, body_labels, label_arrays, point_tracks
from physics_data.pipeline.export import arrays_of
from physics_data.pipeline.pairs import PairTask, make_pairs
from physics_data.scenarios.shared.scenario import SceneSettings


@pytest.fixture(scope="module", params=["size_swap", "shape_swap", "color_swap"])
def quadruplet(request) -> dict[str, Clip]:
    settings = SceneSettings(width=32, height=32)
    clips = make_pairs(PairTask(request.param, "mujoco", 0, 1.0), settings, 0, "raycast")
    return {clip.meta.pair.role: clip for clip in clips if clip.meta.pair is not None}


@pytest.mark.parametrize("role", ["AB", "BA"])
def test_labels_are_those_of_the_world_that_is_shown(quadruplet, role):
    """Before the switch they equal those of one possible clip, from there on those of the other, exactly."""
    clip, first, second = quadruplet[role], quadruplet[role[0] * 2], quadruplet[role[1] * 2]
    switch = clip.meta.pair.switch_frame
    made, before, after = (label_arrays(each) for each in (clip, first, second))
    exported = arrays_of(clip)
    compared = [name for name in made if not name.startswith("point_") and "measured" not in name]
    assert {"box_3d_half_extents", "body_mass", "body_momentum", "body_kinetic_energy", "body_inertia"} <= set(compared)
    for name in compared:
        np.testing.assert_array_equal(made[name][:switch], before[name][:switch], err_msg=name)
        np.testing.assert_array_equal(made[name][switch:], after[name][switch:], err_msg=name)
        np.testing.assert_array_equal(exported[name], made[name], err_msg=name)


def test_mechanics_follow_the_body(quadruplet):
    clip = quadruplet["AB"]
    spec, _, trajectory = clip.labelled
    labels, boxes = body_labels(clip), clip_boxes(clip)
    for frame in (0, spec.num_frames - 1):
        shown = clip.meta.spec_at(frame)
        for index, body in enumerate(shown.bodies):
            if body.is_dynamic:
                assert labels.mass[frame, index] == body.mass
                np.testing.assert_allclose(labels.inertia[frame, index], inertia_tensor(body))
                expected = body.mass * trajectory.linear_velocity[frame, index]
                np.testing.assert_allclose(labels.momentum[frame, index], expected)
    assert boxes.half_extents.shape == boxes.center.shape
    for field in fields(BodyLabels):
        assert getattr(labels, field.name).shape[:2] == (spec.num_frames, len(spec.bodies)), field.name


def test_points_of_a_body_that_changes_its_shape_end_there(quadruplet):
    clip = quadruplet["AB"]
    switch = clip.meta.pair.switch_frame
    (changed,) = clip.meta.pair.later_bodies
    index = clip.meta.spec.body_index(changed.name)
    is_other = changed.shape != clip.meta.spec.bodies[index].shape
    tracks = point_tracks(clip, 200)
    ours = tracks.body == index
    early = ours & (tracks.query_frame < switch)
    late = ours & (tracks.query_frame >= switch)
    assert early.any() and late.any()
    assert np.isnan(tracks.pixel[switch:, early]).all() == is_other
    assert tracks.visible[switch:, early].any() != is_other
    assert np.isnan(tracks.pixel[:switch, late]).all() == is_other
    assert tracks.visible[tracks.query_frame, np.arange(200)].all()
