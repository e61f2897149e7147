"""Triangle meshes from files, as closed solids that engines can move."""

import base64
import binascii
import functools
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from physics_data.core.errors import ConfigError, MissingPackageError
from physics_data.core.mechanics import centred_mesh
from physics_data.core.scene import Mesh

MESH_SUFFIXES = (".obj", ".stl", ".glb", ".gltf")

MAX_TRIANGLES = 20_000
"""A clip's record holds the whole mesh: at this number about 1 MB."""

_MAX_BYTES = 32_000_000
_SHORTEST, _LONGEST = 0.002, 20.0
"""Extent of a body whose unit is taken to be the metre, m."""

_CONVEX = 0.98
"""Share of its hull that a mesh fills from which on it counts as convex."""

_ERROR = 0.05
"""Concavity that convex parts may keep, as a share of the extent (``threshold`` of CoACD)."""


@dataclass(frozen=True)
class MeshFile:
    """What a mesh file holds: its name, for messages and the format, and its bytes."""

    name: str
    data: bytes


def read_mesh_file(given: str, folder: Path) -> MeshFile:
    """Read a mesh file of the folder of a scene file, or one of the folders in it.

    Raises:
        ConfigError: no such file, outside the folder, not a mesh format, or larger than 32 MB.
    """
    path = (folder / given).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ConfigError(
            f"the mesh {given} lies outside {folder}, the folder of the scene file; copy it there, so that the folder "
            "holds the whole scene."
        )
    if path.suffix.lower() not in MESH_SUFFIXES:
        raise ConfigError(f"the mesh {given} ends in none of {', '.join(MESH_SUFFIXES)}; save it in one of these.")
    if not path.is_file():
        raise ConfigError(f"no mesh file {path}; the name is relative to the folder of the scene file.")
    if (size := path.stat().st_size) > _MAX_BYTES:
        raise ConfigError(
            f"the mesh {given} has {size / 1e6:.0f} MB, at most {_MAX_BYTES / 1e6:.0f} MB and {MAX_TRIANGLES} "
            "triangles are read; simplify it, e.g. with Blender's Decimate."
        )
    try:
        return MeshFile(given, path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read the mesh {given}: {error.strerror}.") from error


def with_mesh_data(value: Any, folder: Path) -> Any:
    """Return what a scene file says with the bytes of its meshes inside, so that it can be read without them.

    Raises:
        ConfigError: as ``read_mesh_file``.
    """
    if not isinstance(value, dict) or not isinstance(value.get("bodies"), dict):
        return value

    def inlined(mesh: Any) -> Any:
        if isinstance(mesh, str):
            file = read_mesh_file(mesh, folder)
            return {"file": file.name, "base64": base64.b64encode(file.data).decode("ascii")}
        if isinstance(mesh, dict) and isinstance(mesh.get("choose"), list):
            return {**mesh, "choose": [inlined(option) for option in mesh["choose"]]}
        return mesh

    bodies = {
        name: {**body, "mesh": inlined(body["mesh"])} if isinstance(body, dict) and "mesh" in body else body
        for name, body in value["bodies"].items()
    }
    return {**value, "bodies": bodies}


def decoded(name: str, text: str) -> MeshFile:
    """Return the mesh file that base64 text holds.

    Raises:
        ConfigError: it is no base64.
    """
    try:
        return MeshFile(name, base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ConfigError(
            f"the data of the mesh {name} is no base64 ({error}); write the file's name alone."
        ) from error


@functools.lru_cache(maxsize=32)
def solid_of_mesh(
    file: MeshFile,
    *,
    scale: float | tuple[float, float, float] | None = None,
    size: float | None = None,
    decompose: bool = False,
    hull: bool = False,
) -> tuple[Mesh, str]:
    """Return the solid that a mesh file describes, around its centre of mass, and a sentence on what was made of it.

    glTF is y-up and turned to z-up; the axes of the other formats stay.

    Args:
        file: OBJ, STL or glTF; materials and textures are not read
        scale: m per unit of the file, of all axes or of each; default 1
        size: longest side that the solid's box is to have, m; in place of ``scale``
        decompose: collide convex parts (package coacd) in place of the convex hull
        hull: take the convex hull as the solid, e.g. of a mesh that is open

    Raises:
        ConfigError: not readable, empty, open, without volume, too many triangles, or of unlikely extent.
        MissingPackageError: trimesh, or for ``decompose`` coacd, is not installed.
    """
    try:
        import trimesh
    except ImportError as error:
        raise MissingPackageError("meshes from files need trimesh; install the extra 'scenes'.") from error
    kind = Path(file.name).suffix.lower().removeprefix(".")
    try:
        read = trimesh.load_scene(io.BytesIO(file.data), file_type=kind, **_OPTIONS.get(kind, {}))
        mesh = read.to_mesh() if read.geometry else None
    except Exception as error:  # trimesh's readers raise whatever a broken file leads them into
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = "; save it as .glb, which holds its data itself" if kind == "gltf" else ""
        raise ConfigError(f"the mesh {file.name} is not readable ({reason}){hint}.") from error
    if mesh is None or not len(getattr(mesh, "faces", ())):
        raise ConfigError(f"the mesh {file.name} is empty: it holds no triangle; a solid has at least 4.")
    if len(mesh.faces) > MAX_TRIANGLES:
        raise ConfigError(
            f"the mesh {file.name} has {len(mesh.faces)} triangles, at most {MAX_TRIANGLES} are read; simplify it, "
            "e.g. with Blender's Decimate."
        )
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    if not np.isfinite(vertices).all():
        raise ConfigError(f"the mesh {file.name} has vertices that are not finite; export it again.")
    if kind in ("glb", "gltf"):
        vertices = vertices[:, [0, 2, 1]] * (1.0, -1.0, 1.0)
    vertices = vertices * _factor(file.name, vertices, scale, size)
    mesh = trimesh.Trimesh(vertices, mesh.faces, process=True)
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    mesh.update_faces(mesh.nondegenerate_faces())
    convex = _hull(file.name, mesh.vertices)
    if hull:
        solid, note = centred_mesh(*convex), "its convex hull is the body"
    else:
        solid, note = _solid(file.name, mesh, _volume(*convex), decompose)
    sides = " × ".join(f"{side:.3g}" for side in np.ptp(np.array(solid.vertices), axis=0))
    return solid, f"{file.name}: {len(solid.triangles)} triangles, {sides} m; {note}"


_OPTIONS: dict[str, dict[str, Any]] = {"obj": {"skip_materials": True}}


def _solid(name: str, mesh: Any, hull_volume: float, decompose: bool) -> tuple[Mesh, str]:
    import trimesh

    if not mesh.is_watertight:
        edges = np.sort(mesh.edges, axis=1)
        count = np.unique(edges, axis=0, return_counts=True)[1]
        raise ConfigError(
            f"the mesh {name} is open: {int((count != 2).sum())} of its edges do not belong to exactly two triangles, "
            "so it has no volume and no mass; close it, or write hull: true to take its convex hull."
        )
    if not mesh.is_winding_consistent:
        trimesh.repair.fix_winding(mesh)
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    if _volume(vertices, faces) < 0:
        faces = faces[:, ::-1]
    filled = _volume(vertices, faces)
    if not filled > 1e-6 * hull_volume:
        raise ConfigError(f"the mesh {name} encloses no volume; its faces must be those of a solid.")
    if filled > _CONVEX * hull_volume:
        return centred_mesh(vertices, faces), "convex"
    ratio = f"concave, its convex hull has {hull_volume / filled:.2f} times its volume"
    if not decompose:
        return (
            centred_mesh(vertices, faces),
            f"{ratio} and is what collides; decompose: true (package coacd, extra `meshes`) collides convex parts",
        )
    parts = _convex_parts(name, vertices, faces)
    return centred_mesh(vertices, faces, parts), f"{ratio}; {len(parts)} convex parts collide"


def _factor(
    name: str, vertices: Float[np.ndarray, "v 3"], scale: float | tuple[float, float, float] | None, size: float | None
) -> float | tuple[float, float, float]:
    extent = float(np.ptp(vertices, axis=0).max())
    if not extent > 0:
        raise ConfigError(f"all vertices of the mesh {name} lie in one point; export it again.")
    if size is not None:
        return size / extent
    if scale is not None:
        return scale
    if not _SHORTEST <= extent <= _LONGEST:
        unit = "mm" if extent > _LONGEST else "km"
        factor = 0.001 if extent > _LONGEST else 1000
        raise ConfigError(
            f"the mesh {name} is {extent:.3g} m across if its unit is the metre; write size: (m, longest side), or "
            f"scale: {factor} if its unit is {unit}, or scale: 1 if that is meant."
        )
    return 1.0


def _hull(name: str, vertices: Float[np.ndarray, "v 3"]) -> tuple[Float[np.ndarray, "h 3"], Int[np.ndarray, "f 3"]]:
    import trimesh
    from scipy.spatial import QhullError

    try:
        found = trimesh.Trimesh(vertices, np.empty((0, 3), dtype=np.int64), process=False).convex_hull
    except QhullError as error:
        raise ConfigError(f"the mesh {name} is flat: its vertices lie in one plane; a body has a volume.") from error
    corners, faces = np.asarray(found.vertices, dtype=np.float64), np.asarray(found.faces, dtype=np.int64)
    extent = np.ptp(corners, axis=0).max()
    if not _volume(corners, faces) > 1e-9 * extent**3:
        raise ConfigError(f"the mesh {name} is flat: its vertices lie in one plane; a body has a volume.")
    return corners, faces


def _volume(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]) -> float:
    return float(np.linalg.det(np.asarray(vertices)[np.asarray(faces)]).sum() / 6.0)


def _convex_parts(
    name: str, vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]
) -> list[Float[np.ndarray, "_ 3"]]:
    """Source: Wei et al. (2022), Approximate convex decomposition for 3D meshes with collision-aware concavity."""
    try:
        import coacd  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingPackageError(
            f"decompose: true (mesh {name}) needs coacd; install the extra 'meshes', or leave decompose out."
        ) from error
    coacd.set_log_level("error")
    found = coacd.run_coacd(coacd.Mesh(vertices, faces), threshold=_ERROR, max_ch_vertex=64, seed=0)
    parts = [np.asarray(corners, dtype=np.float64) for corners, _ in found]
    if not parts:
        raise ConfigError(f"CoACD found no convex parts of {name}; leave decompose out.")
    return parts
