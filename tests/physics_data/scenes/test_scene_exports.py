"""USD and rerun files of simulated scenes, read again by the formats' own libraries."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from physics_data.core.errors import ConfigError
from physics_data.core.scene import SceneSpec
from physics_data.scenes.rerun_file import write_rerun
from physics_data.scenes.usd import write_usd
from physics_data.simulation import simulate

# pyright: reportAttributeAccessIssue=false, reportMissingImports=false


@pytest.mark.parametrize("suffix", [".usda", ".usdc"])
def test_a_usd_stage_passes_the_checker_and_has_the_motion(tmp_path: Path, suffix: str) -> None:
    pxr = pytest.importorskip("pxr")
    from pxr import Usd, UsdGeom, UsdPhysics, UsdValidation

    assert pxr
    spec, _, motion = simulate("bowling", width=32, height=24).labelled
    path = tmp_path / f"scene{suffix}"
    write_usd(spec, motion, path)
    stage = Usd.Stage.Open(str(path))
    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) > 20
    found = UsdValidation.ValidationContext(validators).Validate(stage)
    assert not [error.GetMessage() for error in found]
    for index, body in enumerate(spec.bodies):
        prim = stage.GetPrimAtPath(f"/World/{body.name}")
        for frame in (0, 7, spec.num_frames - 1):
            pose = UsdGeom.Xformable(prim).ComputeLocalToWorldTransform(frame)
            assert np.allclose(pose.ExtractTranslation(), motion.position[frame, index], atol=1e-9)
        assert prim.HasAPI(UsdPhysics.RigidBodyAPI) != body.is_static
        if body.is_dynamic:
            assert UsdPhysics.MassAPI(prim).GetMassAttr().Get() == pytest.approx(body.mass)


def test_a_rerun_recording_is_whole(tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    clip = simulate("containment", width=32, height=24)
    write_rerun(clip, tmp_path / "clip.rrd")
    command = [sys.executable, "-m", "rerun", "rrd", "verify", str(tmp_path / "clip.rrd")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = subprocess.run([*command[:4], "print", command[5]], capture_output=True, text=True)
    for name in ("camera/rgb", "camera/depth", "contacts/forces", "world/floor"):
        assert name in printed.stdout


def test_other_suffixes_are_refused(tmp_path: Path, falling_ball: SceneSpec) -> None:
    clip = simulate(falling_ball)
    with pytest.raises(ConfigError, match=".usda"):
        write_usd(*(clip.labelled[0], clip.labelled[2]), tmp_path / "scene.obj")
    with pytest.raises(ConfigError, match=".rrd"):
        write_rerun(clip, tmp_path / "clip.obj")
