"""The components of motion on paths made by hand: what each of them must notice, and in which order."""

from dataclasses import replace

import numpy as np
import pytest
from toy_scenes import closed_form

from eval.metrics import METRICS
from eval.metrics.composites import MotionRealism
from eval.metrics.impact_fit import fit_kink, impacts
from eval.metrics.motion_skill import NOISE_PIXELS, derivative, noise
from eval.metrics.resting import rests
from eval.perception.tracks import Track, Tracks
from eval.reference import Reference
from physics_data.core.scene import BallJoint


def tracks_of(reference, change=None, jitter=0.0):
    """Perfect tracks of the reference, moved in metres (right, up) by name → [t 2], with noise of so many pixels."""
    spec, _, trajectory = reference.clip.labelled
    generator, tracks = np.random.default_rng(3), []
    for number, name in reference.present_at_start.items():
        position = trajectory.position[:, spec.body_index(name)].copy()
        position[:, [0, 2]] += (change or {}).get(name, 0.0)
        pixels = np.array([view.project(p)[:2] for view, p in zip(reference.views, position, strict=True)])
        pixels += generator.normal(0, jitter, pixels.shape)
        seen = reference.clear(number)
        tracks.append(Track(name, seen, seen, pixels, 100.0 * seen))
    n = spec.num_frames
    labels = np.zeros((n, 1, 1), np.uint8)
    return Tracks(tuple(tracks), np.array(spec.seconds), np.zeros(n, int), labels)


def moved(reference, name, new):
    """Return the change that takes an object to new [t 2] (right, up), m in the world."""
    spec, _, trajectory = reference.clip.labelled
    return {name: new - trajectory.position[:, spec.body_index(name)][:, [0, 2]]}


def path_of(reference, name):
    spec, _, trajectory = reference.clip.labelled
    return trajectory.position[:, spec.body_index(name)][:, [0, 2]].copy()


def slowed(reference, name, factor):
    path = path_of(reference, name)
    return moved(reference, name, path[0] + factor * (path - path[0]))


def bounced(reference, name, factor):
    """The first bounce gives ``factor`` times the speed."""
    spec, _, _ = reference.clip.labelled
    path, seconds = path_of(reference, name), np.array(spec.seconds)
    hit = np.sqrt(2 * (path[0, 1] - 0.3) / 9.81)
    after = seconds - hit
    flight = 0.3 + factor * 9.81 * hit * 0.5 * after - 0.5 * 9.81 * after**2
    path[:, 1] = np.where(after > 0, np.maximum(flight, 0.3), path[:, 1])
    return moved(reference, name, path)


def delayed(reference, frames):
    """Everything happens so many frames later."""
    late = {}
    for name in reference.present_at_start.values():
        path = path_of(reference, name)
        late |= moved(reference, name, path[np.maximum(np.arange(len(path)) - frames, 0)])
    return late


def struck(reference, factor):
    """The struck ball of a collision leaves with ``factor`` times its speed."""
    return slowed(reference, "second", factor)


def crept(reference, diameters):
    """The striking ball creeps upwards once it has stopped, diameters per second."""
    path = path_of(reference, "red")
    stopped = np.flatnonzero(path[:, 0] == path[-1, 0])[0]
    creep = np.zeros_like(path)
    creep[:, 1] = diameters * 0.6 * np.maximum(np.arange(len(path)) - stopped, 0) / 16
    return {"red": creep}


def hovering(reference, factor):
    path = path_of(reference, "red")
    return moved(reference, "red", path[0] + factor * (path - path[0]))


