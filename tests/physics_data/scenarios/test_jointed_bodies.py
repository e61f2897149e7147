"""The scenarios with pendulums and the seesaw, against closed forms and equations of motion written down here."""

import math

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from physics_data.core.conventions import clip_generator
from physics_data.core.mechanics import centre_of_mass, inertia_tensor, volume
from physics_data.core.scene import Box, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.engines import ENGINES
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.measures import first_contact
from physics_data.scenarios.shared.pendulums import Bob, angle_of, start_angle
from physics_data.scenarios.shared.scenario import Scenario, SceneSettings

G = 9.81
SETTINGS = SceneSettings()


def scenes(name: str, count: int, settings: SceneSettings = SETTINGS) -> list[SceneSpec]:
    scenario = SCENARIOS.get(name)()
    return [scenario.sample(clip_generator(7, name, i), settings, 7, i) for i in range(count)]


@pytest.fixture(params=list(ENGINES))
def runs(request):
    """Return a function from a scenario's name to some scenes and their trajectories, where the engine is claimed."""

    def make(name: str, settings: SceneSettings = SETTINGS) -> list[tuple[SceneSpec, Trajectory]]:
        if request.param not in SCENARIOS.get(name).engines:
            pytest.skip(f"'{name}' does not claim {request.param}")
        engine = ENGINES.get(request.param)()
        return [(spec, engine.simulate(spec)) for spec in scenes(name, 3, settings)]

    return make


def named(name: str) -> Scenario:
    return SCENARIOS.get(name)()


def test_a_bob_has_the_mass_and_inertia_of_its_shape():
    for spec in scenes("pendulum", 3):
        body = spec.bodies[1]
        bob = Bob.of(body)
        np.testing.assert_allclose(centre_of_mass(body.shape), 0.0, atol=1e-12)
        assert body.mass / volume(body.shape) == pytest.approx(1 / 0.3**3 * 3 / (4 * math.pi))
        about_pivot = inertia_tensor(body)[1, 1] + body.mass * bob.centre**2
        assert bob.inertia == pytest.approx(about_pivot, rel=1e-9)
        assert bob.rate == pytest.approx(math.sqrt(body.mass * G * bob.centre / about_pivot))


@pytest.mark.parametrize("amplitude", [0.05, 0.8, 1.4])
def test_the_swing_solves_the_equation_of_the_pendulum(amplitude):
    bob = Bob(reach=0.9, radius=0.25)
    seconds = np.linspace(0.0, 2.0, 33)
    solved = solve_ivp(
        lambda _, s: [s[1], -(bob.rate**2) * math.sin(s[0])], (0, 2), [amplitude, 0.0], t_eval=seconds, rtol=1e-10
    )
    np.testing.assert_allclose(bob.swing(amplitude, seconds), solved.y[0], atol=1e-5)
    np.testing.assert_allclose(bob.swing(-amplitude, seconds), -solved.y[0], atol=1e-5)
    k = math.sin(amplitude / 2)
    quarter = quad(lambda phi: 1 / math.sqrt(1 - (k * math.sin(phi)) ** 2), 0, math.pi / 2)[0] / bob.rate
    assert bob.period(amplitude) == pytest.approx(4 * quarter)
    speed = math.sqrt(2 * bob.rate**2 * (1 - math.cos(amplitude))) * bob.reach
    assert bob.speed_below(amplitude) == pytest.approx(speed)


def test_a_pendulum_passes_the_bottom_after_a_quarter_of_its_period(runs):
    for spec, trajectory in runs("pendulum"):
        angle, amplitude = angle_of(trajectory, 1), start_angle(spec.bodies[1])
        truth = named("pendulum").ground_truth(spec)
        assert truth["period_seconds"] > truth["small_swing_period_seconds"]
        crossing = np.flatnonzero(np.sign(angle) != np.sign(amplitude))[0]
        share = angle[crossing - 1] / (angle[crossing - 1] - angle[crossing])
        assert (crossing - 1 + share) / 16 == pytest.approx(truth["period_seconds"] / 4, abs=0.004)
        assert len(trajectory.contacts) == 0, "it touches nothing, the beam included"
        np.testing.assert_allclose(trajectory.position[:, 1, 1], spec.bodies[1].position[1], atol=1e-6)


def test_as_many_pendulums_leave_a_cradle_as_arrive(runs):
    for spec, trajectory in runs("newton_cradle", SceneSettings(num_frames=25, frame_rate=24.0)):
        truth = named("newton_cradle").ground_truth(spec)
        count, moving = int(truth["balls"]), int(truth["balls_in_and_out"])
        half_period = 2 * truth["impact_seconds"]
        last = min(round(half_period * 24), 24)
        angles = np.array([angle_of(trajectory, 2 + k) for k in range(count)])
        amplitude = start_angle(spec.bodies[2])
        away = np.abs(angles[:, last]) > 0.5 * abs(amplitude)
        assert away.tolist() == [False] * (count - moving) + [True] * moving
        assert (np.sign(angles[-moving:, last]) == -np.sign(amplitude)).all()


def test_cradles_have_three_to_five_pendulums_and_one_or_two_start():
    truths = [named("newton_cradle").ground_truth(spec) for spec in scenes("newton_cradle", 40)]
    assert {truth["balls"] for truth in truths} == {3.0, 4.0, 5.0}
    assert {truth["balls_in_and_out"] for truth in truths} == {1.0, 2.0}


