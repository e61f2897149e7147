"""Where the camera stands, and how it moves."""

import math
from typing import Protocol, runtime_checkable

import numpy as np

from physics_data.core.scene import Camera, CameraKey, Shake, Vector3
from physics_data.variation.appearance import spawned

CUT_TURN, CUT_ZOOM, CUT_SHARE = (40.0, 100.0), (0.85, 1.15), (0.35, 0.65)
"""Angle between the views of two shots, degrees; their distances, as a factor; when the cut comes, as a share of the
clip."""

ORBIT_SWEEP = (25.0, 60.0)
"""Angle that an orbit goes through, degrees."""

PAN_SWEEP = (0.25, 0.45)
"""How far a pan sweeps, as a share of the horizontal field of view."""

AWAY_MARGIN = 25.0
"""How much farther than its field of view a camera turns to look away, degrees."""

SHAKE = ((0.3, 0.8), (1.0, 2.5))
"""Root mean square (degrees) and frequency (Hz) of a hand's unrest."""

WIDE_AZIMUTH, WIDE_ELEVATION = (-25.0, 25.0), (-2.0, 8.0)
"""Turn of a camera of the wide layout about its target, from the side view of the settings, degrees."""

WIDE_FOV, WIDE_ZOOM, WIDE_PAN = (0.8, 1.3), (0.9, 1.1), (5.0, 2.0)
"""Its field of view, as a factor; the visible size of the action, as a factor (above 1: smaller); and its offset along
x and z, in jitters."""

SIDE_FOV, SIDE_PAN = (0.96, 1.04), (2.0, 1.0)
"""The same where what hides a body has to stay between it and the camera: distance and direction are kept."""

_LOWEST = 0.4
"""No camera of the wide layout comes nearer to the floor than this, m."""

_ORBIT_KEYS = 9


@runtime_checkable
class CameraSettings(Protocol):
    """What the draws of cameras read of ``SceneSettings``."""

    @property
    def is_wide(self) -> bool:
        """Whether the view is drawn around the side view."""
        ...

    @property
    def camera_motion(self) -> str | tuple[str, ...]:
        """One of "fixed", "orbit", "pan", "look_away", "handheld", "cut", or several of which one is drawn."""
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


def _wide_view(rng: np.random.Generator, settings: CameraSettings, camera: Camera, keeps_side: bool) -> Camera:
    """Draw another view of the same action: from around its target, or from its own direction and distance."""
    fov_range, (pan_x, pan_z) = (SIDE_FOV, SIDE_PAN) if keeps_side else (WIDE_FOV, WIDE_PAN)
    fov = min(camera.fov_y * float(rng.uniform(*fov_range)), 120.0)
    shift = settings.camera_jitter * rng.uniform(-1.0, 1.0, size=2) * (pan_x, pan_z)
    azimuth, elevation = (math.radians(rng.uniform(*limits)) for limits in (WIDE_AZIMUTH, WIDE_ELEVATION))
    zoom = float(rng.uniform(*WIDE_ZOOM))
    x, y, z = camera.target[0] + float(shift[0]), camera.target[1], camera.target[2] + float(shift[1])
    away = np.subtract(camera.position, camera.target)
    if not keeps_side:
        level, distance = math.hypot(away[0], away[1]), float(np.linalg.norm(away))
        distance *= zoom * math.tan(math.radians(camera.fov_y) / 2) / math.tan(math.radians(fov) / 2)
        up = min(math.atan2(float(away[2]), level) + elevation, math.radians(85.0))
        up = max(up, math.asin(max(min((_LOWEST - z) / distance, 1.0), -1.0)))
        level = distance * math.cos(up)
        away = np.array([level * math.sin(azimuth), -level * math.cos(azimuth), distance * math.sin(up)])
    position = (x + float(away[0]), y + float(away[1]), z + float(away[2]))
    return Camera(position=position, target=(x, y, z), fov_y=fov)


def sample_camera(rng: np.random.Generator, settings: CameraSettings, *, keeps_side: bool = False) -> Camera:
    """Draw the side view of the settings, in the wide layout another view around it, and a motion of it.

    fixed:      it stands still
    orbit:      it goes around its target at one distance and height, 25° to 60°, the side view in the middle
    pan:        it stands and turns from one side to the other; the middle of the scene stays in view
    look_away:  it sees the scene in the first and last third; in between it turns until nothing of the first view is
                in the picture, and comes back; in the wide layout when and for how long is drawn
    handheld:   it stands, and shakes
    cut:        the picture cuts once to a view from 40° to 100° beside the first, of the same target

    The side view takes the same draws from ``rng`` for every motion; the motion's own come from a generator spawned
    off it. ``keeps_side`` keeps the direction and distance of the side view in the wide layout too.
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
    if settings.is_wide and settings.camera_jitter > 0.0:
        camera = _wide_view(spawned(rng), settings, camera, keeps_side)
    motion = settings.camera_motion
    if not isinstance(motion, str):
        motion = motion[int(own.integers(len(motion)))]
    if motion == "fixed":
        return camera
    side = -1.0 if own.random() < 0.5 else 1.0
    if motion == "handheld":
        amplitude, frequency = (float(own.uniform(*limits)) for limits in SHAKE)
        return camera.model_copy(
            update={"shake": Shake(amplitude=amplitude, frequency=frequency, seed=int(own.integers(2**31)))}
        )
    if motion == "orbit":
        sweep = side * math.radians(own.uniform(*ORBIT_SWEEP))
        angles = np.linspace(-0.5 * sweep, 0.5 * sweep, _ORBIT_KEYS)
        path = [(_around(camera.target, camera.position, angle), camera.target) for angle in angles]
        return _with_path(camera, np.linspace(0.0, 1.0, _ORBIT_KEYS) * settings.duration, path)
    if motion == "cut":
        around = _around(camera.target, camera.position, side * math.radians(own.uniform(*CUT_TURN)))
        zoom, share = float(own.uniform(*CUT_ZOOM)), float(own.uniform(*CUT_SHARE))
        x, y, z = (at + zoom * (place - at) for at, place in zip(camera.target, around, strict=True))
        first = CameraKey(seconds=0.0, position=camera.position, target=camera.target)
        second = CameraKey(
            seconds=share * settings.duration, position=(x, y, max(z, _LOWEST)), target=camera.target, cut=True
        )
        return camera.model_copy(update={"path": (first, second)})
    tangent = math.tan(math.radians(camera.fov_y) / 2) * settings.width / settings.height
    field = 2.0 * math.atan(tangent)
    if motion == "pan":
        sweep = side * field * own.uniform(*PAN_SWEEP)
        turns, shares = [-0.5 * sweep, 0.5 * sweep], [0.0, 1.0]
    else:
        away = side * (field + math.radians(AWAY_MARGIN))
        turns, shares = [0.0, 0.0, 0.5 * away, away, away, 0.5 * away, 0.0], [0.0, 0.34, 0.39, 0.44, 0.56, 0.61, 0.66]
        if settings.is_wide:
            leaves, stays = float(own.uniform(0.2, 0.45)), float(own.uniform(0.12, 0.2))
            shares = [0.0, *(leaves + share for share in (0.0, 0.05, 0.1, 0.1 + stays, 0.15 + stays, 0.2 + stays))]
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
