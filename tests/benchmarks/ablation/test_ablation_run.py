"""A whole ablation of a few steps: it resumes, keeps what is finished, and goes on past a run that fails."""

import json

import pytest
from typer.testing import CliRunner

from benchmarks.ablation.ablation_config import AblationConfig
from benchmarks.ablation.grid import make_grid
from benchmarks.ablation.jobs import is_finished, run_grid
from benchmarks.cli import app
from physics_data.core.config import validate_config
from physics_data.core.errors import DataError
from physics_data.core.program import progress_bar


@pytest.mark.slow
def test_an_ablation_from_nothing_to_its_report(raw_config, tmp_path):
    out, file = tmp_path / "out", tmp_path / "ablation.yaml"
    file.write_text(json.dumps(raw_config))
    command = ["ablation", "--config", str(file), "--out", str(out)]
    listed = CliRunner().invoke(app, [*command, "--dry-run"])
    assert listed.exit_code == 0, listed.output
    assert "own_t-seed1: 4 steps" in listed.output
    assert not out.exists()

    part = CliRunner().invoke(app, [*command, "--only", "plain"])
    assert part.exit_code == 0, part.output
    first = (out / "runs/plain-seed0/rows.csv").read_bytes()
    made = (out / "runs/plain-seed0/rows.csv").stat().st_mtime_ns
    (out / "runs/plain-seed1/run.json").unlink()  # as if it had been killed before it ended

    whole = CliRunner().invoke(app, [*command, "--workers", "2", "--json"])
    assert whole.exit_code == 0, whole.output
    assert (out / "runs/plain-seed0/rows.csv").stat().st_mtime_ns == made
    rows = json.loads(whole.stdout)
    assert {row["peer"] for row in rows} == {"plain"}
    assert {row["hardware"] for row in rows} != {None}
    summary = json.loads((out / "summary.json").read_text())
    assert summary["missing"] == []
    assert len(summary["finished"]) == 4
    assert {row["variant"] for row in summary["comparisons"]} == {"own_t"}
    assert len((out / "scenes.csv").read_text().splitlines()) == 1 + 4 * 4
    for name in ("table.md", "curves.png", "effects.png", "strips_in_distribution.png", "strips_out_of_range.png"):
        assert (out / name).stat().st_size > 200
    stored = [path.relative_to(out / "latents").as_posix() for path in (out / "latents").glob("*/physics.safetensors")]
    assert sorted(stored) == [f"{name}/physics.safetensors" for name in ("(base)", "own_t", "plain")]

    again = CliRunner().invoke(app, [*command, "--report"])
    assert again.exit_code == 0, again.output
    assert (out / "runs/plain-seed0/rows.csv").read_bytes() == first


def test_a_folder_of_another_config_is_refused(raw_config, tmp_path):
    config = validate_config(AblationConfig, raw_config, source="test")
    run = make_grid(config, tmp_path / "out").runs[0]
    assert not is_finished(run)
    run.folder.mkdir(parents=True)
    (run.folder / "run.json").write_text(json.dumps({"fingerprint": "0" * 16}))
    with pytest.raises(DataError, match="another config"):
        is_finished(run)


def test_nothing_is_built_where_all_is_finished(raw_config, tmp_path):
    grid = make_grid(validate_config(AblationConfig, raw_config, source="test"), tmp_path / "out")
    for run in grid.runs:
        run.folder.mkdir(parents=True)
        (run.folder / "run.json").write_text(json.dumps({"fingerprint": run.fingerprint}))
    with progress_bar() as progress:
        assert run_grid(grid, grid.runs, 1, progress) == {}
    assert not grid.data.exists()
