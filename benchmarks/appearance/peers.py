"""Renderers of the two physics engines as peers: the same scene drawn by MuJoCo and by PyBullet's TinyRenderer."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from physics_data.core.geometry import view_of
from physics_data.core.scene import Appearance, Body, Box, Cylinder, SceneSpec, Shape, Sphere
from physics_data.renderers.textures import srgb_encoded


def tiny_shape(bullet: Any, shape: Shape) -> dict[str, Any]:
    """Return the arguments of ``createVisualShape`` for a ball, a box, a cylinder, or a slab for the floor."""
    if isinstance(shape, Sphere):
        return {"shapeType": bullet.GEOM_SPHERE, "radius": shape.radius}
    if isinstance(shape, Box):
        return {"shapeType": bullet.GEOM_BOX, "halfExtents": shape.half_extents}
    if isinstance(shape, Cylinder):
        return {"shapeType": bullet.GEOM_CYLINDER, "radius": shape.radius, "length": 2 * shape.half_height}
    return {"shapeType": bullet.GEOM_BOX, "halfExtents": (20, 20, 0.5), "visualFramePosition": (0, 0, -0.5)}


class PeerMissingError(Exception):
    """A peer cannot draw on this machine."""


def mujoco_gl(spec: SceneSpec) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the first frame with MuJoCo's OpenGL renderer, in a process of its own that can fail without harm.

    Raises:
        PeerMissingError: no OpenGL that works without a display; OSMesa (libosmesa6) is enough.
    """
    with tempfile.TemporaryDirectory() as folder:
        scene, picture = Path(folder) / "scene.json", Path(folder) / "picture.png"
        scene.write_text(json.dumps({"xml": _mjcf(spec), "width": spec.width, "height": spec.height}))
        environment = os.environ | {"MUJOCO_GL": os.environ.get("MUJOCO_GL", "osmesa")}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.appearance.stage", str(scene), str(picture)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["it ended without a message"]
            raise PeerMissingError(f"{last[0]} (apt-get install libosmesa6, or set MUJOCO_GL=egl)")
        return np.asarray(Image.open(picture).convert("RGB"))


def tiny_renderer(spec: SceneSpec) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the first frame with PyBullet's software renderer, shadows on.

    Raises:
        PeerMissingError: PyBullet is not installed.
    """
    try:
        import pybullet as bullet
    except ImportError as error:
        raise PeerMissingError("pybullet is not installed") from error
    client = bullet.connect(bullet.DIRECT)
    try:
        for body in spec.bodies:
            _add(bullet, client, body)
        camera = spec.camera
        picture = bullet.getCameraImage(
            spec.width,
            spec.height,
            bullet.computeViewMatrix(camera.position, camera.target, (0, 0, 1)),
            bullet.computeProjectionMatrixFOV(camera.fov_y, spec.width / spec.height, 0.1, 60),
            lightDirection=spec.lighting.sun_direction,
            lightDistance=5,
            shadow=1,
            renderer=bullet.ER_TINY_RENDERER,
            physicsClientId=client,
        )
        return np.asarray(picture[2], dtype=np.uint8).reshape(spec.height, spec.width, 4)[..., :3].copy()
    finally:
        bullet.disconnect(client)


def _screen(look: Appearance) -> list[float]:
    """Return the mean colour in sRGB, which both peers work in, 0 to 1."""
    albedo = np.array(look.albedo)
    if look.pattern != "plain":
        albedo = (albedo + np.array(look.second_albedo)) / 2
    return [float(value) / 255 for value in np.asarray(srgb_encoded(albedo))]


def _add(bullet: Any, client: int, body: Body) -> None:
    color = (*_screen(body.appearance), 1.0)
    visual = bullet.createVisualShape(**tiny_shape(bullet, body.shape), rgbaColor=color, physicsClientId=client)
    w, x, y, z = body.orientation
    bullet.createMultiBody(
        baseVisualShapeIndex=visual,
        basePosition=body.position,
        baseOrientation=(x, y, z, w),
        physicsClientId=client,
    )


def _mjcf(spec: SceneSpec) -> str:
    """Return the scene as MuJoCo's own examples would set it up: gradient sky, directional light, shadows, checker."""
    view, sun = view_of(spec.camera, spec.width, spec.height), spec.lighting.sun_direction
    right, down = view.world_from_camera[:, 0], view.world_from_camera[:, 1]
    zenith, horizon = (
        " ".join(f"{value / 255:.3f}" for value in np.asarray(srgb_encoded(np.array(color))))
        for color in (spec.lighting.sky_zenith, spec.lighting.sky_horizon)
    )
    geoms = "\n".join(_geom(body) for body in spec.bodies)
    first, second = (
        " ".join(f"{value / 255:.3f}" for value in np.asarray(srgb_encoded(np.array(color))))
        for color in (spec.bodies[0].appearance.albedo, spec.bodies[0].appearance.second_albedo)
    )
    period = spec.bodies[0].appearance.pattern_scale
    return f"""<mujoco>
  <visual>
    <headlight ambient="0.35 0.35 0.35" diffuse="0.1 0.1 0.1" specular="0 0 0"/>
    <quality shadowsize="4096" offsamples="8"/>
    <global offwidth="{spec.width}" offheight="{spec.height}"/>
  </visual>
  <asset>
    <texture type="skybox" builtin="gradient" rgb1="{horizon}" rgb2="{zenith}" width="256" height="1536"/>
    <texture name="tiles" type="2d" builtin="checker" rgb1="{first}" rgb2="{second}" width="300" height="300"/>
    <material name="tiles" texture="tiles" texuniform="true" texrepeat="{1 / period} {1 / period}" specular="0"/>
  </asset>
  <worldbody>
    <light directional="true" dir="{-sun[0]} {-sun[1]} {-sun[2]}" pos="{4 * sun[0]} {4 * sun[1]} {4 * sun[2]}"
      diffuse="0.75 0.75 0.75" specular="0.3 0.3 0.3" castshadow="true"/>
    <camera name="view" pos="{_text(view.origin)}" xyaxes="{_text(right)} {_text(-down)}" fovy="{spec.camera.fov_y}"/>
    {geoms}
  </worldbody>
</mujoco>"""


def _geom(body: Body) -> str:
    shape = body.shape
    pose = f'pos="{_text(body.position)}" quat="{_text(body.orientation)}"'
    if isinstance(shape, Sphere):
        form = f'type="sphere" size="{shape.radius}"'
    elif isinstance(shape, Box):
        form = f'type="box" size="{_text(shape.half_extents)}"'
    elif isinstance(shape, Cylinder):
        form = f'type="cylinder" size="{shape.radius} {shape.half_height}"'
    else:
        return f'<geom type="plane" size="30 30 0.1" {pose} material="tiles"/>'
    return f'<geom {form} {pose} rgba="{_text(_screen(body.appearance))} 1"/>'


def _text(values: Any) -> str:
    return " ".join(f"{float(value):.6g}" for value in values)
