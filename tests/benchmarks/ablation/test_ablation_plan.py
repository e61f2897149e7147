"""What an ablation's config may hold, and what is made of it before anything is computed."""

from pathlib import Path

import pytest

from benchmarks.ablation.ablation_config import AblationConfig
from benchmarks.ablation.grid import make_grid
from physics_data.core.config import validate_config
from physics_data.core.errors import CheckpointError, ConfigError


def config_of(raw: dict, **changes: object) -> AblationConfig:
    return validate_config(AblationConfig, {**raw, **changes}, source="test")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reference": "plane"}, "plain"),
        ({"columns": ["psnrr"]}, "psnr"),
        ({"seeds": [1, 1]}, "twice"),
        ({"variants": {"plain": []}}, "at least 2"),
        ({"targets": [{"column": "psnr", "clips": "in_distribution", "at_most": 0.5}]}, "needs an error"),
        ({"targets": [{"column": "velocity_error", "clips": "test", "at_most": 0.5}]}, "in_distribution"),
        ({"guards": [{"column": "fid", "margin": 0.1}]}, "not measured"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_nearest_name(raw_config, changes, said):
    with pytest.raises(ConfigError, match=said):
        config_of(raw_config, **changes)


def test_each_run_is_the_base_config_with_its_own_overrides(raw_config):
    grid = make_grid(config_of(raw_config), Path("out"))
    assert [run.label for run in grid.runs] == ["plain, seed 0", "own_t, seed 0", "plain, seed 1", "own_t, seed 1"]
    assert [run.train.loss.diffusion_forcing_probability for run in grid.runs] == [0.0, 0.5, 0.0, 0.5]
    assert [run.train.seed for run in grid.runs] == [0, 0, 1, 1]
    assert {run.train.start_from for run in grid.runs} == {Path("out/bases/seed0")}
    assert {run.train.vae for run in grid.runs} == {grid.vae.out} == {Path("out/vae")}
    assert {source.path for run in grid.runs for source in run.train.data.sources} == {grid.data}
    assert grid.bases[0] == grid.bases[1]
    assert grid.bases[0].num_steps == 2
    assert grid.bases[0].start_from is None


def test_a_base_for_each_seed_and_none(raw_config):
    each = make_grid(config_of(raw_config, base={"overrides": []}), Path("out"))
    assert [str(run.train.start_from) for run in each.runs][::2] == ["out/bases/seed0", "out/bases/seed1"]
    with pytest.raises(ConfigError, match="trained already"):
        config_of(raw_config, base={"folder": "runs/demo/dit", "seed": 0})
    with pytest.raises(CheckpointError):
        make_grid(config_of(raw_config, base={"folder": "nowhere"}), Path("out"))
    none = make_grid(config_of(raw_config, base=None), Path("out"))
    assert not none.bases
    assert {run.train.start_from for run in none.runs} == {None}


def test_a_fingerprint_changes_with_what_changes_numbers_and_with_nothing_else(raw_config):
    def prints(**changes: object) -> list[str]:
        return [run.fingerprint for run in make_grid(config_of(raw_config, **changes), Path("out")).runs]

    first = prints()
    assert len(set(first)) == 4
    assert prints(common=["hardware.threads=2", "report.log_every=1"]) == first
    assert make_grid(config_of(raw_config), Path("elsewhere")).runs[0].fingerprint == first[0]
    assert prints(base={"overrides": ["num_steps=3"], "seed": 0})[0] != first[0]
    assert prints(continuation={"num_conditioning_frames": 1})[0] != first[0]
    other = prints(variants={"plain": [], "own_t": ["loss.diffusion_forcing_probability=0.4"]})
    assert (other[0] == first[0], other[1] == first[1]) == (True, False)


def test_datasets_are_named_in_overrides(raw_config, tmp_path):
    raw_config["more_data"] = {"twins": raw_config["data"]}
    grid = make_grid(config_of(raw_config, run=["tokenizer.encoder=$twins", "model.text_width=8"]), tmp_path / "o")
    assert {run.train.tokenizer.encoder for run in grid.runs} == {str(tmp_path / "o" / "twins")}
    with pytest.raises(ConfigError, match="twins"):
        make_grid(config_of(raw_config, run=["tokenizer.encoder=$twin"]), tmp_path)


def test_runs_of_unequal_steps_and_unknown_keys_are_refused(raw_config):
    with pytest.raises(ConfigError, match="equal steps"):
        make_grid(config_of(raw_config, variants={"plain": [], "longer": ["num_steps=5"]}), Path("out"))
    with pytest.raises(ConfigError, match="variant 'typo'.*\n.*diffusion_forcing_probability"):
        make_grid(config_of(raw_config, variants={"plain": [], "typo": ["loss.own_t_shar=1"]}), Path("out"))
    with pytest.raises(ConfigError, match="held_out asks for 'val'"):
        make_grid(config_of(raw_config, held_out={"new": "val"}, targets=[]), Path("out"))
    with pytest.raises(ConfigError, match="plain"):
        make_grid(config_of(raw_config), Path("out")).of(("plan",))
