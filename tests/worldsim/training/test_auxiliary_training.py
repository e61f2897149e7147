"""Training of the transformer with auxiliary losses: stored, resumed, exported, shared, and left alone without them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from rich.progress import Progress

from physics_data.core.errors import CheckpointError, ConfigError, UnknownNameError
from tests.worldsim.training.conftest import Configure
from tests.worldsim.training.test_loop import same_tensors, without_times
from worldsim.cards import load_tensors
from worldsim.config import DiTTrainConfig
from worldsim.losses.auxiliary import AUXILIARY
from worldsim.losses.loss import RankShard
from worldsim.training import latents
from worldsim.training.loop import InterruptedTrainingError, train
from worldsim.training.stages import describe
from worldsim.training.tasks import dit_task as dit_task
from worldsim.training.tasks.dit_task import DiTTask
from worldsim.weights import load_generator

LOSS = {"foreground_weight": 1.0, "auxiliary": {"identity": {}, "permanence": {"by_gradient": True}, "attributes": {}}}


def run(config: DiTTrainConfig) -> Path:
    with Progress(disable=True) as progress:
        train(config, progress)
    return config.out


def test_an_interrupted_run_ends_with_the_same_weights(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = run(configure("straight", loss=LOSS))
    whole_loss = DiTTask.loss

    def stopped(self: DiTTask, model: Any, batch: Any, *more: Any) -> Any:
        if batch.step == 3:
            raise KeyboardInterrupt
        return whole_loss(self, model, batch, *more)

    monkeypatch.setattr(DiTTask, "loss", stopped)
    with pytest.raises(InterruptedTrainingError, match="checkpoint of step 2"):
        run(configure("broken", loss=LOSS))
    monkeypatch.setattr(DiTTask, "loss", whole_loss)
    monkeypatch.setattr(latents, "latent_labels", None)  # the labels are on disk, too: nothing is made again
    broken = run(configure("broken", loss=LOSS))
    for name in ("checkpoints/00000004/weights", "checkpoints/00000004/average", "model/weights", "probes"):
        assert same_tensors(straight / f"{name}.safetensors", broken / f"{name}.safetensors")
    assert without_times(straight) == without_times(broken)


def test_losses_are_logged_raw_and_weighted(configure: Configure) -> None:
    out = run(configure("run", loss={"auxiliary": {"permanence": {"weight": 0.5, "start": 1, "ramp": 2}}}))
    lines = without_times(out)
    shares = [0.0, 0.25, 0.5, 0.5]
    for line, share in zip(lines, shares, strict=True):
        assert line["permanence_weighted"] == pytest.approx(share * line["permanence"])
        parts = line["denoising"] + line["permanence_weighted"] + 0.01 * line["probe_presence"]
        assert line["loss"] == pytest.approx(parts, rel=1e-5)
    assert "validation/loss" in lines[-1]


def test_they_stand_beside_and_change_nothing_else(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = run(configure("judged", loss={"auxiliary": {"identity": {}}}))
    monkeypatch.setattr(dit_task, "labels_of_source", None)
    monkeypatch.setattr(dit_task, "AuxiliaryStep", None)
    plain = run(configure("plain"))  # reads no label, and needs nothing of what stands beside
    assert not list(plain.glob("latents/*.labels.*"))
    assert not (plain / "probes.safetensors").exists()
    first, other = without_times(plain)[0], without_times(judged)[0]
    assert set(first) == {"step", "loss", "gradient_norm", "learning_rate_factor", "skipped"}
    assert other["denoising"] == first["loss"]  # the same weights and the same noise at first
    one, two = (load_generator(out / "model").dit.state_dict() for out in (plain, judged))
    assert one.keys() == two.keys()
    stored = load_tensors(judged / "checkpoints" / "00000004" / "weights.safetensors")
    assert {name.partition(".")[0] for name in stored} == {"dit", "probes"}


def test_probes_can_come_from_an_earlier_run(configure: Configure, tmp_path: Path) -> None:
    first = run(configure("first", loss=LOSS))
    probes = {"start_from": str(first), "frozen": True}
    later = run(configure("later", loss=LOSS, probes=probes))
    assert same_tensors(first / "probes.safetensors", later / "probes.safetensors")
    assert "probe_objects" not in without_times(later)[0]
    with pytest.raises(CheckpointError, match=r"no fitting weights for .*width"):
        run(configure("wider", loss=LOSS, probes={"start_from": str(first), "width": 64}))
    with pytest.raises(ConfigError, match="freezes random weights"):
        run(configure("frozen", loss=LOSS, probes={"frozen": True}))


def test_two_parts_of_a_batch_mean_what_the_whole_does(configure: Configure) -> None:
    task = DiTTask(configure("parts", loss=LOSS, ema_decay=0.0), torch.device("cpu"))
    with Progress(disable=True) as progress:
        task.prepare(progress)
    model: Any = task.model

    def losses(*part: RankShard) -> dict[str, torch.Tensor]:
        return task.loss(model, task.batch(0), torch.Generator().manual_seed(0), *part)

    whole, parts = losses(), [losses(RankShard(rank, 2)) for rank in range(2)]
    assert set(whole) == set(parts[0]) == set(parts[1])
    mean = sum(part["denoising"].item() for part in parts) / 2
    assert mean == pytest.approx(whole["denoising"].item(), rel=1e-5)
    for part in parts:
        part["loss"].backward()
    assert all(weight.grad is not None for weight in model.get_submodule("probes").parameters())


def test_a_loss_of_the_table_works_from_a_config(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    """One class, one line in the table: nothing else names the loss."""
    monkeypatch.setitem(AUXILIARY._table, "mean_latent", "tests.worldsim.losses.toy_losses:MeanLatent")
    lines = without_times(run(configure("toy", loss={"auxiliary": {"mean_latent": {"weight": 0.5, "ramp": 0}}})))
    for line in lines:
        assert line["mean_latent_weighted"] == pytest.approx(0.5 * line["mean_latent"])
        assert line["loss"] == pytest.approx(line["denoising"] + line["mean_latent_weighted"], rel=1e-5)
    assert any(line["mean_latent"] > 0 for line in lines)


def test_settings_that_do_not_fit_are_refused(configure: Configure) -> None:
    with pytest.raises(UnknownNameError, match="identity"):
        configure("a", loss={"auxiliary": {"identitty": {}}})
    with pytest.raises(UnknownNameError, match="'laws' was renamed; write 'physical_plausibility'"):
        configure("a", loss={"auxiliary": {"laws": {}}})
    with pytest.raises(ConfigError, match="was renamed; write image_to_video_probability instead of given_share"):
        configure("a", loss={"given_share": 0.5})
    with pytest.raises(ConfigError, match="wieght"):
        configure("a", loss={"auxiliary": {"identity": {"wieght": 1.0}}})
    with pytest.raises(ConfigError, match=r"data\.packing"):
        data = {"sources": [{"path": "a"}], "packing": {"row_tokens": 64}}
        configure("a", loss={"foreground_weight": 1.0}, data=data)


def test_a_loss_that_counts_nothing_is_said(
    configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = {"num_frames": 5, "height": 16, "width": 16}
    footage = configure("footage_alone", loss=LOSS, data={**data, "sources": [{"path": str(tmp_path / "footage")}]})
    said = "loss.auxiliary.attributes counts nothing in source 'footage': none of 4 clips has labels of looks"
    assert said in " ".join(describe(footage)).replace("masks, ", "")
    run(footage)
    assert "loss.auxiliary.attributes counts nothing in source 'footage': none of 6" in " ".join(
        capsys.readouterr().err.split()
    )
    assert not any("counts nothing in source 'physics'" in line for line in describe(configure("both", loss=LOSS)))


def test_a_run_goes_on_where_all_its_folders_were_moved(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = run(configure("straight"))
    whole_batch = DiTTask.batch

    def stopped(self: DiTTask, step: int) -> Any:
        if step == 3:
            raise KeyboardInterrupt
        return whole_batch(self, step)

    monkeypatch.setattr(DiTTask, "batch", stopped)
    with pytest.raises(InterruptedTrainingError):
        run(configure("broken"))
    monkeypatch.setattr(DiTTask, "batch", whole_batch)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("vae", "physics", "footage", "broken"):
        (tmp_path / name).rename(moved / name)
    sources = [{"path": str(moved / name)} for name in ("physics", "footage")]
    raw = configure("broken").model_dump(mode="json")
    raw |= {"out": str(moved / "broken"), "vae": str(moved / "vae"), "data": {**raw["data"], "sources": sources}}
    there = run(DiTTrainConfig.model_validate(raw))
    assert same_tensors(straight / "model" / "weights.safetensors", there / "model" / "weights.safetensors")
    assert without_times(straight) == without_times(there)
