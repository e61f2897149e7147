"""Bodies of a scene from the bodies and geoms of a compiled MuJoCo model."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

import math
import re
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from physics_data.core.errors import SceneSpecError
from physics_data.core.mechanics import centre_of_mass, inertia_tensor
from physics_data.core.scene import (
    Appearance,
    Body,
    Box,
    Capsule,
    Compound,
    Cylinder,
    Ellipsoid,
    Mesh,
    Part,
    Plane,
    Primitive,
    Quaternion,
    Shape,
    Sphere,
    Surface,
    Vector3,
)
from physics_data.scenes.materials import color
from physics_data.scenes.model_contacts import Findings, restitution_of

_NOUNS = {"sphere": "ball", "box": "box", "cylinder": "cylinder", "capsule": "capsule", "ellipsoid": "ellipsoid"}
_SAME = 1e-6
"""Relative difference of an inertia, and distance in m of a centre of mass, that count as those of the solid."""


def vector(values: Float[np.ndarray, "3"]) -> Vector3:
    """Return three numbers as a tuple."""
    x, y, z = (float(value) for value in values)
    return (x, y, z)


class BodyMaker:
    """Makes the bodies of a scene.

    name_of:   model body → name of the scene body that forces move
    geoms_of:  name of a scene body → its geoms
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, found: Findings, surface: Surface | None) -> None:
        self._model, self._data, self._found, self._surface = model, data, found, surface
        self.name_of: dict[int, str] = {}
        self.geoms_of: dict[str, list[int]] = {}
        self._names: set[str] = set()

    def bodies(self) -> tuple[Body, ...]:
        """Return the static bodies and then those that joints or forces move."""
        model = self._model
        still, moving = [], []
        for body in range(model.nbody):
            geoms = self._shown(body)
            if model.body_weldid[body] == 0:
                groups: dict[str, list[int]] = {}
                for geom in geoms:  # exported compounds name their parts "body/part"
                    groups.setdefault(model.geom(geom).name.partition("/")[0] or f"static_{geom}", []).append(geom)
                still += [self._static(name, members) for name, members in groups.items()]
            elif model.body_weldid[body] != body:
                self._found.refuse("welded-bodies", f"body '{model.body(body).name or body}'")
            elif not geoms:
                self._found.refuse("bodies-without-geoms", f"body '{model.body(body).name or body}'")
            else:
                moving.append(self._moving(body, geoms))
        return (*still, *moving)

    def _shown(self, body: int) -> list[int]:
        """Return the geoms that make the body: those that collide, or all where none does."""
        model = self._model
        geoms = [geom for geom in range(model.ngeom) if model.geom_bodyid[geom] == body]
        paired = {int(g) for g in (*model.pair_geom1, *model.pair_geom2)}
        solid = [g for g in geoms if model.geom_contype[g] or model.geom_conaffinity[g] or g in paired]
        if solid and len(solid) < len(geoms):
            count = len(geoms) - len(solid)
            self._found.notes.append(f"left out: {count} geoms of '{model.body(body).name}' that only show, not touch")
        return solid or geoms

    def _name(self, given: str, fallback: str) -> str:
        plain = re.sub(r"[^a-z0-9_]+", "_", given.lower()).strip("_") or fallback
        plain = plain if plain[0].isalpha() else f"body_{plain}"
        name, number = plain, 2
        while name in self._names:
            name, number = f"{plain}_{number}", number + 1
        self._names.add(name)
        if given and name != given:
            self._found.notes.append(f"'{given}' is called {name}")
        return name

    def _static(self, given: str, geoms: list[int]) -> Body:
        model, data = self._model, self._data
        name = self._name(given, "static")
        self.geoms_of[name] = geoms
        kinds = {int(model.geom_type[geom]) for geom in geoms}
        if kinds == {int(mujoco.mjtGeom.mjGEOM_PLANE)}:
            turn = Rotation.from_matrix(data.geom_xmat[geoms[0]].reshape(3, 3))
            shape: Shape = Plane()
            position, orientation = vector(data.geom_xpos[geoms[0]]), _quaternion(turn)
        else:
            centre = np.mean([data.geom_xpos[geom] for geom in geoms], axis=0)
            shape, position, orientation = self._shape(name, geoms, centre, Rotation.identity())
        return self._body(name, geoms, shape, position, orientation, is_static=True, role="ground")

    def _moving(self, body: int, geoms: list[int]) -> Body:
        model, data = self._model, self._data
        name = self._name(model.body(body).name, "body")
        self.name_of[body], self.geoms_of[name] = name, geoms
        own = Rotation.from_quat(data.xquat[body], scalar_first=True)
        shape, position, orientation = self._shape(name, geoms, data.xipos[body], own)
        principal = Rotation.from_matrix(data.ximat[body].reshape(3, 3))
        turn = (Rotation.from_quat(orientation, scalar_first=True).inv() * principal).as_matrix()
        tensor = turn @ np.diag(model.body_inertia[body]) @ turn.T
        linear, angular = np.zeros((3, model.nv)), np.zeros((3, model.nv))
        mujoco.mj_jacBodyCom(model, data, linear, angular, body)
        made = self._body(
            name,
            geoms,
            shape,
            position,
            orientation,
            mass=float(model.body_mass[body]),
            linear_velocity=vector(linear @ data.qvel),
            angular_velocity=vector(angular @ data.qvel),
        )
        return made if self._is_homogeneous(made, tensor) else made.edited(inertia=_six(tensor))

    @staticmethod
    def _is_homogeneous(body: Body, tensor: Float[np.ndarray, "3 3"]) -> bool:
        try:
            if isinstance(body.shape, Mesh | Compound) and np.linalg.norm(centre_of_mass(body.shape)) > _SAME:
                return False
            return bool(np.abs(inertia_tensor(body) - tensor).max() <= _SAME * np.abs(tensor).max())
        except SceneSpecError:  # a mesh that is not closed
            return False

    def _shape(
        self, name: str, geoms: list[int], centre: Float[np.ndarray, "3"], turn: Rotation
    ) -> tuple[Shape, Vector3, Quaternion]:
        """Return the shape of geoms around a centre of mass, and its pose."""
        model, data = self._model, self._data
        poses = [
            (data.geom_xpos[geom] - centre, Rotation.from_matrix(data.geom_xmat[geom].reshape(3, 3))) for geom in geoms
        ]
        is_mesh = [model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH for geom in geoms]
        if is_mesh[0] and len(geoms) == 1:
            place, own = poses[0]
            return self._mesh(geoms[0], turn.inv() * own, turn.inv().apply(place)), vector(centre), _quaternion(turn)
        if all(is_mesh):
            parts = [
                self._mesh(geom, turn.inv() * own, turn.inv().apply(place))
                for geom, (place, own) in zip(geoms, poses, strict=True)
            ]
            starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
            triangles = [
                (int(start) + a, int(start) + b, int(start) + c)
                for start, part in zip(starts[:-1], parts, strict=True)
                for a, b, c in part.triangles
            ]
            union = Mesh(
                vertices=tuple(corner for part in parts for corner in part.vertices),
                triangles=tuple(triangles),
                hulls=tuple(part.vertices for part in parts),
            )
            return union, vector(centre), _quaternion(turn)
        solids: list[Primitive] = []
        for geom in geoms:
            if (solid := self._solid(geom)) is None:
                kind = mujoco.mjtGeom(int(model.geom_type[geom])).name.removeprefix("mjGEOM_").lower()
                self._found.refuse("geoms", f"a {kind} in '{name}'")
                solid = Sphere(radius=0.01)
            solids.append(solid)
        if len(geoms) == 1 and np.linalg.norm(poses[0][0]) <= _SAME:
            return solids[0], vector(data.geom_xpos[geoms[0]]), _quaternion(poses[0][1])
        parts = tuple(
            Part(shape=solid, position=vector(turn.inv().apply(place)), orientation=_quaternion(turn.inv() * own))
            for solid, (place, own) in zip(solids, poses, strict=True)
        )
        return Compound(parts=parts), vector(centre), _quaternion(turn)

    def _solid(self, geom: int) -> Primitive | None:
        x, y, z = (float(value) for value in self._model.geom_size[geom])
        match int(self._model.geom_type[geom]):
            case mujoco.mjtGeom.mjGEOM_SPHERE:
                return Sphere(radius=x)
            case mujoco.mjtGeom.mjGEOM_BOX:
                return Box(half_extents=(x, y, z))
            case mujoco.mjtGeom.mjGEOM_CYLINDER:
                return Cylinder(radius=x, half_height=y)
            case mujoco.mjtGeom.mjGEOM_CAPSULE:
                return Capsule(radius=x, half_height=y)
            case mujoco.mjtGeom.mjGEOM_ELLIPSOID:
                return Ellipsoid(half_axes=(x, y, z))
        return None

    def _mesh(self, geom: int, turn: Rotation, place: Float[np.ndarray, "3"]) -> Mesh:
        model = self._model
        number = int(model.geom_dataid[geom])
        start, count = int(model.mesh_vertadr[number]), int(model.mesh_vertnum[number])
        first, faces = int(model.mesh_faceadr[number]), int(model.mesh_facenum[number])
        corners = turn.apply(model.mesh_vert[start : start + count].astype(np.float64)) + place
        triangles = model.mesh_face[first : first + faces]
        return Mesh(
            vertices=tuple(vector(corner) for corner in corners),
            triangles=tuple((int(a), int(b), int(c)) for a, b, c in triangles),
        )

    def _body(
        self, name: str, geoms: list[int], shape: Shape, position: Vector3, orientation: Quaternion, **values: Any
    ) -> Body:
        frictions = {self._friction(geom) for geom in geoms}
        bounces = {round(restitution_of(self._model, geom), 9) for geom in geoms}
        if self._surface is None and (len(frictions) > 1 or len(bounces) > 1):
            self._found.refuse(
                "surfaces-of-parts", f"'{name}' has friction {sorted(frictions)}, bounce {sorted(bounces)}"
            )
        surface = self._surface or Surface(friction=max(frictions), restitution=max(bounces))
        noun = _NOUNS.get(shape.kind, name)
        look = self._look(name, geoms)
        return Body(
            name=name,
            noun="floor" if isinstance(shape, Plane) else noun,
            shape=shape,
            position=position,
            orientation=orientation,
            surface=surface,
            appearance=look,
            **values,
        )

    def _friction(self, geom: int) -> float:
        condim = int(self._model.geom_condim[geom])
        if condim > 3 and self._surface is None:
            self._found.refuse("rolling-friction", f"geom '{self._model.geom(geom).name or geom}' (condim {condim})")
        return 0.0 if condim == 1 else float(self._model.geom_friction[geom, 0])

    def _look(self, name: str, geoms: list[int]) -> Appearance:
        model = self._model
        colors = []
        for geom in geoms:
            number = int(model.geom_matid[geom])
            colors.append(tuple(float(v) for v in (model.mat_rgba[number] if number >= 0 else model.geom_rgba[geom])))
        if len(set(colors)) > 1:
            self._found.notes.append(f"'{name}' has parts of {len(set(colors))} colours; it gets that of the first")
        red, green, blue, alpha = (min(max(value, 0.0), 1.0) for value in colors[0])
        called, albedo = color("#" + "".join(f"{round(255 * level):02x}" for level in (red, green, blue)))
        return Appearance(color_name=called, albedo=albedo, transparency=1.0 - alpha)


def _quaternion(turn: Rotation) -> Quaternion:
    w, x, y, z = (float(value) for value in turn.as_quat(scalar_first=True))
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    return (w / norm, x / norm, y / norm, z / norm)


def _six(tensor: Float[np.ndarray, "3 3"]) -> tuple[float, float, float, float, float, float]:
    xx, yy, zz = (float(value) for value in np.diag(tensor))
    return (xx, yy, zz, float(tensor[0, 1]), float(tensor[0, 2]), float(tensor[1, 2]))
