"""MJCF and URDF models as scenes: MuJoCo reads the file; what a scene cannot say is refused by name."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo's compiled module comes without type stubs.

import math
from pathlib import Path
from typing import Annotated

import mujoco
import numpy as np
from pydantic import Field

from physics_data.core.config import StrictModel
from physics_data.core.errors import ConfigError, SceneSpecError, suggest
from physics_data.core.scene import (
    BallJoint,
    Body,
    Camera,
    Fraction,
    Hinge,
    Joint,
    NonNegative,
    Plane,
    Positive,
    SceneSpec,
    Slide,
    Surface,
)
from physics_data.scenes.model_bodies import BodyMaker, vector
from physics_data.scenes.model_contacts import Findings, check_pairs
from physics_data.scenes.placement import framing
from physics_data.scenes.scene_file import FloorEntry, LoadedScene
from physics_data.variation.colors import FLOORS

MODEL_SUFFIXES = (".xml", ".mjcf", ".urdf")

_MIN_RATE = 960.0
"""Engine steps per second of a scene of a model, at least; Hz."""


class ModelSettings(StrictModel):
    """What a model file leaves open.

    num_frames, frame_rate, width, height:  as in ``SceneSpec``
    friction, restitution:  of the bodies of a URDF, which has no such values
    floor:     a floor, the plane z = 0, is added
    ignore:    names of what a scene cannot say and the model may lose, as the refusal lists them
    """

    num_frames: Annotated[int, Field(ge=1)] = 33
    frame_rate: Positive = 16.0
    width: Annotated[int, Field(ge=8, le=4096)] = 128
    height: Annotated[int, Field(ge=8, le=4096)] = 128
    friction: NonNegative = 0.5
    restitution: Fraction = 0.5
    floor: bool = False
    ignore: tuple[str, ...] = ()


def load_model(path: str | Path, settings: ModelSettings | None = None) -> LoadedScene:
    """Read an MJCF or URDF file.

    Bodies become scene bodies at their centres of mass; welded ones are one body. Inertias, joints with springs and
    dampers, materials' colours and the first camera come over. Contacts are the engine's own (``engines.engine``):
    sliding friction is that of the geoms, restitution follows from ``solref``.

    Args:
        path: .xml, .mjcf or .urdf
        settings: what the file leaves open

    Raises:
        ConfigError: no model, or one with parts that no scene can say; each is named.
    """
    path, settings = Path(path), settings or ModelSettings()
    model = _compiled(path)
    found = Findings()
    _check_parts(model, found)
    data = mujoco.MjData(model)
    if model.nkey:
        mujoco.mj_resetDataKeyframe(model, data, 0)
        found.notes.append(f"start: keyframe '{model.key(0).name or 0}'")
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_comVel(model, data)
    is_urdf = path.suffix.lower() == ".urdf"
    surface = Surface(friction=settings.friction, restitution=settings.restitution) if is_urdf else None
    maker = BodyMaker(model, data, found, surface)
    bodies = maker.bodies()
    joints = _joints(model, data, found, maker)
    if settings.floor and not any(isinstance(body.shape, Plane) for body in bodies):
        bodies = (_floor(settings), *bodies)
    gravity = vector(model.opt.gravity)
    if model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_GRAVITY:
        gravity = (0.0, 0.0, 0.0)
    rate = max(_MIN_RATE, 1.0 / model.opt.timestep)
    if not bodies:
        raise ConfigError(f"{path} has no bodies with a shape; a scene needs at least one geom.")
    try:
        spec = SceneSpec(
            scenario=path.stem.lower(),
            root_seed=0,
            index=0,
            gravity=gravity,
            num_frames=settings.num_frames,
            frame_rate=settings.frame_rate,
            physics_rate=math.ceil(rate / settings.frame_rate - 1e-9) * settings.frame_rate,
            width=settings.width,
            height=settings.height,
            bodies=bodies,
            joints=joints,
            camera=_camera(model, data, bodies, settings, found),
        )
    except SceneSpecError as error:
        raise ConfigError(f"{path} makes no scene: {error}") from error
    check_pairs(model, spec, maker.geoms_of, found)
    _refuse(path, found, settings)
    return LoadedScene(spec, None, tuple(found.notes))


def _compiled(path: Path) -> mujoco.MjModel:
    if not path.is_file():
        raise ConfigError(f"no model file {path}.")
    try:
        mjspec = mujoco.MjSpec.from_file(str(path))
        mjspec.compiler.fusestatic = True
        return mjspec.compile()
    except (ValueError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split()).removeprefix("Error: ")
        raise ConfigError(f"MuJoCo cannot read {path}: {reason}") from error


def _check_parts(model: mujoco.MjModel, found: Findings) -> None:
    """Name the parts of a model that no scene has, and note those that do not move anything."""
    counts = {
        "actuators": model.nu,
        "equalities": model.neq,
        "tendons": model.ntendon,
        "flexes": model.nflex,
        "plugins": model.nplugin,
        "height-fields": model.nhfield,
    }
    for name, count in counts.items():
        if count:
            found.refuse(name, f"{count} of them")
    per_joint = {
        "limits": model.jnt_limited.astype(bool),
        "several-joints": np.isin(model.jnt_bodyid, np.flatnonzero(model.body_jntnum > 1)),
    }
    per_dof = {"frictionloss": model.dof_frictionloss != 0, "armature": model.dof_armature != 0}
    for name, flags in {**per_joint, **{key: model.dof_jntid[flag] for key, flag in per_dof.items()}}.items():
        for joint in np.unique(np.flatnonzero(flags) if flags.dtype == bool else flags):
            found.refuse(name, f"joint '{model.joint(joint).name or joint}'")
    for body in np.flatnonzero(model.body_gravcomp != 0):
        found.refuse("gravcomp", f"body '{model.body(body).name or body}'")
    if model.opt.density or model.opt.viscosity or np.any(model.opt.wind):
        found.refuse("fluid", "option density, viscosity or wind")
    left = {
        "sites": model.nsite,
        "sensors": model.nsensor,
        "lights": model.nlight,
        "keyframes after the first": max(model.nkey - 1, 0),
        "cameras after the first": max(model.ncam - 1, 0),
        "textures": model.ntex,
    }
    if any(left.values()):
        found.notes.append("left out: " + ", ".join(f"{count} {name}" for name, count in left.items() if count))


def _joints(model: mujoco.MjModel, data: mujoco.MjData, found: Findings, maker: BodyMaker) -> tuple[Joint, ...]:
    joints: list[Joint] = []
    for number in range(model.njnt):
        kind, body = int(model.jnt_type[number]), int(model.jnt_bodyid[number])
        joint, dof = model.joint(number), int(model.jnt_dofadr[number])
        stiffness = float(np.ravel(model.jnt_stiffness[number])[0])
        damping = float(np.ravel(model.dof_damping[dof])[0])
        if body not in maker.name_of:
            continue
        if kind in (mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_BALL):
            if stiffness or damping:
                found.refuse("ball-and-free-springs", f"joint '{joint.name or number}'")
            if kind == mujoco.mjtJoint.mjJNT_FREE:
                continue
        parent = maker.name_of.get(int(model.body_parentid[body]))
        anchor = vector(data.xanchor[number])
        if kind == mujoco.mjtJoint.mjJNT_BALL:
            joints.append(BallJoint(body=maker.name_of[body], parent=parent, anchor=anchor))
            continue
        rest = 0.0
        if stiffness:
            rest = float(model.qpos_spring[model.jnt_qposadr[number]] - data.qpos[model.jnt_qposadr[number]])
        made = Hinge if kind == mujoco.mjtJoint.mjJNT_HINGE else Slide
        axis = vector(data.xaxis[number])
        joints.append(
            made(
                body=maker.name_of[body],
                parent=parent,
                anchor=anchor,
                axis=axis,
                stiffness=stiffness,
                damping=damping,
                rest=rest,
            )
        )
    return tuple(joints)


def _camera(
    model: mujoco.MjModel, data: mujoco.MjData, bodies: tuple[Body, ...], settings: ModelSettings, found: Findings
) -> Camera:
    fixed = [number for number in range(model.ncam) if model.cam_bodyid[number] == 0]
    if fixed:
        mujoco.mj_camlight(model, data)
        position, turn = data.cam_xpos[fixed[0]], data.cam_xmat[fixed[0]].reshape(3, 3)
        if abs(turn[2, 0]) > 1e-3:
            found.notes.append("the camera's roll is left out: the picture stands upright")
        try:
            fov = float(model.cam_fovy[fixed[0]])
            return Camera(position=vector(position), target=vector(position - turn[:, 2]), fov_y=fov)
        except SceneSpecError as error:
            found.notes.append(f"the model's camera cannot be used ({error})")
    found.notes.append("camera: in front of the model, to show all bodies")
    return framing(bodies, 40.0, settings.width / settings.height)


def _floor(settings: ModelSettings) -> Body:
    surface = Surface(friction=settings.friction, restitution=settings.restitution)
    look = FLOORS[FloorEntry().look]
    return Body(
        name="floor", noun="floor", shape=Plane(), role="ground", is_static=True, surface=surface, appearance=look
    )


def _refuse(path: Path, found: Findings, settings: ModelSettings) -> None:
    known = set(found.refused)
    for name in settings.ignore:
        if name not in known:
            raise ConfigError(f"{path} has no '{name}' to ignore: {suggest(name, known)}")
        found.notes.append(f"left out as asked: {name} ({_listed(found.refused[name])})")
    if left := {name: where for name, where in found.refused.items() if name not in settings.ignore}:
        lines = "\n".join(f"  {name}: {_listed(where)}" for name, where in left.items())
        raise ConfigError(
            f"{path} has parts that no scene can say:\n{lines}\nChange the model, or leave them out by name: "
            f"ignore {', '.join(left)}."
        )


def _listed(places: list[str]) -> str:
    more = f" and {len(places) - 4} more" if len(places) > 4 else ""
    return ", ".join(places[:4]) + more
