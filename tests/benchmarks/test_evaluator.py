"""``Evaluator``: arrays and files get the same scores, and what is missing is the worst."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluator import Evaluator
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ConfigError, UnknownNameError
from physics_data.core.video import write_video
from physics_data.simulation import build_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ShardDataset:
    config = {
        "scenarios": ["throw_up"],
        "engines": ["mujoco"],
        "scenes_per_scenario": {"train": 0, "test": 2},
        "settings": {"layout": "centred"},
    }
    return build_dataset(config, tmp_path_factory.mktemp("evaluator") / "d")


def test_the_truth_is_best_and_half_of_it_counts_half(dataset: ShardDataset) -> None:
    evaluator = Evaluator(dataset.folder, num_conditioning_frames=1)
    true = {key: dataset.load(dataset.find(key)).rgb for key in evaluator.keys}
    scores = evaluator.score(true, name="truth")
    whole = {record["metric"]: record["mean"] for record in scores.table()}
    assert whole["overall"] > 0.95 and whole["object_permanence"] > 0.95
    half = evaluator.score(dict([next(iter(true.items()))]))
    assert {row.status for row in half.rows} == {"ok", "missing"}
    for record in half.table():
        assert record["mean"] == pytest.approx(whole[record["metric"]] / 2, abs=0.05)
    assert "truth" in scores._repr_html_() and "overall" in repr(scores)


def test_files_and_arrays_are_the_same_videos(dataset: ShardDataset, tmp_path: Path) -> None:
    evaluator = Evaluator(dataset.folder, num_conditioning_frames=1)
    frozen = {key: np.repeat(dataset.load(dataset.find(key)).rgb[:1], 17, axis=0) for key in evaluator.keys}
    for key, frames in frozen.items():
        write_video(tmp_path / "frozen" / f"{key}.mp4", frames, 16.0)
    files, arrays = evaluator.score(tmp_path / "frozen"), evaluator.score(frozen)
    for one, other in zip(files.table(), arrays.table(), strict=True):
        assert one["mean"] == pytest.approx(other["mean"], abs=0.05)


def test_what_cannot_be_scored_is_named(dataset: ShardDataset, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'permanence'"):
        Evaluator("permanenc")
    with pytest.raises(UnknownNameError, match="compares no videos"):
        Evaluator("folder")
    with pytest.raises(ConfigError, match="num_conditioning_frames=N"):
        Evaluator(dataset.folder).score({})
    with pytest.raises(UnknownNameError, match="no clip"):
        Evaluator(dataset.folder, num_conditioning_frames=0).score({"other": np.zeros((17, 64, 64, 3), np.uint8)})
    with pytest.raises(ConfigError, match="gives 5 frames|gives 1 frames|leave"):
        Evaluator("permanence", num_conditioning_frames=9, cache=tmp_path)
