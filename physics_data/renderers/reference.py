# pyright: reportAttributeAccessIssue=false
# MuJoCo's functions come from a compiled module that names none of them to a type checker.
"""A second renderer whose geometry is MuJoCo's own ray casting: the oracle of the first one's labels."""

from collections.abc import Collection
from typing import Any, ClassVar

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from physics_data.core.clip import DEFAULT_STREAMS, Rendering, Stream
from physics_data.core.errors import DataError
from physics_data.core.geometry import PinholeView, rotation_matrix, views_of
from physics_data.core.scene import Box, Capsule, Compound, Cylinder, Ellipsoid, Mesh, Part, SceneSpec, Shape, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.renderer import cut_at_far_plane

_ABSENT = 2
_NEAR = 1e-3


class MujocoRayRenderer:
    """MuJoCo's ray casting with plain NumPy shading: an independent reference, slower and without shadows.

    It shares no intersection code with the other renderers. Labels follow the same rules; colours are the body's
    first albedo under the sun and the ambient light, without shadows, patterns or anti-aliasing.
    """

    name: ClassVar[str] = "mujoco_rays"

    def render(
        self, spec: SceneSpec, trajectory: Trajectory, streams: Collection[Stream] = DEFAULT_STREAMS
    ) -> Rendering:
        """Draw every frame with all labels, and the streams that are asked for.

        Raises:
            DataError: the trajectory is not one of this scene, or moves a plane, which MuJoCo cannot.
        """
        trajectory.check_fits(spec)
        _check_planes_still(spec, trajectory)
        stage = _Stage(spec, trajectory)
        views = views_of(spec)
        num_frames, height, width = spec.num_frames, spec.height, spec.width
        shape = (num_frames, height, width)
        rgb = np.empty((*shape, 3), dtype=np.uint8)
        instance_ids = np.zeros(shape, dtype=np.uint8)
        depth_map = np.full(shape, np.inf, dtype=np.float32)
        amodal_masks = np.zeros((num_frames, len(spec.instances), height, width), dtype=bool)
        albedo_of_body = np.array([body.appearance.albedo for body in spec.bodies])
        maps = {name: np.empty((*shape, 3)) for name in ("normal_map", "object_coordinates") if name in streams}
        hits: list[tuple[np.ndarray, np.ndarray]] = []
        for frame, view in enumerate(views):
            directions = _pixel_rays(view, width, height)
            lengths = np.linalg.norm(directions, axis=-1)
            stage.show(frame)
            body, distance, normal = stage.cast(view.origin, directions / lengths[:, None])
            hit = body >= 0
            instance_ids[frame] = np.where(hit, stage.id_of_body[body], 0).reshape(height, width)
            depth_map[frame] = np.where(hit, distance / lengths, np.inf).reshape(height, width)
            albedo = np.where(hit[:, None], albedo_of_body[body], spec.lighting.sky_horizon)
            rgb[frame] = _shade(spec, albedo, normal, hit).reshape(height, width, 3)
            for instance, index in enumerate(stage.solids):
                stage.show(frame, only=index)
                alone, _, _ = stage.cast(view.origin, directions / lengths[:, None])
                amodal_masks[frame, instance] = (alone >= 0).reshape(height, width)
            local = stage.to_body(frame, body, view.origin + directions * (distance / lengths)[:, None])
            hits.append((body, local))
            if "normal_map" in maps:
                maps["normal_map"][frame] = np.where(hit[:, None], normal, 0.0).reshape(height, width, 3)
            if "object_coordinates" in maps:
                coordinates = np.where(hit[:, None], local, np.nan)
                maps["object_coordinates"][frame] = coordinates.reshape(height, width, 3)
        optional: dict[str, Any] = {name: values.astype(np.float32) for name, values in maps.items()}
        for name, first, step in (("optical_flow", 0, 1), ("backward_flow", 1, -1)):
            if name in streams:
                flows = [
                    stage.flow(
                        views[pair + first], views[pair + first + step], pair + first + step, *hits[pair + first]
                    )
                    for pair in range(num_frames - 1)
                ]
                pairs = (num_frames - 1, height, width)
                optional[name] = np.array([flow for flow, _ in flows], dtype=np.float32).reshape(*pairs, 2)
                optional[f"{name}_seen"] = np.array([seen for _, seen in flows], dtype=bool).reshape(pairs)
        cut_at_far_plane(depth_map, optional)
        return Rendering(rgb, instance_ids, depth_map, amodal_masks, **optional)


