"""Weights of a trained transformer in another one: which are taken, copied into experts, new, or not used."""

from pathlib import Path

import pytest
import torch

from physics_data.core.errors import CheckpointError
from tests.worldsim.model.test_causal_and_cache import conditioning, stirred, video
from worldsim.cards import save_tensors
from worldsim.model import DiT, DiTConfig
from worldsim.model.experts import ExpertsConfig
from worldsim.training.fine_tuning import start_from

CONFIG = DiTConfig(latent_channels=4, patch_size=2, depth=3, width=48, num_heads=2, text_buckets=32, text_every=2)
T = torch.full((2, 5), 0.4, dtype=torch.float64)


@pytest.fixture
def old(tmp_path: Path) -> tuple[DiT, Path]:
    model = stirred(CONFIG)
    save_tensors(tmp_path / "weights.safetensors", model.state_dict())
    return model, tmp_path / "weights.safetensors"


@torch.no_grad()
@pytest.mark.parametrize(
    ("experts", "copies"),
    [(ExpertsConfig(kind="noise", boundary=0.5), 6), (ExpertsConfig(kind="token", count=3, chosen=2), 3)],
)
def test_experts_begin_as_copies_and_change_nothing(old: tuple[DiT, Path], experts: ExpertsConfig, copies: int) -> None:
    dense, weights = old
    model = DiT(CONFIG.model_copy(update={"experts": experts})).double().eval()
    found = start_from(model, weights)
    assert len(found.copied) == 4 * copies, "two layers with a bias each"
    assert all("router" in name or name.endswith(".bias") for name in found.new), found.new
    assert not found.resized and not found.unused
    assert len(found.taken) + len(found.copied) + len(found.new) == len(model.state_dict())
    assert "copies of its feed-forward layers" in " ".join(found.lines(weights))
    # Routers compute in single precision.
    torch.testing.assert_close(model(video(), T, conditioning()), dense(video(), T, conditioning()), atol=1e-6, rtol=0)


def test_other_widths_are_said(old: tuple[DiT, Path]) -> None:
    found = start_from(DiT(CONFIG.model_copy(update={"latent_channels": 8})).double(), old[1])
    assert set(found.resized) == {"proj_in.weight", "proj_out.weight", "proj_out.bias"}
    with pytest.raises(CheckpointError, match="no weight"):
        start_from(torch.nn.Linear(2, 2), old[1])
