"""The control baselines on simulated scenes: the controls stay clearly below the simulator."""

import numpy as np
import pytest

from benchmarks.baselines import BASELINES, CEILINGS, CONTROLS, write_baselines
from eval.inputs import conditioning_frames, find_systems
from eval.report.table import summarise
from eval.scoring import reference_positions, score_systems
from physics_data.core.clip_index import write_index
from physics_data.core.conventions import DATASET_FORMAT
from physics_data.core.dataset import RECORD_NAME, ShardDataset
from physics_data.core.errors import DataError, UnknownNameError
from physics_data.core.shards import write_shard
from physics_data.core.video import read_video
from physics_data.pipeline.generate import FIRST_TEST_INDEX, ClipTask, generate_clip
from physics_data.scenarios.shared.scenario import SceneSettings

MEASURED = ("free_drop", "projectile", "collide", "occluder_pass")
"""The scenarios for which the evaluation has been validated, with a still camera and one law each."""


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A small dataset, its baselines, and their scores by system name."""
    root = tmp_path_factory.mktemp("baselines")
    (root / "data" / "shards").mkdir(parents=True)
    (root / "data" / RECORD_NAME).write_text(f"format: {DATASET_FORMAT}\n")
    tasks = [
        ClipTask(scenario, engine, FIRST_TEST_INDEX + index)
        for scenario in MEASURED
        for index, engine in enumerate(("mujoco", "bullet"))
    ]
    clips = [generate_clip(task, SceneSettings(layout="centred"), 0, "raycast").clip for task in tasks]
    write_index(root / "data", write_shard(root / "data" / "shards" / "test-000000.tar", clips))
    dataset = ShardDataset(root / "data")
    assert write_baselines(dataset, root / "systems") == len(BASELINES) * len(clips)
    systems = find_systems(root / "systems", {row.key for row in dataset.rows})
    number = conditioning_frames([(system.name, system.folder) for system in systems], None)
    positions = reference_positions(dataset, "test")
    rows = [row for found in score_systems(dataset, positions, systems, number) for row in found]
    summary = {system.name: system for system in summarise(rows, 0).systems}
    return root, dataset, summary


def test_the_simulator_is_the_ceiling(scored):
    metrics = scored[2]["simulator"].metrics
    assert metrics["object_permanence"].mean > 0.99
    assert metrics["motion_realism"].mean > 0.98
    assert metrics["overall"].coverage > 0.8


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("frozen_first_frame", 0.02),
        ("frozen_last_frame", 0.02),
        ("mean_video", 0.02),
        ("blurred_truth", 0.02),
        ("noise", 0.02),
        ("another_seed", 0.02),
        ("cross_fade", 0.02),
        ("camera_pan", 0.02),
        ("given_then_frozen", 0.02),
        ("reversed", 0.20),
        ("constant_velocity", 0.20),
        ("object_removed", 0.25),
    ],
)
def test_controls_stay_below(scored, name, most):
    summary = scored[2]
    assert summary[name].metrics["overall"].mean < most
    control, truth = (summary[system].metrics["overall"] for system in (name, "simulator"))
    # Equal values in all scenes have no interval.
    assert (control.high if control.high is not None else control.mean) < (
        truth.low if truth.low is not None else truth.mean
    )


def test_the_resimulation_is_right(scored):
    metrics = scored[2]["resimulation"].metrics
    assert metrics["object_permanence"].mean > 0.98
    assert metrics["motion_realism"].mean > 0.97


def test_every_baseline_is_a_ceiling_or_a_control():
    assert set(CEILINGS) | set(CONTROLS) == set(BASELINES)
    assert not set(CEILINGS) & set(CONTROLS)


def test_controls_fail_where_they_should(scored):
    summary = scored[2]
    frozen = summary["frozen_first_frame"].scenarios
    assert frozen["free_drop"]["object_permanence"].mean > 0.95
    assert frozen["occluder_pass"]["object_permanence"].mean < 0.5  # what should be hidden is in view
    assert summary["frozen_first_frame"].metrics["motion_realism"].mean < 0.02
    assert summary["object_removed"].metrics["object_permanence"].mean < 0.5
    assert summary["constant_velocity"].scenarios["occluder_pass"]["overall"].mean > 0.95
    assert summary["constant_velocity"].scenarios["free_drop"]["motion_realism"].mean < 0.05


def test_removed_object_takes_its_shadow_along(scored):
    root, dataset, _ = scored
    row = next(row for row in dataset.rows if row.scenario == "free_drop")
    clip = dataset.load(dataset.find(row.key))
    video = read_video(root / "systems" / "object_removed" / f"{row.key}.mp4").rgb
    assert np.abs(video[:11].astype(int) - clip.rgb[:11]).mean() < 1.5
    assert np.ptp(video[11:].astype(int), axis=0).max() < 12  # nothing moves any more


def test_every_baseline_begins_with_the_conditioning_frames(scored):
    root, dataset, _ = scored
    clip = dataset.load(0)
    for name in BASELINES:
        video = read_video(root / "systems" / name / f"{clip.meta.key}.mp4").rgb
        assert np.abs(video[:5].astype(int) - clip.rgb[:5]).mean() < 2, name


def test_choices_are_checked(scored, tmp_path):
    _, dataset, _ = scored
    with pytest.raises(UnknownNameError, match="Did you mean 'reversed'"):
        write_baselines(dataset, tmp_path, names=["revers"])
    with pytest.raises(DataError, match="no physics clip of split 'train'"):
        write_baselines(dataset, tmp_path, split="train")
    assert write_baselines(dataset, tmp_path, limit=2, names=["reversed"]) == 2
