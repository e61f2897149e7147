"""MJCF and URDF: models against plain MuJoCo, round trips, and what is refused by name."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from physics_data.core.errors import ConfigError, EngineError
from physics_data.core.scene import SceneSpec
from physics_data.engines import ENGINES
from physics_data.engines.mujoco_engine import MujocoEngine
from physics_data.scenes.model_export import write_model
from physics_data.scenes.model_file import ModelSettings, load_model
from physics_data.scenes.scene_file import load_scene
from physics_data.simulation import simulate

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

TETRAHEDRON = 'vertex="0 0 0  .3 0 0  0 .3 0  0 0 .3" face="0 2 1  0 1 3  0 3 2  1 2 3"'

MODELS = {
    "pendulum": '<body pos="0 0 1"><joint type="hinge" axis="0 1 0"/>'
    '<geom type="capsule" fromto="0 0 0 .4 0 0" size=".03"/></body>',
    "damped_spring": '<body pos="0 0 1"><joint type="slide" axis="0 0 1" stiffness="40" damping=".5" springref=".2"/>'
    '<geom type="sphere" size=".1" mass="1"/></body>',
    "cart_pole": '<body pos="0 0 1"><joint type="slide" axis="1 0 0"/><geom type="box" size=".2 .1 .05"/>'
    '<body pos="0 0 .06"><joint type="hinge" axis="0 1 0" damping=".01"/>'
    '<geom type="capsule" fromto="0 0 0 .1 0 .6" size=".03"/></body></body>',
    "double_pendulum": '<body pos="0 0 2"><joint type="hinge" axis="0 1 0"/>'
    '<geom type="cylinder" fromto="0 0 0 .5 0 0" size=".03"/>'
    '<body pos=".5 0 0"><joint type="hinge" axis="0 1 0"/><geom type="capsule" fromto="0 0 0 .4 0 .1" size=".02"/>'
    "</body></body>",
    "ball_joint": '<body pos="0 0 1"><joint type="ball"/>'
    '<geom type="ellipsoid" size=".05 .08 .1" pos=".3 0 -.1"/></body>',
    "stated_inertia": '<body pos="0 0 1" euler="20 0 30"><joint type="hinge" axis="1 0 0"/>'
    '<inertial pos=".1 .2 0" mass="2" diaginertia=".05 .04 .03" euler="0 40 0"/>'
    '<geom type="box" size=".1 .3 .02"/></body>',
    "welded_parts": '<body pos="0 0 1"><freejoint/><geom type="box" size=".1 .1 .1"/>'
    '<body pos=".2 0 .1" euler="0 30 0"><geom type="cylinder" size=".05 .2"/></body></body>',
    "mesh": '<body pos="0 0 1" euler="10 20 30"><freejoint/><geom type="mesh" mesh="tetra"/></body>',
    "falling_on_plane": '<geom type="plane" size="2 2 .1" friction=".6"/>'
    '<body pos="0 0 .6"><freejoint/><geom type="sphere" size=".1" solref=".01 .3"/></body>'
    '<body pos=".5 0 .4" euler="0 30 0"><freejoint/><geom type="box" size=".1 .1 .1" friction=".3"/></body>',
    "keyframe": '<body name="rod" pos="0 0 1"><joint type="hinge" axis="0 1 0"/>'
    '<geom type="box" size=".3 .02 .02" pos=".3 0 0"/></body>',
    "slope": '<geom type="box" size="1 .5 .05" euler="0 20 0"/>'
    '<body pos="-.3 0 .3"><freejoint/><geom type="box" size=".1 .1 .05" euler="0 20 0"/></body>',
}
EXTRA = {"mesh": f'<asset><mesh name="tetra" {TETRAHEDRON}/></asset>', "keyframe": "", "falling_on_plane": ""}
KEYS = {"keyframe": '<keyframe><key qpos=".7" qvel="1.5"/></keyframe>'}
SWINGING = ("pendulum", "damped_spring", "cart_pole", "double_pendulum", "ball_joint", "stated_inertia", "keyframe")

URDF = """<robot name="arm">
 <material name="blue"><color rgba="0 0 1 1"/></material>
 <link name="base"><collision><geometry><box size=".2 .2 .1"/></geometry></collision></link>
 <link name="arm"><inertial><origin xyz="0 0 -.3"/><mass value="2"/>
  <inertia ixx=".06" iyy=".06" izz=".002" ixy="0" ixz="0" iyz="0"/></inertial>
  <visual><origin xyz="0 0 -.3"/><geometry><cylinder radius=".04" length=".6"/></geometry>
   <material name="blue"/></visual>
  <collision><origin xyz="0 0 -.3"/><geometry><cylinder radius=".04" length=".6"/></geometry></collision></link>
 <joint name="shoulder" type="continuous"><parent link="base"/><child link="arm"/><origin xyz="0 .2 1" rpy="0 .8 0"/>
  <axis xyz="0 1 0"/><dynamics damping=".05"/></joint>
