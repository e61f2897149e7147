"""A simulated scene as glTF 2.0: meshes, materials, camera and the motion as an animation.

glTF is y-up; the scene hangs below one root node that turns z up into y up. Source of the format: Khronos Group, glTF
2.0 Specification.
"""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from physics_data.core.atomic import atomic_path
from physics_data.core.errors import ConfigError
from physics_data.core.geometry import views_of
from physics_data.core.scene import (
    Appearance,
    Body,
    Box,
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
from physics_data.core.trajectory import Trajectory

GLTF_SUFFIXES = (".glb", ".gltf")

_PLANE_SIDE = 40.0
"""A plane is infinite in the scene and a square of this side, m, in the file."""

_XYZW = [1, 2, 3, 0]
"""Order of glTF's quaternions in ours, wxyz."""

_FLOAT, _UINT32 = 5126, 5125
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963


def write_gltf(spec: SceneSpec, trajectory: Trajectory, path: str | Path) -> None:
    """Write a scene with its motion; .glb is one file, .gltf is JSON with the data inside.

    Every body is a node with its name; ``extras`` hold mass (kg), friction, restitution and role. A body that is absent
    in a frame has scale 0 there. Patterns and pictures are not written, their first colour is; a plane becomes a square
    of 40 m.

    Raises:
        ConfigError: another suffix, or trimesh is not installed (extra ``scenes``).
        DataError: the trajectory is not one of this scene.
        StorageError: the disk refused.
    """
    path = Path(path)
    if path.suffix.lower() not in GLTF_SUFFIXES:
        raise ConfigError(f"cannot write {path}: the suffix '{path.suffix}' is none of {', '.join(GLTF_SUFFIXES)}.")
    trajectory.check_fits(spec)
    document = _Document()
    document.add_scene(spec, trajectory)
    with atomic_path(path) as partial:
        partial.write_bytes(document.encoded(is_binary=path.suffix.lower() == ".glb"))


class _Document:
    """The lists of a glTF file and its one buffer, as they grow."""

    def __init__(self) -> None:
        self.lists: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("nodes", "meshes", "materials", "cameras", "accessors", "bufferViews", "animations")
        }
        self.data = bytearray()
        self.scene: dict[str, Any] = {}

    def add_scene(self, spec: SceneSpec, trajectory: Trajectory) -> None:
        animation: dict[str, Any] = {"name": spec.scenario, "samplers": [], "channels": []}
        seconds = self._accessor(np.array(spec.seconds, dtype=np.float32), "SCALAR", bounds=True)
        half = float(np.sqrt(0.5))
        root: dict[str, Any] = {"name": "world", "rotation": [-half, 0.0, 0.0, half], "children": []}
        self.scene = {"name": spec.scenario, "nodes": [self._add("nodes", root)]}
        for index, body in enumerate(spec.bodies):
            node = self._add_body(body, trajectory, index)
            root["children"].append(node)
            if not body.is_static:
                self._animate(animation, node, seconds, trajectory, index)
        root["children"].append(self._add_camera(spec, animation, seconds))
        if animation["channels"]:
            self._add("animations", animation)

    def encoded(self, *, is_binary: bool) -> bytes:
        """Return the file: JSON with the buffer inside, or the two chunks of a GLB (specification, section 4.4)."""
        self.data.extend(bytes(-len(self.data) % 4))
        buffer: dict[str, Any] = {"byteLength": len(self.data)}
        document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "worldsim"},
            "scene": 0,
            "scenes": [self.scene],
            "buffers": [buffer],
            **{name: members for name, members in self.lists.items() if members},
        }
        if not is_binary:
            buffer["uri"] = f"data:application/octet-stream;base64,{base64.b64encode(self.data).decode()}"
            return json.dumps(document, indent=1).encode()
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = (
            struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(self.data), b"BIN\0") + self.data
        )
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def _add(self, name: str, member: dict[str, Any]) -> int:
        self.lists[name].append(member)
        return len(self.lists[name]) - 1

    def _add_body(self, body: Body, trajectory: Trajectory, index: int) -> int:
        material = self._material(body.appearance)
        node: dict[str, Any] = {
            "name": body.name,
            "translation": trajectory.position[0, index].tolist(),
            "rotation": trajectory.orientation[0, index, _XYZW].tolist(),
            "extras": {
                "mass_kg": body.mass,
                "friction": body.surface.friction,
                "restitution": body.surface.restitution,
                "role": body.role,
                "is_static": body.is_static,
            },
        }
        if isinstance(body.shape, Compound):
            node["children"] = [
                self._add(
                    "nodes",
                    {
                        "translation": list(part.position),
                        "rotation": np.array(part.orientation)[_XYZW].tolist(),
                        "mesh": self._mesh(part.shape, material),
                    },
                )
                for part in body.shape.parts
            ]
        else:
            node["mesh"] = self._mesh(body.shape, material)
        return self._add("nodes", node)

    def _animate(self, animation: dict[str, Any], node: int, seconds: int, trajectory: Trajectory, index: int) -> None:
        self._add_channel(animation, node, "translation", seconds, trajectory.position[:, index])
        self._add_channel(animation, node, "rotation", seconds, _shortest(trajectory.orientation[:, index])[:, _XYZW])
        if trajectory.present is not None and not trajectory.present[:, index].all():
            scale = np.repeat(trajectory.present[:, index, None], 3, axis=1)
            self._add_channel(animation, node, "scale", seconds, scale, "STEP")

    def _add_channel(
        self,
        animation: dict[str, Any],
        node: int,
        path: str,
        seconds: int,
        values: np.ndarray,
        interpolation: str = "LINEAR",
    ) -> None:
        output = self._accessor(values.astype(np.float32), f"VEC{values.shape[1]}")
        animation["samplers"].append({"input": seconds, "output": output, "interpolation": interpolation})
        target = {"node": node, "path": path}
        animation["channels"].append({"sampler": len(animation["samplers"]) - 1, "target": target})

    def _add_camera(self, spec: SceneSpec, animation: dict[str, Any], seconds: int) -> int:
        lens = {"yfov": float(np.radians(spec.camera.fov_y)), "znear": 0.01, "aspectRatio": spec.width / spec.height}
        camera = self._add("cameras", {"type": "perspective", "perspective": lens, "name": "camera"})
        views = views_of(spec)
        # Ours looks along +z with y down, glTF's along -z with y up: a half turn about x.
        turns = np.array([view.world_from_camera @ np.diag([1.0, -1.0, -1.0]) for view in views])
        rotations = _shortest(Rotation.from_matrix(turns).as_quat(scalar_first=True))[:, _XYZW]
        places = np.array([view.origin for view in views])
        node = {
            "name": "camera",
            "camera": camera,
            "translation": places[0].tolist(),
            "rotation": rotations[0].tolist(),
        }
        number = self._add("nodes", node)
        if spec.camera.is_moving:
            self._add_channel(animation, number, "translation", seconds, places)
            self._add_channel(animation, number, "rotation", seconds, rotations)
        return number

    def _material(self, look: Appearance) -> int:
        alpha = 1.0 - look.transparency
        surface = {
            "baseColorFactor": [*look.albedo, alpha],
            "metallicFactor": look.metallic,
            "roughnessFactor": look.roughness,
        }
        material: dict[str, Any] = {"name": look.color_name, "pbrMetallicRoughness": surface}
        if alpha < 1:
            material["alphaMode"] = "BLEND"
        return self._add("materials", material)

    def _mesh(self, shape: Shape, material: int) -> int:
        vertices, normals, triangles = triangulated(shape)
        primitive = {
            "attributes": {
                "POSITION": self._accessor(vertices.astype(np.float32), "VEC3", _ARRAY_BUFFER, bounds=True),
                "NORMAL": self._accessor(normals.astype(np.float32), "VEC3", _ARRAY_BUFFER),
            },
            "indices": self._accessor(triangles.astype(np.uint32).reshape(-1), "SCALAR", _ELEMENT_ARRAY_BUFFER),
            "material": material,
        }
        return self._add("meshes", {"primitives": [primitive]})

    def _accessor(self, values: np.ndarray, kind: str, target: int | None = None, *, bounds: bool = False) -> int:
        self.data.extend(bytes(-len(self.data) % 4))
        raw = np.ascontiguousarray(values).tobytes()
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)}
        if target is not None:
            view["target"] = target
        self.data.extend(raw)
        component = _FLOAT if values.dtype == np.float32 else _UINT32
        view_index = self._add("bufferViews", view)
        accessor: dict[str, Any] = {
            "bufferView": view_index,
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        if bounds:
            flat = values.reshape(len(values), -1)
            accessor |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        return self._add("accessors", accessor)


def triangulated(shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vertices [v 3] m, outward unit normals [v 3] and triangles [f 3] of a shape that is no compound.

    Round shapes come as inscribed polyhedra of at least 32 sides. A plane is a square.
    """
    try:
        import trimesh
    except ImportError as error:
        raise ConfigError("meshes for glTF need trimesh; pip install 'worldsim[scenes]'.") from error

    match shape:
        case Plane():
            half = _PLANE_SIDE / 2
            corners = np.array([[-half, -half, 0], [half, -half, 0], [half, half, 0], [-half, half, 0]])
            return corners, np.tile([0.0, 0.0, 1.0], (4, 1)), np.array([[0, 1, 2], [0, 2, 3]])
        case Sphere(radius=radius):
            body = trimesh.creation.icosphere(subdivisions=3, radius=radius)
            return body.vertices, body.vertices / radius, body.faces
        case Ellipsoid(half_axes=half_axes):
            body = trimesh.creation.icosphere(subdivisions=3, radius=1.0)
            normals = body.vertices / np.array(half_axes)
            return body.vertices * half_axes, normals / np.linalg.norm(normals, axis=1, keepdims=True), body.faces
        case Capsule(radius=radius, half_height=half):
            body = trimesh.creation.capsule(height=2 * half, radius=radius, count=[32, 32])
            vertices = body.vertices - body.bounds.mean(axis=0)
            core = np.clip(vertices[:, 2], -half, half)[:, None] * [0.0, 0.0, 1.0]
            return vertices, (vertices - core) / np.linalg.norm(vertices - core, axis=1, keepdims=True), body.faces
        case Box(half_extents=half_extents):
            body = trimesh.creation.box(extents=2 * np.array(half_extents))
        case Cylinder(radius=radius, half_height=half):
            body = trimesh.creation.cylinder(radius=radius, height=2 * half, sections=48)
        case Mesh(vertices=vertices, triangles=triangles):
            body = trimesh.Trimesh(np.array(vertices), np.array(triangles), process=False)
        case _:
            raise AssertionError("the parts of a compound are written one by one")
    # Edges stay sharp: no two faces share a vertex.
    corners = body.vertices[body.faces.reshape(-1)]
    normals = np.repeat(body.face_normals, 3, axis=0)
    return corners, normals, np.arange(len(corners)).reshape(-1, 3)


def _shortest(wxyz: np.ndarray) -> np.ndarray:
    """Flip signs so that each quaternion is nearest to the one before, as linear interpolation needs."""
    same = np.sum(wxyz[1:] * wxyz[:-1], axis=1) >= 0
    signs = np.concatenate([[1.0], np.cumprod(np.where(same, 1.0, -1.0))])
    return wxyz * signs[:, None]
