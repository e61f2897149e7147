"""The suite of shots: the truth keeps everything across the cut, and each kind of change is found in its own column."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.suites.shots import CONTROLS, FIRST_SHOT, Shots
from benchmarks.suites.suite import Edition, Prepared
from eval.metrics.shot_identity import shot_scores
from physics_data.core.clip import Clip
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.video import write_video


class TwoScenes(Shots):
    scenes = {"quick": 2, "full": 2}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return TwoScenes().prepare(Edition("quick"), tmp_path_factory.mktemp("shots"), 1, lambda *_: None)


@pytest.fixture(scope="module")
def clips(prepared: Prepared) -> list[Clip]:
    assert prepared.folder is not None
    data = ShardDataset(prepared.folder)
    return [data.load(position) for position in range(len(data))]


def test_the_record_holds_the_cut_and_labels_hold_across_it(clips: list[Clip]) -> None:
    for clip in clips:
        spec, rendering, _ = clip.labelled
        assert clip.meta.cuts == spec.cuts == (FIRST_SHOT,)
        names = [body.name for body in spec.instances]
        for shot in (slice(None, FIRST_SHOT), slice(FIRST_SHOT, None)):
            for number, name in enumerate(names, 1):
                seen = clip.rgb[shot][rendering.instance_ids[shot] == number].mean(axis=0)
                albedo = spec.bodies[spec.body_index(name)].appearance.albedo
                assert int(np.argmax(seen)) == int(np.argmax(albedo))


@pytest.mark.parametrize(
    ("control", "column"),
    [("recolored", "shot_color"), ("resized", "shot_size"), ("reshaped", "shot_shape"), ("swapped", None)],
)
def test_a_change_is_found_in_its_own_column(clips: list[Clip], control: str, column: str | None) -> None:
    for clip in clips:
        changed = shot_scores(CONTROLS[control](clip), clip)
        assert changed["shot_identity"] < 0.5
        if column is not None:
            assert changed[column] < 0.9
            others = [changed[name] for name in ("shot_color", "shot_shape", "shot_size") if name != column]
            assert min(others) > changed[column]


def test_the_truth_is_kept_whatever_the_camera_of_a_model(clips: list[Clip]) -> None:
    for clip in clips:
        assert min(shot_scores(clip.rgb, clip).values()) == 1.0
        near = clip.rgb[:, 12:84, 12:84].repeat(4, axis=1).repeat(4, axis=2)[:, ::3, ::3]  # 4/3 as near
        assert shot_scores(near, clip)["shot_identity"] > 0.7
        assert shot_scores(np.zeros_like(clip.rgb), clip)["shot_identity"] == 0.0


def test_videos_are_scored_and_a_missing_one_is_the_worst(
    prepared: Prepared, clips: list[Clip], tmp_path: Path
) -> None:
    suite = TwoScenes()
    tasks = list(suite.tasks(prepared))
    assert all(len(task.given) == FIRST_SHOT and "cut to another view" in task.prompt for task in tasks)
    write_video(tmp_path / "model" / f"{clips[0].meta.key}.mp4", clips[0].rgb, 16.0)
    (submission,) = suite.find(prepared, tmp_path / "model", None)
    rows = suite.score(prepared, submission, prepared.keys)
    assert [row.status for row in rows] == ["ok", "missing"]
    assert rows[0].values["shot_identity"] is not None and rows[0].values["shot_identity"] >= 0.95
    assert rows[1].values["shot_identity"] == 0.0


def test_a_clip_without_a_cut_is_refused(falling_ball_clip: Clip) -> None:
    with pytest.raises(DataError, match="has no cut; build with settings.camera_motion: cut"):
        shot_scores(falling_ball_clip.rgb, falling_ball_clip)


@pytest.fixture
def falling_ball_clip() -> Clip:
    from physics_data.simulation import simulate

    return simulate("free_drop", width=16, height=16)