</robot>"""


def model_file(folder: Path, name: str) -> Path:
    path = folder / f"{name}.xml"
    body = f"{EXTRA.get(name, '')}<worldbody>{MODELS[name]}</worldbody>{KEYS.get(name, '')}"
    path.write_text(f'<mujoco><compiler angle="degree"/><option timestep="0.001"/>{body}</mujoco>', encoding="utf-8")
    return path


@pytest.mark.parametrize("name", MODELS)
def test_a_model_survives_the_round_trip_to_a_millimetre(name: str, tmp_path: Path) -> None:
    spec = load_model(model_file(tmp_path, name)).spec
    write_model(spec, tmp_path / "again.xml")
    again = load_model(tmp_path / "again.xml").spec
    assert [body.shape.kind for body in again.bodies] == [body.shape.kind for body in spec.bodies]
    first, second = (MujocoEngine().simulate(one) for one in (spec, again))
    assert np.abs(first.position - second.position).max() < 1e-3
    moved = np.abs(first.position[-1] - first.position[0]).max()
    assert moved > 0.01


@pytest.mark.parametrize("name", SWINGING)
def test_what_nothing_touches_moves_as_in_plain_mujoco(name: str, tmp_path: Path) -> None:
    path = model_file(tmp_path, name)
    spec = load_model(path).spec
    model = mujoco.MjModel.from_xml_path(str(path))
    model.opt.timestep, model.opt.integrator = 1 / 3840, mujoco.mjtIntegrator.mjINT_RK4
    data = mujoco.MjData(model)
    if model.nkey:
        mujoco.mj_resetDataKeyframe(model, data, 0)
    found = MujocoEngine().simulate(spec).position
    moving = [index for index, body in enumerate(spec.bodies) if body.is_dynamic]
    for frame in range(17):
        mujoco.mj_forward(model, data)
        assert data.xipos[1:] == pytest.approx(found[frame, moving], abs=1e-3)
        for _ in range(240):
            mujoco.mj_step(model, data)


def test_an_exported_file_moves_in_plain_mujoco_as_in_the_engine(tmp_path: Path) -> None:
    spec = load_model(model_file(tmp_path, "falling_on_plane")).spec
    write_model(spec, tmp_path / "scene.xml")
    model = mujoco.MjModel.from_xml_path(str(tmp_path / "scene.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_step(model, data, spec.steps_per_frame * 8)
    ball = spec.bodies[1].name
    expected = MujocoEngine().simulate(spec).position[8, 1]
    # MuJoCo starts without the engine's half step, which is g dt t / 2 in the fall (engines.engine).
    assert data.body(ball).xpos == pytest.approx(expected, abs=5e-3)


def test_a_urdf_is_a_scene_and_a_scene_a_urdf(tmp_path: Path) -> None:
    (tmp_path / "arm.urdf").write_text(URDF, encoding="utf-8")
    settings = ModelSettings(num_frames=17)
    spec = load_model(tmp_path / "arm.urdf", settings).spec
    arm = spec.bodies[spec.body_index("arm")]
    assert arm.appearance.color_name == "blue" and arm.mass == 2.0 and arm.inertia is not None
    assert spec.joints[0].damping == 0.05  # pyright: ignore
    write_model(spec, tmp_path / "again.urdf")
    again = load_model(tmp_path / "again.urdf", settings).spec
    first, second = (MujocoEngine().simulate(one) for one in (spec, again))
    index = (spec.body_index("arm"), again.body_index("arm"))
    assert np.abs(first.position[:, index[0]] - second.position[:, index[1]]).max() < 1e-3


def test_what_a_scene_cannot_say_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "robot.xml"
    path.write_text(
        '<mujoco><worldbody><body name="leg" pos="0 0 1"><joint name="knee" axis="0 1 0" range="-30 30" armature=".1"/>'
        '<geom type="capsule" fromto="0 0 0 .3 0 0" size=".05" condim="6"/></body></worldbody>'
        '<actuator><motor joint="knee"/></actuator></mujoco>',
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_model(path)
    for name in ("actuators: 1", "limits: joint 'knee'", "armature: joint 'knee'", "rolling-friction"):
        assert name in str(caught.value)
    every = ("actuators", "limits", "armature", "rolling-friction")
    notes = load_model(path, ModelSettings(ignore=every)).notes
    assert sum("left out as asked" in note for note in notes) == 4
    with pytest.raises(ConfigError, match="no 'limit' to ignore"):
        load_model(path, ModelSettings(ignore=("limit",)))
    apart = tmp_path / "apart.xml"
    geoms = '<geom type="sphere" size=".1" contype="0" conaffinity="0"/>'
    two = "".join(f'<body pos="{x} 0 1"><freejoint/>{geoms}</body>' for x in (0, 1))
    apart.write_text(f"<mujoco><worldbody>{two}</worldbody></mujoco>", encoding="utf-8")
    with pytest.raises(ConfigError, match="contact-filters: 'body' and 'body_2' do not collide"):
        load_model(apart)
    (tmp_path / "broken.xml").write_text("<mujoco><worldbody><body></mujoco>", encoding="utf-8")
    with pytest.raises(ConfigError, match="MuJoCo cannot read"):
        simulate(tmp_path / "broken.xml")


def test_export_refuses_by_name(tmp_path: Path, falling_ball: SceneSpec) -> None:
    with pytest.raises(ConfigError, match="planes"):
        write_model(falling_ball, tmp_path / "scene.urdf")
    with pytest.raises(ConfigError, match="ends in"):
        write_model(falling_ball, tmp_path / "scene.sdf")


SPRUNG = """
floor: false
bodies:
  cart: {box: 0.2, mass: 1.0, position: [0, 0, 1]}
