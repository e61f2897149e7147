"""Sets read from a dataset folder, and the audit as a scorer on them."""

import json
from dataclasses import replace

import pytest
from edits import vanishing
from toy_scenes import toy_clip, write_toy_dataset
from typer.testing import CliRunner

from eval.cli import app
from eval.pairs.pair_figures import score_pairs
from eval.pairs.pair_scores import audit_scores, write_scores
from eval.pairs.pair_sets import hidden_setting, read_sets
from eval.scoring import reference_positions
from physics_data.core.clip import PairInfo
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.scene import Body, Box, CameraKey, Compound, Part
from physics_data.core.trajectory import Trajectory


def member(clip, name, role, rgb=None, **facts):
    """A toy clip as a member of a set."""
    twin = PairInfo(set_id=name, editor="vanish", role=role, is_possible=role != "impossible", is_hidden=False, **facts)
    meta = clip.meta.model_copy(update={"key": f"{name}-{role}", "pair": twin})
    rgb = clip.rgb if rgb is None else rgb
    return replace(clip, meta=meta, rgb=rgb, rendering=replace(clip.rendering, rgb=rgb))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two sets in which a thrown ball vanishes in mid-flight, and a clip of no set."""
    root = tmp_path_factory.mktemp("pairs")
    clips = [toy_clip("free_drop")]
    for index in range(2):
        clip, name = toy_clip("projectile", index), f"vanish-{index}"
        broken = vanishing(clip, list(range(8, 17)))
        clips += [
            member(clip, name, "possible"),
            member(clip, name, "impossible", broken, severity=0.5, violation_seconds=(0.5, 0.5)),
        ]
    write_toy_dataset(root, clips)
    return root


def test_sets_are_those_of_the_dataset(folder):
    sets = read_sets(ShardDataset(folder))
    assert [(t.set_id, t.editor, t.scenario, t.setting, t.severity) for t in sets] == [
        (f"vanish-{k}", "vanish", "projectile", "visible", 0.5) for k in range(2)
    ]
    assert [c.key for c in sets[0].impossible] == ["vanish-0-impossible"]
    assert sets[0].impossible[0].violation == (0.5, 0.5)


def test_the_audit_sees_a_ball_vanish(folder, tmp_path):
    write_scores(tmp_path / "audit.json", dict(audit_scores(ShardDataset(folder))))
    summary = score_pairs(folder, tmp_path / "audit.json")
    assert (summary.system, summary.clips, summary.missing) == ("audit", 4, 0)
    assert summary.overall.pairwise.mean == 1.0
    assert summary.surprise is not None and summary.surprise.in_time == 1.0


def test_losses_turn_the_order_round(folder, tmp_path):
    lines = "".join(
        f"vanish-{k}-{role},{role == 'impossible':d}\n" for k in range(2) for role in ("possible", "impossible")
    )
    (tmp_path / "model.csv").write_text("key,score\n" + lines)
    assert score_pairs(folder, tmp_path / "model.csv", meaning="loss").overall.auroc.mean == 1.0
    assert score_pairs(folder, tmp_path / "model.csv").overall.auroc.mean == 0.0


def test_datasets_without_whole_sets_are_refused(tmp_path):
    write_toy_dataset(tmp_path / "none", [toy_clip("free_drop")])
    with pytest.raises(DataError, match="no possible/impossible pairs"):
        read_sets(ShardDataset(tmp_path / "none"))
    write_toy_dataset(tmp_path / "half", [member(toy_clip("free_drop"), "s", "possible")])
    with pytest.raises(DataError, match="no impossible clip"):
        read_sets(ShardDataset(tmp_path / "half"))


def boxed(way):
    """A ball in an open box that has moved ``way`` metres sideways by the last frame."""
    clip = toy_clip("free_drop", num_frames=5)
    spec, _, trajectory = clip.labelled
    sides = [((0.5, 0.5, 0.05), (0, 0, -0.5))]
    sides += [((0.05, 0.5, 0.5), (s * 0.5, 0, 0)) for s in (-1, 1)] + [
        ((0.5, 0.05, 0.5), (0, s * 0.5, 0)) for s in (-1, 1)
    ]
    parts = tuple(Part(shape=Box(half_extents=half), position=place) for half, place in sides)
    look = spec.bodies[1].appearance
    box = Body(name="box", shape=Compound(parts=parts), appearance=look, position=(0, 0, 1))
    position = trajectory.position.copy()
    position[:, 1] = (0, 0, 1)
    position[-1, 1, 0] = way
    position = position[:, [0, 1, 1]]
    upright = trajectory.orientation[:, [0, 1, 1]]
    still = position * 0
    changed = spec.model_copy(update={"bodies": (*spec.bodies, box)})
    meta = clip.meta.model_copy(update={"spec": changed})
    return replace(clip, meta=meta, trajectory=Trajectory(position, upright, still, still, trajectory.contacts))


def test_what_hides_the_change_is_named():
    plain = toy_clip("occluder_pass")
    spec, _, _ = plain.labelled
    camera = spec.camera
    end = CameraKey(seconds=1.0, position=camera.position, target=(3.0, 0.0, 1.1))
    path = (CameraKey(seconds=0.0, position=camera.position, target=camera.target), end)
    turning = spec.model_copy(update={"camera": camera.model_copy(update={"path": path})})
    away = replace(plain, meta=plain.meta.model_copy(update={"spec": turning}))
    assert hidden_setting([plain], 8) == "occluded"
    assert hidden_setting([away], 8) == "out_of_view"
    assert hidden_setting([plain, boxed(0.0)], 4) == "contained"
    assert hidden_setting([boxed(1.5)], 4) == "carried"


def test_the_program_writes_figures_as_json_and_as_a_table(folder, tmp_path):
    result = CliRunner().invoke(app, ["pairs", str(folder), "--audit", "--out", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "pairs.json").read_text())["overall"]["pairwise"]["mean"] == 1.0
    table = (tmp_path / "pairs.md").read_text()
    assert "| all | 2 | 1.000" in table and "| vanish | 2 |" in table
    assert CliRunner().invoke(app, ["pairs", str(folder), "--out", str(tmp_path)]).exit_code == 2


def test_an_impossible_clip_is_no_reference(folder):
    dataset = ShardDataset(folder)
    keys = [dataset.rows[position].key for position in reference_positions(dataset, None)]
    assert len(keys) == 3 and not [key for key in keys if key.endswith("impossible")]
