"""``SceneArrays``: a scene and its trajectory as the flat arrays that the kernels read."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int32, Int64

from physics_data.core.errors import ClipRejectedError, SceneSpecError
from physics_data.core.geometry import PinholeView, bounding_radius, rotation_matrix, views_of
from physics_data.core.scene import (
    Body,
    Box,
    Capsule,
    Color,
    Compound,
    Cylinder,
    Ellipsoid,
    Mesh,
    Part,
    Plane,
    SceneSpec,
    Sphere,
)
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.kernels.bounds import bound_scene
from physics_data.renderers.kernels.scene_struct import (
    BOX,
    CAPSULE,
    CHECKER,
    CYLINDER,
    ELLIPSOID,
    MESH,
    PLAIN,
    SPHERE,
    STRIPES,
)
from physics_data.renderers.mesh import MeshArrays, is_inside, mesh_arrays

FOG_REACH = 5.5
"""Distance at which half the light comes from the horizon, in units of the camera-to-target distance."""

AMBIENT_REACH = 0.75
"""How far a body darkens what is near it, in units of its half size."""

_PATTERNS = {"plain": PLAIN, "checker": CHECKER, "stripes": STRIPES}
_KINDS = {
    "sphere": SPHERE,
    "box": BOX,
    "cylinder": CYLINDER,
    "capsule": CAPSULE,
    "ellipsoid": ELLIPSOID,
    "mesh": MESH,
}
_CORNERS = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
_SIXTHS = np.arange(6) * math.pi / 3
_HEXAGON = np.column_stack([np.cos(_SIXTHS), np.sin(_SIXTHS)]) / math.cos(math.pi / 6)
"""Corners of the hexagon whose sides touch the unit circle."""


class SceneArrays(NamedTuple):
    """Axes: t frames, o solids, p planes, s surfaces (planes, then solids), n boxes and m triangles of all meshes.

    Solids are the bodies in the order of ``SceneSpec.instances``, a compound as many as it has parts.

    Units:
        image_size:      pixels: width, height
        camera:          per frame: origin (m), right, down, forward, 1 / focal length (1 / pixels), center (pixels)
        solid_kind:      SPHERE, BOX, CYLINDER, CAPSULE, ELLIPSOID or MESH
        solid_size:      m: radius, 0, 0 | half extents | radius, radius, half height (twice) | half axes | half
                         extents of a box around the origin that holds the mesh
        solid_radius:    m, of a ball around the solid's origin
        solid_reach:     m, how far a solid darkens its surroundings
        solid_instance:  instance id - 1
        solid_mesh:      first box of a mesh
        solid_in_body:   pose of a part in its body: position (3, m), rotation (9)
        solid_rotation:  world_from_solid
        solid_position:  m, world frame
        solid_present:   False = not in this frame
        eye_local:       m, the camera's origin in the solid's frame
        sun_local:       unit vector to the sun in the solid's frame
        solid_bounds:    pixels, half open: x0, x1, y0, y1; the solid draws nowhere else
        plane_rotation:  world_from_body; the third column is the normal
        plane_position:  m, a point of the plane
        plane_present:   False = not in this frame
        shadow_bounds:   pixels; where a solid may hide the sun from a plane
        dimming_bounds:  pixels; where a solid may hide the sky from a plane
        shadow_pairs:    [frame, receiver, caster]: whether a solid may hide the sun from another
        dimming_pairs:   the same for the sky
        mesh_boxes, mesh_links, mesh_triangles, mesh_patches:  see ``MeshArrays``; places count from the first mesh
        material:        albedo (3), second albedo (3), pattern periods per m, specular
        pattern:         PLAIN, CHECKER or STRIPES; another one is drawn by the rich kernels alone
        light:           sun direction (3), sun intensity, light from above (3), light from below (3), zenith (3),
                         horizon (3), tangent of the sun's half angle, 1 / fog distance (1/m), 1 if shadows are cast
    """

    image_size: Int32[np.ndarray, "2"]
    camera: Float[np.ndarray, "t 15"]
    solid_kind: Int64[np.ndarray, "o"]
    solid_size: Float[np.ndarray, "o 3"]
    solid_radius: Float[np.ndarray, "o"]
    solid_reach: Float[np.ndarray, "o"]
    solid_instance: Int32[np.ndarray, "o"]
    solid_mesh: Int32[np.ndarray, "o"]
    solid_in_body: Float[np.ndarray, "o 12"]
    solid_rotation: Float[np.ndarray, "t o 3 3"]
    solid_position: Float[np.ndarray, "t o 3"]
    solid_present: Bool[np.ndarray, "t o"]
    eye_local: Float[np.ndarray, "t o 3"]
    sun_local: Float[np.ndarray, "t o 3"]
    solid_bounds: Int32[np.ndarray, "t o 4"]
    plane_rotation: Float[np.ndarray, "t p 3 3"]
    plane_position: Float[np.ndarray, "t p 3"]
    plane_present: Bool[np.ndarray, "t p"]
    shadow_bounds: Int32[np.ndarray, "t p o 4"]
    dimming_bounds: Int32[np.ndarray, "t p o 4"]
    shadow_pairs: Bool[np.ndarray, "t o o"]
    dimming_pairs: Bool[np.ndarray, "t o o"]
    mesh_boxes: Float[np.ndarray, "n 6"]
    mesh_links: Int32[np.ndarray, "n 3"]
    mesh_triangles: Float[np.ndarray, "m 12"]
    mesh_patches: Int32[np.ndarray, "m"]
    material: Float[np.ndarray, "s 8"]
    pattern: Int64[np.ndarray, "s"]
    light: Float[np.ndarray, "19"]

    def backdrop(self) -> "SceneArrays | None":
        """Return the first frame without its solids, or None if planes or camera move and there is no such thing."""
        for still in (self.camera, self.plane_rotation, self.plane_position, self.plane_present):
            if (still != still[:1]).any():
                return None
        num_planes = self.plane_position.shape[1]
        kept = {
            name: getattr(self, name)[:1] for name in ("camera", "plane_rotation", "plane_position", "plane_present")
        }
        per_solid = ("kind", "size", "radius", "reach", "instance", "mesh", "in_body")
        kept |= {f"solid_{name}": getattr(self, f"solid_{name}")[:0] for name in per_solid}
        in_frame = ("solid_rotation", "solid_position", "solid_present", "eye_local", "sun_local", "solid_bounds")
        kept |= {name: getattr(self, name)[:1, :0] for name in in_frame}
        kept |= {name: getattr(self, name)[:1, :, :0] for name in ("shadow_bounds", "dimming_bounds")}
        kept |= {name: getattr(self, name)[:1, :0, :0] for name in ("shadow_pairs", "dimming_pairs")}
        kept |= {name: getattr(self, name)[:num_planes] for name in ("material", "pattern")}
        return self._replace(**kept)


@dataclass(frozen=True)
class Solid:
    """One convex solid or mesh that is drawn: a body, or a part of one."""

    body: Body
    body_index: int
    instance: int
    shape: Sphere | Box | Cylinder | Capsule | Ellipsoid | Mesh
    part: Part | None = None


def solids_of(spec: SceneSpec) -> list[Solid]:
    """Return what the kernels draw as solids, in their order."""
    solids = []
    instance = 0
    for index, body in enumerate(spec.bodies):
        shape = body.shape
        if isinstance(shape, Plane):
            continue
        if isinstance(shape, Compound):
            solids += [Solid(body, index, instance, part.shape, part) for part in shape.parts]
        else:
            solids.append(Solid(body, index, instance, shape))
        instance += 1
    return solids


def surfaces_of(spec: SceneSpec) -> list[Body]:
    """Return the bodies of the kernels' surfaces: planes, then solids; a compound comes once for each part."""
    return [body for body in spec.bodies if not body.is_instance] + [solid.body for solid in solids_of(spec)]


