"""Each limit, on a clip that is made to break it and nothing else."""

import dataclasses
import math
from typing import ClassVar

import numpy as np
import pytest

from physics_data.core.conventions import clip_generator
from physics_data.core.errors import ClipRejectedError
from physics_data.core.scene import Box, Shake
from physics_data.engines import ENGINES
from physics_data.pipeline.quality import check_quality, energy_growth, penetration
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.drops import FreeDrop
from physics_data.scenarios.shared.scenario import SceneSettings
from tests.physics_data.engines.lab import body, on_floor, scripted


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


def reason_of(*clip):
    with pytest.raises(ClipRejectedError) as caught:
        check_quality(*clip)
    return caught.value.reason


def test_states_that_are_not_numbers_are_rejected(clip):
    scenario, spec, trajectory, rendering = clip
    for name in ("position", "angular_velocity"):
        broken = getattr(trajectory, name).copy()
        broken[3, 1, 0] = np.nan
        changed_one = dataclasses.replace(trajectory, **{name: broken})
        with pytest.raises(ClipRejectedError, match=f"{name} of 'ball' is not finite"):
            check_quality(scenario, spec, changed_one, rendering)
        assert reason_of(scenario, spec, changed_one, rendering) == "not_finite"


class Lawless(FreeDrop):
    """A scenario without a law."""

    tolerances: ClassVar[dict[str, float]] = {}

    def residuals(self, spec, trajectory):
        return {}


class Standing(Lawless):
    waives = frozenset({"nothing_moves"})


class Hidden(Lawless):
    waives = frozenset({"not_visible"})


def test_a_clip_in_which_nothing_moves_is_rejected_unless_it_is_meant_to(clip):
    _, spec, trajectory, rendering = clip
    still = {name: np.repeat(getattr(trajectory, name)[:1], 17, axis=0) for name in ("position", "orientation")}
    zero = np.zeros_like(trajectory.linear_velocity)
    frozen = dataclasses.replace(trajectory, **still, linear_velocity=zero, angular_velocity=zero)
    with pytest.raises(ClipRejectedError, match=r"no body moves by more than 0 m .* 0.001 is needed"):
        check_quality(Lawless(), spec, frozen, rendering)
    assert reason_of(Lawless(), spec, frozen, rendering) == "nothing_moves"
    assert check_quality(Standing(), spec, frozen, rendering)["energy_growth_relative"] == 0.0
    shaking = spec.camera.model_copy(update={"shake": Shake(amplitude=1.0)})
    check_quality(Lawless(), spec.model_copy(update={"camera": shaking}), frozen, rendering)
    turned = still["orientation"].copy()
    turned[8:, 1] = (np.cos(0.1), np.sin(0.1), 0.0, 0.0)
    check_quality(Lawless(), spec, dataclasses.replace(frozen, orientation=turned), rendering)


def test_an_object_may_come_into_sight_later_where_a_scenario_says_so(clip):
    _, spec, trajectory, rendering = clip
    ids = rendering.instance_ids.copy()
    ids[0] = 0
    late = dataclasses.replace(rendering, instance_ids=ids)
    assert reason_of(Lawless(), spec, trajectory, late) == "not_visible"
    check_quality(Hidden(), spec, trajectory, late)
    never = dataclasses.replace(rendering, instance_ids=np.zeros_like(ids))
    with pytest.raises(ClipRejectedError, match="no pixel of object 'ball' is visible in any frame"):
        check_quality(Hidden(), spec, trajectory, never)


def test_a_lift_may_add_energy_and_a_static_floor_may_not():
    load = body("load", Box(half_extents=(0.1, 0.1, 0.1)), 0.5, 0.0, position=(0.0, 0.0, 1.2))
    plate, up = Box(half_extents=(1.0, 1.0, 0.1)), (1.0, 0.0, 0.0, 0.0)
    lift = scripted("lift", plate, (0.0, (0.0, 0.0, 1.0), up), (1.0, (0.0, 0.0, 2.0), up), ease="smooth")
    spec = on_floor(lift, load)
    trajectory = ENGINES.get("mujoco")().simulate(spec)
    assert energy_growth(spec, trajectory) < 1e-3
    floor = lift.model_copy(update={"path": (), "is_static": True})
    assert energy_growth(spec.model_copy(update={"bodies": (spec.bodies[0], floor, load)}), trajectory) > 0.5


def test_a_box_at_rest_on_a_box_passes_every_limit():
    low, high = (
        body(f"box{i}", Box(half_extents=(0.2, 0.2, 0.2)), 0.5, 0.0, position=(0, 0, 0.2 + 0.4 * i)) for i in (0, 1)
    )
    for name in ENGINES:
        trajectory = ENGINES.get(name)().simulate(on_floor(low, high, friction=0.5))
        spec = on_floor(low, high, friction=0.5)
        assert penetration(spec, trajectory) < 1e-3
        assert energy_growth(spec, trajectory) < 5e-3


def test_an_object_outside_the_first_frame_is_rejected(clip):
    scenario, spec, trajectory, rendering = clip
    empty = dataclasses.replace(rendering, instance_ids=np.zeros_like(rendering.instance_ids))
    with pytest.raises(ClipRejectedError, match="no pixel of object 'ball' is visible in the first frame"):
        check_quality(scenario, spec, trajectory, empty)
