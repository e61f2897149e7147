"""The CUDA drivers, interpreted by Numba's simulator in a process of its own, against the compiled CPU drivers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import cuda
from random_scenes import FLOOR, at_rest, make_scene, solid, without_contacts

from physics_data.core.errors import ConfigError
from physics_data.core.scene import Appearance, Box, Camera, CameraKey, Capsule, SceneSpec, Sphere
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.raycast import RaycastRenderer

STREAMS = ("optical_flow", "backward_flow", "normal_map", "object_coordinates")
LABELS = ("instance_ids", "depth_map", "amodal_masks", "optical_flow_seen", "backward_flow_seen", *STREAMS)
PROGRAM = """
import sys
import numpy as np
from physics_data.renderers.raycast import RaycastRenderer
from test_cuda import LABELS, STREAMS, small_clip
spec, trajectory = small_clip()
drawn = RaycastRenderer(device="cuda", memory_budget=20_000).render(spec, trajectory, STREAMS)
np.savez(sys.argv[1], rgb=drawn.rgb, **{name: getattr(drawn, name) for name in LABELS})
"""


def small_clip() -> tuple[SceneSpec, Trajectory]:
    path = (
        CameraKey(seconds=0.0, position=(0, -3, 1.2), target=(0, 0, 0.4)),
        CameraKey(seconds=0.2, position=(0.4, -3, 1.3), target=(0, 0, 0.4)),
    )
    look = Appearance(color_name="red", albedo=(0.8, 0.05, 0.04), pattern="checker")
    spec = make_scene(
        FLOOR,
        solid("box", Box(half_extents=(0.4, 0.3, 0.3)), (-0.4, 0, 0.4)).model_copy(update={"appearance": look}),
        solid("capsule", Capsule(radius=0.2, half_height=0.3), (0.5, 0.2, 0.5)),
        solid("ball", Sphere(radius=0.2), (0.1, -0.5, 0.3)),
        camera=Camera(position=path[0].position, target=path[0].target, path=path, fov_y=50),
        width=20, height=16, frames=3,
    )  # fmt: skip
    rest = at_rest(spec)
    position = rest.position.copy()
    position[:, 3, 0] += [0.0, 0.15, 0.3]
    return spec, without_contacts(position, rest.orientation)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    out = tmp_path_factory.mktemp("cuda") / "drawn.npz"
    here = Path(__file__)
    paths = os.pathsep.join(filter(None, [str(here.parent), str(here.parents[3]), os.environ.get("PYTHONPATH", "")]))
    environment = os.environ | {"PYTHONPATH": paths, "NUMBA_ENABLE_CUDASIM": "1"}
    subprocess.run([sys.executable, "-c", PROGRAM, str(out)], env=environment, check=True, timeout=120)
    return dict(np.load(out))


def test_the_device_draws_what_the_cpu_draws(simulated: dict[str, np.ndarray]) -> None:
    spec, trajectory = small_clip()
    expected = RaycastRenderer().render(spec, trajectory, STREAMS)
    np.testing.assert_allclose(simulated["rgb"].astype(int), expected.rgb.astype(int), atol=1)
    for name in LABELS:
        wanted, drawn = getattr(expected, name), simulated[name]
        assert drawn.shape == wanted.shape and drawn.dtype == wanted.dtype, name
        if wanted.dtype == np.float32:
            np.testing.assert_allclose(drawn, wanted, rtol=1e-5, atol=1e-4, err_msg=name)
        else:
            np.testing.assert_array_equal(drawn, wanted, err_msg=name)


@pytest.mark.skipif(cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"device='cuda' is asked for, but"):
        RaycastRenderer(device="cuda")


def test_drawing_on_the_device_needs_one() -> None:
    spec, trajectory = small_clip()
    with pytest.raises(ConfigError, match=r"RaycastRenderer\(device='cuda'\)"):
        next(RaycastRenderer().draw_on_device(spec, trajectory))


def test_a_batch_is_the_clips_one_by_one() -> None:
    spec, trajectory = small_clip()
    renderer = RaycastRenderer()
    batch = list(renderer.render_batch([(spec, trajectory), (spec, trajectory)]))
    assert len(batch) == 2
    np.testing.assert_array_equal(batch[1].rgb, renderer.render(spec, trajectory).rgb)
