"""Triangle meshes as the flat arrays that the kernels walk through, and simple questions about them."""

import functools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int32
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from physics_data.core.scene import Mesh
from physics_data.renderers.kernels.scene_struct import FACES

_LEAF_SIZE = 4
_CREASE = math.cos(math.radians(30.0))


class MeshArrays(NamedTuple):
    """Axes: n boxes of a tree in the order of a walk through it, m triangles in the order of its leaves.

    boxes:      m, body frame: low corner, high corner
    links:      the box after a box's last descendant; first triangle; number of triangles, 0 unless a leaf
    triangles:  m, body frame: a corner (3), the edges from it to the two others (6), the outward unit normal (3)
    patches:    number of the smooth patch, which ends where the mesh bends by more than 30 degrees, modulo FACES
    """

    boxes: Float[np.ndarray, "n 6"]
    links: Int32[np.ndarray, "n 3"]
    triangles: Float[np.ndarray, "m 12"]
    patches: Int32[np.ndarray, "m"]


@functools.lru_cache(maxsize=64)
def mesh_arrays(mesh: Mesh) -> MeshArrays:
    """Return the tree of a mesh, from this process's store if it was asked for before.

    Triangles without an area are left out: no ray meets them.

    Source: a tree split at the median along the longest side, as in Rubin & Whitted (1980).
    """
    vertices = np.array(mesh.vertices, dtype=np.float64)
    indices = np.array(mesh.triangles, dtype=np.int64)
    corners = vertices[indices]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1)
    kept = area > 0
    corners, indices, normals = corners[kept], indices[kept], across[kept] / area[kept, None]
    low, high, middle = corners.min(axis=1), corners.max(axis=1), corners.mean(axis=1)
    boxes: list[np.ndarray] = []
    links: list[tuple[int, int, int]] = []
    order: list[np.ndarray] = []
    num_placed = 0

    def add(members: np.ndarray) -> None:
        nonlocal num_placed
        box = len(boxes)
        lowest, highest = low[members].min(axis=0), high[members].max(axis=0)
        boxes.append(np.concatenate([lowest, highest]))
        links.append((0, num_placed, 0))
        if len(members) <= _LEAF_SIZE:
            order.append(members)
            num_placed += len(members)
            links[box] = (len(boxes), num_placed - len(members), len(members))
            return
        axis = int(np.argmax(np.ptp(middle[members], axis=0)))
        half = len(members) // 2
        sorted_members = members[np.argpartition(middle[members, axis], half)]
        add(sorted_members[:half])
        add(sorted_members[half:])
        links[box] = (len(boxes), 0, 0)

    add(np.arange(len(corners)))
    placed = np.concatenate(order)
    first = corners[placed, 0]
    edges = corners[placed, 1:] - first[:, None]
    return MeshArrays(
        boxes=np.array(boxes),
        links=np.array(links, dtype=np.int32),
        triangles=np.concatenate([first, edges.reshape(-1, 6), normals[placed]], axis=1),
        patches=_patches(vertices, indices[placed], normals[placed]),
    )


def is_inside(mesh: Mesh, points: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, "n"]:
    """Say which points (m, body frame) a closed mesh encloses: those around which it winds once.

    Source: Van Oosterom & Strackee (1983), The solid angle of a plane triangle, IEEE Trans. Biomed. Eng. 30.
    """
    corners = np.array(mesh.vertices)[np.array(mesh.triangles)]
    inside = np.zeros(len(points), dtype=bool)
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    for index in np.flatnonzero(((points >= low) & (points <= high)).all(axis=1)):
        a, b, c = np.moveaxis(corners - points[index], 1, 0)
        la, lb, lc = (np.linalg.norm(side, axis=1) for side in (a, b, c))
        volume = np.einsum("mi,mi->m", a, np.cross(b, c))
        spread = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
        inside[index] = np.arctan2(volume, spread).sum() > math.pi
    return inside


def _patches(
    vertices: Float[np.ndarray, "k 3"], triangles: np.ndarray, normals: Float[np.ndarray, "m 3"]
) -> Int32[np.ndarray, "m"]:
    """Number the patches of triangles that meet at edges without a crease; corners at one place are one."""
    _, place = np.unique(vertices, axis=0, return_inverse=True)
    corners = place.reshape(-1)[triangles]
    edges = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
    owner = np.tile(np.arange(len(triangles)), 3)
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    same = (edges[order][1:] == edges[order][:-1]).all(axis=1)
    first, second = owner[order][:-1][same], owner[order][1:][same]
    is_smooth = np.einsum("mi,mi->m", normals[first], normals[second]) > _CREASE
    first, second = first[is_smooth], second[is_smooth]
    count = len(triangles)
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    _, patch = connected_components(graph, directed=False)
    return (patch % FACES).astype(np.int32)
