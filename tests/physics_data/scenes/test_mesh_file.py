"""Bodies from mesh files: against the primitives of the same solid, and what is said about files that do not fit."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ConfigError, MissingPackageError
from physics_data.core.mechanics import centred_mesh, inertia_tensor
from physics_data.core.scene import Body, Mesh
from physics_data.engines import ENGINES
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig
from physics_data.scenes.file_scenario import read_document
from physics_data.scenes.mesh_file import MAX_TRIANGLES, solid_of_mesh
from physics_data.scenes.model_export import write_model
from physics_data.scenes.model_file import load_model
from physics_data.scenes.scene_file import load_scene, scene_of
from physics_data.simulation import simulate


def scene(folder: Path, body: str, more: str = "") -> Path:
    path = folder / "scene.yaml"
    path.write_text(f"bodies:\n  thing: {{{body}}}\n{more}", encoding="utf-8")
    return path


def thing(folder: Path, body: str) -> Body:
    return load_scene(scene(folder, body)).spec.bodies[1]


U_CORNERS = [(0, 0), (0.1, 0), (0.2, 0), (0.3, 0), (0, 0.1), (0.1, 0.1), (0.2, 0.1), (0.3, 0.1)]
U_CORNERS += [(0, 0.3), (0.1, 0.3), (0.2, 0.3), (0.3, 0.3)]


def u_mesh() -> trimesh.Trimesh:
    """Return a U of 0.3 m × 0.1 m × 0.3 m, a bar with two posts, as one closed surface (x, depth y, up z)."""
    squares = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (4, 5, 9, 8), (6, 7, 11, 10)]
    rim = [0, 1, 2, 3, 7, 11, 10, 6, 5, 9, 8, 4]
    count = len(U_CORNERS)
    vertices = [(x, y, z) for y in (0.0, 0.1) for x, z in U_CORNERS]
    faces = []
    for a, b, c, d in squares:
        faces += [(a, b, c), (a, c, d), (a + count, c + count, b + count), (a + count, d + count, c + count)]
    for a, b in zip(rim, rim[1:] + rim[:1], strict=True):
        faces += [(a, a + count, b), (b, a + count, b + count)]
    return trimesh.Trimesh(vertices, faces)


@pytest.mark.parametrize("suffix", ["obj", "stl", "glb", "gltf"])
def test_a_cube_from_a_file_has_mass_and_inertia_of_the_box(tmp_path: Path, suffix: str) -> None:
    cube = trimesh.creation.box(extents=(0.2, 0.3, 0.4) if suffix in ("obj", "stl") else (0.2, 0.4, 0.3))
    cube.apply_translation((3.0, -1.0, 2.0))  # where the file's origin lies does not matter
    if suffix == "gltf":
        (tmp_path / "cube.gltf").write_bytes(
            trimesh.exchange.gltf.export_gltf(trimesh.Scene(cube), embed_buffers=True)["model.gltf"]
        )
    else:
        cube.export(tmp_path / f"cube.{suffix}")
    made = thing(tmp_path, f"mesh: cube.{suffix}, material: wood")
    box = thing(tmp_path, "box: [0.2, 0.3, 0.4], material: wood")
    assert made.noun == "thing" and isinstance(made.shape, Mesh)
    assert made.mass == pytest.approx(box.mass, rel=1e-5)  # STL and glTF hold 32-bit numbers
    np.testing.assert_allclose(inertia_tensor(made), inertia_tensor(box), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(made.position, box.position, atol=1e-4)  # it lies on the floor


def test_a_fine_sphere_has_mass_and_inertia_of_the_ball(tmp_path: Path) -> None:
    trimesh.creation.icosphere(subdivisions=4, radius=100.0).export(tmp_path / "ball.stl")
    made = thing(tmp_path, "mesh: ball.stl, size: 0.3, density: 800")
    ball = thing(tmp_path, "sphere: 0.15, density: 800")
    assert made.mass == pytest.approx(ball.mass, rel=3e-3)
    np.testing.assert_allclose(inertia_tensor(made), inertia_tensor(ball), rtol=6e-3, atol=1e-7)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cube_from_a_file_falls_and_rests_as_the_box(tmp_path: Path, engine: str) -> None:
    trimesh.creation.box(extents=(200.0, 200.0, 200.0)).export(tmp_path / "cube.obj")
    rest = "bounce: 0, position: [0, 0, 0.5]"
    found = []
    for shape in ("mesh: cube.obj, scale: 0.001", "box: 0.2"):
        spec = load_scene(scene(tmp_path, f"{shape}, {rest}")).spec
        found.append(ENGINES.get(engine)().simulate(spec).position[:, 1])
    mesh, box = found
    seconds = np.arange(5) / 16
    np.testing.assert_allclose(mesh[:4, 2], 0.5 - 0.5 * 9.81 * seconds[:4] ** 2, atol=1e-3)
    np.testing.assert_allclose(mesh[:4], box[:4], atol=1e-6)
    np.testing.assert_allclose([mesh[-1, 2], box[-1, 2]], 0.1, atol=5e-4)
    np.testing.assert_allclose(mesh[-1, :2], 0.0, atol=5e-3)  # Bullet finds the points of a face one by one


@pytest.mark.parametrize("engine", ENGINES)
def test_a_ball_falls_between_the_posts_only_where_the_mesh_is_decomposed(tmp_path: Path, engine: str) -> None:
    pytest.importorskip("coacd")
    u_mesh().export(tmp_path / "u.obj")
    ball = "  ball: {sphere: 0.04, position: [-0.0001, 0, 0.6], bounce: 0}\n"
    heights = {}
    for extra in ("", ", decompose: true"):
        path = scene(tmp_path, f"mesh: u.obj, mass: 20, bounce: 0{extra}", ball)
        spec = load_scene(path).spec
        motion = ENGINES.get(engine)().simulate(spec)
        heights[extra] = motion.position[-1, spec.body_index("ball"), 2]
    hull, parts = heights.values()
    assert hull > 0.3  # on the lid of the hull, or still beside it
    assert parts == pytest.approx(0.1 + 0.04, abs=0.01)


def test_what_was_done_with_a_concave_mesh_is_said(tmp_path: Path) -> None:
    u_mesh().export(tmp_path / "u.obj")
    note = load_scene(scene(tmp_path, "mesh: u.obj")).notes[0]
    # a U of 7 squares' outline: hull 9, solid 7
    assert note == (
        "thing: u.obj: 44 triangles, 0.3 × 0.1 × 0.3 m; concave, its convex hull has 1.29 times its volume and is what "
        "collides; decompose: true (package coacd, extra `meshes`) collides convex parts"
    )
    hull = load_scene(scene(tmp_path, "mesh: u.obj, hull: true, density: 1000")).spec.bodies[1]
    assert hull.mass == pytest.approx(0.3 * 0.1 * 0.3 * 1000)


def test_convex_parts_touch_where_they_stand(tmp_path: Path) -> None:
    """Parts given by hand: the scene file, both engines and a model file agree on them."""
    boxes = [trimesh.creation.box(bounds=bounds) for bounds in (
        ((0, 0, 0), (0.3, 0.1, 0.1)), ((0, 0, 0.1), (0.1, 0.1, 0.3)), ((0.2, 0, 0.1), (0.3, 0.1, 0.3)),
    )]  # fmt: skip
    u = u_mesh()
    shape = centred_mesh(u.vertices, u.faces, [np.asarray(box.vertices) for box in boxes])
    loaded = load_scene(scene(tmp_path, "box: 0.3", "  ball: {sphere: 0.04, position: [0, 0, 0.6], bounce: 0}\n"))
    floor, _, ball = loaded.spec.bodies
    thing = loaded.spec.bodies[1].edited(shape=shape, mass=20.0, position=(0.0, 0.0, 0.1 + 0.0285))
    spec = loaded.spec.edited(bodies=(floor, thing, ball))
    for engine in ENGINES:
        motion = ENGINES.get(engine)().simulate(spec)
        assert motion.position[-1, 2, 2] == pytest.approx(0.14, abs=0.01), engine
    assert "convex parts stand for it" in " ".join(write_model(spec, tmp_path / "scene.xml"))
    back = load_model(tmp_path / "scene.xml").spec
    again = next(body for body in back.bodies if body.name == "thing")
    assert isinstance(again.shape, Mesh) and len(again.shape.hulls) == 3
    np.testing.assert_allclose(inertia_tensor(again), inertia_tensor(thing), rtol=1e-5, atol=1e-9)


def test_the_record_holds_the_mesh(tmp_path: Path) -> None:
    """A dataset can be made and simulated again where the file is not."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    trimesh.creation.icosphere(subdivisions=2, radius=0.2).export(folder / "stone.obj")
    scene(folder, "mesh: {choose: [stone.obj]}, size: {min: 0.2, max: 0.4}, position: [0, 0, 1]")
    config = {"scenes": str(folder), "engines": ["mujoco"], "scenes_per_scenario": {"train": 1}}
    config["settings"] = {"width": 32, "height": 32, "num_frames": 5}
    plan = BuildConfig.model_validate(config)
    build(plan, tmp_path / "data", workers=0)
    (folder / "stone.obj").unlink()
    data = ShardDataset(tmp_path / "data")
    clip = data.load(0)
    again = simulate(clip.meta.spec)
    assert np.array_equal(again.rgb, clip.rgb)
    assert BuildConfig.model_validate(plan.model_dump(mode="json")).scenes == plan.scenes


