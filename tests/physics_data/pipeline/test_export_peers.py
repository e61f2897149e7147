"""What other benchmarks would read: masks, depth, camera and poses of the files alone must agree with each other."""

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from physics_data.pipeline.export import export_dataset
from physics_data.scenarios.shared.scenario import SceneSettings


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """Return clips of a camera that does not move."""
    config = BuildConfig(
        seed=7,
        scenarios=("free_drop", "collide"),
        scenes_per_scenario=SplitSizes(train=2, val=1),
        settings=SceneSettings(width=48, height=48),
    )
    out = tmp_path_factory.mktemp("still") / "dataset"
    build(config, out)
    return ShardDataset(out)


@pytest.fixture(scope="module")
def rigidbench(still, tmp_path_factory):
    """Return the folder of a dataset in RigidBench's layout."""
    out = tmp_path_factory.mktemp("peers") / "rigidbench"
    export_dataset(still, out, "rigidbench")
    return out


def test_points_follow_their_bodies(rigidbench, still):
    """A point of the first mask, lifted by depth and carried by the poses, lies at the depth of its later pixel."""
    followed = unturned = 0
    for row in still.rows:
        folder = rigidbench / "samples" / row.key
        masks, depth = np.load(folder / "masks.npz"), np.load(folder / "depth.npz")["depth"]
        motion, record = np.load(folder / "trajectories.npz"), json.loads((folder / "metadata.json").read_text())
        lens, place = record["camera"]["intrinsics"], record["camera"]["extrinsics"]
        camera = Rotation.from_quat(place["rotation"], scalar_first=True)
        for number, name in enumerate(masks["object_names"]):
            if not masks["masks"][0, number].any():
                continue
            v, u = np.argwhere(masks["masks"][0, number]).T
            z = depth[0, v, u].astype(float)
            seen = np.stack([(u - lens["cx"]) * z / lens["fx"], -(v - lens["cy"]) * z / lens["fy"], -z], axis=1)
            world = camera.apply(seen) + place["location"]
            turns = Rotation.from_quat(motion[f"{name}_rotations"], scalar_first=True)
            where = motion[f"{name}_positions"]
            for frame in (3, 8, 16):
                moved = turns[frame].apply(turns[0].inv().apply(world - where[0])) + where[frame]
                x, y, back = camera.inv().apply(moved - np.array(place["location"])).T
                column = np.rint(-lens["fx"] * x / back + lens["cx"]).astype(int)
                line = np.rint(lens["fy"] * y / back + lens["cy"]).astype(int)
                inside = (column >= 0) & (column < lens["width"]) & (line >= 0) & (line < lens["height"])
                there = masks["masks"][frame, number][line[inside], column[inside]]
                found = depth[frame, line[inside], column[inside]][there]
                behind = -back[inside][there] - found
                # A point that has turned to the back lies behind what is seen; none lies in front of it.
                if there.sum() >= 10:
                    followed += 1
                    assert np.quantile(behind, 0.05) > -0.02 * np.median(found)
                    if (turns[frame] * turns[0].inv()).magnitude() < 0.2:
                        assert np.abs(np.median(behind)) < 0.02 * np.median(found)
                        unturned += 1
    assert followed >= 10 and unturned >= 3


def test_rigidbench_files_name_each_other(rigidbench, still):
    inputs = [json.loads(line) for line in (rigidbench / "inputs.jsonl").read_text().splitlines()]
    assert [row["id"] for row in inputs] == [row.key for row in still.rows]
    assert all((rigidbench / row["image"]).is_file() and row["prompt"] for row in inputs)
    manifest = json.loads((rigidbench / "manifest.json").read_text())
    assert {row["sample_id"] for row in manifest} == {row.key for row in still.rows}
    assert all(len(list((rigidbench / "samples" / row.key / "frames").iterdir())) == 17 for row in still.rows)


def test_other_sizes_than_its_own_are_said(still, tmp_path, capsys):
    export_dataset(still, tmp_path / "out", "rigidbench", split="val")
    assert "scores 49 frames of 1280x704 at 24 Hz; these clips have 17 frames" in " ".join(
        capsys.readouterr().err.split()
    )


def test_pisa_scores_the_highest_object(still, tmp_path):
    export_dataset(still, tmp_path / "out", "pisa", split="val")
    lines = [json.loads(line) for line in (tmp_path / "out" / "eval.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    for line in lines:
        mask = np.load(tmp_path / "out" / line["gt_mask"])["mask"]
        heights = [np.argwhere(one)[:, 0].mean() for one in mask[0] if one.any()]
        assert mask.ndim == 4 and heights[-1] == min(heights)
        key = line["gt_mask"].split("/")[0]
        assert (tmp_path / "out" / key / "movie.mp4").is_file()
        assert len(list((tmp_path / "out" / key).glob("*.jpg"))) == len(mask)


def test_a_moving_camera_does_not_fit(small, tmp_path):
    with pytest.raises(DataError, match="has a moving camera"):
        export_dataset(small, tmp_path / "out", "rigidbench")
    assert not (tmp_path / "out").exists()
