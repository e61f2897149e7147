"""Every check passes on what the pipeline makes, and finds the one thing that is made wrong."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from physics_data.cli import app
from physics_data.core.dataset import ShardDataset
from physics_data.pipeline.check import check_dataset
from physics_data.pipeline.label_checks import FLOW_TOLERANCE, LABEL_CHECKS, check_labels, flow_error


@pytest.fixture
def clip(small):
    return small.load(small.select(scenario="occluder_pass")[0])


def drawn(clip, **arrays):
    return dataclasses.replace(clip, rendering=dataclasses.replace(clip.rendering, **arrays))


def moved(clip, **arrays):
    return dataclasses.replace(clip, trajectory=dataclasses.replace(clip.trajectory, **arrays))


def recorded(clip, **values):
    return dataclasses.replace(clip, meta=clip.meta.model_copy(update=values))


def wrong(clip) -> set[str]:
    return {name for name, found in check_labels(clip).items() if found}


def test_a_made_dataset_passes_every_check(small):
    report = check_dataset(small)
    assert report.findings == []
    assert {report.passed[name] for name in LABEL_CHECKS} == {len(small)}
    assert report.passed["shard"] == len({row.shard for row in small.rows})


def test_flow_is_that_of_depth_and_pose(small):
    errors = [flow_error(small.load(position)) for position in range(len(small))]
    assert max(errors) < FLOW_TOLERANCE


def test_flow_that_is_off_by_a_tenth_of_a_pixel_is_found(clip):
    flow = clip.rendering.optical_flow.copy()
    flow[3] += np.float32([0.1, 0.0])
    assert wrong(drawn(clip, optical_flow=flow)) == {"optical flow"}


def test_a_visible_pixel_outside_its_amodal_mask_is_found(clip):
    masks = clip.rendering.amodal_masks.copy()
    row, column = np.argwhere(clip.rendering.instance_ids[2] == 1)[0]
    masks[2, 0, row, column] = False
    assert "ids" in wrong(drawn(clip, amodal_masks=masks))


def test_depth_outside_of_the_3d_box_is_found(clip):
    depth = clip.rendering.depth_map.copy()
    depth[clip.rendering.instance_ids == 1] += 0.5
    found = check_labels(drawn(clip, depth_map=depth))
    assert "mm outside of its 3-D box" in found["depth"][0]


def test_another_motion_is_found_by_law_and_flow(clip):
    position = clip.trajectory.position.copy()
    position[8:, 1, 0] += 0.2
    assert {"depth", "optical flow", "law"} <= wrong(moved(clip, position=position))


def test_a_quaternion_that_is_no_rotation_and_a_lost_frame_are_found(clip):
    orientation = clip.trajectory.orientation.copy()
    orientation[4, 1] *= 1.01
    assert wrong(moved(clip, orientation=orientation)) == {"states"}
    short = {name: getattr(clip.trajectory, name)[:-1] for name in ("position", "orientation")}
    short |= {name: getattr(clip.trajectory, name)[:-1] for name in ("linear_velocity", "angular_velocity")}
    assert wrong(moved(clip, **short)) == {"states"}


def test_events_captions_and_residuals_that_were_changed_are_found(clip):
    assert wrong(recorded(clip, events=clip.meta.events[1:])) == {"events"}
    captions = clip.meta.captions.model_copy(update={"medium": "The ball explodes."})
    assert wrong(recorded(clip, captions=captions)) == {"events"}
    residuals = dict(clip.meta.residuals) | {"velocity_relative_error": 0.0}
    assert wrong(recorded(clip, residuals=residuals)) == {"law"}


def test_the_command_names_what_is_wrong_and_fails(small_dataset, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(small_dataset, broken)
    assert CliRunner().invoke(app, ["check", str(broken)]).exit_code == 0
    dataset = ShardDataset(broken)
    row = dataset.rows[1]
    with open(broken / row.shard, "rb+") as file:
        file.seek(row.offset + row.length // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    result = CliRunner().invoke(app, ["check", str(broken), "--json"])
    assert result.exit_code == 1
    findings = json.loads(result.stdout)["findings"]
    assert {(finding["where"], finding["check"]) for finding in findings} == {
        (row.shard, "shard"),
        (row.key, "checksum and format"),
    }
    (broken / "shards" / "train-00001.tar").unlink()
    lost = CliRunner().invoke(app, ["check", str(broken)])
    assert lost.exit_code == 1
    assert "the file is missing" in lost.stderr
