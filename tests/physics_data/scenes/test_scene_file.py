"""Scene files: what they make, where bodies end up, and what is said about mistakes."""

from pathlib import Path

import numpy as np
import pytest

from physics_data.core.errors import ConfigError
from physics_data.core.mechanics import volume
from physics_data.core.scene import Body, Compound, SceneSpec
from physics_data.engines import ENGINES
from physics_data.scenes import EXAMPLE
from physics_data.scenes.materials import MATERIALS
from physics_data.scenes.placement import distance_between, turned
from physics_data.scenes.scene_file import load_scene
from physics_data.simulation import save_scene, simulate

TOUCH = 1e-3


def written(folder: Path, text: str) -> Path:
    path = folder / "scene.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def bodies_of(folder: Path, text: str) -> dict[str, Body]:
    return {body.name: body for body in load_scene(written(folder, text)).spec.bodies}


def test_the_example_is_a_family_of_scenes_that_simulate(tmp_path: Path) -> None:
    colors = set()
    for seed in range(8):
        loaded = load_scene(EXAMPLE, seed=seed)
        colors.add(loaded.spec.bodies[-1].appearance.color_name)
        assert load_scene(EXAMPLE, seed=seed).spec == loaded.spec
    assert colors == {"yellow", "green"}
    clip = simulate(EXAMPLE, seed=1)
    assert clip.meta.caption.startswith("a red ball rolls off")
    hits = {frozenset(event.bodies) for event in clip.meta.events if event.kind == "contact"}
    assert any("ball" in pair and pair & {"lower_crate", "upper_crate"} for pair in hits)


def test_a_resolved_scene_makes_the_same_clip(tmp_path: Path) -> None:
    loaded = load_scene(EXAMPLE)
    save_scene(loaded.spec, tmp_path / "whole.yaml")
    assert np.array_equal(simulate(tmp_path / "whole.yaml").rgb, simulate(loaded.spec).rgb)


@pytest.mark.parametrize(
    "shape", ["sphere: 0.2", "box: [0.2, 0.3, 0.1]", "cylinder: [0.1, 0.3]", "capsule: [0.1, 0.2]"]
)
@pytest.mark.parametrize("support", ["box: 0.6", "sphere: 0.4", "cylinder: [0.4, 0.2]", "ellipsoid: [0.5, 0.4, 0.2]"])
def test_what_lies_on_something_touches_it(tmp_path: Path, shape: str, support: str) -> None:
    found = bodies_of(
        tmp_path,
        f"bodies:\n  under: {{{support}, static: true}}\n  over: {{{shape}, on: under, rotation: [0, 30, 10]}}\n",
    )
    assert -1e-9 <= distance_between(found["over"], found["under"]) < TOUCH
    assert -1e-9 <= distance_between(found["under"], found["floor"]) < TOUCH


def test_on_a_slope_the_centre_is_where_geometry_says(tmp_path: Path) -> None:
    found = bodies_of(
        tmp_path,
        "bodies:\n"
        "  ramp: {box: [2, 1, 0.1], rotation: [0, 30, 0], position: [0, 0, 1], static: true}\n"
        "  ball: {sphere: 0.2, on: ramp, offset: [0.4, 0]}\n",
    )
    # The top face lies 0.05 m along the normal (sin 30°, 0, cos 30°) from the ramp's centre; the ball 0.2 m further.
    normal = np.array([np.sin(np.pi / 6), 0, np.cos(np.pi / 6)])
    centre = np.array(found["ball"].position)
    assert (centre - [0, 0, 1]) @ normal == pytest.approx(0.25, abs=TOUCH)
    assert centre[0] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("relation", "axis", "sign"), [("left_of", 0, -1), ("right_of", 0, 1), ("in_front_of", 1, -1), ("behind", 1, 1)]
)
def test_bodies_beside_each_other(tmp_path: Path, relation: str, axis: int, sign: int) -> None:
    found = bodies_of(
        tmp_path,
        "bodies:\n  post: {box: [0.4, 0.2, 1], position: [1, 2, 0.5], static: true}\n"
        f"  ball: {{sphere: 0.1, {relation}: post, distance: 0.3}}\n",
    )
    half = (0.2, 0.1)[axis]
    expected = [1.0, 2.0]
    expected[axis] += sign * (half + 0.3 + 0.1)
    assert found["ball"].position[:2] == pytest.approx(tuple(expected))
    assert found["ball"].position[2] == pytest.approx(0.1, abs=TOUCH)


