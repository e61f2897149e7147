"""Asked against measured restitution. ``python -m tests.physics_data.engines.test_restitution`` prints the table."""

import numpy as np
import pytest

from physics_data.engines import ENGINES
from tests.physics_data.engines.lab import drop_restitution, head_on

ASKED = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
HEIGHTS = np.linspace(1.2, 2.7, 12)
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


@pytest.mark.parametrize("name", list(ENGINES))
def test_a_perfect_ball_neither_gains_nor_loses_height_over_many_bounces(name):
    from tests.physics_data.engines.lab import BODY, RADIUS, G, body, on_floor

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