class _Stage:
    """The scene as a MuJoCo model whose bodies can be put where the trajectory says."""

    def __init__(self, spec: SceneSpec, trajectory: Trajectory) -> None:
        self._spec, self._trajectory = spec, trajectory
        self.solids = [index for index, body in enumerate(spec.bodies) if body.is_instance]
        self.id_of_body = np.zeros(len(spec.bodies), dtype=np.uint8)
        self.id_of_body[self.solids] = np.arange(1, len(self.solids) + 1)
        xml, self._body_of_geom = _model_xml(spec, trajectory)
        self._model = mujoco.MjModel.from_xml_string(xml)
        self._data = mujoco.MjData(self._model)
        self._rotation = rotation_matrix(trajectory.orientation)

    def show(self, frame: int, only: int | None = None) -> None:
        """Put every body where it is in a frame; those that are not there, or not the only one asked for, are gone."""
        self._data.mocap_pos[:] = self._trajectory.position[frame, self.solids]
        self._data.mocap_quat[:] = self._trajectory.orientation[frame, self.solids]
        mujoco.mj_kinematics(self._model, self._data)
        shown = np.ones(len(self._spec.bodies), dtype=bool)
        if self._trajectory.present is not None:
            shown &= self._trajectory.present[frame]
        if only is not None:
            shown &= np.arange(len(shown)) == only
        self._model.geom_group[:] = np.where(shown[self._body_of_geom], 0, _ABSENT)

    def cast(
        self, origin: Float[np.ndarray, "3"], units: Float[np.ndarray, "n 3"]
    ) -> tuple[Int[np.ndarray, "n"], Float[np.ndarray, "n"], Float[np.ndarray, "n 3"]]:
        """Return body (or -1), ray length in m and outward normal of what each ray meets first."""
        num_rays = len(units)
        geom = np.full(num_rays, -1, dtype=np.int32)
        distance = np.full(num_rays, -1.0)
        normal = np.zeros(3 * num_rays)
        groups = np.array([1, 0, 0, 0, 0, 0], dtype=np.uint8)
        rays = np.ascontiguousarray(units).ravel()
        mujoco.mj_multiRay(
            self._model, self._data, origin, rays, groups, True, -1, geom, distance, normal, num_rays, mujoco.mjMAXVAL
        )
        return np.where(geom >= 0, self._body_of_geom[geom], -1), distance, normal.reshape(-1, 3)

    def to_body(
        self, frame: int, body: Int[np.ndarray, "n"], points: Float[np.ndarray, "n 3"]
    ) -> Float[np.ndarray, "n 3"]:
        """Bring world points, m, into the frames of their bodies."""
        offset = points - self._trajectory.position[frame, body]
        return np.einsum("nij,ni->nj", self._rotation[frame, body], offset)

    def flow(
        self, here: PinholeView, there: PinholeView, frame: int, body: Int[np.ndarray, "n"], local: np.ndarray
    ) -> tuple[Float[np.ndarray, "n 2"], Bool[np.ndarray, "n"]]:
        """Return how far the points at all pixels move to another frame, pixels, and whether they are seen there."""
        width, height = self._spec.width, self._spec.height
        pixel = _pixel_centers(width, height).reshape(-1, 2)
        directions = _pixel_rays(here, width, height)
        hit = body >= 0
        moved = np.einsum("nij,nj->ni", self._rotation[frame, body], local) + self._trajectory.position[frame, body]
        way = np.where(hit[:, None], moved - there.origin, directions)
        camera = way @ there.world_from_camera
        ahead = camera[:, 2] >= _NEAR
        scale = there.focal / np.where(ahead, camera[:, 2], 1.0)
        place = np.where(ahead[:, None], camera[:, :2] * scale[:, None] + there.center, pixel)
        inside = ahead & (place >= 0).all(axis=1) & (place < (width, height)).all(axis=1)
        self.show(frame)
        length = np.linalg.norm(way, axis=1)
        met, distance, _ = self.cast(there.origin, way / length[:, None])
        is_point = (met == body) & (distance > length * (1 - 1e-6))
        return place - pixel, inside & np.where(hit, is_point, met < 0)


