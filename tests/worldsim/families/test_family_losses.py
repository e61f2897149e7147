"""Our losses on the latents of public families: exactly 0 for the truth, a gradient for what is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.worldsim.families.test_training import config_of, run
from worldsim.training.logger import read_metrics
from worldsim.training.tasks.family import FamilyTask

LOSSES = {
    name: {"weight": 0.1, "ramp": 0, "max_noise": 1.0}
    for name in ("identity", "permanence", "attributes", "physical_plausibility")
}


@pytest.mark.parametrize(("name", "num_frames"), [("wan22_ti2v", 5), ("cogvideox15", 9)])
def test_losses_read_predicted_clean_latents(
    name: str,
    num_frames: int,
    pipeline_folder: Callable[[str], Path],
    make_dataset: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clips = make_dataset("physics", size=32, num_frames=num_frames)
    config = config_of(
        pipeline_folder(name), clips, tmp_path / "run", num_steps=2, data={"num_frames": num_frames},
        loss={"auxiliary": LOSSES},
    )  # fmt: skip
    assert run(config).complete
    line = read_metrics(config.out)[-1]
    assert {"denoising", "identity", "permanence_weighted", "probe_objects"} <= line.keys()
    assert any("members.objects" in key for key in load_file(str(config.out / "probes.safetensors")))
    adapter = load_file(str(config.out / "model" / "pytorch_lora_weights.safetensors"))
    assert not any("probe" in key for key in adapter), "the adapter that diffusers loads holds no probe"

    task = FamilyTask(config, torch.device("cpu"))
    batch = task.batch(0)
    losses = task.loss(task.model, batch, torch.Generator().manual_seed(0))  # pyright: ignore[reportArgumentType]
    trained = [weight for key, weight in task.model.named_parameters() if "lora_B" in key]
    wrong = torch.stack([losses[key] for key in LOSSES]).sum()
    assert wrong.item() > 0
    gradients = torch.autograd.grad(wrong, trained, allow_unused=True)
    assert any(one is not None and one.abs().sum() > 0 for one in gradients)

    def perfect(x_t: Any, t: Any, conditioning: Any) -> Any:
        return targets.pop()

    targets: list[Any] = []
    make = task.generator.training_target

    def kept(*given: Any) -> Any:
        samples = make(*given)
        targets.append(samples.target)
        return samples

    monkeypatch.setattr(task.generator, "training_target", kept)
    monkeypatch.setattr(task.generator, "denoise", perfect)
    true = task.loss(task.model, batch, torch.Generator().manual_seed(0))  # pyright: ignore[reportArgumentType]
    assert float(true["denoising"]) == 0.0
    assert all(float(true[key]) < 1e-4 for key in LOSSES), "the truth costs nothing"
