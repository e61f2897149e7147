"""How a build plans, stores, checks, shows and makes again pair sets, with an editor made for the test."""

import dataclasses
import sys
import types

import numpy as np
import pytest
from typer.testing import CliRunner

from physics_data.cli import app
from physics_data.core.clip import Clip, PairInfo
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import Registry
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, PairPlan, PairSizes, SplitSizes
from physics_data.pipeline.check import check_dataset
from physics_data.pipeline.export import export_dataset
from physics_data.pipeline.generate import ClipTask, generate_clip, split_of
from physics_data.pipeline.preview import write_gallery
from physics_data.pipeline.shard_maker import differing_parts, regenerate
from physics_data.pipeline.statistics import dataset_statistics
from physics_data.scenarios.shared.scenario import SceneSettings


@dataclasses.dataclass(frozen=True)
class PairTask:
    editor: str
    engine: str
    index: int
    severity: float
    scenario: str | None = None

    @property
    def key(self) -> str:
        return f"{self.editor}-{self.engine}-{self.index:07d}"

    @property
    def split(self):
        return split_of(self.index)


def make_pairs(task, settings, root_seed, renderer_name, streams) -> list[Clip]:
    """Splice two clips in their middle, as a quadruplet is; their labels stay those of the first half's world."""
    worlds = {}
    for name, shift in (("A", 0), ("B", 1)):
        plain = ClipTask("occluder_pass", task.engine, task.index + shift)
        worlds[name] = generate_clip(plain, settings, root_seed, renderer_name, streams).clip
    clips = []
    for letter, role in zip("cadb", ("AA", "BB", "AB", "BA"), strict=True):
        first, second = worlds[role[0]], worlds[role[1]]
        rgb = np.concatenate([first.rgb[:8], second.rgb[8:]])
        pair = PairInfo(
            set_id=task.key,
            editor=task.editor,
            role=role,
            is_possible=role in ("AA", "BB"),
            is_hidden=True,
            severity=0.0 if role in ("AA", "BB") else task.severity,
        )
        meta = first.meta.model_copy(update={"key": f"{task.key}-{letter}", "split": task.split, "pair": pair})
        clips.append(Clip(meta, rgb, dataclasses.replace(first.rendering, rgb=rgb), first.trajectory))
    return clips


@dataclasses.dataclass(frozen=True)
class AuditRow:
    classifier: str
    accuracy: float


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    """Put the test's editor where the pipeline looks for editors, pair sets and the audit."""
    fakes = {
        "physics_data.editors": {"EDITORS": Registry("editor", {"swap": "tests:none", "vanish": "tests:none"})},
        "physics_data.pipeline.pairs": {"PairTask": PairTask, "make_pairs": make_pairs},
        "physics_data.pipeline.audit": {
            "audit": lambda dataset: types.SimpleNamespace(rows=[AuditRow("single frame", 0.5)], passes=True)
        },
    }
    for name, members in fakes.items():
        module = types.ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def config() -> BuildConfig:
    return BuildConfig(
        seed=2,
        scenarios=("free_drop",),
        scenes_per_scenario=SplitSizes(train=1, test=1),
        pairs=PairPlan(editors=("swap", "vanish"), sets_per_editor=PairSizes(train=1, test=2), severity=0.7),
        clips_per_shard=8,
        settings=SceneSettings(width=24, height=24),
    )


def test_a_set_lies_in_one_shard_and_one_split(config):
    shards = config.pair_shards()
    assert list(shards) == ["train-twins-00000", "test-twins-00000", "test-twins-00001"]
    assert [task.key for task in shards["test-twins-00000"]] == ["swap-mujoco-1000000", "vanish-mujoco-1000000"]
    assert [task.engine for task in shards["test-twins-00001"]] == ["bullet", "bullet"]
    for name, tasks in shards.items():
        assert {task.split for task in tasks} == {name.partition("-")[0]}
    assert {task.severity for tasks in shards.values() for task in tasks} == {0.7}


def test_pairs_are_built_resumed_checked_and_shown(config, tmp_path):
    out = tmp_path / "built"
    summary = build(config, out)
    assert summary.clips == 2 + 4 * (2 + 4)
    dataset = ShardDataset(out)
    members = dataset.select(pair_id="swap-mujoco-1000000")
    assert {dataset.load_meta(position).pair.role for position in members} == {"AA", "BB", "AB", "BA"}
    assert [dataset.rows[position].key[-1] for position in members] == list("abcd"), "in the order of their keys"
    before = {row.key: row.sha256 for row in dataset.rows}
    (out / "index.parquet").unlink()
    (out / "shards" / "test-twins-00001.json").unlink()
    assert build(config, out).reused == summary.clips - 8
    assert {row.key: row.sha256 for row in ShardDataset(out).rows} == before
    for key in ("swap-mujoco-1000000-b", "free_drop-mujoco-0000000"):
        stored = dataset.load(dataset.find(key))
        assert differing_parts(stored, regenerate(dataset, key)) == []
    report = check_dataset(dataset)
    assert report.passed["quadruplet"] == 6
    assert not [finding for finding in report.findings if finding.check == "quadruplet"]
    assert dataset_statistics(dataset).pairs["swap", "AB"] == 3
    assert export_dataset(dataset, tmp_path / "possible", "vbvr") == 2 + 2 * 6
    assert export_dataset(dataset, tmp_path / "all", "vbvr", include_impossible=True) == summary.clips
    write_gallery(dataset, range(len(dataset)), tmp_path / "page.html", 8)
    page = (tmp_path / "page.html").read_text()
    assert "AB: cannot happen" in page and "AA: can happen" in page


def test_a_quadruplet_of_other_frames_is_found(config, tmp_path, monkeypatch):
    def leaking(*arguments):
        clips = make_pairs(*arguments)
        rgb = clips[2].rgb.copy()
        rgb[3, 0, 0, 0] ^= 1
        clips[2] = Clip(clips[2].meta, rgb, dataclasses.replace(clips[2].rendering, rgb=rgb), clips[2].trajectory)
        return clips

    monkeypatch.setattr(sys.modules["physics_data.pipeline.pairs"], "make_pairs", leaking)
    small = config.model_copy(update={"pairs": PairPlan(editors=("swap",), sets_per_editor=PairSizes(test=1))})
    build(small, tmp_path / "built")
    found = [f for f in check_dataset(ShardDataset(tmp_path / "built")).findings if f.check == "quadruplet"]
    assert [finding.message for finding in found] == ["AB and BA show other frames than AA and BB, from frame 3 on"]


def test_the_audit_needs_pairs_and_says_what_it_found(config, tmp_path, small_dataset):
    result = CliRunner().invoke(app, ["audit", str(small_dataset)])
    assert "has no pairs to audit" in str(result.exception)
    build(config.model_copy(update={"scenes_per_scenario": SplitSizes(train=0, test=0)}), tmp_path / "built")
    result = CliRunner().invoke(app, ["audit", str(tmp_path / "built"), "--json"])
    assert result.exit_code == 0
    assert '"accuracy": 0.5' in result.stdout
    failing = types.SimpleNamespace(rows=[AuditRow("single frame", 0.9)], passes=False)
    sys.modules["physics_data.pipeline.audit"].audit = lambda dataset: failing
    assert CliRunner().invoke(app, ["audit", str(tmp_path / "built")]).exit_code == 1