def _pixel_centers(width: int, height: int) -> Float[np.ndarray, "h w 2"]:
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([columns, rows], axis=-1)


def _pixel_rays(view: PinholeView, width: int, height: int) -> Float[np.ndarray, "n 3"]:
    return view.ray_directions(_pixel_centers(width, height)).reshape(-1, 3)


def _shade(
    spec: SceneSpec, albedo: Float[np.ndarray, "n 3"], normal: Float[np.ndarray, "n 3"], hit: Bool[np.ndarray, "n"]
) -> UInt8[np.ndarray, "n 3"]:
    """Return sRGB bytes of Lambertian surfaces under the sun and an even sky.

    Source: IEC 61966-2-1 (1999) for the transfer curve.
    """
    sun = np.array(spec.lighting.sun_direction)
    facing = np.maximum(normal @ (sun / np.linalg.norm(sun)), 0.0)
    light = np.where(hit, spec.lighting.sun_intensity * facing + spec.lighting.ambient_intensity, 1.0)
    linear = np.minimum(albedo * light[:, None], 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * encoded).astype(np.uint8)


def _check_planes_still(spec: SceneSpec, trajectory: Trajectory) -> None:
    for index, body in enumerate(spec.bodies):
        poses = (trajectory.position[:, index], trajectory.orientation[:, index])
        if not body.is_instance and any((pose != pose[0]).any() for pose in poses):
            raise DataError(
                f"plane '{body.name}' moves in the trajectory, but planes are static; simulate the scene again."
            )


def _model_xml(spec: SceneSpec, trajectory: Trajectory) -> tuple[str, Int[np.ndarray, "g"]]:
    """Write a model with the bodies in the scene's order, and say which body each of its geoms belongs to.

    Solids hang on bodies that can be placed freely.
    """
    assets, elements, owners = [], [], []
    for index, body in enumerate(spec.bodies):
        shape = body.shape
        if isinstance(shape, Mesh):
            vertices = _numbers(np.array(shape.vertices).ravel())
            faces = " ".join(str(corner) for triangle in shape.triangles for corner in triangle)
            assets.append(f'<mesh name="{body.name}" vertex="{vertices}" face="{faces}"/>')
        parts = shape.parts if isinstance(shape, Compound) else (None,)
        geoms = "".join(_geom(body.name, shape, part) for part in parts)
        owners += [index] * len(parts)
        if body.is_instance:
            elements.append(f'<body mocap="true">{geoms}</body>')
        else:
            pose = (_numbers(trajectory.position[0, index]), _numbers(trajectory.orientation[0, index]))
            elements.append(f'<body pos="{pose[0]}" quat="{pose[1]}">{geoms}</body>')
    model = f"<mujoco><asset>{''.join(assets)}</asset><worldbody>{''.join(elements)}</worldbody></mujoco>"
    return model, np.array(owners)


def _geom(name: str, shape: Shape, part: Part | None) -> str:
    if part is not None:
        pose = f'pos="{_numbers(part.position)}" quat="{_numbers(part.orientation)}"'
        return f'<geom type="{part.shape.kind}" size="{_size(part.shape)}" {pose}/>'
    if isinstance(shape, Mesh):
        return f'<geom type="mesh" mesh="{name}"/>'
    return f'<geom type="{shape.kind}" size="{_size(shape)}"/>'


def _numbers(values: np.ndarray | tuple[float, ...]) -> str:
    return " ".join(repr(float(value)) for value in values)


def _size(shape: Shape) -> str:
    match shape:
        case Sphere(radius=radius):
            return _numbers((radius,))
        case Box(half_extents=half) | Ellipsoid(half_axes=half):
            return _numbers(half)
        case Cylinder(radius=radius, half_height=height) | Capsule(radius=radius, half_height=height):
            return _numbers((radius, height))
        case _:
            return "0 0 1"