LADDERS = [
    ("position_skill", "projectile", [lambda r, f=f: slowed(r, "blue", f) for f in (1.0, 0.7, 0.4)]),
    ("velocity_skill", "projectile", [lambda r, f=f: slowed(r, "blue", f) for f in (1.0, 0.7, 0.4)]),
    ("acceleration_skill", "projectile", [lambda r, f=f: slowed(r, "blue", f) for f in (1.0, 0.6, 0.3)]),
    ("free_motion", "projectile", [lambda r, f=f: slowed(r, "blue", f) for f in (1.0, 0.7, 0.4)]),
    ("contact_time", "collide", [lambda r, f=f: delayed(r, f) for f in (0, 2, 4)]),
    ("restitution", "free_drop", [lambda r, f=f: bounced(r, "red", f) for f in (1.0, 0.7, 0.4)]),
    ("restitution", "free_drop", [lambda r, f=f: bounced(r, "red", f) for f in (1.0, 1.5, 1.9)]),
    ("momentum", "collide", [lambda r, f=f: struck(r, f) for f in (1.0, 0.6, 0.2)]),
    ("energy", "free_drop", [lambda r, f=f: bounced(r, "red", f) for f in (1.0, 1.8, 2.3)]),
    ("rest", "free_fall", [lambda r, f=f: hovering(r, f) for f in (1.0, 0.4, 0.1)]),
    ("rest", "collide", [lambda r, f=f: crept(r, f) for f in (0.0, 1.0, 2.0)]),
    ("drift", "collide", [lambda r, f=f: crept(r, f) for f in (0.0, 0.4, 0.8)]),
    ("motion_realism", "collide", [lambda r, f=f: struck(r, f) for f in (1.0, 0.6, 0.2)]),
    ("motion_realism", "free_drop", [lambda r, f=f: bounced(r, "red", f) for f in (1.0, 0.8, 0.6)]),
]


@pytest.mark.parametrize(("name", "scenario", "ladder"), LADDERS)
def test_truth_is_best_and_worse_is_lower(toy, name, scenario, ladder):
    reference, metric = toy(scenario), METRICS.get(name)()
    assert metric.refuses(reference) is None
    values = [metric.score(reference, tracks_of(reference, rung(reference))) for rung in ladder]
    sign = 1 if metric.info.direction == "higher" else -1
    assert (np.diff(values) * sign < -0.05).all(), values
    assert values[0] == pytest.approx(metric.info.best, abs=0.02)


@pytest.mark.parametrize("scenario", ["free_drop", "free_fall", "projectile", "collide", "occluder_pass"])
def test_tracker_noise_is_forgiven(toy, scenario):
    """A spread of 0.2 pixels on either axis costs no component more than 0.15, not even in 9 frames."""
    reference = toy(scenario)
    components = MotionRealism().components(reference, tracks_of(reference, jitter=0.2))
    assert min(components.values()) >= 0.85, components


@pytest.mark.parametrize("scenario", ["free_drop", "projectile", "collide", "occluder_pass"])
def test_a_still_video_conserves_everything_and_scores_nothing(toy, scenario):
    reference = toy(scenario)
    still = {}
    for name in reference.present_at_start.values():
        still |= slowed(reference, name, 0.0)
    components = MotionRealism().components(reference, tracks_of(reference, still))
    assert components["energy"] == 1.0
    assert MotionRealism().score(reference, tracks_of(reference, still)) < 0.02


def test_the_worst_component_decides(toy):
    reference = toy("collide")
    tracks = tracks_of(reference, struck(reference, 0.5))
    components = MotionRealism().components(reference, tracks)
    assert MotionRealism().score(reference, tracks) == min(components.values()) < np.mean(list(components.values()))


def test_action_without_contact_moves_the_momentum_or_the_time(toy):
    """The struck ball leaves three frames before it is hit."""
    reference = toy("collide")
    path = path_of(reference, "second")
    early = moved(reference, "second", path[np.minimum(np.arange(len(path)) + 3, len(path) - 1)])
    components = MotionRealism().components(reference, tracks_of(reference, early))
    assert components["contact_time"] < 0.6


def test_a_push_where_friction_should_brake_makes_energy(toy):
    """A ball that speeds up on the level, from its own speed to twice that."""
    reference = toy("occluder_pass")
    spec, _, _ = reference.clip.labelled
    path = path_of(reference, "green")
    share = np.array(spec.seconds) / spec.seconds[-1]
    path[:, 0] = path[0, 0] + (path[:, 0] - path[0, 0]) * (0.6 + 0.4 * share)
    assert METRICS.get("energy")().score(reference, tracks_of(reference, moved(reference, "green", path))) < 0.7


