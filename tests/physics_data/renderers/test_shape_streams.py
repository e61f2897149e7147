# pyright: reportOptionalSubscript=false, reportOptionalOperand=false, reportOptionalMemberAccess=false
# The streams that a test asks for are there.
"""Every shape and every stream against MuJoCo's rays, with bodies, parts and the camera moving."""

import dataclasses
import math

import numpy as np
import pytest
from random_scenes import FLOOR, at_rest, make_scene, solid, tumbling, without_contacts
from scipy.spatial import ConvexHull
from test_agreement import inner_pixels

from physics_data.core.errors import ClipRejectedError
from physics_data.core.geometry import rotation_matrix, views_of
from physics_data.core.scene import (
    Box,
    Camera,
    CameraKey,
    Capsule,
    Compound,
    Cylinder,
    Ellipsoid,
    Mesh,
    Part,
    SceneSpec,
    Shake,
    Shape,
    Sphere,
)
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.raycast import RaycastRenderer
from physics_data.renderers.reference import MujocoRayRenderer

STREAMS = ("optical_flow", "backward_flow", "normal_map", "object_coordinates")
TURN = (math.cos(0.4), 0.0, math.sin(0.4), 0.0)


def polyhedron(num_points: int, size: float) -> Mesh:
    """A closed mesh: the hull of points on a ball, corners counter-clockwise seen from outside."""
    points = np.random.default_rng(3).normal(size=(num_points, 3))
    points *= size / np.linalg.norm(points, axis=1, keepdims=True)
    hull = ConvexHull(points)
    triangles = []
    for triangle, outward in zip(hull.simplices, hull.equations[:, :3], strict=True):
        a, b, c = points[triangle]
        triangles.append(tuple(triangle if np.cross(b - a, c - a) @ outward > 0 else triangle[::-1]))
    return Mesh(
        vertices=tuple((x, y, z) for x, y, z in points.tolist()),
        triangles=tuple((int(a), int(b), int(c)) for a, b, c in triangles),
    )


def bent_mesh() -> Mesh:
    """An L-shaped prism: not convex, so it can hide parts of itself."""
    outline = [(-0.4, -0.4), (0.4, -0.4), (0.4, -0.1), (-0.1, -0.1), (-0.1, 0.4), (-0.4, 0.4)]
    caps = [(0, 1, 2), (0, 2, 3), (0, 3, 5), (3, 4, 5)]
    vertices = [(x, y, z) for z in (-0.25, 0.25) for x, y in outline]
    triangles = [(a, c, b) for a, b, c in caps] + [(a + 6, b + 6, c + 6) for a, b, c in caps]
    for side in range(6):
        after = (side + 1) % 6
        triangles += [(side, after, after + 6), (side, after + 6, side + 6)]
    return Mesh(vertices=tuple(vertices), triangles=tuple(triangles))


SHAPES: dict[str, Shape] = {
    "sphere": Sphere(radius=0.45),
    "box": Box(half_extents=(0.45, 0.3, 0.25)),
    "cylinder": Cylinder(radius=0.3, half_height=0.4),
    "capsule": Capsule(radius=0.22, half_height=0.35),
    "ellipsoid": Ellipsoid(half_axes=(0.5, 0.2, 0.32)),
    "polyhedron": polyhedron(60, 0.45),
    "bent mesh": bent_mesh(),
    "compound": Compound(
        parts=(
            Part(shape=Box(half_extents=(0.5, 0.3, 0.06)), position=(0.0, 0.0, 0.2)),
            Part(shape=Cylinder(radius=0.08, half_height=0.3), position=(0.3, 0.0, -0.1), orientation=TURN),
            Part(shape=Capsule(radius=0.07, half_height=0.2), position=(-0.3, 0.1, -0.1)),
        )
    ),
}


def moving_scene(shape: Shape, seed: int) -> tuple[SceneSpec, Trajectory]:
    """Two bodies of a shape and a ball, tumbling over a floor, filmed by a camera that travels and shakes."""
    rng = np.random.default_rng(seed)
    path = (
        CameraKey(seconds=0.0, position=(0.6, -3.4, 1.5), target=(0.0, 0.0, 0.5)),
        CameraKey(seconds=0.25, position=(1.1, -3.1, 1.9), target=(0.1, 0.0, 0.6)),
    )
    camera = Camera(position=path[0].position, target=path[0].target, path=path, shake=Shake(amplitude=0.6, seed=seed))
    bodies = (
        FLOOR,
        solid("first", shape, (-0.4, 0.0, 0.7)),
        solid("second", shape, (0.5, 0.6, 0.8)),
        solid("ball", Sphere(radius=0.25), (0.2, -0.6, 0.5)),
    )
    spec = make_scene(*bodies, camera=camera, width=72, height=60, frames=4)
    return spec, slowly(tumbling(spec, rng))


