"""Every label follows every change: geometry that holds in a rendered clip holds in the changed one."""

import dataclasses

import numpy as np
import pytest

from physics_data.core.clip import Clip, ClipMeta, Event
from physics_data.core.errors import DataError
from physics_data.core.scene import Body, Box, Camera, CameraKey, Plane, SceneSpec, Sphere
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.renderers import RENDERERS
from tests.conftest import GREY, RED
from worldsim.data.augmentation import Augment, every, exchange_sides, reverse, stretch
from worldsim.data.labels import LABELS, labels_of
from worldsim.data.sources import PixelClip
from worldsim.data.spatial_augmentation import crop, mirror, resize, upside_down

RADIUS = 0.5
NUM_FRAMES = 7
STREAMS = ("optical_flow", "backward_flow", "normal_map", "object_coordinates")
MIRROR = np.diag([1.0, -1.0, 1.0])


def scene() -> tuple[SceneSpec, Trajectory]:
    keys = (
        CameraKey(seconds=0.0, position=(0.0, -5.5, 1.6), target=(0.0, 0.0, 0.7)),
        CameraKey(seconds=0.5, position=(0.5, -5.2, 1.9), target=(0.1, 0.0, 0.7)),
    )
    spec = SceneSpec(
        scenario="rolling",
        root_seed=0,
        index=0,
        width=72,
        height=64,
        num_frames=NUM_FRAMES,
        frame_rate=16.0,
        camera=Camera(position=keys[0].position, target=keys[0].target, path=keys),
        bodies=(
            Body(name="floor", noun="floor", shape=Plane(), role="ground", is_static=True, appearance=GREY),
            Body(
                name="box",
                noun="box",
                shape=Box(half_extents=(0.3, 0.3, 0.4)),
                position=(1.0, 0.8, 0.4),
                is_static=True,
                appearance=GREY,
            ),
            Body(name="ball", noun="ball", shape=Sphere(radius=RADIUS), position=(-0.8, 0.0, RADIUS), appearance=RED),
        ),
    )
    seconds = np.arange(NUM_FRAMES) / 16.0
    position = np.tile([[0.0, 0.0, 0.0], [1.0, 0.8, 0.4], [-0.8, 0.0, RADIUS]], (NUM_FRAMES, 1, 1))
    position[:, 2, 0] += 2.0 * seconds
    turn = 2.0 * seconds / RADIUS
    orientation = np.tile([1.0, 0.0, 0.0, 0.0], (NUM_FRAMES, 3, 1))
    orientation[:, 2] = np.stack([np.cos(turn / 2), 0 * turn, np.sin(turn / 2), 0 * turn], axis=-1)
    rest = np.zeros_like(position)
    trajectory = Trajectory(
        position=position,
        orientation=orientation,
        linear_velocity=rest,
        angular_velocity=rest,
        contacts=Contacts.none(),
    )
    return spec, trajectory


def rendered(spec: SceneSpec, trajectory: Trajectory) -> PixelClip:
    rendering = RENDERERS.get("raycast")().render(spec, trajectory, streams=STREAMS)
    meta = ClipMeta(
        key="rolling-mujoco-0",
        source="physics",
        split="train",
        caption="A ball rolls from the left to the right.",
        frame_rate=spec.frame_rate,
        num_frames=spec.num_frames,
        height=spec.height,
        width=spec.width,
        spec=spec,
        events=(Event(kind="bounce", frame_index=4, seconds=0.22, bodies=("ball", "floor")),),
    )
    clip = Clip(meta, rendering.rgb, rendering, trajectory)
    return PixelClip(meta, clip.rgb, labels_of(clip, LABELS))


@pytest.fixture(scope="module")
def whole() -> PixelClip:
    return rendered(*scene())


CHANGES = {
    "nothing": lambda clip: clip,
    "crop": lambda clip: crop(clip, 9, 14, 48, 40),
    "resize": lambda clip: resize(clip, 32, 36),
    "squeeze": lambda clip: resize(clip, 48, 36),
    "mirror": mirror,
    "upside_down": upside_down,
    "both flips": lambda clip: upside_down(mirror(clip)),
    "stretch": lambda clip: stretch(clip, 2, 4),
    "every": lambda clip: every(clip, 2),
    "reverse": reverse,
    "all": lambda clip: reverse(upside_down(mirror(crop(resize(every(clip, 2), 48, 54), 5, 7, 40, 44)))),
}


