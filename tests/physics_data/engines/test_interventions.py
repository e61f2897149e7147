"""Actions against closed forms, on both engines; frames before an action are the same to the bit."""

import numpy as np
import pytest

from physics_data.core.actions import Impulse, Insert, Remove, SetBody, SetGravity
from physics_data.core.errors import EngineError, SceneSpecError
from physics_data.core.scene import Appearance, BallJoint, Body, Box, Camera, Plane, SceneSpec, Sphere, Surface
from physics_data.engines import ENGINES
from physics_data.engines.engine import Engine
from physics_data.simulation import simulate

RED = Appearance(color_name="red", albedo=(0.8, 0.1, 0.1))
TOLERANCE = {"mujoco": 1e-6, "bullet": 1e-3}
FRAME = 8


@pytest.fixture(params=["mujoco", "bullet"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if (reason := ENGINES.missing((request.param,)).get(request.param)) is not None:
        pytest.skip(reason)
    return ENGINES.get(request.param)()


def scene(*bodies: Body, **changes: object) -> SceneSpec:
    values = {
        "scenario": "test",
        "root_seed": 0,
        "index": 0,
        "num_frames": 17,
        "bodies": bodies,
        "camera": Camera(position=(0, -6, 2), target=(0, 0, 1)),
    }
    return SceneSpec(**{**values, **changes})  # pyright: ignore[reportArgumentType]


def ball(name: str = "ball", **changes: object) -> Body:
    values = {"name": name, "shape": Sphere(radius=0.1), "mass": 2.0, "appearance": RED, "position": (0.0, 0.0, 5.0)}
    return Body(**{**values, **changes})  # pyright: ignore[reportArgumentType]


def floor(friction: float = 0.0) -> Body:
    surface = Surface(friction=friction, restitution=0.0)
    return Body(name="floor", shape=Plane(), role="ground", is_static=True, surface=surface, appearance=RED)


def after(spec: SceneSpec) -> np.ndarray:
    return np.maximum(np.array(spec.seconds) - FRAME / spec.frame_rate, 0.0)


def test_an_impulse_changes_the_momentum_by_j_and_the_spin_by_its_arm(engine: Engine) -> None:
    box = ball(shape=Box(half_extents=(0.1, 0.2, 0.3)), linear_velocity=(0.5, 0.0, 2.0))
    plain = scene(box)
    before = engine.simulate(plain)
    point = tuple(before.position[FRAME, 0] + (0.0, 0.2, 0.0))
    pushed = engine.simulate(plain.edited(actions=(Impulse(frame=FRAME, body="ball", impulse=(3, 0, 1), point=point),)))
    tolerance = TOLERANCE[engine.name]
    gain = pushed.linear_velocity[FRAME + 1 :, 0] - before.linear_velocity[FRAME + 1 :, 0]
    assert np.allclose(2.0 * gain, (3.0, 0.0, 1.0), atol=tolerance, rtol=0)
    way = pushed.position[:, 0] - before.position[:, 0]
    assert np.allclose(way, after(plain)[:, None] * (1.5, 0.0, 0.5), atol=tolerance, rtol=0)
    inertia = 2.0 / 3.0 * np.array([0.2**2 + 0.3**2, 0.1**2 + 0.3**2, 0.1**2 + 0.2**2])
    expected = np.cross((0.0, 0.2, 0.0), (3.0, 0.0, 1.0)) / inertia
    first = engine.simulate(scene(box.edited(angular_velocity=tuple(expected)))).angular_velocity[1, 0]
    assert np.allclose(pushed.angular_velocity[FRAME + 1, 0], first, atol=10 * tolerance, rtol=0)


def test_gravity_that_changes_at_a_frame_has_its_closed_form(engine: Engine) -> None:
    spec = scene(ball(), actions=(SetGravity(frame=FRAME, gravity=(1.0, 0.0, 3.0)),))
    found = engine.simulate(spec)
    late = after(spec)
    early = np.array(spec.seconds) - late
    g = -spec.gravity[2]
    height = 5.0 - g * early**2 / 2 - g * early * late + 3.0 * late**2 / 2
    assert np.allclose(found.position[:, 0, 2], height, atol=TOLERANCE[engine.name], rtol=0)
    assert np.allclose(found.position[:, 0, 0], late**2 / 2, atol=TOLERANCE[engine.name], rtol=0)


def test_frames_up_to_an_action_are_the_same_to_the_bit(engine: Engine) -> None:
    plain = scene(
        floor(0.4), ball(position=(0, 0, 0.5), linear_velocity=(1, 0, 0)), ball("other", position=(0.6, 0, 0.1))
    )
    first = engine.simulate(plain)
    for action in (
        Impulse(frame=FRAME, body="ball", impulse=(0, 5, 5)),
        SetGravity(frame=FRAME, gravity=(0, 0, 0)),
        SetBody(frame=FRAME, body="other", mass=0.1, friction=0.0),
        Remove(frame=FRAME, body="other"),
    ):
        found = engine.simulate(plain.edited(actions=(action,)))
        assert np.array_equal(found.position[: FRAME + 1], first.position[: FRAME + 1])
        assert np.array_equal(found.linear_velocity[: FRAME + 1], first.linear_velocity[: FRAME + 1])
        assert not np.array_equal(found.position[FRAME + 1 :], first.position[FRAME + 1 :])
        kept = [contacts.frame_index <= FRAME for contacts in (found.contacts, first.contacts)]
        assert np.array_equal(found.contacts.impulse[kept[0]], first.contacts.impulse[kept[1]])


def test_mass_changes_what_the_next_impact_does(engine: Engine) -> None:
    """Central elastic impact of a ball of 2 kg with one that was made 1 kg: v2' = 2 m1 v / (m1 + m2)."""
    smooth = Surface(friction=0.0, restitution=1.0)
    striker = ball(linear_velocity=(2, 0, 0), surface=smooth)
    target = ball("target", position=(1.5, 0, 5), surface=smooth)
    spec = scene(striker, target, gravity=(0, 0, 0), actions=(SetBody(frame=2, body="target", mass=1.0),))
    found = engine.simulate(spec)
    assert found.linear_velocity[-1, 1, 0] == pytest.approx(2 * 2.0 * 2.0 / 3.0, abs=5e-3)


def test_bodies_come_and_go(engine: Engine) -> None:
    support = ball("support", shape=Box(half_extents=(0.3, 0.3, 0.1)), position=(0, 0, 2), is_static=True)
    spec = scene(
        floor(),
        support,
        ball(position=(0, 0, 2.2)),
        ball("late", position=(1, 0, 4)),
        actions=(Remove(frame=FRAME, body="support"), Insert(frame=FRAME, body="late")),
    )
    found = engine.simulate(spec)
    assert found.present is not None
    assert found.present[: FRAME + 1, 1].all() and not found.present[FRAME + 1 :, 1].any()
    assert not found.present[: FRAME + 1, 3].any() and found.present[FRAME + 1 :, 3].all()
    fall = -spec.gravity[2] * after(spec) ** 2 / 2
    shift = found.position[FRAME, 2, 2]
    assert np.allclose(found.position[FRAME:, 2, 2], shift - fall[FRAME:], atol=6e-3)
    assert np.allclose(found.position[FRAME:, 3, 2], 4 - fall[FRAME:], atol=TOLERANCE[engine.name])


def test_a_pendulum_goes_on_over_an_action_or_is_refused(engine: Engine) -> None:
    bob = ball(position=(0.5, 0, 2))
    plain = scene(bob, ball("far", position=(5, 0, 5)), joints=(BallJoint(body="ball", anchor=(0, 0, 2)),))
    first = engine.simulate(plain)
    changed = plain.edited(actions=(SetBody(frame=FRAME, body="far", mass=3.0),))
    if engine.name == "bullet":
        with pytest.raises(EngineError, match="use the engine 'mujoco'"):
            engine.simulate(changed)
        return
    found = engine.simulate(changed)
    assert np.allclose(found.position[:, 0], first.position[:, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (Impulse(frame=16, body="ball", impulse=(1, 0, 0)), "the last useful frame is 15"),
        (Impulse(frame=1, body="bal", impulse=(1, 0, 0)), "the scene has floor, ball"),
        (Impulse(frame=1, body="floor", impulse=(1, 0, 0)), "moves nothing"),
        (Remove(frame=1, body="floor"), "is a plane"),
    ],
)
def test_actions_that_cannot_be_are_refused(action: Impulse | Remove, message: str) -> None:
    with pytest.raises(SceneSpecError, match=message):
        scene(floor(), ball(), actions=(action,))


def test_scenes_without_actions_are_written_as_before_and_with_them_come_back() -> None:
    assert "actions" not in scene(ball()).model_dump()
    spec = scene(ball(), actions=(Remove(frame=3, body="ball"),))
    assert SceneSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_removed_body_is_seen_in_no_label() -> None:
    spec = scene(ball(position=(0, 0, 1)), gravity=(0, 0, 0), actions=(Remove(frame=FRAME, body="ball"),))
    seen = (simulate(spec).instance_ids == 1).any(axis=(1, 2))
    assert seen[: FRAME + 1].all() and not seen[FRAME + 1 :].any()


def test_a_scripted_body_between_eased_keys_is_refused(engine: Engine) -> None:
    path = ({"seconds": 0.0, "position": (0, 0, 1)}, {"seconds": 1.0, "position": (1, 0, 1)})
    mover = ball("mover", position=(0, 0, 1), path=path)
    spec = scene(mover, ball(), actions=(Remove(frame=FRAME, body="ball"),))
    with pytest.raises(EngineError, match="put a key at that time"):
        engine.simulate(spec)
    straight = tuple({**key, "ease": "linear"} for key in path)
    found = engine.simulate(spec.edited(bodies=(mover.edited(path=straight), ball())))
    assert np.allclose(found.position[:, 0, 0], np.linspace(0, 1, 17), atol=1e-9)