def pack(spec: SceneSpec, trajectory: Trajectory, views: Sequence[PinholeView] | None = None) -> SceneArrays:
    """Turn a scene and its trajectory into the arrays of the kernels.

    ``views`` places the camera, frame by frame; without it the scene does.

    Raises:
        DataError: the trajectory is not one of this scene.
        ClipRejectedError: a body swallows the camera in some frame.
        SceneSpecError: the sun has no direction.
    """
    trajectory.check_fits(spec)
    sun = np.array(spec.lighting.sun_direction, dtype=np.float64)
    if not np.linalg.norm(sun) > 0:
        raise SceneSpecError("sun_direction is (0, 0, 0), which points nowhere; for no sun set sun_intensity: 0.")
    sun /= np.linalg.norm(sun)
    if views is None:
        views = views_of(spec)
    solids = solids_of(spec)
    bodies = [solid.body_index for solid in solids]
    planes = [index for index, body in enumerate(spec.bodies) if not body.is_instance]
    num_frames, num_solids, num_planes = spec.num_frames, len(solids), len(planes)
    rotation = rotation_matrix(trajectory.orientation)
    position = np.asarray(trajectory.position, dtype=np.float64)
    present = np.ones(position.shape[:2], dtype=bool) if trajectory.present is None else trajectory.present
    solid_rotation = np.ascontiguousarray(rotation[:, bodies])
    solid_position = np.ascontiguousarray(position[:, bodies])
    in_body = np.zeros((num_solids, 12))
    in_body[:, 3::4] = 1.0
    for index, solid in enumerate(solids):
        if solid.part is not None:
            offset, turn = np.array(solid.part.position), rotation_matrix(np.array(solid.part.orientation))
            in_body[index] = np.concatenate([offset, turn.ravel()])
            solid_position[:, index] += solid_rotation[:, index] @ offset
            solid_rotation[:, index] = solid_rotation[:, index] @ turn
    shapes = [solid.shape for solid in solids if isinstance(solid.shape, Mesh)]
    meshes, roots = _join([mesh_arrays(shape) for shape in shapes])  # pyright: ignore[reportArgumentType]
    mesh_of = iter(roots)
    size = np.array([_size(solid) for solid in solids], dtype=np.float64).reshape(-1, 3)
    surfaces = surfaces_of(spec)
    scene = SceneArrays(
        image_size=np.array([spec.width, spec.height], dtype=np.int32),
        camera=np.array([_camera(view) for view in views]),
        solid_kind=np.array([_KINDS[solid.shape.kind] for solid in solids], dtype=np.int64),
        solid_size=size,
        solid_radius=np.array([bounding_radius(solid.shape) for solid in solids], dtype=np.float64),
        solid_reach=AMBIENT_REACH * size.max(axis=1, initial=0.0),
        solid_instance=np.array([solid.instance for solid in solids], dtype=np.int32),
        solid_mesh=np.array([next(mesh_of) if isinstance(s.shape, Mesh) else 0 for s in solids], dtype=np.int32),
        solid_in_body=in_body,
        solid_rotation=solid_rotation,
        solid_position=solid_position,
        solid_present=np.ascontiguousarray(present[:, bodies]),
        eye_local=np.zeros((num_frames, num_solids, 3)),
        sun_local=np.zeros((num_frames, num_solids, 3)),
        solid_bounds=np.zeros((num_frames, num_solids, 4), dtype=np.int32),
        plane_rotation=np.ascontiguousarray(rotation[:, planes]),
        plane_position=np.ascontiguousarray(position[:, planes]),
        plane_present=np.ascontiguousarray(present[:, planes]),
        shadow_bounds=np.zeros((num_frames, num_planes, num_solids, 4), dtype=np.int32),
        dimming_bounds=np.zeros((num_frames, num_planes, num_solids, 4), dtype=np.int32),
        shadow_pairs=np.zeros((num_frames, num_solids, num_solids), dtype=bool),
        dimming_pairs=np.zeros((num_frames, num_solids, num_solids), dtype=bool),
        mesh_boxes=meshes.boxes,
        mesh_links=meshes.links,
        mesh_triangles=meshes.triangles,
        mesh_patches=meshes.patches,
        material=np.array([_material(body) for body in surfaces], dtype=np.float64).reshape(-1, 8),
        pattern=np.array([_PATTERNS.get(body.appearance.pattern, PLAIN) for body in surfaces], dtype=np.int64),
        light=_light(spec, sun, [spec.bodies[index] for index in planes]),
    )
    hull = np.array([_hull(solid, size[index]) for index, solid in enumerate(solids)]).reshape(-1, 12, 3)
    bound_scene(scene, hull, spec.width, spec.height, np.zeros(6))
    _check_camera_outside(solids, scene)
    return scene


