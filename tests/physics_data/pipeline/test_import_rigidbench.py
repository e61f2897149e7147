"""RigidBench's layout read back: what our export wrote, and files as its own renderer writes them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from physics_data.cli import app
from physics_data.core.clip import Clip
from physics_data.core.conventions import FAR_PLANE
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.geometry import camera_matrices
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from physics_data.pipeline.export import export_dataset
from physics_data.pipeline.import_rigidbench import import_rigidbench
from physics_data.scenarios.shared.scenario import SceneSettings


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ShardDataset:
    config = BuildConfig(
        seed=7,
        scenarios=("free_drop", "collide"),
        scenes_per_scenario=SplitSizes(train=2, val=1),
        settings=SceneSettings(width=48, height=32),
    )
    out = tmp_path_factory.mktemp("built") / "dataset"
    build(config, out)
    return ShardDataset(out)


@pytest.fixture(scope="module")
def exported(built: ShardDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "rigidbench"
    export_dataset(built, out, "rigidbench")
    return out


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy of two samples, for changes."""
    for place in sorted((exported / "samples").iterdir())[:2]:
        shutil.copytree(place, tmp_path / "own" / "samples" / place.name)
    return tmp_path / "own"


def names_of(clip: Clip) -> dict[str, int]:
    """Return body name → instance id."""
    assert clip.meta.spec is not None
    return {body.name: number for number, body in enumerate(clip.meta.spec.instances, start=1)}


def test_what_was_written_is_read_back(built: ShardDataset, exported: Path, tmp_path: Path) -> None:
    found = import_rigidbench(exported, tmp_path / "dataset")
    assert (found.clips, found.skipped, found.notes) == (len(built), {}, ())
    again = {row.key: position for position, row in enumerate(ShardDataset(tmp_path / "dataset").rows)}
    assert set(again) == {row.key for row in built.rows}
    met = 0
    for position, row in enumerate(built.rows):
        own, other = built.load(position), ShardDataset(tmp_path / "dataset").load(again[row.key])
        assert np.array_equal(own.rgb, other.rgb)
        facts = ("caption", "split", "frame_rate", "num_frames", "width", "height")
        assert [getattr(own.meta, name) for name in facts] == [getattr(other.meta, name) for name in facts]
        for name, number in names_of(other).items():
            before = names_of(own)[name]
            assert np.array_equal(own.instance_ids == before, other.instance_ids == number)
            (spec, _, motion), (there, _, moved) = own.labelled, other.labelled
            bodies = [[body.name for body in one.bodies].index(name) for one in (spec, there)]
            for what in ("position", "orientation", "linear_velocity", "angular_velocity"):
                expected = getattr(motion, what)[:, bodies[0]]
                assert np.allclose(getattr(moved, what)[:, bodies[1]], expected, atol=1e-5, rtol=1e-6)
        depth = np.where(own.depth_map >= FAR_PLANE, np.inf, own.depth_map)
        assert np.array_equal(np.isinf(depth), np.isinf(other.depth_map))
        near = np.isfinite(depth)
        assert np.allclose(other.depth_map[near], depth[near], rtol=3e-4)
        ours, theirs = camera_matrices(own.labelled[0]), camera_matrices(other.labelled[0])
        assert np.allclose(ours.intrinsics, theirs.intrinsics, rtol=1e-9)
        assert np.allclose(ours.world_from_camera, theirs.world_from_camera, atol=1e-9)
        first = {
            frozenset((spec.bodies[a].name, spec.bodies[b].name))
            for a, b in zip(motion.contacts.body_a, motion.contacts.body_b, strict=True)
        }
        touching = {frozenset(event.bodies) for event in other.meta.events}
        assert touching == {pair for pair in first if pair <= set(names_of(other))}
        met += len(touching)
    assert met >= 2  # balls of collide meet


def test_files_of_its_own_renderer(folder: Path, tmp_path: Path) -> None:
    """Velocities as ways between frames, a centre at half the width, and a video in place of pictures."""
    for place in (folder / "samples").iterdir():
        record = json.loads((place / "metadata.json").read_text())
        record["camera"]["intrinsics"] |= {"cx": 24.0, "cy": 16.0}
        (place / "metadata.json").write_text(json.dumps(record))
        motion = dict(np.load(place / "trajectories.npz"))
        for name in record["actors"]:
            ways = np.diff(motion[f"{name}_positions"], axis=0, prepend=motion[f"{name}_positions"][:1])
            motion[f"{name}_linear_velocity"] = ways
        np.savez(place / "trajectories.npz", **motion)
        shutil.rmtree(place / "frames")
    found = import_rigidbench(folder, tmp_path / "dataset")
    assert found.notes == (
        "pictures are those of the compressed video.mp4, there are no frames/*.png (2 samples)",
        "velocities are the way since the last frame, made m/s and rad/s by the frame rate (2 samples)",
    )
    for position in range(2):
        clip = ShardDataset(tmp_path / "dataset").load(position)
        motion = clip.labelled[2]
        ways = np.diff(motion.position, axis=0) * clip.meta.frame_rate
        assert np.allclose(motion.linear_velocity[1:], ways, atol=1e-4)


def test_samples_that_cannot_be_read_are_skipped_with_their_reason(folder: Path, tmp_path: Path) -> None:
    rolled, cut = sorted((folder / "samples").iterdir())
    record = json.loads((rolled / "metadata.json").read_text())
    w, x, y, z = record["camera"]["extrinsics"]["rotation"]
    record["camera"]["extrinsics"]["rotation"] = [-z, y, -x, w]  # half a turn about the optical axis
    (rolled / "metadata.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="has no sample in RigidBench's layout"):
        import_rigidbench(tmp_path / "nowhere", tmp_path / "a")
    runner = CliRunner()
    done = runner.invoke(app, ["import", str(folder), "--out", str(tmp_path / "half")], catch_exceptions=False)
    assert done.exit_code == 0
    assert len(ShardDataset(tmp_path / "half")) == 1
    (cut / "masks.npz").write_bytes((cut / "masks.npz").read_bytes()[:-30])
    with pytest.raises(DataError, match=r"none of the 2 samples .* rolled about its axis.*masks.npz is damaged"):
        import_rigidbench(folder, tmp_path / "b")
    assert not (tmp_path / "b").exists()
    with pytest.raises(DataError, match="is not empty"):
        import_rigidbench(folder, tmp_path / "half")
