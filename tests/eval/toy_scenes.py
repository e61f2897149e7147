"""Closed-form scenes of balls, drawn by a small numpy ray caster that shares no code with the data engine."""

from dataclasses import replace

import numpy as np

from physics_data.core.clip import Clip, ClipMeta, Rendering
from physics_data.core.clip_index import write_index
from physics_data.core.conventions import DATASET_FORMAT
from physics_data.core.dataset import RECORD_NAME, ShardDataset
from physics_data.core.geometry import view_of
from physics_data.core.scene import Appearance, Body, Box, Camera, Plane, SceneSpec, Sphere
from physics_data.core.shards import write_shard
from physics_data.core.trajectory import Contacts, Trajectory

RED, BLUE, GREEN, GREY = (0.75, 0.04, 0.04), (0.05, 0.12, 0.8), (0.05, 0.5, 0.08), (0.3, 0.3, 0.32)
CAMERA = Camera(position=(0.0, -7.0, 1.4), target=(0.0, 0.0, 1.1), fov_y=36.0)
GROUND = Body(
    name="ground",
    shape=Plane(),
    role="ground",
    is_static=True,
    appearance=Appearance(color_name="tan", albedo=(0.5,) * 3),
)
SUN = np.array([0.4, -0.5, 1.0]) / np.linalg.norm([0.4, -0.5, 1.0])
NO_CONTACTS = Contacts.none()


def ball(name: str, color: tuple[float, float, float], position: tuple, velocity: tuple, radius: float = 0.3) -> Body:
    """A dynamic ball."""
    look = Appearance(color_name=name, albedo=color)
    return Body(name=name, shape=Sphere(radius=radius), appearance=look, position=position, linear_velocity=velocity)


def toy_clip(scenario: str, index: int = 0, size: int = 64, num_frames: int = 17) -> Clip:
    """Return one scene with an exact closed-form motion; ``index`` varies it."""
    rng = np.random.default_rng([index, len(scenario)])
    bodies, contacts = _bodies(scenario, rng)
    spec = SceneSpec(
        scenario=scenario,
        root_seed=0,
        index=index,
        num_frames=num_frames,
        width=size,
        height=size,
        bodies=(GROUND, *bodies),
        camera=CAMERA,
    )
    trajectory = closed_form(spec, contacts)
    rendering = ToyRenderer().render(spec, trajectory)
    meta = ClipMeta(
        key=f"{scenario}-toy-{index:06d}",
        source="physics",
        split="test",
        caption=scenario,
        frame_rate=spec.frame_rate,
        num_frames=num_frames,
        height=size,
        width=size,
        spec=spec,
    )
    return Clip(meta, rendering.rgb, rendering, trajectory)


def _bodies(scenario: str, rng: np.random.Generator) -> tuple[tuple[Body, ...], str]:
    side = rng.choice([-1.0, 1.0])
    if scenario == "free_drop":
        return (ball("red", RED, (rng.uniform(-1, 1), 0, rng.uniform(1.9, 2.4)), (0, 0, 0)),), "bounce"
    if scenario == "projectile":
        return (
            ball("blue", BLUE, (-1.7 * side, 0, 0.8), (side * rng.uniform(2.6, 3.2), 0, rng.uniform(3.8, 4.4))),
        ), ""
    if scenario in ("collide", "collide_same"):
        second = RED if scenario == "collide_same" else GREEN
        speed = rng.uniform(2.8, 3.6)
        striker = ball("red", RED, (-1.5 * side, 0, 0.3), (side * speed, 0, 0))
        return (striker, ball("second", second, (0.1 * side, 0, 0.3), (0, 0, 0))), "collide"
    if scenario == "occluder_pass":
        screen = Body(
            name="screen",
            shape=Box(half_extents=(0.5, 0.05, 0.7)),
            role="occluder",
            is_static=True,
            appearance=Appearance(color_name="grey", albedo=GREY),
            position=(0.0, -0.8, 0.7),
        )
        return (ball("green", GREEN, (-1.6 * side, 0, 0.3), (side * rng.uniform(3.0, 3.3), 0, 0)), screen), ""
    raise ValueError(scenario)


def closed_form(spec: SceneSpec, kind: str) -> Trajectory:
    """Return the exact motion; kind "bounce" reflects at the ground, "collide" stops body 1 and sends body 2 on."""
    seconds = np.array(spec.seconds)
    position = np.stack([np.tile(body.position, (len(seconds), 1)) for body in spec.bodies], axis=1).astype(float)
    contacts = []
    for index, body in enumerate(spec.bodies):
        if body.is_static or not isinstance(body.shape, Sphere):
            continue
        x0, v0, radius = np.array(body.position), np.array(body.linear_velocity), body.shape.radius
        path = x0 + seconds[:, None] * v0
        if x0[2] > radius + 1e-6:
            path[:, 2] -= 0.5 * 9.81 * seconds**2
            if kind == "bounce":
                hit = np.sqrt(2 * (x0[2] - radius) / 9.81)
                rebound = 0.5 * 9.81 * hit
                after = seconds - hit
                path[:, 2] = np.where(after > 0, radius + rebound * after - 0.5 * 9.81 * after**2, path[:, 2])
                contacts.append((int(np.ceil(hit * spec.frame_rate)), 0, index))
        position[:, index] = path
    if kind == "collide":
        first, second = spec.bodies[1], spec.bodies[2]
        gap = abs(second.position[0] - first.position[0]) - 0.6
        hit = gap / abs(first.linear_velocity[0])
        direction = np.sign(first.linear_velocity[0])
        stop = first.position[0] + direction * gap
        position[:, 1, 0] = np.where(seconds < hit, position[:, 1, 0], stop)
        position[:, 2, 0] += np.maximum(0, seconds - hit) * first.linear_velocity[0]
        contacts.append((int(np.ceil(hit * spec.frame_rate)), 1, 2))
    rows = np.array([row for row in contacts if row[0] < spec.num_frames], dtype=int).reshape(-1, 3)
    n = len(rows)
    table = replace(
        NO_CONTACTS,
        frame_index=rows[:, 0],
        body_a=rows[:, 1],
        body_b=rows[:, 2],
        point=np.zeros((n, 3)),
        normal=np.tile((0.0, 0.0, 1.0), (n, 1)),
        impulse=np.ones(n),
        seconds=(rows[:, 0] - 0.5) / spec.frame_rate,
        slip=np.zeros(n),
        depth=np.zeros(n),
    )
    orientation = np.zeros((*position.shape[:2], 4))
    orientation[..., 0] = 1
    return Trajectory(
        position, orientation, np.gradient(position, axis=0) * spec.frame_rate, np.zeros_like(position), table
    )