def _camera(view: PinholeView) -> np.ndarray:
    return np.concatenate([view.origin, view.world_from_camera.T.ravel(), [1.0 / view.focal, *view.center]])


def _join(meshes: list[MeshArrays]) -> tuple[MeshArrays, list[int]]:
    """Put meshes behind each other; return them as one, and the first box of each."""
    if not meshes:
        # A kernel must be given something to point at, even where nothing is read.
        none = np.zeros((1, 12))
        return MeshArrays(none[:, :6], np.zeros((1, 3), dtype=np.int32), none, np.zeros(1, dtype=np.int32)), []
    links, roots = [], []
    num_boxes = num_triangles = 0
    for mesh in meshes:
        roots.append(num_boxes)
        links.append(mesh.links + np.array([num_boxes, num_triangles, 0], dtype=np.int32))
        num_boxes += len(mesh.boxes)
        num_triangles += len(mesh.triangles)
    return MeshArrays(
        np.concatenate([mesh.boxes for mesh in meshes]),
        np.concatenate(links),
        np.concatenate([mesh.triangles for mesh in meshes]),
        np.concatenate([mesh.patches for mesh in meshes]),
    ), roots


def _size(solid: Solid) -> tuple[float, ...]:
    match solid.shape:
        case Sphere(radius=radius):
            return (radius, 0.0, 0.0)
        case Box(half_extents=half):
            return half
        case Ellipsoid(half_axes=half):
            return half
        case Cylinder(radius=radius, half_height=height) | Capsule(radius=radius, half_height=height):
            return (radius, radius, height)
        case Mesh(vertices=vertices):
            return tuple(np.abs(vertices).max(axis=0))