@pytest.fixture(params=CHANGES.values(), ids=CHANGES.keys())
def changed(request: pytest.FixtureRequest, whole: PixelClip) -> PixelClip:
    return request.param(whole)


def world_points(clip: PixelClip, frame: int) -> np.ndarray:
    """Return the surface point at every pixel, m, by depth and camera alone."""
    height, width = clip.rgb.shape[1:3]
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    ones = np.ones_like(rows)
    intrinsics = clip.labels["camera_intrinsics"][frame].astype(np.float64)
    rays = np.stack([columns, rows, ones], axis=-1) @ np.linalg.inv(intrinsics).T
    local = rays * clip.labels["depth_map"][frame][..., None]
    pose = clip.labels["world_from_camera"][frame].astype(np.float64)
    return local @ pose[:3, :3].T + pose[:3, 3]


def project(clip: PixelClip, frame: int, points: np.ndarray) -> np.ndarray:
    pose = clip.labels["world_from_camera"][frame].astype(np.float64)
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    pixel = local @ clip.labels["camera_intrinsics"][frame].astype(np.float64).T
    return pixel[..., :2] / pixel[..., 2:]


def tolerance(clip: PixelClip) -> float:
    """Return pixels. Labels of a shrunken clip are read up to half a source pixel beside the new pixel's centre."""
    return 0.05 if clip.meta.height in (64, 48) and clip.meta.width in (72, 40) else 0.25


def test_every_array_has_the_size_of_the_clip(changed: PixelClip) -> None:
    frames, height, width = changed.rgb.shape[:3]
    assert (changed.meta.num_frames, changed.meta.height, changed.meta.width) == (frames, height, width)
    assert set(changed.labels) == {name for label, members in LABELS.items() for name in members} - {
        "relative_depth",
        "moving_mask",
    }
    for name, array in changed.labels.items():
        assert len(array) == frames - (1 if "flow" in name else 0), name
        if name == "amodal_masks":
            assert array.shape[2:] == (height, width)
        elif not name.startswith(("track", "camera", "world_from", "gravity")):
            assert array.shape[1:3] == (height, width), name


def test_depth_camera_and_flow_fit_each_other(changed: PixelClip) -> None:
    labels = changed.labels
    height, width = changed.rgb.shape[1:3]
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    for pair in range(len(labels["optical_flow"])):
        for flow, here, there in (("optical_flow", pair, pair + 1), ("backward_flow", pair + 1, pair)):
            still = (labels["instance_ids"][here] == 0) & np.isfinite(labels["depth_map"][here])
            still &= labels[f"{flow}_seen"][pair]
            moved = project(changed, there, world_points(changed, here)) - np.stack([columns, rows], axis=-1)
            assert still.sum() > 50
            error = np.linalg.norm(moved - labels[flow][pair], axis=-1)[still]
            assert np.percentile(error, 99) < tolerance(changed)
            assert np.linalg.norm(moved, axis=-1)[still].max() > 0.3  # the camera does move


def test_flow_moves_instances_onto_themselves(changed: PixelClip) -> None:
    labels = changed.labels
    ball = int(labels["instance_ids"].max())
    for pair, flow in enumerate(labels["optical_flow"]):
        rows, columns = np.nonzero((labels["instance_ids"][pair] == ball) & labels["optical_flow_seen"][pair])
        ends = np.floor(np.stack([columns, rows], axis=-1) + 0.5 + flow[rows, columns]).astype(int)
        hit = labels["instance_ids"][pair + 1][ends[:, 1], ends[:, 0]] == ball
        assert hit.mean() > 0.88  # an edge pixel may end beside the edge, the more so in a small picture


def test_tracks_move_as_the_flow_says(changed: PixelClip) -> None:
    labels = changed.labels
    pixel, visible = labels["track_pixel"], labels["track_visible"]
    height, width = changed.rgb.shape[1:3]
    errors = []
    for pair, flow in enumerate(labels["optical_flow"]):
        here = np.floor(pixel[pair]).astype(int)
        kept = visible[pair] & visible[pair + 1]
        assert (here[visible[pair]] >= 0).all() and (here[visible[pair]] < [width, height]).all()
        at = here[kept]
        seen = labels["optical_flow_seen"][pair][at[:, 1], at[:, 0]]
        step = (pixel[pair + 1] - pixel[pair])[kept]
        errors += list(np.linalg.norm(step - flow[at[:, 1], at[:, 0]], axis=-1)[seen])
    assert len(errors) > 40
    assert np.median(errors) < 0.1 and np.percentile(errors, 90) < 0.4