def test_kink_by_hand():
    """A ball that falls at 9.81 m/s², meets the ground at 0.4 s and comes back with half its speed."""
    seconds = np.arange(13) / 16
    late = np.maximum(seconds - 0.4, 0)
    early = np.minimum(seconds - 0.4, 0)
    height = -3.0 * early + 1.5 * late - 0.5 * 9.81 * (early**2 + late**2)
    fit = fit_kink(np.stack([2 * seconds, height], axis=-1), seconds, (-9.81, -9.81))
    assert fit is not None
    assert fit.seconds == pytest.approx(0.4, abs=1 / 256)
    np.testing.assert_allclose(fit.before, (2, -3), atol=0.05)
    np.testing.assert_allclose(fit.after, (2, 1.5), atol=0.05)


def test_kink_needs_five_times():
    assert fit_kink(np.zeros((6, 2)), np.array([0.0, 0.0, 0.1, 0.2, 0.3, 0.3]), (0.0, 0.0)) is None


def test_derivatives_of_a_parabola_are_exact_and_gaps_are_not_guessed():
    seconds, frames = np.arange(20) / 16, np.arange(20)
    path = np.stack([1 + 2 * seconds, 3 * seconds**2], axis=-1)
    known = np.ones(20, bool)
    np.testing.assert_allclose(derivative(path, seconds, frames, known, 1)[2:-2, 1], 6 * seconds[2:-2], atol=1e-9)
    np.testing.assert_allclose(derivative(path, seconds, frames, known, 2)[3:-3], [[0, 6]] * 14, atol=1e-9)
    known[9:12] = False
    assert np.isnan(derivative(path, seconds, frames, known, 2)[10]).all()


@pytest.mark.parametrize("order", [0, 1, 2])
def test_noise_is_that_of_the_window(toy, order):
    """The stated floor is the spread of the derivative of white noise with a standard deviation of half a pixel."""
    reference = toy("projectile")
    metres = reference.metres_per_pixel("blue")
    draws = np.random.default_rng(0).normal(0, NOISE_PIXELS * metres, (40, 500))
    frames = np.arange(40)
    spread = np.nanstd(derivative(draws, frames / 16, frames, np.ones(40, bool), order))
    assert noise(reference, "blue", order) == pytest.approx(spread, rel=0.03)


def test_takes_that_part_cannot_be_asked_for(toy):
    """Where a second take of the scene goes elsewhere, the path of the first is not asked for."""
    plain = toy("projectile")
    spec, _, _ = plain.clip.labelled
    ball = spec.bodies[1]
    back = ball.model_copy(update={"linear_velocity": tuple(-2 * v for v in ball.linear_velocity)})
    other = spec.model_copy(update={"bodies": (spec.bodies[0], back)})
    parted = Reference(plain.clip, (closed_form(other, ""),), num_conditioning_frames=0)
    metric = METRICS.get("position_skill")()
    assert metric.refuses(plain) is None
    assert metric.refuses(parted) is not None


def test_impacts_and_rests_are_those_of_the_scene(toy):
    assert len(impacts(toy("collide"))) == len(impacts(toy("free_drop"))) == 1
    assert impacts(toy("projectile")) == []
    assert {rest.name for rest in rests(toy("collide"))} == {"red", "second"}
    assert rests(toy("free_drop")) == []


def test_a_swinging_body_is_followed_but_not_asked_for_free_flight(toy):
    """A ball on a rod moves on a circle: place, speed and acceleration apply; fall, glide and energy do not."""
    plain = toy("projectile")
    spec, _, _ = plain.clip.labelled
    held = spec.model_copy(update={"joints": (BallJoint(body="blue", anchor=(0, 0, 3)),)})
    reference = Reference(
        replace(plain.clip, meta=plain.clip.meta.model_copy(update={"spec": held})), num_conditioning_frames=0
    )
    for name in ("position_skill", "velocity_skill", "acceleration_skill"):
        assert METRICS.get(name)().refuses(reference) is None
    for name in ("free_motion", "gravity_error", "velocity_error", "energy"):
        assert METRICS.get(name)().refuses(reference) is not None