class ToyRenderer:
    """Lambert balls and boxes on a checker floor, with hard shadows of the balls."""

    name = "toy"

    def render(self, spec: SceneSpec, trajectory: Trajectory) -> Rendering:
        """Draw every frame."""
        frames = [self._frame(spec, trajectory.position[k]) for k in range(trajectory.num_frames)]
        return Rendering(*(np.stack([frame[i] for frame in frames]) for i in range(4)))

    def _frame(self, spec: SceneSpec, position: np.ndarray) -> tuple[np.ndarray, ...]:
        view = view_of(spec.camera, spec.width, spec.height)
        y, x = np.mgrid[: spec.height, : spec.width]
        color, ids, depth, amodal = self._cast(spec, position, view, np.stack([x + 0.5, y + 0.5], -1))
        if spec.height <= 64:  # small pictures get smooth edges
            corners = [np.stack([x + dx, y + dy], -1) for dx in (0.25, 0.75) for dy in (0.25, 0.75)]
            color = np.mean([self._cast(spec, position, view, corner)[0] for corner in corners], axis=0)
        rgb = np.clip(255 * np.clip(color, 0, 1) ** (1 / 2.2), 0, 255).astype(np.uint8)
        return rgb, ids, depth, amodal

    def _cast(self, spec, position, view, pixels):
        rays, origin = view.ray_directions(pixels), view.origin
        with np.errstate(divide="ignore", invalid="ignore"):
            floor = np.where(rays[..., 2] < 0, -origin[2] / rays[..., 2], np.inf)
        point = origin + rays * np.where(np.isfinite(floor), floor, 0)[..., None]
        tile = np.where((np.floor(point[..., 0]) + np.floor(point[..., 1])) % 2 == 0, 0.42, 0.33)
        shadow = np.zeros(floor.shape, bool)
        for body, center in zip(spec.bodies, position, strict=True):
            if isinstance(body.shape, Sphere):
                shadow |= np.isfinite(_sphere(point, SUN, center, body.shape.radius))
        ground = tile[..., None] * (0.35 + 0.75 * (SUN[2] * ~shadow))[..., None] * np.array([1.0, 0.95, 0.85])
        color = np.where(np.isfinite(floor)[..., None], ground, np.array([0.55, 0.7, 0.9]))
        nearest, ids, amodal = floor.copy(), np.zeros(floor.shape, np.uint8), []
        for number, body in enumerate(spec.instances, start=1):
            center = position[spec.body_index(body.name)]
            if isinstance(body.shape, Sphere):
                hit = _sphere(np.broadcast_to(origin, rays.shape), rays, center, body.shape.radius)
                normal = (origin + rays * np.where(np.isfinite(hit), hit, 0)[..., None] - center) / body.shape.radius
            else:
                hit = _box(origin, rays, center, np.array(body.shape.half_extents))
                normal = np.broadcast_to([0.0, -1.0, 0.0], rays.shape)
            amodal.append(np.isfinite(hit))
            closer = hit < nearest
            shade = 0.35 + 0.75 * np.clip(normal @ SUN, 0, 1)
            color = np.where(closer[..., None], np.array(body.appearance.albedo) * shade[..., None], color)
            nearest, ids = np.where(closer, hit, nearest), np.where(closer, np.uint8(number), ids)
        return color, ids, nearest, np.array(amodal, bool).reshape(-1, *ids.shape)


def _sphere(origin, rays, center, radius):
    offset = origin - center
    rays = np.broadcast_to(rays, offset.shape)
    a, b, c = (np.einsum("...k,...k->...", *pair) for pair in ((rays, rays), (offset, rays), (offset, offset)))
    c = c - radius**2
    root = b * b - a * c
    with np.errstate(invalid="ignore"):
        near = (-b - np.sqrt(root)) / a
    return np.where((root > 0) & (near > 1e-6), near, np.inf)


def _box(origin, rays, center, half):
    with np.errstate(divide="ignore"):
        low, high = (center - half - origin) / rays, (center + half - origin) / rays
    enter, leave = np.minimum(low, high).max(-1), np.maximum(low, high).min(-1)
    return np.where((enter < leave) & (enter > 0), enter, np.inf)


def write_toy_dataset(folder, clips: list[Clip]):
    """Write clips as a dataset folder and return it opened."""
    (folder / "shards").mkdir(parents=True)
    (folder / RECORD_NAME).write_text(f"format: {DATASET_FORMAT}\n")
    write_index(folder, write_shard(folder / "shards" / "test-000000.tar", clips))
    return ShardDataset(folder)
