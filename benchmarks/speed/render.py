"""Speed of the ray caster against MuJoCo's ray casting and PyBullet's TinyRenderer, on the same scene in one run."""

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from physics_data.core.provenance import hardware
from physics_data.core.scene import Appearance, Body, Box, Camera, Cylinder, Plane, SceneSpec, Shape, Sphere
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.renderers.raycast import RaycastRenderer
from physics_data.renderers.reference import MujocoRayRenderer

SIZES = (64, 128, 256)
TARGETS = {128: 1070.0}
"""Frames per second of one thread that a bare prototype reached: hard shadows, no edges smoothed, no amodal masks."""

COMMAND = "python -m benchmarks speed --json"
_FIRST_IMAGE = """
import time
started = time.perf_counter()
from benchmarks.speed.render import bench_scene, bench_motion
from physics_data.renderers.raycast import RaycastRenderer
spec = bench_scene(64, 1)
motion = bench_motion(spec)
imported = time.perf_counter()
RaycastRenderer().render(spec, motion)
print(time.perf_counter() - imported)
"""


def measure_render(repeats: int) -> list[dict[str, object]]:
    """Time rgb + depth + ids + amodal masks with shadows of a plane and six bodies, one thread, and the start-up."""
    rows: list[dict[str, object]] = []
    for size in SIZES:
        spec = bench_scene(size, 17)
        motion = bench_motion(spec)
        tiny = _TinyRenderer(spec, motion)
        contenders: dict[str, Callable[[], object]] = {
            "ours": lambda spec=spec, motion=motion: RaycastRenderer().render(spec, motion),
            "ours, 2 threads": lambda spec=spec, motion=motion: RaycastRenderer(num_threads=2).render(spec, motion),
            "mj_multiRay + NumPy, no shadows": lambda spec=spec, motion=motion: MujocoRayRenderer().render(
                spec, motion
            ),
            "PyBullet TinyRenderer, no amodal masks": tiny.render,
        }
        rates = _interleaved(contenders, spec.num_frames, repeats)
        tiny.close()
        ours, threaded = rates.pop("ours"), rates.pop("ours, 2 threads")
        name = f"plane + 6 bodies at {size}x{size}, all outputs, soft shadows"
        for peer, peer_rates in rates.items():
            rows.append(_row(name, ours, "frames/s on one thread", TARGETS.get(size), peer, peer_rates))
        rows.append(_row(f"{name}, 2 threads", threaded, "frames/s on two threads", None, "one thread", ours))
    with tempfile.TemporaryDirectory() as cache:
        cold = [_first_image_seconds(cache)]
        cached = [_first_image_seconds(cache) for _ in range(min(repeats, 3))]
    rows.append(_row("first image of a fresh checkout (kernels are compiled)", cold, "s", 15.0, None, None))
    rows.append(_row("first image of a later process (kernels are loaded)", cached, "s", 1.0, None, None))
    return rows


def bench_scene(size: int, num_frames: int) -> SceneSpec:
    """Return a patterned floor with two balls, two boxes and two cylinders in view of a fixed camera."""

    def body(name: str, shape: Shape, position: tuple[float, float, float], pattern: str, albedo: str) -> Body:
        colors = {"red": (0.8, 0.05, 0.04), "green": (0.06, 0.45, 0.08), "blue": (0.04, 0.14, 0.72)}
        look = Appearance.model_validate({"color_name": albedo, "albedo": colors[albedo], "pattern": pattern})
        return Body(name=name, shape=shape, position=position, appearance=look)

    floor_look = Appearance(
        color_name="grey",
        albedo=(0.42, 0.40, 0.38),
        second_albedo=(0.62, 0.60, 0.57),
        pattern="checker",
        pattern_scale=1.0,
        specular=0.0,
    )
    return SceneSpec(
        scenario="benchmark",
        root_seed=0,
        index=0,
        num_frames=num_frames,
        width=size,
        height=size,
        bodies=(
            Body(name="floor", shape=Plane(), role="ground", is_static=True, appearance=floor_look),
            body("ball_a", Sphere(radius=0.35), (-0.9, -0.6, 0.9), "checker", "red"),
            body("ball_b", Sphere(radius=0.3), (0.7, -0.9, 0.9), "stripes", "blue"),
            body("box_a", Box(half_extents=(0.3, 0.3, 0.3)), (0.2, 0.4, 0.55), "plain", "green"),
            body("box_b", Box(half_extents=(0.2, 0.25, 0.15)), (0.15, 0.35, 1.2), "checker", "red"),
            body("can_a", Cylinder(radius=0.22, half_height=0.35), (1.2, 0.3, 0.6), "stripes", "green"),
            body("can_b", Cylinder(radius=0.25, half_height=0.25), (-0.5, 0.9, 0.6), "plain", "blue"),
        ),
        camera=Camera(position=(0.4, -4.6, 2.0), target=(0.1, 0.0, 0.45), fov_y=36.0),
    )


