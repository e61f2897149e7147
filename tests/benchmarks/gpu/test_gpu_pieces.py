"""The GPU command on a CPU: every line runs small, what is complete is left out, what fails ends nothing else."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu import GPU_PIECES, MINUTES, GpuContext, Rows
from benchmarks.gpu.model_steps import measure_packed, measure_sizes
from benchmarks.gpu.pieces import GpuResults, PieceResult, _order, open_results, require_device, run_pieces
from benchmarks.gpu.training_pieces import MAX_FILES
from benchmarks.rows import Row
from benchmarks.speed.train import training_flops, word_conditioning
from physics_data.core.errors import ConfigError, DataError
from worldsim.losses.denoising import DiTObjective, dit_objective
from worldsim.model import DiT, DiTConfig


def small(folder: Path, seconds: float = 600.0) -> GpuContext:
    (folder / "scratch").mkdir(exist_ok=True)
    return GpuContext("cpu", True, folder / "out", folder / "scratch", seconds)


def exhausted(rows: Rows) -> tuple[list[Row], str | None]:
    """Return the rows of a piece and what it says is left."""
    found: list[Row] = []
    while True:
        try:
            found.append(next(rows))
        except StopIteration as stop:
            return found, stop.value


def test_every_piece_has_its_minutes_and_the_long_one_is_last() -> None:
    assert set(MINUTES) == set(GPU_PIECES)
    assert list(MINUTES)[-1] == "generator" and sum(list(MINUTES.values())[:-1]) < 10


def test_steps_of_the_transformer_are_measured(tmp_path: Path) -> None:
    rows, left = exhausted(measure_sizes(small(tmp_path)))
    assert left is None
    assert [row.unit for row in rows] == ["clips/s", "% of peak"] * 3
    assert all(row.value is not None and row.value > 0 for row in rows)
    rows, left = exhausted(measure_packed(small(tmp_path)))
    assert left is None and rows[0].peer_value


def test_counted_flops_are_those_of_torch() -> None:
    config = DiTConfig(depth=2, width=64, num_heads=2, text_every=2)
    dit = DiT(config)
    latents = torch.randn(2, 16, 4, 16, 16)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):  # the fused one is not counted
        generator = torch.Generator().manual_seed(0)
        dit_objective(dit, latents, word_conditioning(2, "cpu"), generator, DiTObjective())["loss"].backward()
    counted = training_flops(config, 2 * 256, 256)
    assert counted == pytest.approx(counter.get_total_flops(), rel=0.15)  # projections, prompt and modulation on top
    assert counted < counter.get_total_flops()


def test_what_failed_comes_after_what_was_not_tried() -> None:
    results = GpuResults(device="cuda", is_small=False)
    results.pieces["render"] = PieceResult(state="failed", attempts=2, seconds=1.0)
    results.pieces["train"] = PieceResult(state="complete", attempts=1, seconds=1.0)
    results.pieces["generator"] = PieceResult(state="unfinished", attempts=3, seconds=1.0)
    assert _order(results, ()) == ["packed", "sample", "adapters", "compiled", "generator", "render"]
    assert _order(results, ["train"]) == ["train"]


def test_a_piece_that_takes_too_long_is_stopped_and_kept(tmp_path: Path) -> None:
    results = run_pieces(small(tmp_path, seconds=0.05), ["packed"])
    assert results.pieces["packed"].state == "failed" and "stopped after" in results.pieces["packed"].note
    assert open_results(small(tmp_path)).pieces["packed"].attempts == 1


def test_results_of_another_device_are_refused(tmp_path: Path) -> None:
    context = small(tmp_path)
    context.out.mkdir()
    (context.out / "gpu.json").write_text(GpuResults(device="cuda", is_small=False).model_dump_json())
    with pytest.raises(DataError, match="holds figures of cuda; give another --out for cpu, small"):
        open_results(context)
    (context.out / "gpu.json").write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        open_results(context)


def test_a_whole_measurement_needs_a_gpu() -> None:
    with pytest.raises(ConfigError, match="add --small"):
        require_device("cpu", False)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no CUDA device was found by torch"):
            require_device("cuda", False)


@pytest.mark.slow
def test_all_pieces_run_small_and_a_second_call_does_nothing(tmp_path: Path) -> None:
    pytest.importorskip("diffusers", reason="adapters of public models need diffusers")
    context = small(tmp_path)
    results = run_pieces(context)
    assert {name: piece.note for name, piece in results.pieces.items() if piece.state != "complete"} == {}
    assert all(piece.rows for piece in results.pieces.values())
    equal = [row for row in results.pieces["render"].rows if row.unit in ("grey levels", "% of the places")]
    assert len(equal) == 10 and all(row.meets for row in equal)
    files = list(context.out.iterdir())
    assert len(files) <= MAX_FILES + 1 and all(file.stat().st_size <= 16 * 2**20 for file in files)
    stored = json.loads((context.out / "gpu.json").read_text())
    run_pieces(context)
    assert json.loads((context.out / "gpu.json").read_text()) == stored
