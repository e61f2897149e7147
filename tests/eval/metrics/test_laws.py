"""The errors against closed forms: a world with k times the gravity has error |1 - k|."""

import numpy as np
import pytest
from edits import follow, with_gravity, with_speed

from eval.metrics.contact_free import airborne_segments, collision_free_segments, fit_polynomial
from eval.metrics.free_motion import GravityError, VelocityError
from physics_data.core.errors import TrackTooShortError


@pytest.mark.parametrize(
    ("scenario", "factor"),
    [*(("free_fall", factor) for factor in (1.0, 0.8, 0.5, 0.2, 0.0, -0.2)), ("projectile", 1.0), ("projectile", 0.8)],
)
def test_gravity_error_is_the_distance_of_the_gravities(toy, scenario, factor):
    reference = toy(scenario, 1)
    error = GravityError().score(reference, follow(reference, with_gravity(reference.clip, factor)))
    assert error == pytest.approx(abs(1 - factor), abs=0.06)


@pytest.mark.parametrize("factor", [1.0, 0.8, 0.5, 0.0])
@pytest.mark.parametrize("scenario", ["projectile", "occluder_pass"])
def test_velocity_error_is_the_distance_of_the_velocities(toy, scenario, factor):
    reference = toy(scenario, 1)
    tracks = follow(reference, with_speed(reference.clip, factor))
    if scenario == "projectile":  # seen throughout, so the whole stretch counts
        assert VelocityError().score(reference, tracks) == pytest.approx(abs(1 - factor), abs=0.05)
    else:  # slower balls are behind the screen when they should be seen, which adds to the error
        assert VelocityError().score(reference, tracks) >= abs(1 - factor) - 0.05


def test_fit_recovers_a_parabola_and_reports_noise():
    seconds = np.linspace(0, 1, 17)
    fit = fit_polynomial(3 + 2 * seconds - 0.5 * 9.81 * seconds**2, seconds, 2)
    assert fit.coefficients[2] == pytest.approx(-0.5 * 9.81)
    assert fit.residual == pytest.approx(0, abs=1e-12)
    wave = np.where(np.arange(17) % 2, 0.1, -0.1)
    assert fit_polynomial(wave, seconds, 1).residual == pytest.approx(0.1, rel=0.02)


def test_fit_refuses_what_any_path_would_fit():
    with pytest.raises(TrackTooShortError, match="3 tracked times, a fit of degree 2 needs 4"):
        fit_polynomial(np.arange(5.0), np.array([0.0, 0.0, 0.1, 0.1, 0.2]), 2)


def test_flights_end_at_contacts(toy):
    reference = toy("free_drop")
    contact = int(reference.clip.trajectory.contacts.frame_index[0])
    frames = [stretch.frames for stretch in airborne_segments(reference)]
    assert frames[0].tolist() == list(range(contact))[: len(frames[0])]
    assert all(contact - 1 not in f or contact not in f for f in frames)


def test_glides_are_split_by_collisions_only(toy):
    reference = toy("collide")
    hit = int(reference.clip.trajectory.contacts.frame_index[0])
    striker = [s.frames for s in collision_free_segments(reference) if s.name == "red"]
    assert striker[0].tolist() == list(range(hit))
    assert striker[1][0] == hit


def test_lift_is_exact_in_the_plane(toy):
    """Points of the plane that faces the camera come back in metres."""
    reference = toy("projectile")
    _, _, trajectory = reference.clip.labelled
    truth = trajectory.position[:, 1] - trajectory.position[0, 1]
    np.testing.assert_allclose(reference.true_path("blue"), truth[:, [0, 2]], atol=1e-9)
