"""What lens and sensor do to rgb: motion blur, depth of field, grain. Labels stay those of the sharp picture.

Blur is the mean, in linear light, of sharp pictures drawn at moments while the shutter is open and from places on the
lens. (Exposure is part of the appearance: it must act before bright light is bent towards white.)
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8
from scipy.spatial.transform import Rotation

from physics_data.core.geometry import PinholeView, views_of
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.textures import srgb_decoded, srgb_encoded

MOST_SAMPLES = 32
"""Pictures that one blurred picture is the mean of, at most: one for each pixel of the longest smear."""

MOST_LENS_SAMPLES = 16
"""The same for what is out of focus, which hides its samples better than a smear does."""

_SHARP = 0.3
"""A blur disc of this diameter is too small to see, pixels."""

_GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))

DrawRgb = Callable[[SceneSpec, Trajectory, list[PinholeView]], UInt8[np.ndarray, "t h w 3"]]
"""Draws the rgb of every frame from a view of its own."""


def needs_sensor(spec: SceneSpec) -> bool:
    """Whether a sharp rendering is not yet the picture that the scene's camera takes."""
    sensor = spec.sensor
    return sensor.shutter > 0 or sensor.aperture > 0 or sensor.grain > 0


def apply_sensor(
    spec: SceneSpec, trajectory: Trajectory, rgb: UInt8[np.ndarray, "t h w 3"], draw_rgb: DrawRgb
) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the picture that the scene's camera takes, from the sharp one and a way to draw others."""
    num_samples = count_samples(spec, trajectory)
    if num_samples > 1:
        total = np.zeros(rgb.shape, dtype=np.float64)
        for moment, lens in _samples(num_samples):
            delay = moment * spec.sensor.shutter / spec.frame_rate
            views = [_from_lens(spec, view, lens) for view in views_of(spec, delay)]
            total += srgb_decoded()[draw_rgb(spec, later(spec, trajectory, delay), views)]
        rgb = srgb_encoded(total / num_samples)
    if spec.sensor.grain > 0:
        rgb = with_grain(rgb, spec.sensor.grain, spec.sensor.seed)
    return rgb


def with_grain(rgb: UInt8[np.ndarray, "t h w 3"], grain: float, seed: int) -> UInt8[np.ndarray, "t h w 3"]:
    """Add normal noise of standard deviation ``grain`` (sRGB bytes), other noise in every frame, and round."""
    noisy = np.empty_like(rgb)
    for frame, picture in enumerate(rgb):
        rng = np.random.default_rng([seed % 2**64, frame])
        noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(grain)
        noisy[frame] = np.clip(np.rint(picture + noise), 0, 255)
    return noisy


def later(spec: SceneSpec, trajectory: Trajectory, delay: float) -> Trajectory:
    """Return the poses ``delay`` seconds after every frame.

    Between two frames positions run straight and orientations turn evenly. After the last frame, and where a body
    jumps farther than its speed can carry it, it goes on with its velocity.

    Units:
        delay:  s, from 0 to one frame interval
    """
    interval = 1.0 / spec.frame_rate
    share = delay / interval
    start = Rotation.from_quat(trajectory.orientation.reshape(-1, 4), scalar_first=True)
    position = trajectory.position + delay * trajectory.linear_velocity
    turn = (delay * trajectory.angular_velocity).reshape(-1, 3)
    step = np.diff(trajectory.position, axis=0)
    speed = np.linalg.norm(trajectory.linear_velocity, axis=-1)
    fastest = 1.5 * np.maximum(speed[:-1], speed[1:]) * interval + 0.02
    is_smooth = np.linalg.norm(step, axis=-1) <= fastest
    position[:-1][is_smooth] = (trajectory.position[:-1] + share * step)[is_smooth]
    if spec.num_frames > 1:
        count = len(spec.bodies)
        whole = (start[count:] * start[:-count].inv()).as_rotvec()
        turn[:-count][is_smooth.ravel()] = share * whole[is_smooth.ravel()]
    orientation = (Rotation.from_rotvec(turn) * start).as_quat(scalar_first=True)
    return dataclasses.replace(
        trajectory, position=position, orientation=orientation.reshape(trajectory.orientation.shape)
    )


