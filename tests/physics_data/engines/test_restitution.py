"""Asked against measured restitution. ``python -m tests.physics_data.engines.test_restitution`` prints the table."""

import numpy as np
import pytest

from physics_data.core.scene import Box, Capsule, Cylinder
from physics_data.engines import ENGINES
from tests.physics_data.engines.lab import BODY, RADIUS, G, about, body, drop_restitution, head_on, on_floor

ASKED = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
HEIGHTS = np.linspace(1.2, 2.7, 12)
UPRIGHT, LYING = (1.0, 0.0, 0.0, 0.0), about((1.0, 0.0, 0.0), np.pi / 2)
SPEEDS = np.linspace(1.0, 3.5, 6)


def measure_drops(name: str, restitution: float) -> list[float]:
    engine = ENGINES.get(name)()
    return [drop_restitution(engine, restitution, float(height)) for height in HEIGHTS]


def measure_pairs(name: str, restitution: float) -> list[float]:
    engine = ENGINES.get(name)()
    after = [(head_on(engine, restitution, (float(v), 0.0), (1.0, 1.7)), v) for v in SPEEDS]
    return [float((velocities[1] - velocities[0]) / v) for velocities, v in after]


@pytest.mark.parametrize("name", list(ENGINES))
@pytest.mark.parametrize("restitution", [1.0, 0.8, 0.5, 0.3])
def test_measured_restitution_is_the_one_asked_for(name, restitution):
    # A drop is found one step late: between u dt below the floor and it, gravity takes up to g dt / u of e.
    np.testing.assert_allclose(measure_drops(name, restitution), restitution, atol=0.005)
    np.testing.assert_allclose(measure_pairs(name, restitution), restitution, atol=0.005)


FLAT = {
    "box": (Box(half_extents=(0.2, 0.15, 0.1)), UPRIGHT),
    "capsule": (Capsule(radius=0.1, half_height=0.2), LYING),
    "cylinder": (Cylinder(radius=0.1, half_height=0.2), LYING),
    "disc": (Cylinder(radius=0.2, half_height=0.1), UPRIGHT),
}


@pytest.mark.parametrize("name", list(ENGINES))
@pytest.mark.parametrize("kind", list(FLAT))
def test_a_flat_fall_bounces_like_a_ball_and_flat(name, kind):
    """Several points hit at once. Bullet finds the rim of a disc point by point and takes a few per cent off."""
    shape, turn = FLAT[kind]
    is_rim = (name, kind) == ("bullet", "disc")
    for asked in (1.0, 0.4):
        solid = body(shape=shape, restitution=asked, position=(0.0, 0.0, 1.6), orientation=turn)
        trajectory = ENGINES.get(name)().simulate(on_floor(solid, num_frames=13))
        after = int(trajectory.contacts.frame_index[0])
        height, speed = trajectory.position[after, BODY, 2] - 0.1, trajectory.linear_velocity[after, BODY, 2]
        assert np.sqrt((speed**2 + 2 * G * height) / (3 * G)) == pytest.approx(asked, abs=0.03 if is_rim else 0.005)
        if not is_rim:
            assert np.abs(trajectory.angular_velocity[after, BODY]).max() < 0.01


@pytest.mark.parametrize("name", list(ENGINES))
def test_a_perfect_ball_neither_gains_nor_loses_height_over_many_bounces(name):
    spec = on_floor(body(position=(0.0, 0.0, 1.0 + RADIUS)), num_frames=97)  # 6 s: seven bounces
    trajectory = ENGINES.get(name)().simulate(spec)
    energy = 0.5 * trajectory.linear_velocity[:, BODY, 2] ** 2 + G * (trajectory.position[:, BODY, 2] - RADIUS)
    flying = trajectory.airborne()[:, BODY]
    np.testing.assert_allclose(energy[flying], G, rtol=0.02)


if __name__ == "__main__":
    print("| e asked | " + " | ".join(f"{name} drop | {name} pair" for name in ENGINES) + " |")
    for e in ASKED:
        cells = [e.__format__(".1f")]
        for engine_name in ENGINES:
            for values in (measure_drops(engine_name, e), measure_pairs(engine_name, e)):
                cells.append(f"{np.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})")
        print("| " + " | ".join(cells) + " |")