def test_a_pendulum_hands_its_momentum_to_a_block(runs):
    for spec, trajectory in runs("pendulum_hits_block"):
        pendulum, block = spec.bodies[1], spec.bodies[2]
        bob = Bob.of(pendulum)
        drop = bob.centre * (1 - math.cos(start_angle(pendulum)))
        spin = math.sqrt(2 * pendulum.mass * G * drop / bob.inertia)
        e = block.surface.restitution
        # Angular momentum about the pivot, and e times the speed of approach: two equations.
        system = np.array([[bob.inertia, block.mass * bob.reach], [-bob.reach, 1.0]])
        spin_after, speed_after = np.linalg.solve(system, [bob.inertia * spin, e * bob.reach * spin])
        truth = named("pendulum_hits_block").ground_truth(spec)
        assert truth["block_speed_after"] == pytest.approx(speed_after)
        assert truth["pendulum_speed_after"] == pytest.approx(spin_after * bob.reach)
        contact = first_contact(trajectory, 1, 2)
        assert contact is not None
        assert contact / 16 == pytest.approx(truth["impact_seconds"], abs=1 / 16 + 0.01)
        assert abs(trajectory.linear_velocity[-1, 2, 0]) == pytest.approx(speed_after, rel=0.02)
        rows = (trajectory.contacts.body_a == 1) & (trajectory.contacts.body_b == 2)
        assert trajectory.contacts.impulse[rows].sum() == pytest.approx(truth["impulse"], rel=0.02)


def test_a_double_pendulum_follows_its_equations_of_motion(runs):
    for spec, trajectory in runs("double_pendulum"):
        upper, lower = spec.bodies[1], spec.bodies[2]
        assert isinstance(upper.shape, Box) and isinstance(lower.shape, Box)
        arms = [np.subtract(spec.joints[k].anchor, body.position)[[0, 2]] for k, body in enumerate((upper, lower))]
        c1, c2 = (float(np.linalg.norm(arm)) for arm in arms)
        l1 = float(np.linalg.norm(np.subtract(spec.joints[1].anchor, spec.joints[0].anchor)[[0, 2]]))
        i1, i2 = (float(inertia_tensor(body)[1, 1]) for body in (upper, lower))
        m1, m2 = upper.mass, lower.mass

        def change(_, s, c1=c1, c2=c2, l1=l1, i1=i1, i2=i2, m1=m1, m2=m2):
            a, b, u, v = s
            couple, bend = m2 * l1 * c2 * math.cos(a - b), m2 * l1 * c2 * math.sin(a - b)
            mass = [[i1 + m1 * c1**2 + m2 * l1**2, couple], [couple, i2 + m2 * c2**2]]
            force = [
                -bend * v * v - (m1 * c1 + m2 * l1) * G * math.sin(a),
                bend * u * u - m2 * c2 * G * math.sin(b),
            ]
            return [u, v, *np.linalg.solve(mass, force)]

        start = [start_angle(upper), start_angle(lower), 0.0, 0.0]
        solved = solve_ivp(change, (0, 1), start, t_eval=np.array(spec.seconds), rtol=1e-9, atol=1e-10)
        measured = np.array([angle_of(trajectory, 1), angle_of(trajectory, 2)])
        # A difference grows by up to e^4 in a second of this chaos.
        np.testing.assert_allclose(measured, solved.y[:2], atol=0.05)
        assert len(trajectory.contacts) == 0


def test_a_third_of_the_seesaws_tips_either_way_and_a_third_stays():
    sides = [named("seesaw_balance").ground_truth(spec)["side"] for spec in scenes("seesaw_balance", 90)]
    for side in (-1.0, 0.0, 1.0):
        assert 0.2 < np.mean([found == side for found in sides]) < 0.47


def test_a_seesaw_takes_up_the_angular_momentum_of_its_weights(runs):
    for spec, trajectory in runs("seesaw_balance"):
        plank = spec.bodies[1]
        assert isinstance(plank.shape, Box)
        moments = sum(body.mass * body.position[0] for body in spec.bodies[2:4])
        inertia, drops = inertia_tensor(plank)[1, 1], []
        for body in spec.bodies[2:4]:
            half = body.shape.half_extents[2] if isinstance(body.shape, Box) else body.shape.half_height
            z = plank.shape.half_extents[2] + half
            drops.append(body.position[2] - plank.position[2] - z)
            inertia += inertia_tensor(body)[1, 1] + body.mass * (body.position[0] ** 2 + z * z)
        assert drops[0] == pytest.approx(drops[1]), "both land at once"
        landing = math.sqrt(2 * drops[0] / G)
        truth = named("seesaw_balance").ground_truth(spec)
        assert truth["landing_seconds"] == pytest.approx(landing)
        assert truth["spin_after_landing"] == pytest.approx(moments * G * landing / inertia, abs=1e-8)
        angle = angle_of(trajectory, 1)
        if truth["side"] == 0:
            assert np.abs(angle).max() < 0.005
            assert "stays level" in named("seesaw_balance").caption(spec)
        else:
            first = math.ceil(landing * 16)
            assert trajectory.angular_velocity[first, 1, 1] == pytest.approx(
                truth["spin_after_landing"] + moments * G / inertia * (first / 16 - landing), rel=0.05
            )
            assert np.sign(angle[-1]) == truth["side"]
            assert abs(angle[-1]) > 0.2, "it is seen to tip"
            assert f"tips to the {'right' if angle[-1] > 0 else 'left'}" in named("seesaw_balance").caption(spec)
