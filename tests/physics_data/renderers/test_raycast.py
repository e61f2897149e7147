"""The ray caster against closed forms, the camera, itself under other orders and threads, and its own promises."""

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from random_scenes import FLOOR, at_rest, make_scene, random_scene, solid, tumbling, without_contacts

from physics_data.core.clip import Rendering
from physics_data.core.conventions import FAR_PLANE
from physics_data.core.errors import ClipRejectedError, ConfigError, DataError, SceneSpecError
from physics_data.core.geometry import view_of
from physics_data.core.scene import Appearance, Box, Camera, Cylinder, Lighting, Sphere
from physics_data.renderers.arrays import pack
from physics_data.renderers.kernels.draw import draw_frames
from physics_data.renderers.raycast import RaycastRenderer
from physics_data.renderers.reference import MujocoRayRenderer

AHEAD = Camera(position=(0, -5, 1), target=(0, 0, 1), fov_y=40)
DOWN = Camera(position=(0, -4, 3), target=(0, 0, 0), fov_y=40)
LYING = (math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0)


def digest(rendering: Rendering) -> str:
    arrays = (rendering.rgb, rendering.instance_ids, rendering.depth_map, rendering.amodal_masks)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


@pytest.mark.parametrize(
    ("shape", "orientation", "depth"),
    [
        (Sphere(radius=0.5), (1, 0, 0, 0), 4.5),
        (Box(half_extents=(0.3, 0.4, 0.5)), (1, 0, 0, 0), 4.6),
        (Box(half_extents=(0.3, 0.4, 0.5)), LYING, 4.5),
        (Cylinder(radius=0.3, half_height=0.7), (1, 0, 0, 0), 4.7),
        (Cylinder(radius=0.3, half_height=0.7), LYING, 4.3),
    ],
)
def test_depth_on_the_optical_axis_is_the_distance_to_the_nearest_side(shape, orientation, depth) -> None:
    spec = make_scene(solid("body", shape, (0, 0, 1), orientation), camera=AHEAD, width=33, height=33)
    rendering = RaycastRenderer().render(spec, at_rest(spec))
    assert rendering.depth_map[0, 16, 16] == pytest.approx(depth, rel=1e-6)
    assert rendering.instance_ids[0, 16, 16] == 1


def test_every_depth_of_the_floor_lies_on_the_floor() -> None:
    spec = make_scene(FLOOR, camera=DOWN)
    rendering = RaycastRenderer().render(spec, at_rest(spec))
    view = view_of(spec.camera, spec.width, spec.height)
    columns, rows = np.meshgrid(np.arange(spec.width) + 0.5, np.arange(spec.height) + 0.5)
    directions = view.ray_directions(np.stack([columns, rows], axis=-1))
    hit = np.isfinite(rendering.depth_map[0])
    points = view.origin + directions * rendering.depth_map[0][..., None]
    assert hit.mean() > 0.9
    np.testing.assert_allclose(points[hit][:, 2], 0.0, atol=1e-5)
    assert (rendering.instance_ids == 0).all()


def test_sky_is_infinitely_far_and_background() -> None:
    spec = make_scene(FLOOR, camera=Camera(position=(0, 0, 1), target=(0, 1, 1.2), fov_y=60))
    rendering = RaycastRenderer().render(spec, at_rest(spec))
    assert np.isposinf(rendering.depth_map[0, 0]).all()
    assert np.isfinite(rendering.depth_map[0, -1]).all()


