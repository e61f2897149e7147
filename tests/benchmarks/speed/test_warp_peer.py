"""The scene that peers are given is the scene that ours draws."""

import numpy as np
import pytest

from benchmarks.speed.render import bench_motion, bench_scene
from benchmarks.speed.warp_peer import WarpRenderer, why_missing
from physics_data.renderers.raycast import RaycastRenderer


@pytest.mark.slow  # mujoco_warp compiles for half a minute
def test_mujoco_warp_sees_the_bodies_where_ours_does() -> None:
    reason = why_missing()
    if reason is not None:
        pytest.skip(reason)
    spec = bench_scene(64, 3)
    motion = bench_motion(spec)
    peer = WarpRenderer(spec, motion)
    peer.render()
    # The floor is geometry 0, bodies follow in their order; where ours says 0 there is floor or sky.
    drawn = np.maximum(peer.ids(), 0).reshape(3, 64, 64)
    assert (drawn == RaycastRenderer().render(spec, motion).instance_ids).mean() > 0.999


def test_a_missing_package_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr("benchmarks.speed.warp_peer.importlib.import_module", refuse)
    reason = why_missing()
    assert reason is not None
    assert "pip install --no-deps mujoco-warp==" in reason
