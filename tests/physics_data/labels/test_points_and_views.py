"""Point tracks, cameras and occlusions of rendered clips, against closed forms."""

import dataclasses

import numpy as np
import pytest

from physics_data.core.clip import Clip, ClipMeta, Rendering
from physics_data.core.geometry import camera_matrices, rotation_matrix, views_of
from physics_data.core.scene import Camera, CameraKey
from physics_data.core.trajectory import Contacts, Trajectory, true_intervals
from physics_data.labels.boxes import occlusions
from physics_data.labels.tables import BACKGROUND_SHARE, body_labels, label_arrays, point_tracks
from physics_data.renderers import RENDERERS

SIZE = 128


def clip_of(spec, trajectory, rendering=None) -> Clip:
    rendering = rendering or RENDERERS.get("raycast")().render(spec, trajectory)
    meta = ClipMeta(
        key="free_drop-mujoco-0000003",
        source="physics",
        split="train",
        caption="a red ball falls",
        frame_rate=spec.frame_rate,
        num_frames=spec.num_frames,
        height=spec.height,
        width=spec.width,
        spec=spec,
        engine="mujoco",
    )
    return Clip(meta, rendering.rgb, rendering, trajectory)


@pytest.fixture(scope="module")
def rolling():
    """Return a clip of a ball that rolls behind a screen, seen by a camera that moves sideways."""
    from physics_data.core.scene import Body, Box, Plane, SceneSpec, Sphere
    from tests.conftest import GREY, RED

    keys = (
        CameraKey(seconds=0.0, position=(0.0, -5.5, 1.6), target=(0.0, 0.0, 0.9)),
        CameraKey(seconds=1.0, position=(0.6, -5.5, 1.9), target=(0.1, 0.0, 0.9)),
    )
    spec = SceneSpec(
        scenario="occluder_pass",
        root_seed=0,
        index=3,
        width=SIZE,
        height=SIZE,
        bodies=(
            Body(name="floor", noun="floor", shape=Plane(), role="ground", is_static=True, appearance=GREY),
            Body(
                name="screen",
                noun="screen",
                shape=Box(half_extents=(0.35, 0.05, 0.5)),
                role="occluder",
                is_static=True,
                appearance=GREY,
                position=(0.0, -0.8, 0.5),
            ),
            Body(name="ball", shape=Sphere(radius=0.3), appearance=RED, position=(-1.2, 0.0, 0.3)),
        ),
        camera=Camera(position=(0.0, -5.5, 1.6), target=(0.0, 0.0, 0.9), path=keys),
    )
    seconds = np.array(spec.seconds)
    position = np.tile(np.array([body.position for body in spec.bodies]), (len(seconds), 1, 1))
    position[:, 2, 0] += 2.4 * seconds
    half = 0.5 * 2.4 / 0.3 * seconds
    orientation = np.tile(np.array([1.0, 0.0, 0.0, 0.0]), (len(seconds), 3, 1))
    orientation[:, 2] = np.column_stack([np.cos(half), 0 * half, np.sin(half), 0 * half])
    still = np.zeros_like(position)
    return clip_of(spec, Trajectory(position, orientation, still, still, Contacts.none()))


def test_tracks_are_carried_by_their_bodies(rolling):
    """Every point of the ball keeps its distance from the centre, and its angle to the turning axes."""
    spec, _, trajectory = rolling.labelled
    tracks = point_tracks(rolling, 200)
    views = views_of(spec)
    assert set(tracks.body.tolist()) == {-1, 1, 2}
    share = float((tracks.body == -1).mean())
    assert share == pytest.approx(BACKGROUND_SHARE, abs=0.12)
    kept = np.zeros(3)
    for frame, view in enumerate(views):
        world = view.origin + view.ray_directions(tracks.pixel[frame]) * tracks.depth[frame, :, None]
        np.testing.assert_allclose(world[tracks.body == -1][:, 2], 0.0, atol=1e-9, err_msg="the floor is at z = 0")
        ball = world[tracks.body == 2] - trajectory.position[frame, 2]
        np.testing.assert_allclose(np.linalg.norm(ball, axis=1), 0.3, atol=1e-9)
        local = ball @ rotation_matrix(trajectory.orientation[frame, 2])
        kept = local if frame == 0 else kept
        np.testing.assert_allclose(local, kept, atol=1e-9)
    queried = tracks.pixel[tracks.query_frame, np.arange(200)]
    np.testing.assert_allclose(queried % 1.0, 0.5, atol=1e-9)
    assert tracks.visible[tracks.query_frame, np.arange(200)].all(), "a point is chosen where it is seen"


