"""glTF files: read by another library, they show the scene where our renderer draws it."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from physics_data.core.errors import ConfigError
from physics_data.core.geometry import views_of
from physics_data.core.scene import Box, Capsule, Cylinder, Ellipsoid, Plane, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.scenes.gltf import triangulated, write_gltf
from physics_data.simulation import simulate

TURN = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""z up from y up."""


def values_of(path: Path, node_name: str, channel: str) -> np.ndarray:
    """Read an animation track of a GLB by hand."""
    raw = path.read_bytes()
    length = struct.unpack("<I", raw[12:16])[0]
    document, data = json.loads(raw[20 : 20 + length]), raw[28 + length :]
    node = next(k for k, one in enumerate(document["nodes"]) if one.get("name") == node_name)
    animation = document["animations"][0]
    found = next(c for c in animation["channels"] if c["target"] == {"node": node, "path": channel})
    accessor = document["accessors"][animation["samplers"][found["sampler"]]["output"]]
    view = document["bufferViews"][accessor["bufferView"]]
    count = accessor["count"] * int(accessor["type"].removeprefix("VEC"))
    return np.frombuffer(data, np.float32, count, view["byteOffset"]).reshape(accessor["count"], -1)


@pytest.mark.parametrize("name", ["containment", "tumble_free", "bowling"])
def test_meshes_lie_where_the_renderer_draws_them(tmp_path: Path, name: str) -> None:
    clip = simulate(name)
    spec, rendering, trajectory = clip.labelled
    write_gltf(spec, trajectory, tmp_path / "scene.glb")
    scene = trimesh.load(tmp_path / "scene.glb")
    assert isinstance(scene, trimesh.Scene)
    view = views_of(spec)[0]
    for number, body in enumerate(spec.instances):
        mask = rendering.amodal_masks[0, number]
        names = [body.name, *scene.graph.transforms.successors(body.name)]
        points = [
            trimesh.transform_points(scene.geometry[geometry].vertices, TURN @ matrix)
            for node in names
            for matrix, geometry in [scene.graph[node]]
            if geometry is not None
        ]
        pixels = view.project(np.concatenate(points))[:, :2]
        low, high = pixels.min(0), pixels.max(0)
        if (low < 0).any() or (high > 64).any() or not mask.any():
            continue
        rows, columns = np.nonzero(mask)
        box = np.array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]])
        assert np.abs(np.stack([low, high]) - box).max() < 1.0, body.name


def test_the_animation_is_the_trajectory(tmp_path: Path) -> None:
    clip = simulate("tumble_free")
    spec, _, trajectory = clip.labelled
    write_gltf(spec, trajectory, tmp_path / "scene.glb")
    body = next(k for k, one in enumerate(spec.bodies) if one.is_dynamic)
    name = spec.bodies[body].name
    assert values_of(tmp_path / "scene.glb", name, "translation") == pytest.approx(
        trajectory.position[:, body], abs=1e-5
    )
    turns = values_of(tmp_path / "scene.glb", name, "rotation")[:, [3, 0, 1, 2]]
    assert np.abs(np.sum(turns * trajectory.orientation[:, body], axis=1)) == pytest.approx(1.0, abs=1e-5)
    assert (np.sum(turns[1:] * turns[:-1], axis=1) >= 0).all()


@pytest.mark.parametrize(
    ("shape", "volume"),
    [
        (Sphere(radius=0.5), 4 / 3 * np.pi * 0.125),
        (Box(half_extents=(0.1, 0.2, 0.3)), 0.048),
        (Cylinder(radius=0.2, half_height=0.5), np.pi * 0.04),
        (Capsule(radius=0.2, half_height=0.5), np.pi * 0.04 + 4 / 3 * np.pi * 0.008),
        (Ellipsoid(half_axes=(0.1, 0.2, 0.4)), 4 / 3 * np.pi * 0.008),
    ],
)
def test_meshes_have_the_volume_of_the_shape_and_outward_normals(shape: Sphere, volume: float) -> None:
    vertices, normals, triangles = triangulated(shape)
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    measured = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    assert measured == pytest.approx(volume, rel=0.02) and measured <= volume * (1 + 1e-9)
    facing = np.einsum("ij,ij->i", np.cross(b - a, c - a), normals[triangles[:, 0]])
    assert (facing > 0).all()
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1.0)


def test_a_plane_is_a_square_that_looks_up() -> None:
    vertices, normals, _ = triangulated(Plane())
    assert np.ptp(vertices, axis=0) == pytest.approx([40, 40, 0]) and (normals[:, 2] == 1).all()


def test_another_suffix_is_refused(tmp_path: Path, falling_ball: SceneSpec, closed_form_fall: Trajectory) -> None:
    with pytest.raises(ConfigError, match=r"\.obj"):
        write_gltf(falling_ball, closed_form_fall, tmp_path / "a.obj")