def slowly(trajectory: Trajectory) -> Trajectory:
    """Let bodies turn by half a radian a frame about the axes that they tumble around."""
    orientation = trajectory.orientation.copy()
    for body in range(orientation.shape[1]):
        axis = orientation[0, body, 1:].copy()
        length = np.linalg.norm(axis)
        if length == 0:
            continue
        for frame in range(len(orientation)):
            half = 0.4 + 0.25 * frame
            orientation[frame, body] = (math.cos(half), *(math.sin(half) * axis / length))
    return without_contacts(trajectory.position, orientation)


@pytest.mark.parametrize("name", SHAPES)
def test_every_stream_of_every_shape_agrees_with_the_reference(name: str) -> None:
    spec, trajectory = moving_scene(SHAPES[name], seed=len(name))
    ours = RaycastRenderer().render(spec, trajectory, STREAMS)
    theirs = MujocoRayRenderer().render(spec, trajectory, STREAMS)
    inner = inner_pixels(ours.instance_ids) & inner_pixels(theirs.instance_ids)
    assert inner.mean() > 0.5
    np.testing.assert_array_equal(ours.instance_ids[inner], theirs.instance_ids[inner])
    hit = inner & np.isfinite(theirs.depth_map)
    np.testing.assert_allclose(ours.depth_map[hit], theirs.depth_map[hit], rtol=1e-4)
    # Within a pixel of an edge between two faces either normal is right.
    same_face = np.abs(ours.normal_map - theirs.normal_map).max(axis=-1) < 2e-3
    assert same_face[hit].mean() > 0.995
    np.testing.assert_array_equal(ours.normal_map[~np.isfinite(ours.depth_map)], 0.0)
    np.testing.assert_allclose(ours.object_coordinates[hit], theirs.object_coordinates[hit], atol=5e-4)
    assert np.isnan(ours.object_coordinates[~np.isfinite(ours.depth_map)]).all()
    for index in range(3):
        expected = theirs.amodal_masks[:, index]
        assert (ours.amodal_masks[:, index] == expected).mean() > 0.999
        inside = inner_pixels(expected)
        np.testing.assert_array_equal(ours.amodal_masks[:, index][inside], expected[inside])
    for stream, frames in (("optical_flow", slice(None, -1)), ("backward_flow", slice(1, None))):
        kept = inner[frames]
        np.testing.assert_allclose(getattr(ours, stream)[kept], getattr(theirs, stream)[kept], atol=0.02)
        seen, expected = getattr(ours, f"{stream}_seen"), getattr(theirs, f"{stream}_seen")
        assert (seen == expected)[kept].mean() > 0.995
        assert 0.02 < (~expected).mean() < 0.6, "nothing or too much gets hidden, so the masks test little"


def test_flow_is_what_depth_and_poses_say() -> None:
    """Reproject the depth map by NumPy alone."""
    spec, trajectory = moving_scene(SHAPES["box"], seed=5)
    rendering = RaycastRenderer().render(spec, trajectory)
    assert rendering.optical_flow is not None and rendering.backward_flow is None
    columns, rows = np.meshgrid(np.arange(spec.width) + 0.5, np.arange(spec.height) + 0.5)
    pixel = np.stack([columns, rows], axis=-1)
    views, turns = views_of(spec), rotation_matrix(trajectory.orientation)
    solids = [index for index, body in enumerate(spec.bodies) if body.is_instance]
    for frame in range(spec.num_frames - 1):
        here, there = views[frame], views[frame + 1]
        depth = rendering.depth_map[frame].astype(np.float64)
        hit = np.isfinite(depth)
        points = here.origin + here.ray_directions(pixel) * np.where(hit, depth, 1.0)[..., None]
        ids = rendering.instance_ids[frame]
        for instance, body in enumerate(solids):
            mine = ids == instance + 1
            local = (points[mine] - trajectory.position[frame, body]) @ turns[frame, body]
            points[mine] = local @ turns[frame + 1, body].T + trajectory.position[frame + 1, body]
        expected = there.project(points)[..., :2] - pixel
        np.testing.assert_allclose(rendering.optical_flow[frame][hit], expected[hit], atol=0.05)
        far = there.origin + here.ray_directions(pixel) * 1e9
        sky = there.project(far)[..., :2] - pixel
        np.testing.assert_allclose(rendering.optical_flow[frame][~hit], sky[~hit], atol=0.05)


def test_what_is_covered_or_turned_away_in_the_other_frame_is_not_seen() -> None:
    """A screen passes in front of a wall of one box; a ball rolls by half a turn."""
    camera = Camera(position=(0, -5, 1), target=(0, 0, 1), fov_y=40)
    spec = make_scene(
        solid("wall", Box(half_extents=(2.0, 0.1, 2.0)), (0, 1, 1)),
        solid("screen", Box(half_extents=(0.2, 0.05, 3.0)), (-0.5, 0, 1)),
        solid("ball", Sphere(radius=0.2), (0.9, -0.5, 1)),
        camera=camera, width=64, height=48, frames=2,
    )  # fmt: skip
    rest = at_rest(spec)
    position, orientation = rest.position.copy(), rest.orientation.copy()
    position[1, 1, 0] = 0.3
    orientation[1, 2] = (0.0, 0.0, 0.0, 1.0)
    rendering = RaycastRenderer().render(spec, without_contacts(position, orientation), STREAMS)
    seen, ids = rendering.optical_flow_seen[0], rendering.instance_ids
    wall = ids[0] == 1
    np.testing.assert_array_equal(seen[wall], ids[1][wall] == 1)
    assert 0 < (~seen[wall]).sum() < wall.sum() / 2
    assert seen[ids[0] == 2].all()
    assert not seen[ids[0] == 3].any()
    np.testing.assert_array_equal(rendering.optical_flow[0][wall], 0.0)
    uncovered = (ids[1] == 1) & (ids[0] == 2)
    assert uncovered.any() and not rendering.backward_flow_seen[0][uncovered].any()