def test_visibility_is_that_of_the_closed_form(rolling):
    """A ball's point is seen if it faces the camera and the ray to it passes the screen, to the silhouette itself."""
    spec, _, trajectory = rolling.labelled
    tracks = point_tracks(rolling, 400)
    wrong = total = 0
    for frame, view in enumerate(views_of(spec)):
        ours = np.flatnonzero(tracks.body == 2)
        world = view.origin + view.ray_directions(tracks.pixel[frame, ours]) * tracks.depth[frame, ours, None]
        normal = (world - trajectory.position[frame, 2]) / 0.3
        toward = view.origin - world
        facing = (normal * toward).sum(axis=1) / np.linalg.norm(toward, axis=1)
        share = (-0.85 - world[:, 1]) / toward[:, 1]  # the screen's front face
        crossing = world + share[:, None] * toward
        margin = np.maximum(np.abs(crossing[:, 0]) - 0.35, np.abs(crossing[:, 2] - 0.5) - 0.5)
        inside = ((tracks.pixel[frame, ours] >= 0) & (tracks.pixel[frame, ours] < SIZE)).all(axis=1)
        expected = (facing > 0) & (margin > 0) & inside
        clear = np.abs(margin) > 0.02  # the screen has a thickness, which this form leaves out
        wrong += int((expected != tracks.visible[frame, ours])[clear].sum())
        total += int(clear.sum())
    assert total > 1500
    assert wrong == 0


def test_visibility_and_motion_are_those_of_the_flow(rolling):
    """From one frame to the next a point moves as the flow at its pixel, and is seen where the flow says so."""
    _, rendering, _ = rolling.labelled
    tracks = point_tracks(rolling, 600)
    pairs = [(n, frame) for n, frame in enumerate(tracks.query_frame) if frame < len(rendering.rgb) - 1]
    hidden = 0
    for number, frame in pairs:
        column, row = (tracks.pixel[frame, number] - 0.5).round().astype(int)
        moved = tracks.pixel[frame + 1, number] - tracks.pixel[frame, number]
        np.testing.assert_allclose(moved, rendering.optical_flow[frame, row, column], atol=1e-4)
        assert tracks.visible[frame + 1, number] == rendering.optical_flow_seen[frame, row, column]
        hidden += not tracks.visible[frame + 1, number]
    assert hidden >= 20


def test_visibility_is_that_of_another_ray_caster():
    """MuJoCo's rays to the points of tumbling solids; a point at a silhouette itself may be either."""
    from physics_data.renderers.reference import _Stage
    from tests.physics_data.renderers.random_scenes import random_scene, tumbling

    disagree = total = hidden = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        spec = random_scene(rng, frames=3)
        trajectory = tumbling(spec, rng)
        clip = clip_of(spec, trajectory)
        tracks, stage = point_tracks(clip, 300), _Stage(spec, trajectory)
        for frame, view in enumerate(views_of(spec)):
            stage.show(frame)
            ahead = np.flatnonzero(tracks.depth[frame] > 0)
            way = view.ray_directions(tracks.pixel[frame, ahead]) * tracks.depth[frame, ahead, None]
            length = np.linalg.norm(way, axis=1)
            _, distance, _ = stage.cast(view.origin, way / length[:, None])
            pixel = tracks.pixel[frame, ahead]
            inside = ((pixel >= 0) & (pixel < (spec.width, spec.height))).all(axis=1)
            expected = inside & (distance > length * (1 - 1e-4))
            disagree += int((expected != tracks.visible[frame, ahead]).sum())
            total, hidden = total + len(ahead), hidden + int((~expected).sum())
    assert hidden > 200
    assert disagree <= 0.002 * total


