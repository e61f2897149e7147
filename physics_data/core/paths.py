"""Where scripted bodies and moving cameras are at a time, from the keys in the scene."""

import itertools
import math

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from physics_data.core.scene import Body, Camera, Shake

_SHAKE_WAVES = 5

_ON_TIME = 1e-9
"""Rounding of a time, s, by which a frame may lie before the cut that begins with it."""


def scripted_pose(body: Body, seconds: float) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "4"]]:
    """Return position (m) and orientation (unit quaternion wxyz) of a scripted body at a time."""
    position, orientation = scripted_poses(body, np.array([seconds]))
    return position[0], orientation[0]


def scripted_velocity(body: Body, seconds: float) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Return linear (m/s) and angular velocity (rad/s) of a scripted body at a time, world frame."""
    linear, angular = scripted_velocities(body, np.array([seconds]))
    return linear[0], angular[0]


def scripted_poses(
    body: Body, seconds: Float[np.ndarray, "t"]
) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, "t 4"]]:
    """Return positions (m) and orientations (unit quaternion wxyz) of a scripted body at some times.

    Between two keys the body turns the shorter way around.
    """
    position, orientation = _keys(body)
    before, after, share, _ = _segments(body, seconds)
    start = Rotation.from_quat(orientation[before], scalar_first=True)
    turned = Rotation.from_rotvec(share[:, None] * _turns(body)[before]) * start
    placed = position[before] + share[:, None] * (position[after] - position[before])
    return placed, turned.as_quat(scalar_first=True)


def scripted_velocities(
    body: Body, seconds: Float[np.ndarray, "t"]
) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, "t 3"]]:
    """Return linear (m/s) and angular velocities (rad/s) of a scripted body at some times, world frame.

    At a key it is that of the way that begins there.
    """
    position, _ = _keys(body)
    before, after, _, rate = _segments(body, seconds)
    return rate[:, None] * (position[after] - position[before]), rate[:, None] * _turns(body)[before]


def camera_at(
    camera: Camera, seconds: Float[np.ndarray, "t"]
) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, "t 3"]]:
    """Return positions and targets of a camera at some times, m, without its shake; shots do not blend.

    Source: monotone cubic interpolation of Fritsch & Butland (1984), SIAM J. Sci. Stat. Comput. 5, which passes
    through the keys without overshooting them.
    """
    if len(camera.path) < 2:
        shape = (len(seconds), 3)
        return np.broadcast_to(camera.position, shape), np.broadcast_to(camera.target, shape)
    keys = np.array([(*key.position, *key.target) for key in camera.path])
    times = np.array([key.seconds for key in camera.path])
    starts = [0, *(number for number, key in enumerate(camera.path) if key.cut), len(keys)]
    shot = np.searchsorted(times[starts[1:-1]], np.asarray(seconds) + _ON_TIME, side="right")
    both = np.empty((len(seconds), 6))
    for number, (first, end) in enumerate(itertools.pairwise(starts)):
        own = shot == number
        if end - first == 1:
            both[own] = keys[first]
        else:
            both[own] = PchipInterpolator(times[first:end], keys[first:end])(
                np.clip(np.asarray(seconds)[own], times[first], times[end - 1])
            )
    return both[:, :3], both[:, 3:]


def shake_at(shake: Shake, seconds: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t 3"]:
    """Return the turns about the camera's x, y and z axes, rad: sums of sines of drawn frequency and phase."""
    rng = np.random.default_rng([shake.seed, 0x5AFE])
    frequency = shake.frequency * rng.uniform(0.3, 1.7, size=(_SHAKE_WAVES, 3))
    phase = rng.uniform(0.0, 2.0 * math.pi, size=(_SHAKE_WAVES, 3))
    waves = np.sin(2.0 * math.pi * frequency * np.asarray(seconds)[:, None, None] + phase)
    return math.radians(shake.amplitude) * math.sqrt(2.0 / _SHAKE_WAVES) * waves.sum(axis=1)


def _keys(body: Body) -> tuple[Float[np.ndarray, "k 3"], Float[np.ndarray, "k 4"]]:
    return np.array([key.position for key in body.path]), np.array([key.orientation for key in body.path])


def _turns(body: Body) -> Float[np.ndarray, "k 3"]:
    """Return the rotation vector from each key to the next, world frame, rad; zero for the last."""
    _, orientation = _keys(body)
    following = np.concatenate([orientation[1:], orientation[-1:]])
    start, end = (Rotation.from_quat(side, scalar_first=True) for side in (orientation, following))
    return (end * start.inv()).as_rotvec()


def _segments(
    body: Body, seconds: Float[np.ndarray, "t"]
) -> tuple[Int[np.ndarray, "t"], Int[np.ndarray, "t"], Float[np.ndarray, "t"], Float[np.ndarray, "t"]]:
    """Return the keys around each time, the share of the way between them, and that share's rate, 1/s."""
    times = np.array([key.seconds for key in body.path])
    smooth = np.array([key.ease == "smooth" for key in body.path])
    place = np.searchsorted(times, seconds, side="right")
    before, after = np.maximum(place - 1, 0), np.minimum(place, len(times) - 1)
    length = np.where(after > before, times[after] - times[before], np.inf)
    share = (seconds - times[before]) / length
    eased = smooth[after]
    return (
        before,
        after,
        np.where(eased, share * share * (3.0 - 2.0 * share), share),
        np.where(eased, 6.0 * share * (1.0 - share), 1.0) / length,
    )
