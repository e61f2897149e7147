"""Speed of the ray caster against PyBullet's, MuJoCo's and mujoco_warp's renderers, on the same scene in one run."""

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numba
import numpy as np

from benchmarks.appearance.peers import tiny_shape
from benchmarks.rows import Row, median_row
from benchmarks.speed.timing import Job, interleaved, rates
from benchmarks.speed.warp_peer import NAME as WARP
from benchmarks.speed.warp_peer import WarpRenderer, why_missing
from physics_data.core.scene import (
    Appearance,
    Body,
    Box,
    Camera,
    CameraKey,
    Cylinder,
    Lighting,
    Mesh,
    Plane,
    SceneSpec,
    Shape,
    Sphere,
)
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.renderers.raycast import RaycastRenderer
from physics_data.renderers.reference import MujocoRayRenderer

SIZES = (64, 128, 256)
NUM_FRAMES = 17
TARGETS = {128: 2500.0}
"""Side of the images → frames per second of one thread that are asked for."""

PEER_TARGETS = {(128, "PyBullet"): 20.0, (128, "mujoco_warp"): 10.0}
"""Side and peer → how many times as fast as the peer in the same run, asked for beside ``TARGETS``."""

SHARES = {
    "a camera that travels": 0.8,
    "wood on every surface": 0.5,
    "six mirrors": 0.3,
    "a mesh of 10,000 triangles for a ball": 0.4,
}
"""Scene → share of the plain scene's rate in the same run that is asked for."""

THREADS_TARGET = 1.8
"""How many times as fast two threads are to be as one."""

ALL_STREAMS = ("optical_flow", "backward_flow", "normal_map", "object_coordinates")
COMMAND = "python -m benchmarks speed render --json"
_FIRST_IMAGE = """
import time
from benchmarks.speed.render import bench_scene, bench_motion
from physics_data.renderers.raycast import RaycastRenderer
spec = bench_scene(64, 1)
motion = bench_motion(spec)
imported = time.process_time()
RaycastRenderer().render(spec, motion)
print(time.process_time() - imported)
"""


def measure_render(repeats: int) -> list[Row]:
    """Time rgb + ids + depth + flow + amodal masks of a plane and six bodies: peers, threads, extras, start-up.

    One thread and the first image are timed by the processor time that they take, several threads by the clock.
    """
    reason = why_missing()
    if reason is not None:
        sys.stderr.write(f"{reason}\n")
    rows = [row for size in SIZES for row in _against_peers(size, repeats, has_warp=reason is None)]
    rows += _threads(repeats)
    rows += _extras(repeats)
    with tempfile.TemporaryDirectory() as cache:
        cold = [_first_image_seconds(cache)]
        cached = [_first_image_seconds(cache) for _ in range(min(repeats, 3))]
    first, later = (
        "first image of a fresh checkout (compiles kernels), processor time",
        "first image of a later process (loads kernels), processor time",
    )
    rows.append(median_row(first, cold, "s", 8.0, None, None, COMMAND))
    rows.append(median_row(later, cached, "s", 0.3, None, None, COMMAND))
    return rows


def _against_peers(size: int, repeats: int, *, has_warp: bool) -> list[Row]:
    spec = bench_scene(size, NUM_FRAMES)
    motion = bench_motion(spec)
    tiny = _TinyRenderer(spec, motion)
    jobs: dict[str, Job] = {
        "ours": partial(RaycastRenderer().render, spec, motion),
        "PyBullet TinyRenderer with shadows; no flow, no amodal masks": tiny.render,
        "mj_multiRay + NumPy; no shadows, no flow": partial(MujocoRayRenderer().render, spec, motion, ()),
    }
    if has_warp:
        jobs[WARP] = WarpRenderer(spec, motion).render
    found = rates(interleaved(jobs, repeats, time.thread_time), NUM_FRAMES)
    tiny.close()
    ours = found.pop("ours")
    name = f"plane + 6 bodies at {size}x{size}: rgb, ids, depth, flow, amodal masks; hard shadows, smooth edges"
    unit = "frames/s of one thread"
    rows = []
    for peer, values in found.items():
        wanted = [times for (side, who), times in PEER_TARGETS.items() if side == size and who in peer]
        target = max([TARGETS.get(size, 0.0), *(times * statistics.median(values) for times in wanted)])
        rows.append(median_row(name, ours, unit, target or None, peer, values, COMMAND))
    return rows


