"""Rotations, the camera and its matrices, and the extents of shapes and bodies."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from physics_data.core.errors import SceneSpecError
from physics_data.core.paths import camera_at, scripted_poses, shake_at
from physics_data.core.scene import (
    Body,
    Box,
    Camera,
    Capsule,
    Compound,
    Cylinder,
    Ellipsoid,
    Mesh,
    Plane,
    SceneSpec,
    Shape,
    Sphere,
)


def rotation_matrix(orientation: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 3 3"]:
    """Return the world_from_body rotation of unit quaternions.

    Units:
        orientation:  unit quaternion wxyz
    """
    w, x, y, z = np.moveaxis(np.asarray(orientation, dtype=np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


@dataclass(frozen=True)
class PinholeView:
    """A camera placed in the world, for one image size.

    origin:             m, world frame
    world_from_camera:  rotation; columns are the camera's x (right), y (down), z (forward) axes in the world
    focal:              pixels, the same for x and y
    center:             pixels, (x, y) of the optical axis
    """

    origin: Float[np.ndarray, "3"]
    world_from_camera: Float[np.ndarray, "3 3"]
    focal: float
    center: tuple[float, float]

    def project(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Project world points to (x pixel, y pixel, z depth in m).

        Units:
            points:  m, world frame
        """
        local = (np.asarray(points) - self.origin) @ self.world_from_camera
        depth = local[..., 2:3]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixel = local[..., :2] / depth * self.focal + np.array(self.center)
        return np.concatenate([pixel, depth], axis=-1)

    def ray_directions(self, pixel: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 3"]:
        """Return world directions through pixel positions, scaled so that the camera-frame z component is 1.

        Units:
            pixel:  (x, y), pixels; the centre of the top-left pixel is (0.5, 0.5)
        """
        local = (np.asarray(pixel, dtype=np.float64) - np.array(self.center)) / self.focal
        local = np.concatenate([local, np.ones_like(local[..., :1])], axis=-1)
        return local @ self.world_from_camera.T

    def unproject_to_plane(
        self,
        pixel: Float[np.ndarray, "*batch 2"],
        point: Float[np.ndarray, "3"],
        normal: Float[np.ndarray, "3"],
    ) -> Float[np.ndarray, "*batch 3"]:
        """Intersect the rays of pixels with a world plane; rays that miss it give non-finite values.

        Units:
            pixel:   (x, y), pixels
            point:   m, any point of the plane
            normal:  unit vector of the plane
        """
        directions = self.ray_directions(pixel)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = ((point - self.origin) @ normal) / (directions @ normal)
        return self.origin + directions * distance[..., None]


def views_of(spec: SceneSpec, delay: float = 0.0) -> list[PinholeView]:
    """Place the camera for every frame of a scene, ``delay`` seconds after the frame's time."""
    return views_at(spec.camera, np.array(spec.seconds) + delay, spec.width, spec.height)


def views_at(camera: Camera, seconds: Float[np.ndarray, "t"], width: int, height: int) -> list[PinholeView]:
    """Place a camera at some times, for an image of ``width`` × ``height`` pixels.

    Units:
        seconds:  s from the first frame
    """
    if not camera.is_moving and len(seconds) > 1:
        return views_at(camera, seconds[:1], width, height) * len(seconds)
    positions, targets = camera_at(camera, seconds)
    focal = float(0.5 * height / np.tan(np.radians(camera.fov_y) / 2))
    turns = np.zeros((len(seconds), 3)) if camera.shake is None else shake_at(camera.shake, seconds)
    views = []
    for origin, target, turn in zip(positions, targets, turns, strict=True):
        forward = target - origin
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(forward, right), forward], axis=1)
        if camera.shake is not None:
            axes = axes @ Rotation.from_rotvec(turn).as_matrix()
        views.append(PinholeView(np.array(origin, dtype=np.float64), axes, focal, (width / 2, height / 2)))
    return views


def view_of(camera: Camera, width: int, height: int) -> PinholeView:
    """Place a camera as it is in the first frame."""
    return views_at(camera, np.zeros(1), width, height)[0]


@dataclass(frozen=True)
class CameraMatrices:
    """The pinhole camera at every frame.

    intrinsics:         pixels; ``intrinsics @ p`` is (x z, y z, z) for a point p in the camera frame
    world_from_camera:  m; the camera frame is x right, y down, z forward
    """

    intrinsics: Float[np.ndarray, "t 3 3"]
    world_from_camera: Float[np.ndarray, "t 4 4"]