def test_what_leaves_the_image_is_not_seen_and_moves_on() -> None:
    camera = Camera(position=(0, -5, 1), target=(0, 0, 1), fov_y=40)
    spec = make_scene(solid("ball", Sphere(radius=0.4), (0, 0, 1)), camera=camera, frames=2)
    rest = at_rest(spec)
    position = rest.position.copy()
    position[1, 0, 0] = 6.0
    rendering = RaycastRenderer().render(spec, without_contacts(position, rest.orientation))
    ball = rendering.instance_ids[0] == 1
    assert not rendering.optical_flow_seen[0][ball].any()
    assert (rendering.optical_flow[0][ball][:, 0] > spec.width / 2).all()


def test_the_sky_moves_with_the_turning_of_the_camera_alone() -> None:
    ball = solid("ball", Sphere(radius=0.2), (0, 0, 1))
    path = (
        CameraKey(seconds=0.0, position=(0, -5, 1), target=(0, 0, 1)),
        CameraKey(seconds=1 / 16, position=(0.8, -5, 1), target=(0.8, 0, 1)),
    )
    camera = Camera(position=path[0].position, target=path[0].target, path=path)
    spec = make_scene(ball, camera=camera, frames=2)
    rendering = RaycastRenderer().render(spec, at_rest(spec))
    sky = rendering.instance_ids[0] == 0
    np.testing.assert_allclose(rendering.optical_flow[0][sky], 0.0, atol=1e-4)
    assert (np.abs(rendering.optical_flow[0][~sky][:, 0]) > 1).all()


@pytest.mark.parametrize("name", ["capsule", "compound"])
def test_a_body_that_is_absent_is_not_drawn_and_casts_nothing(name: str) -> None:
    spec, trajectory = moving_scene(SHAPES[name], seed=1)
    spec = spec.model_copy(update={"camera": Camera(position=(0.6, -3.4, 1.5), target=(0.0, 0.0, 0.5))})
    present = np.ones(trajectory.position.shape[:2], dtype=bool)
    present[2, 1] = False
    absent = RaycastRenderer().render(spec, dataclasses.replace(trajectory, present=present), STREAMS)
    whole = RaycastRenderer().render(spec, trajectory)
    without = RaycastRenderer().render(spec.without("first"), trajectory.without(1))
    np.testing.assert_array_equal(absent.rgb[2], without.rgb[2])
    np.testing.assert_array_equal(absent.depth_map[2], without.depth_map[2])
    np.testing.assert_array_equal(absent.rgb[[0, 1, 3]], whole.rgb[[0, 1, 3]])
    assert not absent.amodal_masks[2, 0].any()
    assert not absent.optical_flow_seen[1][absent.instance_ids[1] == 1].any()
    assert not absent.backward_flow_seen[2][absent.instance_ids[3] == 1].any()


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_casts_a_shadow_and_refuses_to_hold_the_camera(name: str) -> None:
    camera = Camera(position=(0, -4, 3), target=(0, 0, 0), fov_y=40)
    spec = make_scene(FLOOR, solid("body", SHAPES[name], (0.0, 0.0, 1.0)), camera=camera, width=64, height=64)
    lit = spec.model_copy(update={"lighting": spec.lighting.model_copy(update={"casts_shadows": False})})
    dark, light = (RaycastRenderer().render(scene, at_rest(scene)).rgb[0].astype(int).sum(-1) for scene in (spec, lit))
    assert (dark <= light).all() and (dark < 0.8 * light).sum() > 50
    shape = SHAPES[name]
    inside = (0.0, -4.0, 2.8) if isinstance(shape, Compound) else (-0.1, -3.9, 3.0)
    around = make_scene(solid("body", shape, inside), camera=camera)
    with pytest.raises(ClipRejectedError, match="'body' encloses the camera"):
        RaycastRenderer().render(around, at_rest(around))


def test_threads_and_chunks_of_frames_change_no_byte_of_any_stream() -> None:
    spec, trajectory = moving_scene(SHAPES["bent mesh"], seed=2)
    one, three = (RaycastRenderer(num_threads=n).render(spec, trajectory, STREAMS) for n in (1, 3))
    for field in dataclasses.fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(three, field.name), err_msg=field.name)