def _hull(solid: Solid, size: np.ndarray) -> Float[np.ndarray, "12 3"]:
    """Return 12 points in the solid's frame, m, whose hull holds it; round shapes are bounded without them."""
    if isinstance(solid.shape, Cylinder):
        height = solid.shape.half_height
        ends = [np.column_stack([solid.shape.radius * _HEXAGON, np.full(6, z)]) for z in (-height, height)]
        return np.concatenate(ends)
    return (_CORNERS * size)[np.arange(12) % 8]


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
    softness = math.tan(math.radians(lighting.sun_angle))
    fog = 1.0 / (FOG_REACH * distance)
    return np.array([*sun, intensity, *above, *below, *zenith, *horizon, softness, fog, shadows])


def _whitened(color: Color | np.ndarray, amount: float) -> np.ndarray:
    """Scale a colour to a largest channel of 1 and mix it with white."""
    color = np.asarray(color, dtype=np.float64)
    peak = color.max()
    return amount + (1 - amount) * (color / peak if peak > 0 else np.ones(3))


def _check_camera_outside(solids: list[Solid], scene: SceneArrays) -> None:
    near = (np.linalg.norm(scene.eye_local, axis=-1) <= scene.solid_radius) & scene.solid_present
    for index in np.flatnonzero(near.any(axis=0)):
        eye, shape = scene.eye_local[:, index], solids[index].shape
        match shape:
            case Sphere():
                inside = near[:, index]
            case Box(half_extents=half):
                inside = (np.abs(eye) <= half).all(axis=1)
            case Ellipsoid(half_axes=half):
                inside = np.linalg.norm(eye / half, axis=1) <= 1
            case Cylinder(radius=radius, half_height=height):
                inside = (np.linalg.norm(eye[:, :2], axis=1) <= radius) & (np.abs(eye[:, 2]) <= height)
            case Capsule(radius=radius, half_height=height):
                ends = np.clip(eye[:, 2], -height, height)
                inside = np.linalg.norm(eye - ends[:, None] * (0.0, 0.0, 1.0), axis=1) <= radius
            case Mesh():
                inside = is_inside(shape, eye)
        inside &= near[:, index]
        if inside.any():
            raise ClipRejectedError(
                f"body '{solids[index].body.name}' encloses the camera in frame {int(np.argmax(inside))}, so nothing "
                "can be seen; move the camera away from the motion or draw another scene."
            )
