"""Motion blur, depth of field and grain against speed, optics and statistics; labels stay sharp."""

import numpy as np
import pytest
from random_scenes import FLOOR, at_rest, make_scene, solid, without_contacts

from physics_data.core.geometry import view_of
from physics_data.core.scene import Appearance, Camera, CameraKey, Lighting, SceneSpec, Sensor, Sphere
from physics_data.core.trajectory import Contacts, Trajectory
from physics_data.renderers.raycast import RaycastRenderer
from physics_data.renderers.sensor import MOST_SAMPLES, count_samples, later, with_grain
from physics_data.renderers.textures import srgb_decoded

AHEAD = Camera(position=(0, -5, 1), target=(0, 0, 1), fov_y=40)
FLAT = Lighting(
    sun_intensity=0, ambient_intensity=1, sky_zenith=(0.5, 0.5, 0.5), sky_horizon=(0.5, 0.5, 0.5), casts_shadows=False
)


def moving(spec: SceneSpec, velocity: tuple[float, float, float]) -> Trajectory:
    """The last body of the scene moves at constant velocity."""
    rest = at_rest(spec)
    position, speed = rest.position.copy(), np.zeros_like(rest.position)
    position[:, -1] += np.array(spec.seconds)[:, None] * velocity
    speed[:, -1] = velocity
    return Trajectory(position, rest.orientation, speed, np.zeros_like(speed), Contacts.none())


def black_ball(radius: float = 0.3, place: tuple[float, float, float] = (-0.5, 0, 1)):
    look = Appearance(color_name="black", albedo=(0, 0, 0), specular=0)
    return solid("ball", Sphere(radius=radius), place).model_copy(update={"appearance": look})


def scene(sensor: Sensor, **changes) -> SceneSpec:
    spec = make_scene(black_ball(), camera=AHEAD, width=160, height=96, frames=2)
    return spec.model_copy(update={"lighting": FLAT, "sensor": sensor} | changes)


def test_motion_blur_smears_by_speed_times_open_time() -> None:
    """Behind the ball's rear edge light comes back in step with the time for which the ball covered a pixel."""
    shutter, speed = 0.5, 16.0
    spec = scene(Sensor(shutter=shutter))
    trajectory = moving(spec, (speed, 0, 0))
    blurred = RaycastRenderer().render(spec, trajectory)
    sharp_spec = spec.model_copy(update={"sensor": Sensor()})
    sharp = RaycastRenderer().render(sharp_spec, trajectory)
    view = view_of(spec.camera, 160, 96)
    smear = view.focal / 5.0 * speed * shutter / spec.frame_rate
    light = [srgb_decoded()[r.rgb[0, 48, :, 0]].astype(float) for r in (sharp, blurred)]
    dark = [(1 - row / row[0]) for row in light]
    assert dark[1].sum() == pytest.approx(dark[0].sum(), rel=0.02), "the ball covers as much in all"
    centers = [(row * (np.arange(160) + 0.5)).sum() / row.sum() for row in dark]
    assert centers[1] - centers[0] == pytest.approx(smear / 2, abs=0.15)
    widths = [np.count_nonzero(row > 0.05) for row in dark]
    assert widths[1] - widths[0] == pytest.approx(0.9 * smear, abs=2.0), (
        "where it hides more than a twentieth of the light"
    )
    for name in ("instance_ids", "depth_map", "amodal_masks"):
        np.testing.assert_array_equal(getattr(sharp, name), getattr(blurred, name))


def test_a_camera_that_turns_smears_what_stands_still() -> None:
    keys = tuple(CameraKey(seconds=s, position=(0, -5, 1), target=(8 * s, 0, 1)) for s in (0.0, 0.5, 1.0))
    camera = Camera(position=(0, -5, 1), target=(0, 0, 1), fov_y=40, path=keys)
    spec = scene(Sensor(shutter=0.8), camera=camera)
    blurred = RaycastRenderer().render(spec, at_rest(spec)).rgb[0, 48].astype(int)
    sharp_spec = spec.model_copy(update={"sensor": Sensor()})
    sharp = RaycastRenderer().render(sharp_spec, at_rest(spec)).rgb[0, 48].astype(int)
    between = [np.count_nonzero((row[:, 0] > 20) & (row[:, 0] < row.max() - 20)) for row in (sharp, blurred)]
    assert between[1] > between[0] + 3


def test_what_stands_still_before_a_still_camera_is_sharp() -> None:
    spec = scene(Sensor(shutter=1.0))
    sharp = spec.model_copy(update={"sensor": Sensor()})
    blurred, expected = (RaycastRenderer().render(s, at_rest(s)).rgb for s in (spec, sharp))
    np.testing.assert_array_equal(blurred, expected)


