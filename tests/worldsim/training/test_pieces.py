"""Plans: pieces of training that go on elsewhere from a few small files."""

import itertools
from pathlib import Path

import pytest
from rich.progress import Progress

from physics_data.core.config import load_config, validate_config
from physics_data.core.errors import ConfigError, DataError
from worldsim.cards import load_tensors
from worldsim.training.pieces import PlanConfig, PlanSummary, run_plan

ROOT = Path(__file__).parents[3]

DATA = """
scenarios: [free_drop]
scenes_per_scenario: {train: 4, val: 1, test: 1}
engines: [mujoco]
clips_per_shard: 4
settings: {num_frames: 17, width: 32, height: 32}
"""


def plan(folder: Path, out: str, **changes: object) -> PlanConfig:
    (folder / "data.yaml").write_text(DATA)
    data = {
        "sources": [{"path": "{out}/data/physics"}],
        "num_frames": 17,
        "height": 32,
        "width": 32,
        "frame_rate": 16.0,
    }
    common = {"num_steps": 4, "batch_size": 2, "data": data, "optimizer": {"warmup_steps": 1}}
    report = {"log_every": 2, "checkpoint_every": 2, "picture_every": 1000}
    vae = {"latent_channels": 4, "widths": [8, 8], "encoder_blocks": [1, 1], "decoder_blocks": [1, 1]}
    strides = [{"frames": 1, "size": 4}, {"frames": 4, "size": 2}]
    dit = {"latent_channels": 4, "depth": 1, "width": 32, "num_heads": 2, "text_buckets": 64, "scene_slots": 6}
    stages = {
        "vae": {"task": "vae", **common, "model": {**vae, "strides": strides}, "report": report},
        "dit": {
            "task": "dit",
            "vae": "{out}/vae",
            **common,
            "model": dit,
            "tokenizer": {"num_buckets": 64},
            "samples": {"prompts": ["a red ball falls"]},
            "report": report,
        },
    }
    raw = {"task": "plan", "out": folder / out, "data": {"physics": folder / "data.yaml"}, "stages": stages, **changes}
    return validate_config(PlanConfig, raw, source="test")


def go(config: PlanConfig, bundle: Path | None = None, minutes: float = 0.0) -> PlanSummary:
    """Run a piece on a clock that goes on by some minutes each time it is asked."""
    ticks = itertools.count(step=minutes * 60)
    with Progress(disable=True) as progress:
        return run_plan(config, progress, bundle, clock=lambda: next(ticks))


@pytest.mark.slow
def test_a_plan_in_pieces_on_two_machines_ends_with_the_weights_of_one_call(tmp_path: Path) -> None:
    bundled = tmp_path / "bundled"
    first = go(plan(tmp_path, "here", minutes=100.0), bundled, minutes=60.0)
    assert (first.complete, first.unfinished) == (("vae",), ("dit",))
    assert all(file.stat().st_size <= 16 * 2**20 for file in bundled.iterdir()) and len(list(bundled.iterdir())) <= 8
    second = go(plan(tmp_path, "there"), bundled)
    assert second.unfinished == ()
    go(plan(tmp_path, "whole"))
    there, whole = (load_tensors(tmp_path / name / "dit/model/weights.safetensors") for name in ("there", "whole"))
    assert there.keys() == whole.keys() and all(there[name].equal(whole[name]) for name in whole)
    part = next(bundled.glob("part-*.bin"))
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(DataError, match="part-00.bin is missing or damaged"):
        go(plan(tmp_path, "later"), bundled)


def test_shipped_plans_are_checked_to_the_last_stage(tmp_path: Path) -> None:
    for name in ("world_cpu", "world_gpu"):
        config = load_config(PlanConfig, ROOT / f"configs/{name}.yaml")
        assert [config.stage(stage).task for stage in config.stages] == ["vae", "dit"]
        assert config.stage("dit").out == config.out / "dit"
    assert config.minutes is not None and config.minutes < 9 and config.max_files <= 8
    with pytest.raises(ConfigError, match=r"stages\.vae does not fit"):
        bad = plan(tmp_path, "out")
        bad.stages["vae"]["num_step"] = 3
        bad.stage("vae")
