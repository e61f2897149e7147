"""Laws and impacts on closed-form paths: any start, any phase, any frequency; and tracks with uneven times."""

import numpy as np
import pytest
from discs import drawn

from eval.audit.footage import Footage
from eval.audit.laws import fit_laws
from eval.audit.motion import find_impacts
from eval.audit.video import audit_footage

DIAMETER = 18.0


def bounces(start, restitution, rate, seconds=2.5, drop=180.0, g=900.0, floor=225.0):
    """Height (image y) of a ball that was released ``start`` seconds before the first frame; closed form."""
    fall = np.sqrt(2 * drop / g)
    heights = []
    for time in start + np.arange(round(seconds * rate)) / rate:
        if time < fall:
            heights.append(floor - drop + 0.5 * g * time**2)
            continue
        since, speed = time - fall, restitution * g * fall
        while since > 2 * speed / g and speed > 5:
            since, speed = since - 2 * speed / g, speed * restitution
        heights.append(floor - max(speed * since - 0.5 * g * since**2, 0.0))
    return np.array(heights)


@pytest.mark.parametrize("rate", [12, 24, 30, 60])
@pytest.mark.parametrize("restitution", [0.5, 0.7, 0.85, 1.0])
def test_a_bounce_gains_nothing_wherever_its_film_begins(rate, restitution):
    """Restitution is measured, from windows that begin anywhere: to 5 % where three frames or more show each flight."""
    noise, found = np.random.default_rng(0), []
    for start in (0.0, 0.3, 0.45, 0.55, 0.6, 0.64, 0.9, 1.2):
        height = bounces(start, restitution, rate)
        found += find_impacts(np.arange(len(height)) / rate, height + noise.normal(0, 0.2, len(height)), DIAMETER)
    assert max(impact.strength for impact in found) == 0.0
    sure = [impact for impact in found if impact.error < 0.05]
    assert sure
    np.testing.assert_allclose([impact.ratio for impact in sure], restitution**2, rtol=0.1)


@pytest.mark.parametrize("restitution", [1.2, 1.4])
def test_an_impact_that_gives_energy_is_found(restitution):
    for start in (0.0, 0.2, 0.3):
        height = bounces(start, restitution, 30, 1.5, drop=60.0)
        found = find_impacts(np.arange(len(height)) / 30, height, DIAMETER)
        assert max(impact.strength for impact in found) > 0.9
        assert found[0].ratio == pytest.approx(restitution**2, rel=0.02)


@pytest.mark.parametrize("turns", [2.0, 2.6, 2.667, 3.1, 5.25, 9.0, 17.3])
@pytest.mark.parametrize("phase", [0.0, np.pi / 2, np.pi, 3 * np.pi / 2])
def test_a_spring_of_any_frequency_and_phase_is_an_oscillation_and_no_impact(turns, phase):
    time = np.arange(120) / 30
    place = np.stack([0 * time, 40 * np.sin(2 * np.pi * turns * time / time[-1] + phase)], -1)
    place += np.random.default_rng(0).normal(0, 0.1, place.shape)
    fit = fit_laws(time, place, DIAMETER)[0]
    assert fit.law == "oscillation"
    assert fit.residual < 0.05 * DIAMETER
    assert all(impact.strength == 0 for impact in find_impacts(time, place[:, 1], DIAMETER))


@pytest.mark.parametrize(("degrees", "damping"), [(5, 0.0), (15, 0.0), (40, 0.0), (70, 0.0), (20, 0.3), (45, 0.4)])
def test_a_pendulum_of_any_amplitude_is_an_oscillation(degrees, damping):
    """Integrated, small steps: a large swing is slower than a small one and no sinusoid."""
    time, angle, rate, place = np.arange(120) / 30, np.radians(degrees), 0.0, []
    for _ in time:
        place.append((250 * np.sin(angle), 250 * np.cos(angle)))
        for _ in range(100):
            rate -= ((2 * np.pi / 1.5) ** 2 * np.sin(angle) + damping * rate) / 3000
            angle += rate / 3000
    fit = fit_laws(time, np.array(place), DIAMETER)[0]
    assert fit.law == "oscillation"
    assert fit.residual < 0.05 * DIAMETER


@pytest.mark.parametrize("gap", [2, 3])
def test_true_times_of_a_clip_with_a_gap_raise_nothing(gap):
    """A free fall at 30 Hz whose frames before it leaves the picture are missing: it is predicted by time."""
    time = np.delete(np.arange(22) / 30, np.arange(18, 18 + gap))
    place = np.stack([80 + 30 * time, 20 + 450 * time**2], -1)[:, None]
    rgb = drawn(place, [(220, 40, 40)], size=240, radius=9)
    audit = audit_footage(Footage(rgb, time, 240, 240))
    assert not audit.alarm
    assert audit.motions[0].model == "constant_acceleration"
    assert audit.motions[0].residual < 0.05


def test_restitutions_of_a_video_are_reported():
    """From pixels: a ball of restitution 0.8 whose film begins in mid-fall."""
    height = bounces(0.5, 0.8, 30)[:60]
    place = np.stack([np.linspace(30, 160, 60), height], -1)[:, None]
    audit = audit_footage(Footage(drawn(place, [(220, 40, 40)], size=240, radius=9), np.arange(60) / 30, 240, 240))
    assert not audit.alarm
    assert len(audit.motions[0].restitutions) >= 2
    np.testing.assert_allclose(audit.motions[0].restitutions, 0.8, atol=0.03)
