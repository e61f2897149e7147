"""Rendering cost of each appearance, as a ratio to the same scene in plain appearance."""

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.appearance.stage import SUN, body, floor, painted_pictures, stage, standing
from benchmarks.rows import Row, median_row
from benchmarks.speed.timing import Job, interleaved
from physics_data.core.scene import (
    Appearance,
    Body,
    Box,
    Cylinder,
    ImageTexture,
    Lamp,
    Lighting,
    SceneSpec,
    Sensor,
    Sphere,
    Vector3,
)
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.raycast import RaycastRenderer
from physics_data.renderers.sensor import count_samples

SIZE = 128
NUM_FRAMES = 4
COMMAND = "python -m benchmarks speed appearance"


def measure_costs(repeats: int) -> list[Row]:
    """Time frames of a floor and six moving bodies on one thread, once per look; rows as in ``benchmarks.speed``."""
    with tempfile.TemporaryDirectory() as folder:
        scenes = _scenes(painted_pictures(Path(folder)))
        renderer = RaycastRenderer()
        drawn = {name: (spec, _drifting(spec)) for name, spec in scenes.items()}
        jobs: dict[str, Job] = {name: partial(renderer.render, *both) for name, both in drawn.items()}
        seconds = interleaved(jobs, repeats, time.thread_time)
    times = {name: [1e3 * value / NUM_FRAMES for value in values] for name, values in seconds.items()}
    rows: list[Row] = []
    for name, values in times.items():
        samples = count_samples(*drawn[name])
        full_name = name if samples == 1 else f"{name} ({samples} pictures)"
        rows.append(median_row(full_name, values, "ms a frame", None, "plain", times["plain"], COMMAND))
    return rows


def _scenes(painted: dict[str, ImageTexture]) -> dict[str, SceneSpec]:
    gentle: dict[str, object] = {"albedo": (0.6, 0.3, 0.1), "second_albedo": (0.3, 0.1, 0.05), "pattern_scale": 0.2}
    everywhere: dict[str, dict[str, object]] = {
        f"{pattern} on everything": {"pattern": pattern} for pattern in ("checker", "dots", "wood", "marble", "noise")
    }
    everywhere["a picture on everything"] = {"pattern": "image", "image": painted["mosaic"]}
    bodies: dict[str, dict[str, object]] = {
        "roughness of its own": {"roughness": 0.6},
        "six mirrors": {"metallic": 1.0, "roughness": 0.0},
        "six of glass": {"transparency": 0.8},
    }
    lamp = Lamp(position=(-0.5, -1.2, 1.8), intensity=1.0)
    lights: dict[str, dict[str, object]] = {
        "one lamp": {"lamps": (lamp,)},
        "three lamps": {"lamps": (lamp,) * 3},
        "environment picture": {"environment": painted["panorama"]},
        "backdrop picture": {"backdrop": painted["hills"]},
    }
    sensors = {
        "grain": Sensor(grain=3.0),
        "motion blur": Sensor(shutter=0.5),
        "depth of field": Sensor(aperture=0.06),
    }
    scenes = {"plain": _scene({}, {})}
    scenes |= {name: _scene(gentle | look, gentle | look) for name, look in everywhere.items()}
    scenes |= {name: _scene(look, {}) for name, look in bodies.items()}
    scenes["a mirror as floor"] = _scene({}, {"metallic": 0.4, "roughness": 0.0})
    scenes |= {
        name: _scene({}, {}, Lighting.model_validate(SUN.model_dump() | light)) for name, light in lights.items()
    }
    return scenes | {name: _scene({}, {}, sensor=sensor) for name, sensor in sensors.items()}


def _scene(
    of_bodies: dict[str, object], of_floor: dict[str, object], lighting: Lighting = SUN, sensor: Sensor | None = None
) -> SceneSpec:
    red = Appearance.model_validate({"color_name": "red", "albedo": (0.75, 0.05, 0.04)} | of_bodies)
    grey = Appearance.model_validate({"color_name": "grey", "albedo": (0.4, 0.4, 0.4), "specular": 0.0} | of_floor)
    shapes = (Sphere(radius=0.35), Box(half_extents=(0.28, 0.28, 0.28)), Cylinder(radius=0.25, half_height=0.35))
    bodies: tuple[Body, ...] = tuple(
        body(f"body{index}", shapes[index % 3], _place(index), red, turn=0.4 * index) for index in range(6)
    )
    spec = stage((floor(grey), *bodies), (SIZE, SIZE), lighting, sensor)
    return spec.model_copy(update={"num_frames": NUM_FRAMES})


def _place(index: int) -> Vector3:
    return (-0.85 + 0.85 * (index % 3), -0.6 + 1.1 * (index // 3), 0.36)


def _drifting(spec: SceneSpec) -> Trajectory:
    rest = standing(spec, {f"body{index}": (1.5, 0.0, 0.0) for index in range(6)})
    position = rest.position + np.array(spec.seconds)[:, None, None] * rest.linear_velocity
    return Trajectory(position, rest.orientation, rest.linear_velocity, rest.angular_velocity, rest.contacts)
