import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from physics_data.cli import app
from physics_data.core.atomic import folder_lock
from physics_data.core.config import dump_yaml
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ClipRejectedError, ConfigError, DataError, StorageError
from physics_data.core.video import read_video
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, HeldOut, PairPlan, PairSizes, SplitSizes
from physics_data.pipeline.check import check_dataset
from physics_data.pipeline.generate import FIRST_TEST_INDEX
from physics_data.pipeline.laws import as_markdown, law_table
from physics_data.pipeline.shard_maker import differing_parts, plan, regenerate
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings

CONFIG = BuildConfig(
    seed=5,
    scenarios=("free_drop", "occluder_pass"),
    scenes_per_scenario=SplitSizes(train=6, test=2),
    clips_per_shard=3,
    settings=SceneSettings(width=32, height=32),
)


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted((folder / "shards").glob("*.tar"))}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("data") / "built"
    build(CONFIG, out, workers=1)
    return out


def test_what_was_asked_for_is_there(built):
    dataset = ShardDataset(built)
    assert len(dataset) == 16
    assert len(dataset.select(split="test", scenario="free_drop")) == 2
    engines = [row.engine for row in dataset.rows if row.scenario == "free_drop"]
    assert engines.count("mujoco") == engines.count("bullet") == 4
    spec, rendering, trajectory = dataset.load(0).labelled
    assert rendering.amodal_masks.shape == (17, 1, 32, 32)
    assert trajectory.position.shape == (17, len(spec.bodies), 3)
    assert all(row.key.endswith(str(FIRST_TEST_INDEX + 1)) for row in dataset.rows[-2:])
    assert yaml.safe_load((built / "dataset.yaml").read_text())["config"]["seed"] == 5


def test_workers_never_change_a_byte(built, tmp_path):
    build(CONFIG, tmp_path / "many", workers=4)
    assert digests(tmp_path / "many") == digests(built)
    assert (tmp_path / "many" / "index.parquet").read_bytes() == (built / "index.parquet").read_bytes()


KILLED = """
import os, signal, sys
from pathlib import Path
from physics_data.core.config import load_config
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig

done = 0

def count(clips):
    global done
    done += clips
    if done >= int(sys.argv[3]):
        os.killpg(os.getpgrp(), signal.SIGKILL)  # the workers, too

if __name__ == "__main__":
    config = load_config(BuildConfig, Path(sys.argv[1]))
    build(config, Path(sys.argv[2]), workers=int(sys.argv[4]), on_clips=count)
"""


def build_until_killed(config: Path, out: Path, *, clips: int, workers: int) -> None:
    """Build in a process that SIGKILLs itself and its workers once that many clips are done, found ones included."""
    program = config.parent / "killed.py"
    program.write_text(KILLED)
    command = [sys.executable, str(program), str(config), str(out), str(clips), str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, stderr=subprocess.DEVNULL, start_new_session=True, check=False, env=environment)
    assert done.returncode == -signal.SIGKILL