def test_normals_and_object_coordinates_are_those_of_the_same_world(changed: PixelClip) -> None:
    labels = changed.labels
    for frame in range(len(changed.rgb)):
        ids, depth = labels["instance_ids"][frame], labels["depth_map"][frame]
        points = world_points(changed, frame)
        floor = (ids == 0) & np.isfinite(depth)
        slack = 0.03 if tolerance(changed) < 0.1 else 0.5  # a pixel near the horizon is long
        assert np.percentile(np.abs(points[floor] - labels["object_coordinates"][frame][floor]), 95) < slack
        ball = ids == ids.max()
        centre = points[ball] - labels["normal_map"][frame][ball] * RADIUS
        assert np.percentile(np.abs(centre - np.median(centre, axis=0)), 90) < 0.12
        assert np.linalg.norm(labels["object_coordinates"][frame][ball], axis=-1) == pytest.approx(RADIUS, abs=1e-3)


def test_a_ball_turns_about_its_own_frame(whole: PixelClip) -> None:
    """In the mirrored world, too, object coordinates of the ball turn rigidly: a proper rotation fits them."""
    for clip in (whole, mirror(whole), upside_down(whole)):
        for frame in range(NUM_FRAMES):
            ball = clip.labels["instance_ids"][frame] == clip.labels["instance_ids"].max()
            world = clip.labels["normal_map"][frame][ball] * RADIUS
            own = clip.labels["object_coordinates"][frame][ball]
            u, _, vt = np.linalg.svd(world.T @ own)
            assert np.linalg.det(u @ vt) == pytest.approx(1.0)
            assert np.abs(world - own @ (u @ vt).T).max() < 1e-3


def test_gravity_points_where_the_camera_says(changed: PixelClip) -> None:
    pose = changed.labels["world_from_camera"][:, :3, :3]
    assert np.linalg.det(pose) == pytest.approx(1.0, abs=1e-5)
    down = pose.transpose(0, 2, 1) @ np.array([0.0, 0.0, -1.0])
    assert changed.labels["gravity_direction"] == pytest.approx(down, abs=1e-5)


def test_gravity_is_up_in_a_picture_that_is_upside_down(whole: PixelClip) -> None:
    assert (whole.labels["gravity_direction"][:, 1] > 0.9).all()
    assert (upside_down(whole).labels["gravity_direction"][:, 1] < -0.9).all()
    assert (mirror(whole).labels["gravity_direction"][:, 1] > 0.9).all()


def test_a_mirrored_scene_renders_to_the_mirrored_labels() -> None:
    """The world with y -> -y, filmed by the camera with y -> -y, is the mirrored clip: drawn again, not turned."""
    spec, trajectory = scene()

    def turned(vector: tuple[float, float, float]) -> tuple[float, float, float]:
        return vector[0], -vector[1], vector[2]

    keys = tuple(
        key.model_copy(update={"position": turned(key.position), "target": turned(key.target)})
        for key in spec.camera.path
    )
    camera = spec.camera.model_copy(update={"position": keys[0].position, "target": keys[0].target, "path": keys})
    bodies = tuple(body.model_copy(update={"position": turned(body.position)}) for body in spec.bodies)
    other = spec.model_copy(update={"camera": camera, "bodies": bodies})
    # R' = M R M: the angle about an axis in the mirror's plane changes sign, about its normal it stays
    orientation = trajectory.orientation * np.array([1.0, -1.0, 1.0, -1.0])
    moved = dataclasses.replace(trajectory, position=trajectory.position @ MIRROR, orientation=orientation)
    ours, drawn = mirror(rendered(spec, trajectory)).labels, rendered(other, moved).labels
    same = ours["instance_ids"] == drawn["instance_ids"]
    assert same.mean() > 0.999
    assert ours["world_from_camera"] == pytest.approx(drawn["world_from_camera"], abs=1e-5)
    assert ours["camera_intrinsics"] == pytest.approx(drawn["camera_intrinsics"], abs=1e-4)
    for name in ("depth_map", "normal_map", "object_coordinates"):
        both = same & np.isfinite(ours["depth_map"]) & np.isfinite(drawn["depth_map"])
        difference = np.abs(ours[name][both] - drawn[name][both])
        assert np.percentile(difference, 99) < 2e-2, name
    both = ours["optical_flow_seen"] & drawn["optical_flow_seen"]
    assert np.abs(ours["optical_flow"][both] - drawn["optical_flow"][both]).max() < 0.02


