"""Where the camera stands, and how it moves."""

import math
from typing import Protocol, runtime_checkable

import numpy as np

from physics_data.core.scene import Camera, CameraKey, Shake, Vector3
from physics_data.variation.looks import spawned

ORBIT_SWEEP = (25.0, 60.0)
"""Angle that an orbit goes through, degrees."""

PAN_SWEEP = (0.25, 0.45)
"""How far a pan sweeps, as a share of the horizontal field of view."""

AWAY_MARGIN = 25.0
"""How much farther than its field of view a camera turns to look away, degrees."""

SHAKE = ((0.3, 0.8), (1.0, 2.5))
"""Root mean square (degrees) and frequency (Hz) of a hand's unrest."""

_ORBIT_KEYS = 9


@runtime_checkable
class CameraSettings(Protocol):
    """What the draws of cameras read of ``SceneSettings``."""

    @property
    def camera_motion(self) -> str:
        """One of "fixed", "orbit", "pan", "look_away", "handheld"."""
        ...

    @property
    def camera_distance(self) -> float:
        """From the camera to the plane y = 0, m."""
        ...

    @property
    def camera_height(self) -> float:
        """Over the floor, m."""
        ...

    @property
    def camera_target_height(self) -> float:
        """Of the looked-at point over the floor, m."""
        ...

    @property
    def camera_fov_y(self) -> float:
        """Vertical field of view, degrees."""
        ...

    @property
    def camera_jitter(self) -> float:
        """Largest offset of the view, m."""
        ...

    @property
    def width(self) -> int:
        """Pixels."""
        ...

    @property
    def height(self) -> int:
        """Pixels."""
        ...

    @property
    def duration(self) -> float:
        """Time between the first and the last frame, s."""
        ...


def sample_side_view(
    rng: np.random.Generator, distance: float, height: float, target_height: float, fov_y: float, jitter: float
) -> Camera:
    """Draw a camera that looks along +y at the plane y = 0, in which the motion takes place.

    Position and target are moved by the same offset, uniform within ± jitter on x and z, so the view keeps
    its direction and size.

    Units:
        distance:       m, from the camera to the plane y = 0
        height:         m, of the camera over the floor
        target_height:  m, of the looked-at point over the floor
        fov_y:          degrees, vertical
        jitter:         m
    """
    x, z = (float(value) for value in rng.uniform(-jitter, jitter, size=2))
    return Camera(position=(x, -distance, height + z), target=(x, 0.0, target_height + z), fov_y=fov_y)


def sample_camera(rng: np.random.Generator, settings: CameraSettings) -> Camera:
    """Draw the side view of the settings, and a motion of it.

    fixed:      it stands still
    orbit:      it goes around its target at one distance and height, 25° to 60°, the side view in the middle
    pan:        it stands and turns from one side to the other; the middle of the scene stays in view
    look_away:  it sees the scene in the first and last third; in between it turns until nothing of the first view is
                in the picture, and comes back
    handheld:   it stands, and shakes

    The side view takes the same draws from ``rng`` for every motion; the motion's own come from a generator spawned
    off it.
    """
    camera = sample_side_view(
        rng,
        settings.camera_distance,
        settings.camera_height,
        settings.camera_target_height,
        settings.camera_fov_y,
        settings.camera_jitter,
    )
    own = spawned(rng)
    if settings.camera_motion == "fixed":
        return camera
    side = -1.0 if own.random() < 0.5 else 1.0
    if settings.camera_motion == "handheld":
        amplitude, frequency = (float(own.uniform(*limits)) for limits in SHAKE)
        return camera.model_copy(
            update={"shake": Shake(amplitude=amplitude, frequency=frequency, seed=int(own.integers(2**31)))}
        )
    if settings.camera_motion == "orbit":
        sweep = side * math.radians(own.uniform(*ORBIT_SWEEP))
        angles = np.linspace(-0.5 * sweep, 0.5 * sweep, _ORBIT_KEYS)
        path = [(_around(camera.target, camera.position, angle), camera.target) for angle in angles]
        return _with_path(camera, np.linspace(0.0, 1.0, _ORBIT_KEYS) * settings.duration, path)
    tangent = math.tan(math.radians(camera.fov_y) / 2) * settings.width / settings.height
    field = 2.0 * math.atan(tangent)
    if settings.camera_motion == "pan":
        sweep = side * field * own.uniform(*PAN_SWEEP)
        turns, shares = [-0.5 * sweep, 0.5 * sweep], [0.0, 1.0]
    else:
        away = side * (field + math.radians(AWAY_MARGIN))
        turns, shares = [0.0, 0.0, 0.5 * away, away, away, 0.5 * away, 0.0], [0.0, 0.34, 0.39, 0.44, 0.56, 0.61, 0.66]
    path = [(camera.position, _around(camera.position, camera.target, turn)) for turn in turns]
    return _with_path(camera, np.array(shares) * settings.duration, path)


def _with_path(camera: Camera, seconds: np.ndarray, path: list[tuple[Vector3, Vector3]]) -> Camera:
    keys = tuple(
        CameraKey(seconds=float(time), position=position, target=target)
        for time, (position, target) in zip(seconds, path, strict=True)
    )
    return Camera(position=keys[0].position, target=keys[0].target, fov_y=camera.fov_y, path=keys, shake=camera.shake)


def _around(center: Vector3, point: Vector3, angle: float) -> Vector3:
    """Turn a point about the vertical axis through another."""
    x, y = point[0] - center[0], point[1] - center[1]
    cosine, sine = math.cos(angle), math.sin(angle)
    return (center[0] + cosine * x - sine * y, center[1] + sine * x + cosine * y, point[2])