def test_two_builds_never_write_into_one_folder(tmp_path):
    with folder_lock(tmp_path), pytest.raises(StorageError, match="is being written by another process"):
        build(CONFIG, tmp_path, fresh=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_refuses_leaves_nothing_half_written(built, tmp_path, workers):
    """Files may have 10 KiB here, a shard has more: one sentence, no leftovers, and the same command goes on."""
    config, out = tmp_path / "config.yaml", tmp_path / "out"
    config.write_text(dump_yaml(CONFIG))
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (10240, 10240)); "
    limit += "from physics_data.__main__ import main; main()"
    command = [sys.executable, "-c", limit, "build", "--config", str(config), "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command += ["--workers", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    told = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == 1, told
    assert "larger than this account or file system allows" in told and "Traceback" not in told
    assert [path for path in out.rglob("*") if "partial" in path.name or path.name == ".lock"] == []
    build(CONFIG, out)
    assert digests(out) == digests(built)


def test_killed_build_is_resumed_to_the_same_bytes(built, tmp_path):
    out, config = tmp_path / "killed", tmp_path / "config.yaml"
    config.write_text(dump_yaml(CONFIG))
    build_until_killed(config, out, clips=4, workers=1)
    assert not (out / "index.parquet").exists()
    with pytest.raises(DataError, match="is unfinished"):
        ShardDataset(out)
    first = (out / "shards" / "train-00000.tar").stat().st_mtime_ns
    summary = build(CONFIG, out)
    assert summary.reused >= 3
    assert (out / "shards" / "train-00000.tar").stat().st_mtime_ns == first
    assert digests(out) == digests(built)
    assert [path for path in (out / "shards").iterdir() if "partial" in path.name] == []


@pytest.mark.slow
def test_pairs_and_held_out_scenes_survive_three_kills(tmp_path):
    """SIGKILL in the middle of shards, at different stages of the work; then the bytes of an undisturbed build."""
    editors = ("hidden_vanish", "wrong_bounce", "teleport")
    config = BuildConfig(
        scenarios=("drop_bounce", "occluder_pass", "slide_floor"),
        scenes_per_scenario=SplitSizes(train=12, val=2, test=2),
        held_out=HeldOut(scenarios=("tunnel",), scenes=2),
        pairs=PairPlan(editors=editors, sets_per_editor=PairSizes(train=1, test=2)),
        clips_per_shard=5,
        settings=SceneSettings(width=32, height=32),
    )
    out, undisturbed, path = tmp_path / "killed", tmp_path / "undisturbed", tmp_path / "config.yaml"
    path.write_text(dump_yaml(config))
    total = sum(len(tasks) for tasks in plan(config).values())
    for kill in range(3):
        build_until_killed(path, out, clips=(kill + 1) * total // 5, workers=2)
    build(config, out)
    build(config, undisturbed)
    assert digests(out) == digests(undisturbed)
    assert (out / "index.parquet").read_bytes() == (undisturbed / "index.parquet").read_bytes()
    assert not list(out.rglob("*partial*"))
    assert check_dataset(ShardDataset(out)).findings == []


def test_truncated_shard_is_made_again(built, tmp_path):
    out = tmp_path / "copy"
    build(CONFIG, out)
    shard = out / "shards" / "train-00001.tar"
    shard.write_bytes(shard.read_bytes()[:-5000])
    assert build(CONFIG, out).reused == 13
    assert digests(out) == digests(built)


def test_another_config_in_the_same_folder_is_refused(built):
    other = CONFIG.model_copy(update={"settings": SceneSettings(width=32, height=40)})
    with pytest.raises(DataError, match=r"settings.height: 32 → 40\nWrite to another --out, or .*--fresh"):
        build(other, built)


def test_a_folder_of_other_things_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="is not empty and holds no dataset"):
        build(CONFIG, tmp_path, fresh=True)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_more_training_scenes_leave_all_others_as_they_were(built, tmp_path):
    larger = CONFIG.model_copy(
        update={"scenes_per_scenario": SplitSizes(train=8, test=2), "scenarios": ("occluder_pass",)}
    )
    build(larger, tmp_path / "larger")
    before = {row.key: row.sha256 for row in ShardDataset(built).rows if row.scenario == "occluder_pass"}
    after = {row.key: row.sha256 for row in ShardDataset(tmp_path / "larger").rows}
    assert before.items() <= after.items()


def test_every_clip_can_be_made_again_from_its_scene(built):
    dataset = ShardDataset(built)
    for position in (0, 3, len(dataset) - 1):
        clip = dataset.load(position)
        assert differing_parts(clip, regenerate(dataset, clip.meta.key)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "scenarios=[free_dop]"], "Did you mean 'free_drop'"),
        (["--set", "engines=[mujco]"], "Did you mean 'mujoco'"),
        (["--set", "setings.width=3"], "Did you mean 'settings'"),
        (["--set", "settings.physics_rate=100"], "not a multiple of frame_rate"),
    ],
)
def test_config_mistakes_are_named(tmp_path, arguments, message):
    config = tmp_path / "config.yaml"
    config.write_text(dump_yaml(CONFIG))
    result = CliRunner().invoke(app, ["build", "--config", str(config), "--out", str(tmp_path / "out"), *arguments])
    assert result.exit_code != 0
    assert message in str(result.exception)


def test_commands_work_on_a_dataset(built, tmp_path):
    runner = CliRunner()
    config = tmp_path / "config.yaml"
    config.write_text(dump_yaml(CONFIG))
    dry = runner.invoke(app, ["build", "--config", str(config), "--out", str(tmp_path / "dry"), "--dry-run"])
    assert yaml.safe_load(dry.stdout)["clips_per_shard"] == 3
    assert "16 clips in 6 shards would be built" in " ".join(dry.stderr.split())
    assert not (tmp_path / "dry").exists()
    key = ShardDataset(built).rows[0].key
    alone = runner.invoke(app, ["clip", "--dataset", str(built), "--key", key, "--out", str(tmp_path / "clip.mp4")])
    assert alone.exit_code == 0
    assert read_video(tmp_path / "clip.mp4").rgb.shape == (17, 32, 32, 3)
    listed = runner.invoke(app, ["list", "--json"])
    assert '"occluder_pass"' in listed.stdout
    scenarios = json.loads(runner.invoke(app, ["list", "scenarios", "--json"]).stdout)
    (member,) = [member for member in scenarios if member["name"] == "free_drop"]
    assert set(member["engines"]) == {"mujoco", "bullet"}
    assert {"law", "quantity", "ranges", "tolerances"} <= set(member)
    assert "SceneSpec" in runner.invoke(app, ["schema"]).stdout


