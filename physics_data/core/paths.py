"""Where scripted bodies and moving cameras are at a time, from the keys in the scene."""

import bisect
import math

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from physics_data.core.scene import Body, Camera, PoseKey, Shake

_SHAKE_WAVES = 5


def scripted_pose(body: Body, seconds: float) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "4"]]:
    """Return position (m) and orientation (unit quaternion wxyz) of a scripted body at a time.

    Between two keys the body turns the shorter way around.
    """
    before, after, share, _ = _segment(body, seconds)
    position = np.array(before.position) + share * np.subtract(after.position, before.position)
    start = Rotation.from_quat(before.orientation, scalar_first=True)
    turned = Rotation.from_rotvec(share * _turn(before.orientation, after.orientation)) * start
    return position, turned.as_quat(scalar_first=True)


def scripted_velocity(body: Body, seconds: float) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Return linear (m/s) and angular velocity (rad/s) of a scripted body at a time, world frame.

    At a key it is that of the way that begins there.
    """
    before, after, _, rate = _segment(body, seconds)
    linear = rate * np.subtract(after.position, before.position)
    return linear, rate * _turn(before.orientation, after.orientation)


def camera_at(
    camera: Camera, seconds: Float[np.ndarray, "t"]
) -> tuple[Float[np.ndarray, "t 3"], Float[np.ndarray, "t 3"]]:
    """Return positions and targets of a camera at some times, m, without its shake.

    Source: monotone cubic interpolation of Fritsch & Butland (1984), SIAM J. Sci. Stat. Comput. 5, which passes
    through the keys without overshooting them.
    """
    if len(camera.path) < 2:
        shape = (len(seconds), 3)
        return np.broadcast_to(camera.position, shape), np.broadcast_to(camera.target, shape)
    keys = np.array([(*key.position, *key.target) for key in camera.path])
    times = np.array([key.seconds for key in camera.path])
    both = PchipInterpolator(times, keys)(np.clip(seconds, times[0], times[-1]))
    return both[:, :3], both[:, 3:]


def shake_at(shake: Shake, seconds: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t 3"]:
    """Return the turns about the camera's x, y and z axes, rad: sums of sines of drawn frequency and phase."""
    rng = np.random.default_rng([shake.seed, 0x5AFE])
    frequency = shake.frequency * rng.uniform(0.3, 1.7, size=(_SHAKE_WAVES, 3))
    phase = rng.uniform(0.0, 2.0 * math.pi, size=(_SHAKE_WAVES, 3))
    waves = np.sin(2.0 * math.pi * frequency * np.asarray(seconds)[:, None, None] + phase)
    return math.radians(shake.amplitude) * math.sqrt(2.0 / _SHAKE_WAVES) * waves.sum(axis=1)


def _turn(before: tuple[float, ...], after: tuple[float, ...]) -> Float[np.ndarray, "3"]:
    """Return the rotation vector that brings one orientation to another, world frame, rad."""
    start, end = (Rotation.from_quat(orientation, scalar_first=True) for orientation in (before, after))
    return (end * start.inv()).as_rotvec()


def _segment(body: Body, seconds: float) -> tuple[PoseKey, PoseKey, float, float]:
    """Return the keys around a time, the share of the way between them, and that share's rate, 1/s."""
    path = body.path
    place = bisect.bisect_right([key.seconds for key in path], seconds)
    if place == 0 or place == len(path):
        key = path[max(place - 1, 0)]
        return key, key, 0.0, 0.0
    before, after = path[place - 1], path[place]
    length = after.seconds - before.seconds
    share = (seconds - before.seconds) / length
    if after.ease == "linear":
        return before, after, share, 1.0 / length
    return before, after, share * share * (3.0 - 2.0 * share), 6.0 * share * (1.0 - share) / length
