"""The violations themselves, measured on the motions by other means than the editors' own."""

import itertools

import numpy as np
import pytest

from physics_data.core.clip import Clip
from physics_data.core.conventions import STANDARD_GRAVITY as G
from physics_data.core.mechanics import kinetic_energy, momentum
from physics_data.scenarios.shared.measures import constant_acceleration, first_contact
from tests.physics_data.editors.conftest import pairs_of


def members(editor: str, **options) -> dict[str, Clip]:
    return {clip.meta.pair.role: clip for clip in pairs_of(editor, **options)}


def unexplained_push(clip: Clip, name: str) -> np.ndarray:
    """Return, for every frame interval, the change of a body's momentum (kg m/s) that neither gravity nor the normal
    impulses of its contacts explain; nothing else acts on smooth bodies.
    """
    spec, _, trajectory = clip.labelled
    body = spec.body_index(name)
    change = np.diff(trajectory.linear_velocity[:, body], axis=0) - np.array(spec.gravity) / spec.frame_rate
    change *= spec.bodies[body].mass
    contacts = trajectory.contacts
    rows = zip(contacts.frame_index, contacts.body_a, contacts.body_b, contacts.normal, contacts.impulse, strict=True)
    for frame, a, b, normal, impulse in rows:
        if body in (a, b):
            change[frame - 1] -= (1.0 if body == b else -1.0) * impulse * normal
    return np.linalg.norm(change, axis=1)


@pytest.mark.parametrize("engine", ["mujoco", "bullet"])
@pytest.mark.parametrize("editor", ["sudden_turn", "sudden_stop", "block_without_cause", "spontaneous_start"])
def test_a_push_from_nowhere_is_as_large_as_stored_and_lawful_clips_have_none(editor, engine):
    clips = members(editor, engine=engine)
    stored = clips["impossible"].meta.pair.residuals["momentum_jump_kg_m_per_s"]
    measured = unexplained_push(clips["impossible"], "mover")
    assert measured.max() == pytest.approx(stored, rel=0.02)
    assert np.sort(measured)[-2] < 0.02 * stored
    for role in ("possible", "control"):
        assert unexplained_push(clips[role], "mover").max() < 0.03 * stored


@pytest.mark.parametrize("editor", ["sudden_turn", "block_without_cause", "spontaneous_start"])
def test_the_control_does_for_a_reason_what_the_impossible_clip_does_without(editor):
    clips = members(editor)
    ends = {}
    for role, clip in clips.items():
        spec, _, trajectory = clip.labelled
        ends[role] = trajectory.linear_velocity[-1, spec.body_index("mover")]
    assert ends["control"] == pytest.approx(ends["impossible"], abs=0.06 * np.linalg.norm(ends["impossible"]))
    assert np.linalg.norm(ends["possible"] - ends["impossible"]) > 0.3


def test_gravity_is_wrong_by_the_stored_error():
    clips = members("wrong_g")
    fitted = {}
    for role, clip in clips.items():
        spec, _, trajectory = clip.labelled
        end = first_contact(trajectory, 0, 1) or spec.num_frames
        fitted[role] = -constant_acceleration(trajectory.position[:end, 1], spec.frame_rate)[2]
    assert fitted["possible"] == pytest.approx(G, rel=1e-4)
    assert fitted["control"] == pytest.approx(G, rel=1e-4)
    error = clips["impossible"].meta.pair.residuals["acceleration_error_m_per_s2"]
    assert abs(fitted["impossible"] - G) == pytest.approx(error, rel=1e-3)
    factor = 1.0 + 3.0 * 0.8
    assert min(abs(fitted["impossible"] / G - factor), abs(fitted["impossible"] / G - 1.0 / factor)) < 1e-3


def test_a_floating_ball_lacks_its_share_of_weight_and_the_control_rests():
    clips = members("float")
    heights = {role: clip.labelled[2].position[:, 1, 2] for role, clip in clips.items()}
    frames = clips["impossible"].labelled[2].airborne()[:, 1]
    times = np.array(clips["impossible"].labelled[0].seconds)
    fall = heights["impossible"][0] - heights["impossible"]
    assert fall[frames] == pytest.approx(0.5 * 0.2 * G * times[frames] ** 2, abs=1e-4)
    assert np.ptp(heights["control"]) < 1e-3
    assert np.ptp(heights["possible"]) > 0.5


def test_a_body_without_support_falls_only_its_share():
    clips = members("no_support_needed")
    falls = {role: np.ptp(clip.labelled[2].position[:, 1, 2]) for role, clip in clips.items()}
    assert falls["impossible"] == pytest.approx(0.2 * falls["possible"], rel=1e-6)
    assert falls["control"] < 1e-3


def overlap(clip: Clip) -> float:
    spec, _, trajectory = clip.labelled
    balls = [(index, body.shape.radius) for index, body in enumerate(spec.bodies) if body.shape.kind == "sphere"]
    return max(
        first + second - float(np.linalg.norm(trajectory.position[:, a] - trajectory.position[:, b], axis=1).min())
        for (a, first), (b, second) in itertools.combinations(balls, 2)
    )


def test_balls_that_pass_through_one_another_overlap_and_others_do_not():
    clips = members("pass_through")
    stored = clips["impossible"].meta.pair.residuals["overlap_m"]
    first, second = clips["possible"].labelled[0].bodies[1:3]
    closing = np.linalg.norm(np.subtract(first.linear_velocity, second.linear_velocity))
    step = 0.5 * closing / 16.0  # seen 16 times a second, they may turn between two frames
    assert stored - step < overlap(clips["impossible"]) < stored + 0.01
    assert overlap(clips["possible"]) < 0.005
    assert overlap(clips["control"]) < 0.005
    through = members("pass_through", severity=1.0)["impossible"]
    speeds = through.labelled[2].linear_velocity[:, 1:3, :2]
    assert np.ptp(speeds, axis=0).max() < 1e-3 * np.abs(speeds).max()