def _threads(repeats: int) -> list[Row]:
    """Return what more threads give, and next to it what they give to arithmetic that touches no memory."""
    spec = bench_scene(128, 4 * NUM_FRAMES)
    motion = bench_motion(spec)
    counts = [n for n in (1, 2, 4, 8, 16) if n <= (os.cpu_count() or 1)]
    jobs: dict[str, Job] = {}
    for n in counts:
        jobs[f"draw {n}"] = partial(RaycastRenderer(num_threads=n).render, spec, motion)
        jobs[f"sum {n}"] = partial(_sum_on_threads, n)
    seconds = interleaved(jobs, repeats)
    drawn = {n: rates(seconds, spec.num_frames)[f"draw {n}"] for n in counts}
    summed = {n: rates(seconds, n)[f"sum {n}"] for n in counts}
    rows = []
    for n in counts[1:]:
        name = f"the same at 128x128 on {n} threads"
        target = THREADS_TARGET * statistics.median(drawn[1]) if n == 2 else None
        rows.append(median_row(name, drawn[n], "frames/s", target, "one thread", drawn[1], COMMAND))
        name = f"what {n} threads can give here: products and sums in registers"
        rows.append(median_row(name, summed[n], "loops/s", None, "one thread", summed[1], COMMAND))
    return rows


def _sum_on_threads(num_threads: int) -> None:
    """Run one loop of arithmetic on each thread."""
    with ThreadPoolExecutor(num_threads) as pool:
        assert all(
            math.isfinite(value)
            for value in pool.map(_products_and_sums, [4_000_000] * num_threads, [0.5] * num_threads)
        )


@numba.njit(nogil=True)
def _products_and_sums(count: int, start: float) -> float:
    """Take ``count`` steps of eight independent chains, as many as keep both arithmetic units of a core busy."""
    a = b = c = d = e = f = g = h = start  # not a constant, or the compiler does it all beforehand
    for _ in range(count):
        a = a * 0.999 + 0.001
        b = b * 0.998 + 0.002
        c = c * 0.997 + 0.003
        d = d * 0.996 + 0.004
        e = e * 0.995 + 0.005
        f = f * 0.994 + 0.006
        g = g * 0.993 + 0.007
        h = h * 0.992 + 0.008
    return a + b + c + d + e + f + g + h


def _extras(repeats: int) -> list[Row]:
    """Return what each extra costs at 128 x 128, as a ratio of rates to the plain scene's."""
    plain = bench_scene(128, NUM_FRAMES)
    soft = plain.lighting.model_copy(update={"sun_angle": 1.7})
    moving = (
        CameraKey(seconds=0.0, position=plain.camera.position, target=plain.camera.target),
        CameraKey(seconds=1.0, position=(1.4, -4.4, 2.0), target=plain.camera.target),
    )
    scenes = {
        "plain": plain,
        "soft shadows": plain.model_copy(update={"lighting": soft}),
        "a camera that travels": plain.model_copy(update={"camera": plain.camera.model_copy(update={"path": moving})}),
        "wood on every surface": _with_look(plain, {"pattern": "wood"}, is_everywhere=True),
        "six mirrors": _with_look(plain, {"metallic": 1.0, "roughness": 0.0}),
        "a mesh of 10,000 triangles for a ball": _with_mesh(plain),
    }
    jobs: dict[str, Job] = {
        name: partial(RaycastRenderer().render, spec, bench_motion(spec)) for name, spec in scenes.items()
    }
    motion = bench_motion(plain)
    jobs["no smooth edges"] = partial(RaycastRenderer(is_antialiased=False).render, plain, motion)
    jobs["no flow"] = partial(RaycastRenderer().render, plain, motion, ())
    jobs["every stream"] = partial(RaycastRenderer().render, plain, motion, ALL_STREAMS)
    found = rates(interleaved(jobs, repeats, time.thread_time), NUM_FRAMES)
    base = found.pop("plain")
    unit = "frames/s of one thread"
    targets = {name: share * statistics.median(base) for name, share in SHARES.items()}
    peer = "plain, hard shadows"
    return [
        median_row(f"128x128, {name}", values, unit, targets.get(name), peer, base, COMMAND)
        for name, values in found.items()
    ]