def test_a_scene_with_its_mesh_inside_is_the_scene_with_the_file(tmp_path: Path) -> None:
    trimesh.creation.box(extents=(0.2, 0.2, 0.2)).export(tmp_path / "cube.stl")
    path = scene(tmp_path, "mesh: cube.stl")
    document = read_document(path)
    assert set(document["bodies"]["thing"]["mesh"]) == {"file", "base64"}
    assert scene_of(document, "elsewhere").spec == load_scene(path).spec


def _open(folder: Path) -> None:
    cube = trimesh.creation.box(extents=(0.2, 0.2, 0.2))
    cube.update_faces(np.arange(12) > 1)
    cube.export(folder / "bad.obj")


def _many(folder: Path) -> None:
    trimesh.creation.icosphere(subdivisions=5).subdivide().export(folder / "bad.stl")


def _huge(folder: Path) -> None:
    with (folder / "bad.stl").open("wb") as file:
        file.truncate(84 + 50 * 10_000_000)


@pytest.mark.parametrize(
    ("write", "body", "words"),
    [
        (_open, "mesh: bad.obj", r"is open: \d+ of its edges .*hull: true"),
        (lambda f: (f / "bad.obj").write_text(""), "mesh: bad.obj", "is empty: it holds no triangle"),
        (lambda f: (f / "bad.obj").write_text("v 0 0 0\nf 1 2 9\n"), "mesh: bad.obj", "bad.obj"),
        (lambda f: (f / "bad.stl").write_bytes(b"\0" * 100), "mesh: bad.stl", "bad.stl"),
        (lambda f: (f / "bad.glb").write_bytes(b"glTFxx"), "mesh: bad.glb", "is not readable"),
        (_many, "mesh: bad.stl", f"81920 triangles, at most {MAX_TRIANGLES} are read; simplify"),
        (_huge, "mesh: bad.stl", "has 500 MB, at most 32 MB"),
        (lambda f: None, "mesh: bad.obj", "no mesh file .*relative to the folder"),
        (lambda f: None, "mesh: ../bad.obj", "outside .*copy it there"),
        (lambda f: None, "mesh: /etc/passwd", "outside .*copy it there"),
        (lambda f: None, "mesh: bad.ply", "ends in none of .obj, .stl, .glb, .gltf"),
        (lambda f: None, "mesh: bad.obj, sphere: 1", "exactly one of"),
        (lambda f: None, "sphere: 1, scale: 2", "scale is said of a sphere"),
        (lambda f: None, "mesh: bad.obj, scale: 2, size: 1", "size and scale"),
        (lambda f: None, "mesh: {file: bad.obj, base64: 'ä'}", "no base64"),
    ],
)
def test_a_mesh_that_does_not_fit_is_refused_with_the_line(tmp_path: Path, write, body: str, words: str) -> None:
    write(tmp_path)
    with pytest.raises(ConfigError, match=words) as raised:
        load_scene(scene(tmp_path, body))
    assert "scene.yaml:2" in str(raised.value)


def test_a_wrong_unit_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    trimesh.creation.box(extents=(100.0, 50.0, 20.0)).export(tmp_path / "crate.stl")
    with pytest.raises(ConfigError, match=r"is 100 m across .*scale: 0.001 if its unit is mm"):
        load_scene(scene(tmp_path, "mesh: crate.stl"))
    assert thing(tmp_path, "mesh: crate.stl, scale: 0.001").mass == pytest.approx(1e-4 * 1000)
    assert thing(tmp_path, "mesh: crate.stl, scale: 1, density: 1").mass == pytest.approx(1e5)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    u_mesh().export(tmp_path / "u.obj")
    monkeypatch.setitem(__import__("sys").modules, "coacd", None)
    solid_of_mesh.cache_clear()
    with pytest.raises(MissingPackageError, match="extra 'meshes'"):
        load_scene(scene(tmp_path, "mesh: u.obj, decompose: true"))