def test_depth_of_field_keeps_what_is_in_focus_and_blurs_what_is_not() -> None:
    near, far = black_ball(0.3, (-0.5, 0, 1)), black_ball(0.6, (1.5, 5, 1)).model_copy(update={"name": "far"})
    sensor = Sensor(aperture=0.25, focus_distance=5.0)
    spec = scene(sensor, bodies=(near, far), num_frames=1)
    rgb = RaycastRenderer().render(spec, at_rest(spec)).rgb[0, 48, :, 0].astype(int)
    sharp_spec = spec.model_copy(update={"sensor": Sensor()})
    sharp = RaycastRenderer().render(sharp_spec, at_rest(spec)).rgb[0, 48, :, 0].astype(int)
    view = view_of(spec.camera, 160, 96)
    column = [int(view.project(np.array(body.position))[0]) for body in (near, far)]
    around = slice(column[0] - 14, column[0] + 14)
    between = [np.count_nonzero((row > 15) & (row < row.max() - 15)) for row in (sharp[around], rgb[around])]
    assert between[1] <= between[0] + 3
    disc = 0.25 * view.focal * (1 / 5 - 1 / 10)
    edge = slice(column[1] - 16, column[1] + 16)
    blur = np.count_nonzero((rgb[edge] > rgb[edge].min() + 15) & (rgb[edge] < rgb.max() - 15)) / 2
    assert blur == pytest.approx(disc, abs=2.0)


def test_focus_lies_at_the_target_by_default() -> None:
    explicit = scene(Sensor(aperture=0.2, focus_distance=5.0), num_frames=1)
    default = explicit.model_copy(update={"sensor": Sensor(aperture=0.2)})
    first, second = (RaycastRenderer().render(s, at_rest(s)).rgb for s in (explicit, default))
    np.testing.assert_array_equal(first, second)


def test_grain_has_the_asked_standard_deviation_and_another_pattern_in_every_frame() -> None:
    picture = np.full((2, 200, 200, 3), 120, dtype=np.uint8)
    noisy = with_grain(picture, 4.0, seed=5).astype(float)
    assert (noisy - 120).std() == pytest.approx(np.sqrt(4.0**2 + 1 / 12), rel=0.02)
    assert abs((noisy - 120).mean()) < 0.05
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.02
    np.testing.assert_array_equal(with_grain(picture, 4.0, seed=5), noisy)
    assert (with_grain(picture, 4.0, seed=6) != noisy).any()


def test_equal_scenes_give_equal_bytes() -> None:
    spec = scene(Sensor(grain=3.0, shutter=0.5, aperture=0.1, seed=9))
    trajectory = moving(spec, (2.0, 0, 0))
    first, second = (RaycastRenderer(num_threads=n).render(spec, trajectory).rgb for n in (1, 2))
    np.testing.assert_array_equal(first, second)


def test_poses_between_frames_lie_on_the_way() -> None:
    spec = make_scene(FLOOR, black_ball(), camera=AHEAD, frames=3)
    rest = at_rest(spec)
    seconds = np.array(spec.seconds)
    turn = 2.0
    orientation = rest.orientation.copy()
    orientation[:, 1] = np.stack([np.cos(turn * seconds / 2), 0 * seconds, np.sin(turn * seconds / 2), 0 * seconds], 1)
    spin = np.zeros_like(rest.position)
    spin[:, 1, 1] = turn
    flight = moving(spec, (2.0, 0, 0))
    trajectory = Trajectory(flight.position, orientation, flight.linear_velocity, spin, Contacts.none())
    moved = later(spec, trajectory, 0.02)
    np.testing.assert_allclose(moved.position[:, 1, 0], -0.5 + 2.0 * (seconds + 0.02))
    angle = 2 * np.arctan2(moved.orientation[:, 1, 2], moved.orientation[:, 1, 0])
    np.testing.assert_allclose(angle, turn * (seconds + 0.02))


def test_a_jump_is_not_smeared_over_the_way() -> None:
    spec = make_scene(black_ball(), camera=AHEAD, frames=2)
    rest = at_rest(spec)
    position = rest.position.copy()
    position[1, 0, 0] += 2.0
    moved = later(spec, without_contacts(position, rest.orientation), 0.03)
    np.testing.assert_array_equal(moved.position, position)


def test_the_number_of_pictures_follows_the_smear_and_is_bounded() -> None:
    spec = scene(Sensor(shutter=0.5))
    counts = [count_samples(spec, moving(spec, (speed, 0, 0))) for speed in (0.0, 0.5, 2.0, 500.0)]
    assert counts[0] == 1 and counts[1] < counts[2] < counts[3] == MOST_SAMPLES