def camera_matrices(spec: SceneSpec) -> CameraMatrices:
    """Return intrinsics and pose of the camera at every frame of a scene."""
    views = views_of(spec)
    intrinsics, poses = np.zeros((len(views), 3, 3)), np.tile(np.eye(4), (len(views), 1, 1))
    for frame, view in enumerate(views):
        intrinsics[frame] = [[view.focal, 0.0, view.center[0]], [0.0, view.focal, view.center[1]], [0.0, 0.0, 1.0]]
        poses[frame, :3, :3], poses[frame, :3, 3] = view.world_from_camera, view.origin
    return CameraMatrices(intrinsics, poses)


_PATH_SAMPLES = 33


def bounding_radius(shape: Shape) -> float:
    """Return the radius of a sphere around a shape's origin that holds all of it, m; infinite for a plane."""
    match shape:
        case Plane():
            return math.inf
        case Sphere(radius=radius):
            return radius
        case Capsule(radius=radius, half_height=half_height):
            return radius + half_height
        case Cylinder(radius=radius, half_height=half_height):
            return math.hypot(radius, half_height)
        case Box(half_extents=half_extents):
            return math.hypot(*half_extents)
        case Ellipsoid(half_axes=half_axes):
            return max(half_axes)
        case Mesh(vertices=vertices):
            return float(np.linalg.norm(vertices, axis=1).max())
        case Compound(parts=parts):
            return max(math.hypot(*part.position) + bounding_radius(part.shape) for part in parts)


def min_width(shape: Shape) -> float:
    """Return the smallest width of a solid, m; of a compound, of its thinnest part; infinite for a plane."""
    match shape:
        case Plane():
            return math.inf
        case Sphere(radius=radius):
            return 2.0 * radius
        case Box(half_extents=half_extents):
            return 2.0 * min(half_extents)
        case Cylinder(radius=radius, half_height=half):
            return 2.0 * min(radius, half)
        case Capsule(radius=radius):
            return 2.0 * radius
        case Ellipsoid(half_axes=half_axes):
            return 2.0 * min(half_axes)
        case Mesh(vertices=vertices):
            return float(np.ptp(np.array(vertices), axis=0).min())
        case Compound(parts=parts):
            return min(min_width(part.shape) for part in parts)


def shape_box(shape: Shape) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Return centre and half extents of the smallest box along the body's axes, m, body frame.

    Raises:
        SceneSpecError: the shape is a plane, which is unbounded.
    """
    low, high = _bounds(shape, np.eye(3))
    return 0.5 * (low + high), 0.5 * (high - low)


def world_bounds(body: Body) -> Float[np.ndarray, "2 3"]:
    """Return the lowest and highest coordinates of a body at the start, m, world frame.

    Raises:
        SceneSpecError: the body is a plane, which has none.
    """
    low, high = _bounds(body.shape, rotation_matrix(np.array(body.orientation)))
    return np.array(body.position) + np.stack([low, high])


def swept_bounds(body: Body) -> Float[np.ndarray, "2 3"]:
    """Return the box around all places of a scripted body; that of the start for any other, m, world frame."""
    if not body.is_scripted:
        return world_bounds(body)
    seconds = np.linspace(body.path[0].seconds, body.path[-1].seconds, _PATH_SAMPLES)
    position, orientation = scripted_poses(body, seconds)
    every = np.array([_bounds(body.shape, turn) for turn in rotation_matrix(orientation)]) + position[:, None]
    return np.stack([every[:, 0].min(axis=0), every[:, 1].max(axis=0)])


def _bounds(
    shape: Shape, world_from_body: Float[np.ndarray, "3 3"]
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    axis = world_from_body[:, 2]
    match shape:
        case Sphere(radius=radius):
            reach = np.full(3, radius)
        case Box(half_extents=half_extents):
            reach = np.abs(world_from_body) @ np.array(half_extents)
        case Cylinder(radius=radius, half_height=half):
            reach = radius * np.sqrt(np.maximum(1.0 - axis**2, 0.0)) + half * np.abs(axis)
        case Capsule(radius=radius, half_height=half):
            reach = radius + half * np.abs(axis)
        case Ellipsoid(half_axes=half_axes):
            reach = np.linalg.norm(world_from_body * np.array(half_axes), axis=1)
        case Mesh(vertices=vertices):
            corners = np.array(vertices) @ world_from_body.T
            return corners.min(axis=0), corners.max(axis=0)
        case Compound(parts=parts):
            ends = []
            for part in parts:
                low, high = _bounds(part.shape, world_from_body @ rotation_matrix(np.array(part.orientation)))
                ends.append(world_from_body @ np.array(part.position) + np.stack([low, high]))
            every = np.array(ends)
            return every[:, 0].min(axis=0), every[:, 1].max(axis=0)
        case _:
            raise SceneSpecError("a plane is unbounded; ask for the bounds of another body.")
    return -reach, reach