def _with_look(spec: SceneSpec, look: dict[str, object], is_everywhere: bool = False) -> SceneSpec:
    bodies = tuple(
        body.model_copy(update={"appearance": body.appearance.model_copy(update=look)})
        if is_everywhere or body.is_instance
        else body
        for body in spec.bodies
    )
    return spec.model_copy(update={"bodies": bodies})


def _with_mesh(spec: SceneSpec) -> SceneSpec:
    ball = spec.bodies[1].model_copy(update={"shape": _bumpy_ball(0.35, 71)})
    return spec.model_copy(update={"bodies": (spec.bodies[0], ball, *spec.bodies[2:])})


def _bumpy_ball(radius: float, count: int) -> Mesh:
    """Return a closed mesh of 2 count (count - 1) triangles."""
    vertices = [(0.0, 0.0, radius), (0.0, 0.0, -radius)]
    for ring in range(1, count):
        polar = math.pi * ring / count
        for place in range(count):
            turn = 2 * math.pi * place / count
            size = radius * (1 - 0.05 * math.cos(6 * polar) * math.sin(6 * turn))
            x, y = math.sin(polar) * math.cos(turn), math.sin(polar) * math.sin(turn)
            vertices.append((size * x, size * y, size * math.cos(polar)))
    triangles = []
    for place in range(count):
        after = (place + 1) % count
        triangles.append((0, 2 + place, 2 + after))
        last = 2 + (count - 2) * count
        triangles.append((1, last + after, last + place))
        for ring in range(count - 2):
            here, below = 2 + ring * count, 2 + (ring + 1) * count
            triangles.append((here + place, below + place, below + after))
            triangles.append((here + place, below + after, here + after))
    return Mesh(vertices=tuple(vertices), triangles=tuple(triangles))


def bench_scene(size: int, num_frames: int) -> SceneSpec:
    """Return a patterned floor, two balls, two boxes and two cylinders with hard shadows before a fixed camera."""

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
        lighting=Lighting(sun_angle=0.0),
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


def _first_image_seconds(cache: str) -> float:
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_IMAGE], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


class _TinyRenderer:
    """PyBullet's software rasteriser with shadows on: rgb, depth and ids of the same poses."""

    def __init__(self, spec: SceneSpec, motion: Trajectory) -> None:
        from physics_data.engines.bullet_bodies import load_pybullet

        pybullet = load_pybullet()
        self._bullet = pybullet
        self._client = pybullet.connect(pybullet.DIRECT)
        self._spec, self._motion = spec, motion
        self._bodies = [self._add(body) for body in spec.bodies]
        self._view = pybullet.computeViewMatrix(spec.camera.position, spec.camera.target, (0, 0, 1))
        self._projection = pybullet.computeProjectionMatrixFOV(spec.camera.fov_y, spec.width / spec.height, 0.1, 100)

    def _add(self, body: Body) -> int:
        bullet = self._bullet
        look = {"rgbaColor": (*body.appearance.albedo, 1.0), "physicsClientId": self._client}
        visual = bullet.createVisualShape(**tiny_shape(bullet, body.shape), **look)
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
