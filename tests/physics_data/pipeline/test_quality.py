"""Each limit, on a clip that is made to break it and nothing else."""

import dataclasses
import math

import numpy as np
import pytest

from physics_data.core.errors import ClipRejectedError
from physics_data.core.seeding import clip_generator
from physics_data.engines import ENGINES
from physics_data.pipeline.quality import check_quality, energy_growth, penetration
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.base import SceneSettings


@pytest.fixture
def clip():
    """A scenario with a good clip of it: scenario, spec, trajectory, rendering."""
    scenario = SCENARIOS.get("free_drop")()
    spec = scenario.sample(clip_generator(0, "free_drop", 0), SceneSettings(), 0, 0)
    trajectory = ENGINES.get("mujoco")().simulate(spec)
    return scenario, spec, trajectory, RENDERERS.get("raycast")().render(spec, trajectory)


def changed(array, frames, value):
    copy = array.copy()
    copy[frames, 1, 2] += value
    return copy


def test_a_good_clip_returns_every_residual_under_its_limit(clip):
    residuals = check_quality(*clip)
    assert set(residuals) == {
        "gravity_relative_error",
        "restitution_error",
        "penetration_relative",
        "energy_growth_relative",
    }
    assert all(0 <= value < 0.01 for value in residuals.values())


def test_another_law_of_motion_is_rejected_with_figure_and_limit(clip):
    scenario, spec, trajectory, rendering = clip
    heavier = spec.model_copy(update={"gravity": (0.0, 0.0, -12.0)})
    with pytest.raises(
        ClipRejectedError, match=r"scene 0 of 'free_drop': gravity_relative_error is 0.18.*limit is 1e-06"
    ):
        check_quality(scenario, heavier, trajectory, rendering)


def test_a_dead_bounce_is_rejected(clip):
    scenario, spec, trajectory, rendering = clip
    first = int(trajectory.contacts.frame_index[0])
    speed = trajectory.linear_velocity.copy()
    speed[first:, 1] *= 0.5
    with pytest.raises(ClipRejectedError, match="restitution_error is"):
        check_quality(scenario, spec, dataclasses.replace(trajectory, linear_velocity=speed), rendering)


def test_sinking_into_the_floor_is_rejected(clip):
    scenario, spec, trajectory, rendering = clip
    sunk = dataclasses.replace(trajectory, position=changed(trajectory.position, slice(-1, None), -9.0))
    with pytest.raises(ClipRejectedError, match="penetration_relative is .* limit is 0.02"):
        check_quality(scenario, spec, sunk, rendering)
    diameter = 2 * spec.bodies[1].shape.radius
    over = sunk.position[-1, 1, 2] - diameter / 2
    assert penetration(spec, sunk) == pytest.approx(-over / diameter)


def test_energy_from_nowhere_is_rejected(clip):
    scenario, spec, trajectory, rendering = clip
    pushed = dataclasses.replace(trajectory, linear_velocity=changed(trajectory.linear_velocity, slice(-1, None), 5.0))
    with pytest.raises(ClipRejectedError, match="energy_growth_relative is .* limit is 0.01"):
        check_quality(scenario, spec, pushed, rendering)


def test_energy_growth_counts_any_two_frames(falling_ball, closed_form_fall):
    assert energy_growth(falling_ball, closed_form_fall) < 1e-12, "losing energy is lawful"
    backwards = dataclasses.replace(
        closed_form_fall,
        position=closed_form_fall.position[::-1].copy(),
        linear_velocity=-closed_form_fall.linear_velocity[::-1].copy(),
    )
    assert energy_growth(falling_ball, backwards) > 0.3
    still = dataclasses.replace(
        closed_form_fall,
        position=np.repeat(closed_form_fall.position[:1], 17, axis=0),
        linear_velocity=np.zeros_like(closed_form_fall.linear_velocity),
    )
    assert energy_growth(falling_ball, still) == 0.0


def test_what_cannot_be_measured_is_rejected_not_passed(clip):
    scenario, spec, trajectory, rendering = clip
    early = trajectory.contacts
    none = dataclasses.replace(early, **{f.name: getattr(early, f.name)[:0] for f in dataclasses.fields(early)})
    with pytest.raises(ClipRejectedError, match="gravity_relative_error is|restitution_error cannot be measured"):
        check_quality(scenario, spec, dataclasses.replace(trajectory, contacts=none), rendering)

    class Blind(type(scenario)):
        def residuals(self, spec, trajectory):
            return {"gravity_relative_error": math.nan}

    with pytest.raises(ClipRejectedError, match="gravity_relative_error cannot be measured in 17 frames at 16 Hz"):
        check_quality(Blind(), spec, trajectory, rendering)


def test_positions_that_are_not_numbers_are_rejected(clip):
    scenario, spec, trajectory, rendering = clip
    broken = dataclasses.replace(trajectory, position=np.full_like(trajectory.position, np.nan))
    with pytest.raises(ClipRejectedError):
        check_quality(scenario, spec, broken, rendering)


def test_an_object_outside_the_first_frame_is_rejected(clip):
    scenario, spec, trajectory, rendering = clip
    empty = dataclasses.replace(rendering, instance_ids=np.zeros_like(rendering.instance_ids))
    with pytest.raises(ClipRejectedError, match="no pixel of object 'ball' is visible in the first frame"):
        check_quality(scenario, spec, trajectory, empty)