def test_mass_follows_from_the_material(tmp_path: Path) -> None:
    found = bodies_of(
        tmp_path,
        "bodies:\n"
        "  steel_ball: {sphere: 0.1, material: steel}\n"
        "  given: {box: 0.2, mass: 3, right_of: steel_ball}\n"
        "  cup:\n    left_of: steel_ball\n    parts:\n"
        "      - {box: [0.3, 0.3, 0.02]}\n      - {box: [0.02, 0.3, 0.2], position: [0.14, 0, 0.11]}\n",
    )
    assert found["steel_ball"].mass == pytest.approx(4 / 3 * np.pi * 0.1**3 * MATERIALS["steel"].density)
    assert found["given"].mass == 3
    cup = found["cup"]
    assert isinstance(cup.shape, Compound)
    assert cup.mass == pytest.approx((0.3 * 0.3 * 0.02 + 0.02 * 0.3 * 0.2) * MATERIALS["plastic"].density)
    assert volume(cup.shape) == pytest.approx(0.3 * 0.3 * 0.02 + 0.02 * 0.3 * 0.2)


def test_an_incline_rolls_by_the_law(tmp_path: Path) -> None:
    """A ball that rolls down 20 degrees without slipping has 5/7 g sin a along the slope."""
    path = written(
        tmp_path,
        "duration: 1\nfloor: false\nbodies:\n"
        "  ramp: {box: [8, 1, 0.1], rotation: [0, 20, 0], position: [0, 0, 1], static: true, friction: 1}\n"
        "  ball: {sphere: 0.2, on: ramp, offset: [-3, 0], friction: 1, bounce: 0}\n",
    )
    clip = simulate(path)
    assert clip.trajectory is not None
    way = np.linalg.norm(clip.trajectory.position[:, 1] - clip.trajectory.position[0, 1], axis=1)
    expected = 0.5 * 5 / 7 * 9.81 * np.sin(np.radians(20)) * np.array(load_scene(path).spec.seconds) ** 2
    assert way[-1] == pytest.approx(expected[-1], rel=0.01)


def test_words_of_yaml_1_1_are_words_and_1e_3_is_a_number(tmp_path: Path) -> None:
    path = written(tmp_path, "caption: off\nbodies:\n  a: {box: 3e-1, on: floor}\n  b: {sphere: 1, behind: a}\n")
    loaded = load_scene(path)
    assert loaded.caption == "off"
    assert loaded.spec.bodies[1].shape.model_dump()["half_extents"] == (0.15, 0.15, 0.15)


def test_turns_are_about_the_axes_of_the_world_in_order() -> None:
    w, x, y, z = turned((90.0, 0.0, 90.0))
    assert (w, x, y, z) == pytest.approx((0.5, 0.5, 0.5, 0.5))