def test_tracks_depend_on_the_key_alone(rolling):
    again = point_tracks(rolling, 50)
    np.testing.assert_array_equal(point_tracks(rolling, 50).pixel, again.pixel)


def test_a_body_that_is_not_there_has_no_place(rolling):
    spec, _, trajectory = rolling.labelled
    present = np.ones((spec.num_frames, 3), dtype=bool)
    present[5:8, 2] = False
    gone = dataclasses.replace(rolling, trajectory=dataclasses.replace(trajectory, present=present))
    tracks = point_tracks(gone, 60)
    ours = tracks.body == 2
    assert np.isnan(tracks.pixel[5:8, ours]).all() and np.isnan(tracks.depth[5:8, ours]).all()
    assert not tracks.visible[5:8, ours].any()
    assert np.isfinite(tracks.pixel[8:, ours]).all()


def test_camera_matrices_project_like_the_views(rolling):
    spec = rolling.labelled[0]
    matrices = camera_matrices(spec)
    point = np.array([0.3, 0.2, 0.5])
    for frame, view in enumerate(views_of(spec)):
        local = np.linalg.inv(matrices.world_from_camera[frame]) @ [*point, 1.0]
        x, y, z = matrices.intrinsics[frame] @ local[:3]
        np.testing.assert_allclose([x / z, y / z, z], view.project(point), atol=1e-9)


def test_occlusions_are_partial_around_full_ones(rolling):
    spec, rendering, _ = rolling.labelled
    (partial,) = [o for o in occlusions(spec, rendering) if o.body == "ball" and not o.is_full]
    (full,) = [o for o in occlusions(spec, rendering) if o.body == "ball" and o.is_full]
    assert partial.first_frame < full.first_frame <= full.last_frame < partial.last_frame
    assert not full.lasts_to_the_end
    assert not any(o.body == "screen" for o in occlusions(spec, rendering))


def test_intervals_of_true():
    assert true_intervals(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert true_intervals(np.zeros(3, dtype=bool)) == []


def test_mechanics_of_a_fall(falling_ball, closed_form_fall):
    frames = falling_ball.num_frames
    blank = Rendering(
        np.zeros((frames, 64, 64, 3), np.uint8),
        np.zeros((frames, 64, 64), np.uint8),
        np.full((frames, 64, 64), 3.0),
        np.zeros((frames, 2, 64, 64), dtype=bool),
    )
    labels = body_labels(clip_of(falling_ball, closed_form_fall, blank))
    ball = 2
    total = labels.kinetic_energy[:8, ball] + labels.potential_energy[:8, ball]
    np.testing.assert_allclose(total, 9.81 * 2.0, rtol=1e-12)
    np.testing.assert_allclose(labels.momentum[5, ball], [0, 0, -9.81 * 5 / 16], atol=1e-12)
    assert np.isnan(labels.mass[:, [0, 1]]).all() and (labels.mass[:, ball] == 1.0).all()
    assert np.isnan(labels.kinetic_energy[:, [0, 1]]).all(), "what cannot move has none, which is not zero"
    np.testing.assert_allclose(np.diag(labels.inertia[7, ball]), 0.4 * 0.3**2, rtol=1e-12)
    assert np.isnan(labels.measured_restitution).all(), "no bounce was measured"
    present = np.ones((frames, 3), dtype=bool)
    present[4:, ball] = False
    gone = body_labels(clip_of(falling_ball, dataclasses.replace(closed_form_fall, present=present), blank))
    for name in ("kinetic_energy", "potential_energy", "momentum", "angular_momentum"):
        assert np.isfinite(getattr(gone, name)[:4, ball]).all()
        assert np.isnan(getattr(gone, name)[4:, ball]).all(), "a body that is nowhere carries nothing"


def test_all_labels_have_the_frames_of_the_clip(rolling):
    arrays = label_arrays(rolling, num_points=8)
    for name, array in arrays.items():
        if name not in ("point_query_frame", "point_body"):
            assert len(array) == rolling.meta.num_frames, name