def count_samples(spec: SceneSpec, trajectory: Trajectory) -> int:
    """Return how many pictures to average: one a pixel of the longest smear, a quarter of a blur disc's pixels."""
    smear = _longest_smear(spec, trajectory) if spec.sensor.shutter > 0 else 0.0
    disc = _widest_disc(spec, trajectory) if spec.sensor.aperture > 0 else 0.0
    for_smear = min(max(math.ceil(smear), 1), MOST_SAMPLES)
    for_disc = min(4 + math.ceil(0.25 * disc * disc), MOST_LENS_SAMPLES) if disc > _SHARP else 1
    return max(for_smear, for_disc)


def _samples(count: int) -> list[tuple[float, tuple[float, float]]]:
    """Return evenly spread moments in [0, 1] and places in the unit disc, unrelated to each other.

    Source: the spiral of Vogel (1979), A better way to construct the sunflower head, Math. Biosci. 44.
    """
    stride = next(step for step in range(max(1, round(0.618 * count)), 2 * count) if math.gcd(step, count) == 1)
    places = []
    for index in range(count):
        place = index * stride % count
        radius, angle = math.sqrt((place + 0.5) / count), place * _GOLDEN_ANGLE
        places.append(((index + 0.5) / count, (radius * math.cos(angle), radius * math.sin(angle))))
    return places


def _focus_distance(spec: SceneSpec) -> float:
    if spec.sensor.focus_distance is not None:
        return spec.sensor.focus_distance
    # A camera that travels keeps the focus of its first frame.
    return float(np.linalg.norm(np.subtract(spec.camera.target, spec.camera.position)))


def _from_lens(spec: SceneSpec, view: PinholeView, place: tuple[float, float]) -> PinholeView:
    """Move the eye to a place on the lens, and the optical centre so that what is in focus stays where it is."""
    if spec.sensor.aperture == 0:
        return view
    right, down = (0.5 * spec.sensor.aperture * x for x in place)
    shift = view.focal / _focus_distance(spec)
    return dataclasses.replace(
        view,
        origin=view.origin + view.world_from_camera @ np.array([right, down, 0.0]),
        center=(view.center[0] + shift * right, view.center[1] + shift * down),
    )


def _longest_smear(spec: SceneSpec, trajectory: Trajectory) -> float:
    """Return how far anything moves in the picture while the shutter is open, pixels."""
    delay = spec.sensor.shutter / spec.frame_rate
    before, after = views_of(spec), views_of(spec, delay)
    end = later(spec, trajectory, delay)
    longest = 0.0
    for frame in range(spec.num_frames):
        first = before[frame].project(trajectory.position[frame])
        second = after[frame].project(end.position[frame])
        seen = (first[:, 2] > 0.1) & (second[:, 2] > 0.1) & (np.abs(first[:, :2]).max(axis=1) < 4 * spec.width)
        way = np.linalg.norm(second[seen, :2] - first[seen, :2], axis=1)
        turn = delay * np.linalg.norm(trajectory.angular_velocity[frame][seen], axis=1)
        size = 0.5 * before[frame].focal / first[seen, 2]
        longest = max(
            longest, (way + np.minimum(turn, 1.0) * size).max(initial=0.0), _camera_smear(before, after, frame)
        )
    return longest


def _camera_smear(before: list[PinholeView], after: list[PinholeView], frame: int) -> float:
    """Return how far the farthest background moves, pixels."""
    turned = before[frame].world_from_camera.T @ after[frame].world_from_camera[:, 2]
    return before[frame].focal * math.hypot(turned[0], turned[1])


def _widest_disc(spec: SceneSpec, trajectory: Trajectory) -> float:
    """Return the diameter of the widest blur disc of a body or of the background, pixels."""
    widest = 0.0
    for frame, view in enumerate(views_of(spec)):
        focus = _focus_distance(spec)
        depth = view.project(trajectory.position[frame])[:, 2]
        depth = np.append(depth[depth > 0.3], 4.0 * focus)
        disc = spec.sensor.aperture * view.focal * np.abs(1.0 / focus - 1.0 / depth)
        widest = max(widest, float(disc.max()))
    return widest
