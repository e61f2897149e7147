"""Scenes as MJCF and URDF models; what a format cannot say is refused by name."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

import xml.etree.ElementTree as ET
from pathlib import Path

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from physics_data.core.atomic import write_text
from physics_data.core.conventions import srgb_encode
from physics_data.core.errors import ConfigError
from physics_data.core.geometry import view_of
from physics_data.core.mechanics import inertia_tensor
from physics_data.core.scene import (
    BallJoint,
    Body,
    Box,
    Compound,
    Cylinder,
    Hinge,
    Mesh,
    Part,
    Plane,
    SceneSpec,
    Sphere,
)
from physics_data.engines.mujoco_engine import MujocoState
from physics_data.engines.mujoco_model import build_spec, contact_solref, geom_names


def write_model(spec: SceneSpec, path: Path) -> tuple[str, ...]:
    """Write a scene as a model: MJCF (.xml, .mjcf) or URDF (.urdf).

    An MJCF file moves in MuJoCo as in the engine: it holds the contacts as explicit pairs and the initial velocities
    as keyframe "start". ``load_model`` reads both back.

    Returns:
        What the file lacks of the scene's appearance, a sentence each.

    Raises:
        ConfigError: another suffix, or something in the scene that the format cannot say.
    """
    wrong = {
        "actions": bool(spec.actions),
        "scripted bodies": any(body.is_scripted for body in spec.bodies),
        "belts": any(any(body.surface.belt_velocity) for body in spec.bodies),
    }
    suffix = path.suffix.lower()
    if suffix == ".urdf":
        wrong |= {
            "initial velocities": any(any(b.linear_velocity) or any(b.angular_velocity) for b in spec.bodies),
            "planes (write the model without its floor)": any(isinstance(b.shape, Plane) for b in spec.bodies),
            "ball joints": any(isinstance(joint, BallJoint) for joint in spec.joints),
            "slides without limits": any(joint.kind == "slide" for joint in spec.joints),
            "springs": any(isinstance(joint, Hinge) and joint.stiffness for joint in spec.joints),
            "shapes but spheres, boxes and cylinders": not all(
                isinstance(part.shape, Sphere | Box | Cylinder) for body in spec.bodies for part in _parts(body)
            ),
        }
    elif suffix not in (".xml", ".mjcf"):
        raise ConfigError(f"cannot write {path}: a model ends in .xml, .mjcf (MJCF) or .urdf.")
    if named := [name for name, is_there in wrong.items() if is_there]:
        form = "URDF" if suffix == ".urdf" else "MJCF"
        raise ConfigError(f"{path}: the scene has {', '.join(named)}, which {form} cannot say; change the scene.")
    write_text(path, _urdf(spec) if suffix == ".urdf" else _mjcf(spec))
    return _lacking(spec, suffix)


def _lacking(spec: SceneSpec, suffix: str) -> tuple[str, ...]:
    lacks = ["light, sensor and picture size"]
    if any(body.appearance.pattern != "plain" for body in spec.bodies):
        lacks.append("patterns")
    if any(isinstance(body.shape, Mesh) and body.shape.hulls for body in spec.bodies):
        lacks.append("the surface of decomposed meshes (their convex parts stand for it)")
    if suffix == ".urdf":
        lacks += ["camera", "gravity", "friction and restitution"]
    elif spec.camera.is_moving:
        lacks.append("the camera's motion")
    return (f"not in the file: {', '.join(lacks)}",)


def _mjcf(spec: SceneSpec) -> str:
    mjspec = build_spec(spec)
    timestep = 1.0 / spec.physics_rate
    for body in spec.bodies:
        look = body.appearance
        for name in geom_names(body):
            geom = mjspec.geom(name)
            geom.rgba = [*srgb_encode(np.array(look.albedo)), 1.0 - look.transparency]
            geom.friction = [body.surface.friction, 0.0, 0.0]
            geom.condim = 3 if body.surface.friction else 1
            geom.solref = contact_solref(body.surface.restitution, timestep)
    view = view_of(spec.camera, spec.width, spec.height)
    axes = view.world_from_camera * np.array([1.0, -1.0, -1.0])
    turn = Rotation.from_matrix(axes).as_quat(scalar_first=True)
    mjspec.worldbody.add_camera(name="view", pos=spec.camera.position, quat=turn, fovy=spec.camera.fov_y)
    model = mjspec.compile()
    data = mujoco.MjData(model)
    MujocoState(spec, model, data).start()
    mjspec.add_key(name="start", qpos=data.qpos, qvel=data.qvel)
    mjspec.compile()
    return mjspec.to_xml()


def _parts(body: Body) -> tuple[Part, ...]:
    if isinstance(body.shape, Compound):
        return body.shape.parts
    return (Part.model_construct(shape=body.shape, position=(0.0, 0.0, 0.0), orientation=(1.0, 0.0, 0.0, 0.0)),)


def _urdf(spec: SceneSpec) -> str:
    robot = ET.Element("robot", name=spec.scenario)
    ET.SubElement(robot, "link", name="world")
    frames = {"world": (np.zeros(3), Rotation.identity())}
    joint_of = {joint.body: joint for joint in spec.joints}
    for body in spec.bodies:
        joint = joint_of.get(body.name)
        start = body.position if joint is None else joint.anchor
        frames[body.name] = (np.array(start), Rotation.from_quat(body.orientation, scalar_first=True))
    for body in spec.bodies:
        joint = joint_of.get(body.name)
        parent = "world" if joint is None or joint.parent is None else joint.parent
        kind = "fixed" if body.is_static else "floating" if joint is None else "continuous"
        place, turn = frames[body.name]
        node = ET.SubElement(robot, "joint", name=f"{body.name}_joint", type=kind)
        ET.SubElement(node, "parent", link=parent)
        ET.SubElement(node, "child", link=body.name)
        base, base_turn = frames[parent]
        _origin(node, base_turn.inv().apply(place - base), base_turn.inv() * turn)
        if isinstance(joint, Hinge):
            axis = turn.inv().apply(np.array(joint.axis) / np.linalg.norm(joint.axis))
            ET.SubElement(node, "axis", xyz=_numbers(axis))
            ET.SubElement(node, "dynamics", damping=_numbers([joint.damping]))
        _link(robot, body, turn.inv().apply(np.array(body.position) - place))
    ET.indent(robot)
    return ET.tostring(robot, encoding="unicode") + "\n"


def _link(robot: ET.Element, body: Body, centre: np.ndarray) -> None:
    link = ET.SubElement(robot, "link", name=body.name)
    if body.is_dynamic:
        inertial = ET.SubElement(link, "inertial")
        _origin(inertial, centre, Rotation.identity())
        ET.SubElement(inertial, "mass", value=_numbers([body.mass]))
        tensor = inertia_tensor(body)
        pairs = {"ixx": (0, 0), "iyy": (1, 1), "izz": (2, 2), "ixy": (0, 1), "ixz": (0, 2), "iyz": (1, 2)}
        ET.SubElement(inertial, "inertia", {name: _numbers([tensor[place]]) for name, place in pairs.items()})
    rgba = [*srgb_encode(np.array(body.appearance.albedo)), 1.0 - body.appearance.transparency]
    for use in ("visual", "collision"):
        for part in _parts(body):
            node = ET.SubElement(link, use)
            _origin(node, centre + part.position, Rotation.from_quat(part.orientation, scalar_first=True))
            geometry = ET.SubElement(node, "geometry")
            match part.shape:
                case Sphere(radius=radius):
                    ET.SubElement(geometry, "sphere", radius=_numbers([radius]))
                case Box(half_extents=half):
                    ET.SubElement(geometry, "box", size=_numbers(2 * np.array(half)))
                case Cylinder(radius=radius, half_height=half):
                    ET.SubElement(geometry, "cylinder", radius=_numbers([radius]), length=_numbers([2 * half]))
                case shape:
                    raise AssertionError(f"write_model refuses {shape.kind}")
            if use == "visual":
                material = ET.SubElement(node, "material", name=f"{body.name}_color")
                ET.SubElement(material, "color", rgba=_numbers(rgba))


def _origin(node: ET.Element, place: np.ndarray, turn: Rotation) -> None:
    ET.SubElement(node, "origin", xyz=_numbers(place), rpy=_numbers(turn.as_euler("xyz")))


def _numbers(values: "np.ndarray | list[float]") -> str:
    return " ".join(f"{float(value):.17g}" for value in values)
