# pyright: reportAttributeAccessIssue=false
# MuJoCo's functions come from a compiled module that names none of them to a type checker.
"""A second renderer whose geometry is MuJoCo's own ray casting: the oracle of the first one's labels."""

from collections.abc import Collection
from typing import ClassVar

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from physics_data.core.clip import Rendering, Stream
from physics_data.core.errors import DataError
from physics_data.core.geometry import view_of
from physics_data.core.scene import Body, Box, Cylinder, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory


class MujocoRayRenderer:
    """MuJoCo's ray casting with plain NumPy shading: an independent reference, slower and without shadows.

    It shares no intersection code with the other renderers. Labels follow the same rules; colours are the body's
    first albedo under the sun and the ambient light, without shadows, patterns or anti-aliasing.
    """

    name: ClassVar[str] = "mujoco_rays"

    def render(self, spec: SceneSpec, trajectory: Trajectory, streams: Collection[Stream] = frozenset()) -> Rendering:
        """Draw every frame with all labels.

        Raises:
            DataError: the trajectory is not one of this scene, or moves a plane, which MuJoCo cannot.
        """
        trajectory.check_fits(spec)
        _check_planes_still(spec, trajectory)
        num_frames, height, width = spec.num_frames, spec.height, spec.width
        view = view_of(spec.camera, width, height)
        columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        directions = view.ray_directions(np.stack([columns, rows], axis=-1)).reshape(-1, 3)
        lengths = np.linalg.norm(directions, axis=-1)
        units = directions / lengths[:, None]

        model = mujoco.MjModel.from_xml_string(_model_xml(spec, trajectory))
        data = mujoco.MjData(model)
        solids = [index for index, body in enumerate(spec.bodies) if body.is_instance]
        id_of_geom = np.array([solids.index(i) + 1 if i in solids else 0 for i in range(len(spec.bodies))])
        albedo_of_geom = np.array([body.appearance.albedo for body in spec.bodies])

        shape = (num_frames, height, width)
        rgb = np.empty((*shape, 3), dtype=np.uint8)
        instance_ids = np.zeros(shape, dtype=np.uint8)
        depth_map = np.full(shape, np.inf, dtype=np.float32)
        amodal_masks = np.zeros((num_frames, len(solids), height, width), dtype=bool)
        for frame in range(num_frames):
            data.mocap_pos[:] = trajectory.position[frame, solids]
            data.mocap_quat[:] = trajectory.orientation[frame, solids]
            mujoco.mj_kinematics(model, data)
            model.geom_group[:] = 0
            geom, distance, normal = _cast(model, data, view.origin, units)
            hit = geom >= 0
            instance_ids[frame] = np.where(hit, id_of_geom[geom], 0).reshape(height, width)
            depth_map[frame] = np.where(hit, distance / lengths, np.inf).reshape(height, width)
            albedo = np.where(hit[:, None], albedo_of_geom[geom], spec.lighting.sky_horizon)
            rgb[frame] = _shade(spec, albedo, normal, hit).reshape(height, width, 3)
            for instance, index in enumerate(solids):
                model.geom_group[:] = 0
                model.geom_group[index] = 1
                alone, _, _ = _cast(model, data, view.origin, units, group=1)
                amodal_masks[frame, instance] = (alone >= 0).reshape(height, width)
        return Rendering(rgb, instance_ids, depth_map, amodal_masks)


def _cast(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    origin: Float[np.ndarray, "3"],
    units: Float[np.ndarray, "n 3"],
    group: int = 0,
) -> tuple[Int[np.ndarray, "n"], Float[np.ndarray, "n"], Float[np.ndarray, "n 3"]]:
    """Return geom (or -1), ray length in m and outward normal of the nearest geom of a group, ray by ray."""
    num_rays = len(units)
    geom = np.full(num_rays, -1, dtype=np.int32)
    distance = np.full(num_rays, -1.0)
    normal = np.zeros(3 * num_rays)
    groups = np.zeros(6, dtype=np.uint8)
    groups[group] = 1
    mujoco.mj_multiRay(
        model, data, origin, units.ravel(), groups, True, -1, geom, distance, normal, num_rays, mujoco.mjMAXVAL
    )
    return geom, distance, normal.reshape(-1, 3)


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


def _model_xml(spec: SceneSpec, trajectory: Trajectory) -> str:
    """Write a model with one geom a body, in the scene's order; solids hang on bodies that can be placed freely."""
    elements = []
    for index, body in enumerate(spec.bodies):
        geom = f'<geom type="{body.shape.kind}" size="{_size(body)}"'
        if body.is_instance:
            elements.append(f'<body mocap="true">{geom}/></body>')
        else:
            pose = (_numbers(trajectory.position[0, index]), _numbers(trajectory.orientation[0, index]))
            elements.append(f'<body pos="{pose[0]}" quat="{pose[1]}">{geom}/></body>')
    return f"<mujoco><worldbody>{''.join(elements)}</worldbody></mujoco>"


def _numbers(values: np.ndarray | tuple[float, ...]) -> str:
    return " ".join(repr(float(value)) for value in values)


def _size(body: Body) -> str:
    shape = body.shape
    if isinstance(shape, Sphere):
        return _numbers((shape.radius,))
    if isinstance(shape, Box):
        return _numbers(shape.half_extents)
    if isinstance(shape, Cylinder):
        return _numbers((shape.radius, shape.half_height))
    return "0 0 1"
