"""``mujoco_warp``'s batch renderer as a peer: the same scene and poses, every frame a world of one launch."""

import contextlib
import importlib
import importlib.metadata
import sys
from typing import Any

import numpy as np

from physics_data.core.geometry import view_of
from physics_data.core.scene import Box, Cylinder, Plane, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory

NAME = "mujoco_warp on the CPU with hard shadows: rgb, ids, depth; no flow, no amodal masks, no smooth edges"


def why_missing() -> str | None:
    """Return why the peer cannot be measured here, or None if it can."""
    try:
        importlib.import_module("mujoco_warp")
    except ImportError as error:
        version = importlib.metadata.version("mujoco")
        install = f"pip install warp-lang; pip install --no-deps mujoco-warp=={version}"
        return f"mujoco_warp is not measured ({error}); {install}"
    return None


class WarpRenderer:
    """Draws all frames of a scene of planes, balls, boxes and cylinders with ``mujoco_warp.render``.

    Setting the poses is part of ``render``, as it is for every peer; what has to be compiled is before it returns.

    Source: https://github.com/google-deepmind/mujoco_warp
    """

    def __init__(self, spec: SceneSpec, motion: Trajectory) -> None:
        mujoco = importlib.import_module("mujoco")
        self._mw = importlib.import_module("mujoco_warp")
        self._warp = importlib.import_module("warp")
        model = mujoco.MjModel.from_xml_string(_xml(spec))
        solids = [index for index, body in enumerate(spec.bodies) if not isinstance(body.shape, Plane)]
        qpos = np.concatenate([motion.position[:, solids], motion.orientation[:, solids]], axis=2)
        self._qpos = np.ascontiguousarray(qpos.reshape(spec.num_frames, -1), dtype=np.float32)
        data = mujoco.MjData(model)
        data.qpos[:] = self._qpos[0]
        mujoco.mj_forward(model, data)
        self._num_pixels = spec.width * spec.height
        # Warp says on stdout, which belongs to the rows, what it compiles.
        with contextlib.redirect_stdout(sys.stderr), self._warp.ScopedDevice("cpu"):
            self._model = self._mw.put_model(model)
            self._data = self._mw.put_data(model, data, nworld=spec.num_frames)
            self._context = self._mw.create_render_context(
                model,
                nworld=spec.num_frames,
                cam_res=(spec.width, spec.height),
                render_rgb=True,
                render_depth=True,
                render_seg=True,
                use_shadows=True,
                use_textures=False,
            )
            self.render()

    def render(self) -> None:
        """Draw every frame once.

        Raises:
            AssertionError: fewer bodies are seen than there are, so that the time would mean nothing.
        """
        with self._warp.ScopedDevice("cpu"):
            self._data.qpos.assign(self._qpos)
            self._mw.kinematics(self._model, self._data)
            self._mw.camlight(self._model, self._data)
            self._mw.refit_bvh(self._model, self._data, self._context)
            self._mw.render(self._model, self._data, self._context)
        seen = len(np.unique(self.ids()[0]))
        assert seen > 2, f"the peer draws {seen} bodies, so its speed would mean nothing"

    def ids(self) -> Any:
        """Return the geometry that each pixel of each frame shows, -1 for none."""
        return self._context.seg_data.numpy().reshape(-1, self._num_pixels, 2)[..., 0]


def _xml(spec: SceneSpec) -> str:
    """Return the scene as MuJoCo's XML: planes fixed, all else free to be put anywhere."""
    view = view_of(spec.camera, spec.width, spec.height)
    right, down = view.world_from_camera[:, 0], view.world_from_camera[:, 1]
    axes = " ".join(f"{value:.9g}" for value in (*right, *-down))
    toward = " ".join(f"{-value:.9g}" for value in spec.lighting.sun_direction)
    bodies = []
    for body in spec.bodies:
        color = " ".join(f"{value:.6g}" for value in (*body.appearance.albedo, 1.0))
        match body.shape:
            case Plane():
                bodies.append(f'<geom type="plane" size="0 0 1" rgba="{color}"/>')
                continue
            case Sphere(radius=radius):
                kind, size = "sphere", (radius,)
            case Box(half_extents=half):
                kind, size = "box", half
            case Cylinder(radius=radius, half_height=height):
                kind, size = "cylinder", (radius, height)
            case shape:
                raise TypeError(
                    f"the benchmark's scene has a {shape.kind}, for which no MuJoCo geometry is written here"
                )
        sizes = " ".join(f"{value:.9g}" for value in size)
        geom = f'<geom type="{kind}" size="{sizes}" rgba="{color}" mass="1"/>'
        bodies.append(f'<body name="{body.name}"><freejoint/>{geom}</body>')
    position = " ".join(f"{value:.9g}" for value in spec.camera.position)
    return f"""<mujoco><worldbody>
        <light directional="true" dir="{toward}" castshadow="true"/>
        <camera pos="{position}" xyaxes="{axes}" fovy="{spec.camera.fov_y}"/>
        {"".join(bodies)}
    </worldbody></mujoco>"""
