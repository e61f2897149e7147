"""Counterfactual sets: equal up to the change, what differs after it, and the skill of a model's answers."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from eval.cli import app as eval_app
from eval.metrics.counterfactual_skill import counterfactual_skill, score_counterfactuals
from physics_data.cli import app as data_app
from physics_data.core.actions import SetGravity
from physics_data.core.counterfactual import read_sets, write_sets
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ConfigError, DataError, UnknownNameError
from physics_data.core.video import decode_video, write_video
from physics_data.pipeline.check import check_dataset
from physics_data.pipeline.counterfactual_sets import CHANGES, check_counterfactuals, write_counterfactuals
from physics_data.scenes.scene_file import load_scene

SCENE = """
num_frames: 13
size: [32, 24]
bodies:
  table: {box: [1.2, 0.6, 0.3], static: true}
  ball: {sphere: 0.1, color: red, on: table, velocity: [1.0, 0, 0]}
  far: {box: 0.1, color: blue, position: [0, 2.0, 0.0501]}
"""


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> ShardDataset:
    folder = tmp_path_factory.mktemp("counterfactuals")
    (folder / "scene.yaml").write_text(SCENE, encoding="utf-8")
    loaded = load_scene(folder / "scene.yaml")
    return write_counterfactuals([(loaded.spec, loaded.caption)], folder / "sets", frame=3)


def test_clips_of_a_set_are_equal_up_to_the_change_and_differ_after_it(sets: ShardDataset) -> None:
    assert not check_dataset(sets).findings
    assert not check_counterfactuals(sets)
    (one,) = read_sets(sets.folder)
    found = {member.change: member for member in one.counterfactuals}
    assert {"push", "remove"} <= set(found) <= set(CHANGES)
    assert found["push"].must_differ == ("ball",)
    assert "far" in found["push"].must_not_differ
    assert set(found["remove"].must_differ) == {"table", "ball"}
    factual = sets.load(sets.find(one.factual))
    pushed = sets.load(sets.find(found["push"].key))
    assert np.array_equal(factual.rgb[:4], pushed.rgb[:4]) and not np.array_equal(factual.rgb, pushed.rgb)
    assert factual.meta.caption == pushed.meta.caption


def test_a_record_that_is_wrong_is_found(sets: ShardDataset, tmp_path: Path) -> None:
    (one,) = read_sets(sets.folder)
    wrong = one.counterfactuals[0].model_copy(update={"must_differ": ("table",)})
    kept = (sets.folder / "counterfactuals.json").read_bytes()
    write_sets(sets.folder, (one.model_copy(update={"counterfactuals": (wrong,)}),))
    assert "the record says" in check_counterfactuals(sets)[0]
    (sets.folder / "counterfactuals.json").write_bytes(kept)


def test_skill_is_one_for_the_truth_and_zero_for_ignoring_the_change(sets: ShardDataset) -> None:
    (one,) = read_sets(sets.folder)
    truth = {member.key: sets.load(sets.find(member.key)).rgb for member in one.counterfactuals}
    factual = sets.load(sets.find(one.factual)).rgb
    assert {row.skill.mean for row in score_counterfactuals(sets.folder, truth)} == {1.0}
    assert {row.skill.mean for row in score_counterfactuals(sets.folder, dict.fromkeys(truth, factual))} == {0.0}
    half = {key: (0.5 * video + 0.5 * factual).astype(np.uint8) for key, video in truth.items()}
    assert score_counterfactuals(sets.folder, half)[-1].skill.mean == pytest.approx(0.5, abs=0.02)
    with pytest.raises(DataError, match="no video of"):
        score_counterfactuals(sets.folder, {})
    with pytest.raises(ValueError, match="shows nowhere"):
        counterfactual_skill(1.0, 0.0)


def test_changes_that_do_not_fit_are_named(sets: ShardDataset, tmp_path: Path) -> None:
    spec = sets.load_meta(0).spec
    assert spec is not None
    with pytest.raises(UnknownNameError, match="unknown change 'gravty'"):
        write_counterfactuals([(spec, None)], tmp_path / "a", changes=("gravty",))
    same = {"gravity": SetGravity(frame=2, gravity=spec.gravity)}
    with pytest.raises(ConfigError, match="moves anything"):
        write_counterfactuals([(spec, None)], tmp_path / "b", changes=same)


def test_from_sets_to_a_number_by_commands(tmp_path: Path) -> None:
    """The simulator's own videos score 1 up to compression, the factual clip's 0, a missing one is named."""
    (tmp_path / "scene.yaml").write_text(SCENE.replace("[32, 24]", "[128, 96]"), encoding="utf-8")
    folder = tmp_path / "sets"
    made = CliRunner().invoke(data_app, ["counterfactuals", str(tmp_path / "scene.yaml"), "--out", str(folder)])
    assert made.exit_code == 0, made.output
    data = ShardDataset(folder)
    (one,) = read_sets(folder)
    with open(folder / "prompts.csv", newline="", encoding="utf-8") as file:
        asked = {row["key"]: row for row in csv.DictReader(file)}
    assert set(asked) == {member.key for member in one.counterfactuals}
    factual = data.load(data.find(one.factual)).rgb
    for member in one.counterfactuals:
        truth = data.load(data.find(member.key)).rgb
        given = decode_video((folder / "given" / f"{member.key}.mp4").read_bytes(), what="given")
        assert len(given) == int(asked[member.key]["given_frames"]) == member.action.frame + 1
        for name, video in (("simulator", truth), ("ignores", factual), ("partial", truth)):
            if (name, member.change) != ("partial", "push"):
                write_video(tmp_path / "systems" / name / f"{member.key}.mp4", video, 16.0)
    push = next(row for row in asked.values() if "push" in row["key"])
    assert push["change"] == "After 0.188 s the red ball is pushed away from the camera with 4.19 N s."
    arguments = ["counterfactuals", str(tmp_path / "systems"), "--reference", str(folder)]
    scored = CliRunner().invoke(eval_app, [*arguments, "--out", str(tmp_path / "out"), "--json"])
    assert scored.exit_code == 0, scored.output
    record = json.loads((tmp_path / "out" / "skill.json").read_text())
    assert record["skill"]["simulator"]["all"]["mean"] > 0.95
    assert record["skill"]["ignores"]["all"]["mean"] == pytest.approx(0.0, abs=0.02)
    assert list(record["not_whole"]["partial"].values()) == ["missing"]
    assert record["skill"]["partial"]["push"]["mean"] < record["skill"]["partial"]["remove"]["mean"]
    with open(tmp_path / "out" / "answers.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(one.counterfactuals)
    wrong = CliRunner().invoke(eval_app, ["score", *arguments[1:], "--out", str(tmp_path / "b")])
    assert isinstance(wrong.exception, DataError) and "eval counterfactuals" in str(wrong.exception)
