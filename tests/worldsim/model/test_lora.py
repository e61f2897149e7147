"""Adapters against the sum of matrices that they stand for."""

import copy

import pytest
import torch

from physics_data.core.errors import ConfigError
from tests.worldsim.model.test_causal_and_cache import conditioning, stirred, video
from worldsim.model import DiTConfig

pytest.importorskip("peft", reason="pip install 'worldsim[finetune]'")

from worldsim.model.lora import (
    LoraSettings,
    adapter_tensors,
    add_adapter,
    load_adapter,
    merge_adapter,
    switch_adapter,
)

CONFIG = DiTConfig(latent_channels=4, depth=2, width=48, num_heads=2, text_buckets=32)
SETTINGS = LoraSettings(rank=3, alpha=6.0, targets=("qkv", "out", "proj_in"))
T = torch.full((2, 5), 0.4, dtype=torch.float64)


def run(dit: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return dit(video(), T, conditioning())


def trained_adapter(seed: int) -> dict[str, torch.Tensor]:
    dit = stirred(CONFIG)
    add_adapter(dit, SETTINGS)
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(value.shape, generator=generator, dtype=torch.float64) * 0.2
        for name, value in adapter_tensors(dit).items()
    }


def test_a_new_adapter_changes_nothing_and_trains_alone() -> None:
    plain, dit = stirred(CONFIG), stirred(CONFIG)
    add_adapter(dit, SETTINGS)
    torch.testing.assert_close(run(dit), run(plain), atol=1e-12, rtol=0)
    trained = [name for name, weight in dit.named_parameters() if weight.requires_grad]
    assert trained and all("lora_" in name for name in trained)
    assert sum(w.numel() for w in dit.parameters() if w.requires_grad) == sum(
        value.numel() for value in adapter_tensors(dit).values()
    )


@pytest.mark.parametrize("alpha", [1.0, 3.0, 6.0, 64.0])
def test_a_merged_adapter_is_the_sum_of_matrices(alpha: float) -> None:
    plain, dit, tensors = stirred(CONFIG), stirred(CONFIG), trained_adapter(1)
    load_adapter(dit, SETTINGS.model_copy(update={"alpha": alpha}), tensors, "default")
    with_adapter = run(dit)
    merge_adapter(dit)
    assert dit.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(run(dit), with_adapter, atol=1e-10, rtol=0)
    name = "blocks.1.attention.qkv"
    product = tensors[f"{name}.lora_B.weight"] @ tensors[f"{name}.lora_A.weight"]
    expected = plain.state_dict()[f"{name}.weight"] + alpha / SETTINGS.rank * product
    torch.testing.assert_close(dit.state_dict()[f"{name}.weight"], expected)


def test_adapters_are_switched() -> None:
    dit, first, second = stirred(CONFIG), trained_adapter(1), trained_adapter(2)
    plain = run(dit)
    alone = []
    for tensors in (first, second):
        one = stirred(CONFIG)
        load_adapter(one, SETTINGS, tensors, "default")
        alone.append(run(one))
    load_adapter(dit, SETTINGS, first, "one")
    load_adapter(dit, SETTINGS, second, "two")
    for name, expected in (("one", alone[0]), ("two", alone[1]), (None, plain)):
        switch_adapter(dit, name)
        torch.testing.assert_close(run(dit), expected, atol=1e-10, rtol=0)


def test_an_adapter_of_another_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not fit"):
        load_adapter(stirred(CONFIG.model_copy(update={"depth": 1})), SETTINGS, trained_adapter(1), "default")
    with pytest.raises(ConfigError, match=r"known are qkv"):
        add_adapter(copy.deepcopy(stirred(CONFIG)), LoraSettings(targets=("nothing",)))
    with pytest.raises(ConfigError, match=r"no layer of a block is called nothing"):
        add_adapter(copy.deepcopy(stirred(CONFIG)), LoraSettings(targets=("qkv", "nothing")))