def bench_motion(spec: SceneSpec) -> Trajectory:
    """Let every body but the floor turn and sway, in closed form."""
    num_bodies = len(spec.bodies)
    position = np.array([[body.position for body in spec.bodies]] * spec.num_frames)
    orientation = np.tile(np.array([1.0, 0.0, 0.0, 0.0]), (spec.num_frames, num_bodies, 1))
    for frame, seconds in enumerate(spec.seconds):
        for index in range(1, num_bodies):
            half = 0.5 * (seconds + index)
            axis = np.array([math.sin(index), math.cos(index), 0.5]) / math.sqrt(1.25)
            orientation[frame, index] = (math.cos(half), *(math.sin(half) * axis))
            position[frame, index, 0] += 0.2 * math.sin(3 * seconds + index)
    still = np.zeros_like(position)
    return Trajectory(position, orientation, still, still, Contacts.none())


def _interleaved(contenders: dict[str, Callable[[], object]], num_frames: int, repeats: int) -> dict[str, list[float]]:
    """Return frames per second of every contender, all taking turns so that a busy machine is fair to each."""
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for render in contenders.values():
        render()
    for _ in range(repeats):
        for name, render in contenders.items():
            started = time.perf_counter()
            render()
            rates[name].append(num_frames / (time.perf_counter() - started))
    return rates


def _first_image_seconds(cache: str) -> float:
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_IMAGE], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _row(
    name: str, values: list[float], unit: str, target: float | None, peer: str | None, peer_values: list[float] | None
) -> dict[str, object]:
    value = statistics.median(values)
    peer_value = statistics.median(peer_values) if peer_values else None
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "target": target,
        "meets": None if target is None else value <= target if unit == "s" else value >= target,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": value / peer_value if peer_value else None,
        "spread": f"{min(values):.3g} to {max(values):.3g}",
        "hardware": hardware(),
        "command": COMMAND,
    }


class _TinyRenderer:
    """PyBullet's software rasteriser with shadows on: rgb, depth and ids of the same poses."""

    def __init__(self, spec: SceneSpec, motion: Trajectory) -> None:
        from physics_data.engines.bullet_library import load_pybullet

        pybullet = load_pybullet()
        self._bullet = pybullet
        self._client = pybullet.connect(pybullet.DIRECT)
        self._spec, self._motion = spec, motion
        self._bodies = [self._add(body) for body in spec.bodies]
        self._view = pybullet.computeViewMatrix(spec.camera.position, spec.camera.target, (0, 0, 1))
        self._projection = pybullet.computeProjectionMatrixFOV(spec.camera.fov_y, spec.width / spec.height, 0.1, 100)

    def _add(self, body: Body) -> int:
        bullet, shape = self._bullet, body.shape
        color = (*body.appearance.albedo, 1.0)
        if isinstance(shape, Sphere):
            form = {"shapeType": bullet.GEOM_SPHERE, "radius": shape.radius}
        elif isinstance(shape, Box):
            form = {"shapeType": bullet.GEOM_BOX, "halfExtents": shape.half_extents}
        elif isinstance(shape, Cylinder):
            form = {"shapeType": bullet.GEOM_CYLINDER, "radius": shape.radius, "length": 2 * shape.half_height}
        else:
            slab = {"halfExtents": (20, 20, 0.5), "visualFramePosition": (0, 0, -0.5)}
            form = {"shapeType": bullet.GEOM_BOX, **slab}
        visual = bullet.createVisualShape(**form, rgbaColor=color, physicsClientId=self._client)
        return bullet.createMultiBody(baseVisualShapeIndex=visual, physicsClientId=self._client)

    def render(self) -> None:
        bullet, spec = self._bullet, self._spec
        for frame in range(spec.num_frames):
            for index, body in enumerate(self._bodies):
                w, x, y, z = self._motion.orientation[frame, index]
                position = self._motion.position[frame, index]
                bullet.resetBasePositionAndOrientation(body, position, (x, y, z, w), physicsClientId=self._client)
            picture = bullet.getCameraImage(
                spec.width,
                spec.height,
                self._view,
                self._projection,
                lightDirection=spec.lighting.sun_direction,
                shadow=1,
                renderer=bullet.ER_TINY_RENDERER,
                physicsClientId=self._client,
            )
        seen = len(np.unique(picture[4]))
        assert seen > 2, f"the peer draws {seen} bodies, so its speed would mean nothing"

    def close(self) -> None:
        self._bullet.disconnect(self._client)