def test_build_says_what_it_did_as_json(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(dump_yaml(CONFIG.model_copy(update={"scenes_per_scenario": SplitSizes(train=1, test=0)})))
    arguments = ["build", "--config", str(config), "--out", str(tmp_path / "out"), "--workers", "1", "--json"]
    said = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert (said["clips"], said["reused"]) == (2, 0)
    assert sum(count for *_, count in said["drawn"]) >= 2
    assert json.loads(CliRunner().invoke(app, arguments).stdout)["reused"] == 2


def test_a_clip_that_comes_out_differently_is_told(built, tmp_path, monkeypatch):
    from physics_data.pipeline import shard_maker as module

    dataset = ShardDataset(built)
    stored = dataset.load(0)
    brighter = dataclasses.replace(stored, rgb=stored.rgb + 1)
    assert differing_parts(stored, brighter) == ["rgb.zst"]
    monkeypatch.setattr(module, "regenerate", lambda dataset, key: brighter)
    result = CliRunner().invoke(app, ["clip", "--dataset", str(built), "--key", stored.meta.key])
    assert "comes out differently in rgb.zst" in str(result.exception)


def test_the_law_table_has_a_row_for_each_claimed_engine():
    rows = law_table(SceneSettings(width=32, height=32), 2, scenarios=("free_drop", "collide"))
    assert [(row.scenario, row.engine) for row in rows] == [
        (name, engine) for name in ("free_drop", "collide") for engine in SCENARIOS.get(name).engines
    ]
    for row in rows:
        for law, figures in row.residuals.items():
            assert figures is not None
            assert figures[0] <= figures[1] <= row.tolerances[law]
    table = as_markdown(rows)
    assert "| free_drop | " in table and "| scenario | engine | draws | rejected | reasons |" in table
    assert len({line.count("|") for line in table.split("\n\n")[0].splitlines()}) == 1


def test_rejected_draws_are_counted_by_reason(tmp_path, monkeypatch):
    from physics_data.pipeline import generate

    calls = []

    def strict(scenario, spec, trajectory, rendering):
        calls.append(spec.index)
        if len(calls) % 2:
            raise ClipRejectedError("not this one", reason="too_plain")
        return {}

    monkeypatch.setattr(generate, "check_quality", strict)
    small = CONFIG.model_copy(update={"scenes_per_scenario": SplitSizes(train=2, test=0)})
    summary = build(small, tmp_path / "out")
    assert sum(summary.rejections.values()) == 4
    assert {reason for *_, reason in summary.rejections} == {"too_plain"}
    assert sum(summary.drawn.values()) == 8
    assert build(small, tmp_path / "out").rejections == summary.rejections, "the manifests keep them"


def test_scenarios_that_clips_of_the_settings_cannot_show_are_refused_before_anything_is_made(tmp_path):
    settings = SceneSettings(num_frames=11, frame_rate=8.0, width=16, height=16)
    config = BuildConfig(
        scenarios=("collide", "drop_bounce", "free_drop"),
        scenes_per_scenario=SplitSizes(train=1, test=0),
        settings=settings,
    )
    with pytest.raises(
        ConfigError, match=r"11 frames at 8 Hz cannot show 'drop_bounce' \(gravity_relative_error"
    ) as told:
        build(config, tmp_path / "made")
    assert "--set 'scenarios=[collide, free_drop]'" in str(told.value)
    assert not (tmp_path / "made" / "dataset.yaml").exists()
    others = config.model_copy(update={"scenarios": ("collide", "free_drop")})
    assert build(others, tmp_path / "made").clips == 2


def test_warmup_names_what_it_compiled_for() -> None:
    result = CliRunner().invoke(app, ["warmup", "--json"])
    assert result.exit_code == 0, result.output
    assert {"mujoco, plain appearance"} <= json.loads(result.stdout).keys()