@pytest.mark.parametrize("position", [(0, 0, 1), (1.1, 0.5, 0.4), (-0.9, -1, 1.7)])
def test_a_small_ball_appears_where_the_camera_projects_it(position) -> None:
    spec = make_scene(solid("ball", Sphere(radius=0.05), position), camera=AHEAD, width=400, height=400)
    rendering = RaycastRenderer().render(spec, at_rest(spec))
    rows, columns = np.nonzero(rendering.instance_ids[0])
    x, y, depth = view_of(spec.camera, 400, 400).project(np.array(position, dtype=np.float64))
    assert columns.mean() + 0.5 == pytest.approx(x, abs=0.15)
    assert rows.mean() + 0.5 == pytest.approx(y, abs=0.15)
    assert rendering.depth_map[0, int(y), int(x)] == pytest.approx(depth - 0.05, rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_amodal_masks_hold_the_visible_ones_and_are_those_of_the_body_alone(seed) -> None:
    rng = np.random.default_rng(seed)
    spec = random_scene(rng)
    trajectory = tumbling(spec, rng)
    rendering = RaycastRenderer().render(spec, trajectory)
    hidden = 0
    for index, body in enumerate(spec.instances):
        visible = rendering.instance_ids == index + 1
        amodal = rendering.amodal_masks[:, index]
        assert (amodal | ~visible).all()
        hidden += int((amodal & ~visible).sum())
        alone, motion = spec, trajectory
        for other in spec.bodies:
            if other.name != body.name:
                motion = motion.without(alone.body_index(other.name))
                alone = alone.without(other.name)
        drawn_alone = RaycastRenderer().render(alone, motion)
        np.testing.assert_array_equal(drawn_alone.instance_ids == 1, amodal)
        np.testing.assert_array_equal(drawn_alone.amodal_masks[:, 0], amodal)
    assert hidden > 0, "nothing is hidden in this scene, so it tests little"


def test_a_frame_does_not_depend_on_the_frames_around_it() -> None:
    rng = np.random.default_rng(5)
    spec = random_scene(rng, frames=4)
    trajectory = tumbling(spec, rng)
    together = RaycastRenderer().render(spec, trajectory)
    for frame in range(4):
        one = without_contacts(trajectory.position[frame : frame + 1], trajectory.orientation[frame : frame + 1])
        alone = RaycastRenderer().render(spec.model_copy(update={"num_frames": 1}), one)
        for name in ("rgb", "instance_ids", "depth_map", "amodal_masks"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[frame], err_msg=name)


def test_bytes_are_the_same_for_any_number_of_threads_and_in_another_process() -> None:
    rng = np.random.default_rng(6)
    spec = random_scene(rng, frames=3, has_wall=True)
    trajectory = tumbling(spec, rng)
    one = digest(RaycastRenderer(num_threads=1).render(spec, trajectory))
    assert digest(RaycastRenderer(num_threads=2).render(spec, trajectory)) == one
    assert digest(RaycastRenderer(num_threads=5).render(spec, trajectory)) == one
    program = (
        "import numpy as np; from random_scenes import random_scene, tumbling; from test_raycast import digest;"
        "from physics_data.renderers.raycast import RaycastRenderer; rng = np.random.default_rng(6);"
        "spec = random_scene(rng, frames=3, has_wall=True);"
        "print(digest(RaycastRenderer().render(spec, tumbling(spec, rng))))"
    )
    here = Path(__file__)
    paths = [str(here.parent), str(here.parents[3]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == one


def test_a_still_scene_is_still_to_the_byte() -> None:
    spec = random_scene(np.random.default_rng(7), frames=3)
    rgb = RaycastRenderer().render(spec, at_rest(spec)).rgb
    np.testing.assert_array_equal(rgb, np.broadcast_to(rgb[:1], rgb.shape))


def test_only_pixels_near_the_body_and_its_shadow_change_when_it_moves() -> None:
    ball = solid("ball", Sphere(radius=0.2), (0, 0, 0.2))
    spec = make_scene(FLOOR, ball, camera=DOWN, frames=2)
    rest = at_rest(spec)
    position = rest.position.copy()
    position[1, 1, 0] = 0.05
    rgb = RaycastRenderer().render(spec, without_contacts(position, rest.orientation)).rgb
    changed = (rgb[0] != rgb[1]).any(axis=-1)
    assert 0 < changed.mean() < 0.1


@pytest.mark.parametrize(
    "shape", [Sphere(radius=0.3), Box(half_extents=(0.3, 0.3, 0.3)), Cylinder(radius=0.3, half_height=0.3)]
)
def test_a_shadow_lies_where_the_sun_is_hidden(shape) -> None:
    sun = np.array([0.6, 0.0, 1.0])
    lighting = Lighting(sun_direction=tuple(sun))
    spec = make_scene(FLOOR, solid("body", shape, (0.3, 0, 1.0)), camera=DOWN, width=96, height=96)
    spec = spec.model_copy(update={"lighting": lighting})
    lit = spec.model_copy(update={"lighting": lighting.model_copy(update={"casts_shadows": False})})
    shadowed = RaycastRenderer().render(spec, at_rest(spec)).rgb[0].astype(int).sum(axis=-1)
    plain = RaycastRenderer().render(lit, at_rest(lit)).rgb[0].astype(int).sum(axis=-1)
    view = view_of(spec.camera, 96, 96)
    core = np.array([0.3, 0, 1.0]) - sun
    x, y, _ = view.project(core)
    assert shadowed[int(y), int(x)] < 0.75 * plain[int(y), int(x)]
    x, y, _ = view.project(core + np.array([0.0, 0.55, 0.0]))
    assert shadowed[int(y), int(x)] == plain[int(y), int(x)]
    assert (shadowed <= plain).all()


@pytest.mark.parametrize("seed", range(2))
def test_screen_bounds_cut_nothing_off(seed) -> None:
    """With bounds thrown open the picture is the same, so they only save time."""
    rng = np.random.default_rng(20 + seed)
    spec = random_scene(rng, frames=1, has_wall=True)
    trajectory = tumbling(spec, rng)
    expected = RaycastRenderer().render(spec, trajectory)
    scene = pack(spec, trajectory)
    everywhere = np.array([0, spec.width, 0, spec.height], dtype=np.int32)
    scene.solid_bounds[:] = everywhere
    scene.shadow_bounds[:] = everywhere
    scene.dimming_bounds[:] = everywhere
    scene.shadow_pairs[:] = True
    scene.dimming_pairs[:] = True
    images, _ = RaycastRenderer()._draw_all([(spec, scene)], ())[0]
    np.testing.assert_array_equal(images.rgb.reshape(expected.rgb.shape), expected.rgb)
    np.testing.assert_array_equal(images.instance_ids, expected.instance_ids)


def test_one_compilation_serves_every_scene() -> None:
    spec = make_scene(FLOOR, camera=DOWN, frames=2)
    RaycastRenderer().render(spec, at_rest(spec))
    spec = random_scene(np.random.default_rng(0), has_wall=True)
    RaycastRenderer(num_threads=2).render(spec, at_rest(spec))
    assert len(draw_frames.signatures) == 1


def test_edges_are_smooth_in_colour_and_sharp_in_labels() -> None:
    ball = solid("ball", Sphere(radius=0.6), (0, 0, 1))
    spec = make_scene(ball, camera=AHEAD, width=64, height=64)
    rendering = RaycastRenderer().render(spec, at_rest(spec))
    row = rendering.rgb[0, 32].astype(int)
    ids = rendering.instance_ids[0, 32]
    edge = int(np.flatnonzero(np.diff(ids.astype(int)) == 1)[0])
    outside, inside = row[edge - 2, 2], row[edge + 4, 2]
    between = row[edge : edge + 2, 2]
    assert set(np.unique(rendering.instance_ids)) == {0, 1}
    assert ((between < outside) & (between > inside)).any()


def test_patterns_turn_with_the_body() -> None:
    look = Appearance(color_name="red", albedo=(0.8, 0.05, 0.04), pattern="checker", pattern_scale=0.6)
    ball = solid("ball", Sphere(radius=0.6), (0, 0, 1)).model_copy(update={"appearance": look})
    spec = make_scene(ball, camera=AHEAD, frames=2)
    rest = at_rest(spec)
    orientation = rest.orientation.copy()
    orientation[1, 0] = (math.cos(0.3), math.sin(0.3), 0, 0)
    rendering = RaycastRenderer().render(spec, without_contacts(rest.position, orientation))
    np.testing.assert_array_equal(rendering.instance_ids[0], rendering.instance_ids[1])
    inside = rendering.instance_ids[0] == 1
    assert (rendering.rgb[0] != rendering.rgb[1]).any(axis=-1)[inside].mean() > 0.15


def test_a_trajectory_of_another_scene_is_refused() -> None:
    spec = random_scene(np.random.default_rng(0))
    other = spec.model_copy(update={"num_frames": 5})
    with pytest.raises(DataError, match=r"\(frames, bodies\)"):
        RaycastRenderer().render(other, at_rest(spec))


@pytest.mark.parametrize(
    "shape", [Sphere(radius=0.5), Box(half_extents=(0.5, 0.5, 0.5)), Cylinder(radius=0.5, half_height=0.5)]
)
def test_a_body_around_the_camera_is_refused(shape) -> None:
    spec = make_scene(solid("body", shape, (0, -5, 1.2)), camera=AHEAD)
    with pytest.raises(ClipRejectedError, match="'body' encloses the camera in frame 0"):
        RaycastRenderer().render(spec, at_rest(spec))


def test_a_sun_without_direction_and_no_threads_are_refused() -> None:
    spec = make_scene(FLOOR, camera=DOWN)
    spec = spec.model_copy(update={"lighting": Lighting(sun_direction=(0, 0, 0))})
    with pytest.raises(SceneSpecError, match="sun_direction"):
        RaycastRenderer().render(spec, at_rest(spec))
    with pytest.raises(ConfigError, match="at least 1"):
        RaycastRenderer(num_threads=0)


@pytest.mark.parametrize("renderer", [RaycastRenderer, MujocoRayRenderer])
def test_a_floor_at_the_horizon_has_no_depth_beyond_the_far_plane(renderer) -> None:
    """Rows of a level camera 1 m above a floor end at any depth; the closed form says which lie beyond 1 km."""
    spec = make_scene(FLOOR, camera=AHEAD.model_copy(update={"fov_y": 1.5}), frames=2)
    rendering = renderer().render(spec, at_rest(spec), ("normal_map", "object_coordinates"))
    height = spec.camera.position[2]
    rows = np.arange(spec.height) + 0.5 - spec.height / 2
    focal = 0.5 * spec.height / np.tan(np.radians(1.5) / 2)
    with np.errstate(divide="ignore"):
        depth = np.where(rows > 0, focal * height / rows, np.inf)
    far = depth > FAR_PLANE
    assert far[rows > 0].any()
    assert np.isfinite(rendering.depth_map[:, ~far]).all()
    assert np.isposinf(rendering.depth_map[:, far]).all()
    assert (rendering.normal_map[:, far] == 0).all()
    assert np.isnan(rendering.object_coordinates[:, far]).all()


def test_a_scene_with_nothing_in_it_is_sky() -> None:
    spec = make_scene(solid("ball", Sphere(radius=0.1), (0, -9, 1)), camera=AHEAD, frames=2)
    rendering = RaycastRenderer().render(spec, at_rest(spec))
    assert np.isposinf(rendering.depth_map).all()
    assert not rendering.amodal_masks.any()