def test_every_second_frame_has_the_flow_of_a_clip_at_half_the_rate(whole: PixelClip) -> None:
    spec, trajectory = scene()
    fields = ("position", "orientation", "linear_velocity", "angular_velocity")
    slower = dataclasses.replace(trajectory, **{name: getattr(trajectory, name)[::2] for name in fields})
    drawn = rendered(spec.model_copy(update={"num_frames": 4, "frame_rate": 8.0}), slower)
    ours = every(whole, 2)
    assert ours.meta.frame_rate == 8.0
    assert (ours.rgb == drawn.rgb).all()
    for name in ("optical_flow", "backward_flow"):
        both = ours.labels[f"{name}_seen"] & drawn.labels[f"{name}_seen"]
        error = np.linalg.norm(ours.labels[name] - drawn.labels[name], axis=-1)
        assert np.percentile(error[both], 99) < 0.1
        assert both.sum() > 0.8 * drawn.labels[f"{name}_seen"].sum()
        assert (both.sum() / ours.labels[f"{name}_seen"].sum()) > 0.99  # nothing hidden is called seen


def test_events_stay_at_their_moment(whole: PixelClip) -> None:
    later = stretch(whole, 2, 5).meta.events[0]
    assert (later.frame_index, later.seconds) == (2, pytest.approx(0.22 - 2 / 16))
    assert every(whole, 2).meta.events[0].frame_index == 2
    assert every(whole, 3).meta.events[0].frame_index == 2  # between frames 3 and 6
    assert stretch(whole, 0, 4).meta.events == () and stretch(whole, 4, 3).meta.events == ()
    assert reverse(whole).meta.events == ()


def test_twice_is_nothing(whole: PixelClip) -> None:
    for change in (mirror, upside_down, reverse):
        again = change(change(whole))
        assert (again.rgb == whole.rgb).all()
        for name, array in whole.labels.items():
            np.testing.assert_allclose(again.labels[name], array, atol=1e-4, err_msg=name)


def test_nothing_is_invented(whole: PixelClip) -> None:
    with pytest.raises(DataError, match="reaches out of it"):
        crop(whole, 30, 0, 40, 40)
    with pytest.raises(DataError, match="cannot be enlarged"):
        resize(whole, 128, 128)
    with pytest.raises(DataError, match="asked for were 4 to 8"):
        stretch(whole, 4, 5)


def test_captions_know_their_sides(whole: PixelClip) -> None:
    assert exchange_sides("Left of it, a leftward push; bright copyright.") == (
        "Right of it, a rightward push; bright copyright."
    )
    rng = np.random.default_rng(0)
    kept = Augment(mirror=1.0).turn(whole, rng)
    assert (kept.rgb == whole.rgb).all() and kept.meta.caption == whole.meta.caption
    swapped = Augment(mirror=1.0, sided_captions="swap").turn(whole, rng)
    assert (swapped.rgb == whole.rgb[:, :, ::-1]).all()
    assert swapped.meta.caption == "A ball rolls from the right to the left."


def test_nothing_changes_unless_asked_for(whole: PixelClip) -> None:
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    off = Augment()
    assert off.is_off
    assert off.turn(off.shrink(whole, 5, 32, 32, rng), rng) is whole
    assert rng.bit_generator.state == before


def test_what_is_shrunk_still_holds_the_part(whole: PixelClip) -> None:
    rng = np.random.default_rng(1)
    changes = Augment(strides=(1, 2, 3), min_scale=0.2)
    sizes = set()
    for _ in range(60):
        clip = changes.shrink(whole, 4, 32, 40, rng)
        assert clip.meta.num_frames >= 4 and clip.meta.height >= 32 and clip.meta.width >= 40
        sizes.add((clip.meta.num_frames, clip.meta.height))
    assert {frames for frames, _ in sizes} == {7, 4}
    assert min(height for _, height in sizes) < 42 and max(height for _, height in sizes) > 58