def test_a_whole_scene_is_read_too(tmp_path: Path, falling_ball: SceneSpec) -> None:
    save_scene(falling_ball, tmp_path / "scene.json")
    assert load_scene(tmp_path / "scene.json").spec == falling_ball


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bodies:\n  a:\n    sphere: 1\n    colour: red\n", ":4: bodies.a.colour: no such key.*Did you mean 'color'"),
        ("bodies:\n  a: {sphere: -1}\n", ":2: bodies.a.sphere: given -1"),
        ("bodies:\n  a: {sphere: 1, box: 1}\n", ":2: .*exactly one of"),
        ("bodies:\n  a: {sphere: 1, material: stel}\n", ":2: no material 'stel'.*'steel'"),
        ("bodies:\n  a: {sphere: 1, color: '#12'}\n", ":2: '#12' is no colour"),
        ("bodies:\n  a: {sphere: 1}\n  b: {sphere: 1, on: aa}\n", ":3: no body 'aa'"),
        ("bodies:\n  a: {sphere: 1, on: b}\n  b: {sphere: 1, on: a}\n", "in a circle"),
        ("bodies:\n  a: {sphere: 1}\n  b: {sphere: 1, position: [1, 0, 1]}\n", ":3: 'a' and 'b' overlap by 100.0 cm"),
        (
            "bodies:\n  a: {box: 1}\n  b: {sphere: 0.1, on: a, offset: [4, 0]}\n",
            ":3: .b. at x=4.* does not lie over",
        ),
        ("bodies:\n  a: {sphere: 1}\n  a: {sphere: 2}\n", ":3: 'a' is written twice"),
        ("bodies:\n  a: {sphere: {min: 2, max: 1}}\n", ":2: the range"),
        ("bodies:\n  a: {sphere: {choose: []}}\n", ":2: choose needs a list"),
        ("bodies:\n  a: {sphere: 1, static: true, velocity: [1, 0, 0]}\n", ":2: .*static"),
        ("bodies:\n  a: {sphere: 1}\njoints:\n  - {hinge: c, at: [0, 0, 1]}\n", "holds 'c'"),
        ("light: moon\nbodies:\n  a: {sphere: 1}\n", "no light 'moon'.*'noon'"),
        ("bodies: {}\n", ":1: bodies"),
        ("format: 3\nbodies:\n  a: {sphere: 1}\n", ":1: format: no such key"),
        ("'[/bold]': 3\nbodies:\n  a: {sphere: 1}\n", r":1: \[/bold\]: no such key"),
        ("bodies:\n  a: {sphere: {min: .nan, max: 1}}\n", ":2: nan is out of range"),
        ("bodies:\n  a: {sphere: {min: 1, max: 99999999999999999999}}\n", ":2: .*out of range"),
        ("bodies:\n  a: {sphere: 1.0e300}\n", r":2: 1e\+300 is out of range"),
        ("bodies:\n  a: {sphere: 1.0e-9}\n", ":2: bodies.a.sphere: given 1e-09"),
        ("bodies:\n  a: {sphere: true}\n", ":2: sphere is true"),
        ("gravity: true\nbodies:\n  a: {sphere: 1}\n", ":1: gravity is true"),
        ("bodies:\n  a:\n    sphere: 1\n    color: #ff0000\n", ":2: .*color is empty; # begins a comment"),
        ("num_frames: 20000\nbodies:\n  a: {sphere: 1}\n", "asks for 20000 frames"),
        ("frame_rate: 1.0e-5\nnum_frames: 2\nbodies:\n  a: {sphere: 1}\n", "96000000 steps"),
        ("frame_rate: " + "9" * 5000 + "\n", "not readable YAML"),
        ("bodies: " + "[" * 1000 + "]" * 1000, "nested too deeply"),
        ("- a\n", "is a mapping"),
        ("a: [\n", "not readable YAML"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_scene(written(tmp_path, text))


def test_a_seed_without_a_draw_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "bodies:\n  a: {sphere: 0.3}\n")
    with pytest.raises(ConfigError, match="a seed or an index"):
        load_scene(path, seed=1)


def test_an_alias_bomb_ends_with_a_sentence(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(ConfigError, match="aliases"):
        load_scene(written(tmp_path, "\n".join(lines)))


def test_actions_of_a_file_are_done_and_a_wrong_one_is_named_with_its_line(tmp_path: Path) -> None:
    text = "bodies:\n  ball: {sphere: 0.1, position: [0, 0, 1]}\ngravity: 0\nactions:\n"
    push = "  - {kind: impulse, frame: 4, body: ball, impulse: [1.0, 0, 0]}\n"
    spec = load_scene(written(tmp_path, text + push)).spec
    trajectory = ENGINES.get("mujoco")().simulate(spec)
    mass = spec.bodies[1].mass
    assert np.allclose(trajectory.linear_velocity[:5, 1], 0)
    assert np.allclose(trajectory.linear_velocity[5:, 1], (1.0 / mass, 0, 0), rtol=1e-9)
    with pytest.raises(ConfigError, match=r"scene.yaml.*5.*\n?.*impuls"):
        load_scene(written(tmp_path, text + push.replace("impulse: [", "impuls: [")))
    with pytest.raises(ConfigError, match="the scene has floor, ball"):
        load_scene(written(tmp_path, text + push.replace("body: ball", "body: bal")))