def test_a_collision_makes_the_stored_momentum_and_the_lawful_ones_none():
    clips = members("momentum_not_conserved")
    made = {}
    for role, clip in clips.items():
        spec, _, trajectory = clip.labelled
        along = momentum(spec, trajectory)[:, :2]
        made[role] = float(np.linalg.norm(along[-1] - along[0]))
    assert made["impossible"] == pytest.approx(
        clips["impossible"].meta.pair.residuals["momentum_jump_kg_m_per_s"], rel=1e-2
    )
    assert max(made["possible"], made["control"]) < 1e-3
    ends = {role: clip.labelled[2].linear_velocity[-1, 2, 0] for role, clip in clips.items()}
    assert ends["control"] == pytest.approx(ends["impossible"], rel=0.01)


def test_action_at_a_distance_keeps_the_stored_gap():
    clips = members("action_without_contact")
    stored = clips["impossible"].meta.pair.residuals["gap_m"]
    assert overlap(clips["impossible"]) == pytest.approx(overlap(clips["possible"]) - stored, abs=1e-4)
    assert overlap(clips["control"]) > -0.15
    assert np.array_equal(clips["impossible"].rgb[0], clips["control"].rgb[0])
    assert first_contact(clips["impossible"].labelled[2], 1, 2) is None


def test_bounces_that_gain_energy_rise_higher_than_they_fell():
    clips = members("energy_gain")
    tops = {}
    for role, clip in clips.items():
        spec, _, trajectory = clip.labelled
        contact = first_contact(trajectory, 0, 1)
        assert contact is not None
        rise = 0.5 * trajectory.linear_velocity[contact + 1, 1, 2] ** 2 / G + trajectory.position[contact + 1, 1, 2]
        tops[role] = rise - spec.bodies[1].shape.radius
        start = trajectory.position[0, 1, 2] - spec.bodies[1].shape.radius
        tops[role] /= start
    assert tops["possible"] < 1.0
    assert tops["control"] == pytest.approx(1.0, abs=0.02)
    assert tops["impossible"] == pytest.approx((1.0 + 0.35 * 0.8) ** 2, rel=0.02)


def test_a_wrong_bounce_has_its_angle_and_the_control_leaves_with_the_same_velocity():
    clips = members("wrong_bounce")
    frame = round(clips["impossible"].meta.pair.violation_seconds[1] * clips["impossible"].meta.frame_rate)
    velocity = {role: clip.labelled[2].linear_velocity[frame, 1] for role, clip in clips.items()}
    assert np.linalg.norm(velocity["impossible"][:2]) > 0.5
    assert np.linalg.norm(velocity["possible"][:2]) < 1e-3
    assert velocity["control"] == pytest.approx(velocity["impossible"], abs=0.1)


def test_friction_drives_the_box_on():
    clips = members("friction_sign")
    energy = {role: kinetic_energy(*(clip.labelled[0], clip.labelled[2])) for role, clip in clips.items()}
    assert energy["possible"][-1] < energy["possible"][0]
    assert np.ptp(energy["control"]) < 1e-2 * energy["control"][0]
    gained = energy["impossible"] - np.minimum.accumulate(energy["impossible"])
    assert gained.max() == pytest.approx(clips["impossible"].meta.pair.residuals["energy_gain_J"], rel=1e-3)


def test_time_runs_backwards_through_the_very_same_frames():
    clips = members("time_reversal")
    assert np.array_equal(clips["impossible"].rgb, clips["possible"].rgb[::-1])
    spec, _, trajectory = clips["impossible"].labelled
    assert np.allclose(spec.bodies[1].position, trajectory.position[0, 1])
    step = np.diff(trajectory.position[:, 1, 2]) * spec.frame_rate
    mean = 0.5 * (trajectory.linear_velocity[1:, 1, 2] + trajectory.linear_velocity[:-1, 1, 2])
    flying = trajectory.airborne()[1:, 1] & trajectory.airborne()[:-1, 1]
    assert step[flying] == pytest.approx(mean[flying], abs=1e-6)
    assert clips["control"].meta.pair.is_possible


def test_a_frozen_world_misses_the_way_of_the_unwatched_time():
    clips = members("freeze_off_screen", severity=1.0)
    pair = clips["AB"].meta.pair
    spec, _, trajectory = clips["AB"].labelled
    keys = spec.camera.path
    index = next(i for i, body in enumerate(spec.bodies) if body.is_dynamic)
    speed = np.linalg.norm(trajectory.linear_velocity[0, index])
    assert pair.residuals["position_jump_m"] == pytest.approx(speed * (keys[-1].seconds - keys[1].seconds), rel=1e-3)
    away = np.abs(np.diff(trajectory.position[:, index, 0]))
    assert away[pair.switch_frame - 1] == pytest.approx(
        abs(pair.residuals["position_jump_m"] - speed / spec.frame_rate), rel=1e-3
    )


def test_what_is_absent_is_in_no_picture():
    clips = members("vanish")
    spec, rendering, trajectory = clips["AB"].labelled
    switch = clips["AB"].meta.pair.switch_frame
    index = next(i for i, body in enumerate(spec.bodies) if body.is_dynamic)
    number = [body.name for body in spec.instances].index(spec.bodies[index].name)
    assert trajectory.present is not None
    assert trajectory.present[:switch, index].all() and not trajectory.present[switch:, index].any()
    seen = rendering.amodal_masks[:, number].any(axis=(1, 2))
    assert np.array_equal(seen, trajectory.present[:, index])