joints:
  - {slide: cart, at: [0, 0, 1], axis: [1, 0, 0], stiffness: 9.0, rest: 0.1}
"""


def test_a_mass_on_a_spring_has_its_closed_form(tmp_path: Path) -> None:
    (tmp_path / "scene.yaml").write_text(SPRUNG, encoding="utf-8")
    spec = load_scene(tmp_path / "scene.yaml").spec
    seconds = np.array(spec.seconds)
    found = MujocoEngine().simulate(spec).position[:, 0, 0]
    assert found == pytest.approx(0.1 * (1 - np.cos(3 * seconds)), abs=1e-4)
    assert '"stiffness":9.0' in spec.model_dump_json() and '"damping"' not in spec.model_dump_json()
    with pytest.raises(EngineError, match="slides"):
        ENGINES.get("bullet")().simulate(spec)


def test_an_inertia_decides_how_a_body_turns() -> None:
    spec = SceneSpec.model_validate(
        {
            "scenario": "spin",
            "root_seed": 0,
            "index": 0,
            "gravity": [0, 0, 0],
            "camera": {"position": [0, -3, 1], "target": [0, 0, 0]},
            "bodies": [
                {
                    "name": "disc",
                    "shape": {"kind": "sphere", "radius": 0.1},
                    "appearance": {"color_name": "red", "albedo": [1, 0, 0]},
                    "inertia": [0.2, 0.2, 0.3, 0, 0, 0],
                    "angular_velocity": [0.3, 0, 2.0],
                }
            ],
        }
    )
    for engine in ("mujoco", "bullet"):
        spin = ENGINES.get(engine)().simulate(spec).angular_velocity[:, 0]
        body = np.array([0.3, 0.0, 2.0])
        # Euler's equations of a symmetric body: the spin precesses about L with |L| / I1.
        momentum = np.array([0.2, 0.2, 0.3]) * body
        rate = np.linalg.norm(momentum) / 0.2
        along = momentum / np.linalg.norm(momentum)
        angle = rate * spec.num_frames / spec.frame_rate - rate / spec.frame_rate
        parallel = (body @ along) * along
        across = body - parallel
        turned = parallel + across * np.cos(angle) + np.cross(along, across) * np.sin(angle)
        assert spin[-1] == pytest.approx(turned, abs=2e-3), engine
