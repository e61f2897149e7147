"""``SceneArrays``: a scene and its trajectory as the flat arrays that the kernels read."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8

from physics_data.core.errors import ClipRejectedError, SceneSpecError
from physics_data.core.geometry import rotation_matrix, view_of
from physics_data.core.scene import Body, Box, Color, Cylinder, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.bounds import ScreenBounds, dimming_pairs, hull_of, shadow_pairs
from physics_data.renderers.kernels.layout import BOX, CHECKER, CYLINDER, PLAIN, SPHERE, STRIPES

SUN_SOFTNESS = 0.03
"""Tangent of the half angle under which the sun is seen; six times the real one, so that penumbras show."""

FOG_REACH = 5.5
"""Distance at which half the light comes from the horizon, in units of the camera-to-target distance."""

AMBIENT_REACH = 0.75
"""How far a body darkens what is near it, in units of its half size."""

_PATTERNS = {"plain": PLAIN, "checker": CHECKER, "stripes": STRIPES}


class SceneArrays(NamedTuple):
    """Axes: t frames, o solids in the order of ``SceneSpec.instances``, p planes, s surfaces (planes, then solids).

    Units:
        camera:          per frame: origin (m), right, down, forward, 1 / focal length (1 / pixels), center (pixels)
        solid_kind:      SPHERE, BOX or CYLINDER
        solid_size:      m: radius, 0, 0 | half extents | radius, radius, half height
        solid_radius:    m, of a ball around the solid
        solid_reach:     m, how far a solid darkens its surroundings
        solid_rotation:  world_from_body
        solid_position:  m, world frame
        eye_local:       m, the camera's origin in the body frame
        sun_local:       unit vector to the sun in the body frame
        solid_bounds:    pixels, half open: x0, x1, y0, y1; the solid draws nowhere else
        plane_rotation:  world_from_body; the third column is the normal
        plane_position:  m, a point of the plane
        shadow_bounds:   pixels; where a solid may hide the sun from a plane
        dimming_bounds:  pixels; where a solid may hide the sky from a plane
        shadow_pairs:    [frame, receiver, caster]: whether a solid may hide the sun from another
        dimming_pairs:   the same for the sky
        material:        albedo (3), second albedo (3), pattern periods per m, specular
        pattern:         PLAIN, CHECKER or STRIPES
        light:           sun direction (3), sun intensity, light from above (3), light from below (3), zenith (3),
                         horizon (3), tangent of the sun's half angle, 1 / fog distance (1/m), 1 if shadows are cast
    """

    camera: Float[np.ndarray, "t 15"]
    solid_kind: Int32[np.ndarray, "o"]
    solid_size: Float[np.ndarray, "o 3"]
    solid_radius: Float[np.ndarray, "o"]
    solid_reach: Float[np.ndarray, "o"]
    solid_rotation: Float[np.ndarray, "t o 3 3"]
    solid_position: Float[np.ndarray, "t o 3"]
    eye_local: Float[np.ndarray, "t o 3"]
    sun_local: Float[np.ndarray, "t o 3"]
    solid_bounds: Int32[np.ndarray, "t o 4"]
    plane_rotation: Float[np.ndarray, "t p 3 3"]
    plane_position: Float[np.ndarray, "t p 3"]
    shadow_bounds: Int32[np.ndarray, "t p o 4"]
    dimming_bounds: Int32[np.ndarray, "t p o 4"]
    shadow_pairs: Bool[np.ndarray, "t o o"]
    dimming_pairs: Bool[np.ndarray, "t o o"]
    material: Float[np.ndarray, "s 8"]
    pattern: Int32[np.ndarray, "s"]
    light: Float[np.ndarray, "19"]

    def backdrop(self) -> "SceneArrays | None":
        """Return the first frame without its solids, or None if planes or camera move and there is no such thing."""
        for still in (self.camera, self.plane_rotation, self.plane_position):
            if (still != still[:1]).any():
                return None
        num_planes = self.plane_position.shape[1]
        return SceneArrays(
            camera=self.camera[:1],
            solid_kind=self.solid_kind[:0],
            solid_size=self.solid_size[:0],
            solid_radius=self.solid_radius[:0],
            solid_reach=self.solid_reach[:0],
            solid_rotation=self.solid_rotation[:1, :0],
            solid_position=self.solid_position[:1, :0],
            eye_local=self.eye_local[:1, :0],
            sun_local=self.sun_local[:1, :0],
            solid_bounds=self.solid_bounds[:1, :0],
            plane_rotation=self.plane_rotation[:1],
            plane_position=self.plane_position[:1],
            shadow_bounds=self.shadow_bounds[:1, :, :0],
            dimming_bounds=self.dimming_bounds[:1, :, :0],
            shadow_pairs=self.shadow_pairs[:1, :0, :0],
            dimming_pairs=self.dimming_pairs[:1, :0, :0],
            material=self.material[:num_planes],
            pattern=self.pattern[:num_planes],
            light=self.light,
        )


class Images(NamedTuple):
    """What the kernels write: the fields of ``Rendering`` and the surface and face at each pixel centre."""

    rgb: UInt8[np.ndarray, "t h w 3"]
    instance_ids: UInt8[np.ndarray, "t h w"]
    depth_map: Float[np.ndarray, "t h w"]
    amodal_masks: Bool[np.ndarray, "t o h w"]
    surfaces: Int32[np.ndarray, "t h w"]

    @classmethod
    def empty(cls, num_frames: int, num_solids: int, height: int, width: int) -> "Images":
        """Allocate the arrays; every element but those of the masks, which start False, is left to the kernels."""
        shape = (num_frames, height, width)
        return cls(
            rgb=np.empty((*shape, 3), dtype=np.uint8),
            instance_ids=np.empty(shape, dtype=np.uint8),
            depth_map=np.empty(shape, dtype=np.float32),
            amodal_masks=np.zeros((num_frames, num_solids, height, width), dtype=bool),
            surfaces=np.empty(shape, dtype=np.int32),
        )


def pack(spec: SceneSpec, trajectory: Trajectory) -> SceneArrays:
    """Turn a scene and its trajectory into the arrays of the kernels.

    Raises:
        DataError: the trajectory is not one of this scene.
        ClipRejectedError: a body swallows the camera in some frame.
        SceneSpecError: the sun has no direction.
    """
    trajectory.check_fits(spec)
    solids = [index for index, body in enumerate(spec.bodies) if body.is_instance]
    planes = [index for index, body in enumerate(spec.bodies) if not body.is_instance]
    bodies = [spec.bodies[index] for index in solids]
    view = view_of(spec.camera, spec.width, spec.height)
    sun = np.array(spec.lighting.sun_direction, dtype=np.float64)
    if not np.linalg.norm(sun) > 0:
        raise SceneSpecError("sun_direction is (0, 0, 0), which points nowhere; for no sun set sun_intensity: 0.")
    sun /= np.linalg.norm(sun)

    rotation = np.ascontiguousarray(rotation_matrix(trajectory.orientation))
    position = np.ascontiguousarray(trajectory.position, dtype=np.float64)
    size = np.array([_size(body) for body in bodies], dtype=np.float64).reshape(-1, 3)
    reach = AMBIENT_REACH * size.max(axis=1, initial=0.0)
    solid_rotation = np.ascontiguousarray(rotation[:, solids])
    solid_position = np.ascontiguousarray(position[:, solids])
    plane_rotation = np.ascontiguousarray(rotation[:, planes])
    plane_position = np.ascontiguousarray(position[:, planes])
    eye_local = np.einsum("toij,toi->toj", solid_rotation, view.origin - solid_position)
    _check_camera_outside(bodies, eye_local)

    hull = np.array([hull_of(body) for body in bodies]).reshape(-1, 12, 3)
    radius = np.array([_radius(body) for body in bodies], dtype=np.float64)
    footprint = (np.linalg.norm(eye_local, axis=-1) + radius) / view.focal
    points = hull @ np.swapaxes(solid_rotation, -1, -2) + solid_position[:, :, None]
    normal = plane_rotation[..., 2]
    bounds = ScreenBounds(view, spec.width, spec.height)
    frame_camera = np.concatenate([view.origin, view.world_from_camera.T.ravel(), [1.0 / view.focal, *view.center]])
    surfaces = [*(spec.bodies[index] for index in planes), *bodies]
    return SceneArrays(
        camera=np.repeat(frame_camera[None], spec.num_frames, axis=0),
        solid_kind=np.array([_kind(body) for body in bodies], dtype=np.int32),
        solid_size=size,
        solid_radius=radius,
        solid_reach=reach,
        solid_rotation=solid_rotation,
        solid_position=solid_position,
        eye_local=np.ascontiguousarray(eye_local),
        sun_local=np.ascontiguousarray(np.einsum("toij,i->toj", solid_rotation, sun)),
        solid_bounds=bounds.of_solids(points),
        plane_rotation=plane_rotation,
        plane_position=plane_position,
        shadow_bounds=bounds.of_shadows(points, normal, plane_position, sun, SUN_SOFTNESS),
        dimming_bounds=bounds.of_dimming(points, normal, plane_position, reach),
        shadow_pairs=shadow_pairs(solid_position, radius, footprint, sun, SUN_SOFTNESS),
        dimming_pairs=dimming_pairs(solid_position, radius, reach),
        material=np.array([_material(body) for body in surfaces], dtype=np.float64),
        pattern=np.array([_PATTERNS[body.appearance.pattern] for body in surfaces], dtype=np.int32),
        light=_light(spec, sun, [spec.bodies[index] for index in planes]),
    )


def _kind(body: Body) -> int:
    return {"sphere": SPHERE, "box": BOX, "cylinder": CYLINDER}[body.shape.kind]


def _size(body: Body) -> tuple[float, float, float]:
    shape = body.shape
    if isinstance(shape, Sphere):
        return (shape.radius, 0.0, 0.0)
    if isinstance(shape, Box):
        return shape.half_extents
    assert isinstance(shape, Cylinder)
    return (shape.radius, shape.radius, shape.half_height)


def _radius(body: Body) -> float:
    shape = body.shape
    if isinstance(shape, Sphere):
        return shape.radius
    if isinstance(shape, Box):
        return math.hypot(*shape.half_extents)
    assert isinstance(shape, Cylinder)
    return math.hypot(shape.radius, shape.half_height)


def _material(body: Body) -> tuple[float, ...]:
    look = body.appearance
    return (*look.albedo, *look.second_albedo, 1.0 / look.pattern_scale, look.specular)


def _mean_albedo(body: Body) -> np.ndarray:
    look = body.appearance
    if look.pattern == "plain":
        return np.array(look.albedo)
    return (np.array(look.albedo) + np.array(look.second_albedo)) / 2


def _light(spec: SceneSpec, sun: np.ndarray, planes: list[Body]) -> np.ndarray:
    lighting = spec.lighting
    zenith, horizon = np.array(lighting.sky_zenith), np.array(lighting.sky_horizon)
    above = _whitened(0.5 * (zenith + horizon), 0.55) * lighting.ambient_intensity
    # Light from below is what the first plane, taken as the ground, sends back.
    ground = _mean_albedo(planes[0]) if planes else np.zeros(3)
    below = ground * (0.55 * lighting.ambient_intensity + 0.25 * lighting.sun_intensity * max(float(sun[2]), 0.0))
    distance = float(np.linalg.norm(np.subtract(spec.camera.target, spec.camera.position)))
    shadows = 1.0 if lighting.casts_shadows else 0.0
    intensity = lighting.sun_intensity
    fog = 1.0 / (FOG_REACH * distance)
    return np.array([*sun, intensity, *above, *below, *zenith, *horizon, SUN_SOFTNESS, fog, shadows])


def _whitened(color: Color | np.ndarray, amount: float) -> np.ndarray:
    """Scale a colour to a largest channel of 1 and mix it with white."""
    color = np.asarray(color, dtype=np.float64)
    peak = color.max()
    return amount + (1 - amount) * (color / peak if peak > 0 else np.ones(3))


def _check_camera_outside(bodies: list[Body], eye_local: Float[np.ndarray, "t o 3"]) -> None:
    for index, body in enumerate(bodies):
        eye, shape = eye_local[:, index], body.shape
        if isinstance(shape, Sphere):
            inside = np.linalg.norm(eye, axis=1) <= shape.radius
        elif isinstance(shape, Box):
            inside = (np.abs(eye) <= np.array(shape.half_extents)).all(axis=1)
        else:
            assert isinstance(shape, Cylinder)
            inside = (np.linalg.norm(eye[:, :2], axis=1) <= shape.radius) & (np.abs(eye[:, 2]) <= shape.half_height)
        if inside.any():
            raise ClipRejectedError(
                f"body '{body.name}' encloses the camera in frame {int(np.argmax(inside))}, so nothing can be seen; "
                "move the camera away from the motion or draw another scene."
            )
