"""Plans against what is published, what was measured before, and what autograd really keeps."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.worldsim.families.test_parity import CASES, own_conditions
from worldsim.families.adapters import AdapterSettings, add_adapter
from worldsim.families.planning import plan_training
from worldsim.generator import VideoGenerator

REAL: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "Wan2.1-T2V-1.3B": (
        "wan21_t2v",
        {"num_attention_heads": 12, "attention_head_dim": 128, "ffn_dim": 8960, "num_layers": 30},
        {},
    ),
    "Wan2.2-TI2V-5B": (
        "wan22_ti2v",
        {"num_attention_heads": 24, "attention_head_dim": 128, "ffn_dim": 14336, "num_layers": 30},
        {},
    ),
    "Wan2.1-I2V-14B": (
        "wan21_i2v",
        {
            "num_attention_heads": 40,
            "attention_head_dim": 128,
            "ffn_dim": 13824,
            "num_layers": 40,
            "image_dim": 1280,
            "added_kv_proj_dim": 5120,
        },
        {},
    ),
    "LTX-Video-2B": (
        "ltx",
        {
            "in_channels": 128,
            "out_channels": 128,
            "num_attention_heads": 32,
            "attention_head_dim": 64,
            "cross_attention_dim": 2048,
            "num_layers": 28,
            "caption_channels": 4096,
        },
        {"latent_channels": 128},
    ),
    "CogVideoX-2B": (
        "cogvideox",
        {
            "in_channels": 16,
            "out_channels": 16,
            "num_attention_heads": 30,
            "attention_head_dim": 64,
            "time_embed_dim": 512,
            "text_embed_dim": 4096,
            "num_layers": 30,
            "sample_width": 90,
            "sample_height": 60,
            "sample_frames": 49,
            "max_text_seq_length": 226,
        },
        {"latent_channels": 16},
    ),
}


def real_folder(name: str, tiny: Path, folder: Path) -> Path:
    """A folder with the configs of a published model and no weights."""
    _, network, vae = REAL[name]
    shutil.copytree(tiny, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    wan = {"text_dim": 4096, "freq_dim": 256, "rope_max_seq_len": 1024} if "Wan" in name else {}
    for part, values in (("transformer", {**wan, **network}), ("vae", vae)):
        path = folder / part / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return folder


@pytest.mark.parametrize(
    ("name", "parameters", "tokens", "trained", "teraflop", "activations", "checkpointed"),
    [
        ("Wan2.1-T2V-1.3B", 1_418_996_800, 14_040, 23.6e6, 72.9, 36.4, 1.29),
        pytest.param("Wan2.2-TI2V-5B", 4_999_787_712, 3_510, 47.2e6, 36.8, 27.5, 0.79, marks=pytest.mark.slow),
        pytest.param("LTX-Video-2B", 1_923_385_472, 1_950, 29.4e6, 7.4, 6.0, 0.22, marks=pytest.mark.slow),
        pytest.param("CogVideoX-2B", 1_693_783_872, 14_040, 14.7e6, 84.8, 24.8, 1.63, marks=pytest.mark.slow),
        pytest.param("Wan2.1-I2V-14B", 16_394_878_784, 14_040, 104.9e6, 509, None, 5.6, marks=pytest.mark.slow),
    ],
)
def test_real_sizes(
    name: str,
    parameters: int,
    tokens: int,
    trained: float,
    teraflop: float,
    activations: float | None,
    checkpointed: float,
    pipeline_folder: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    """33 frames at 480 x 832; counts of activations were made before with another program, block inputs alone."""
    folder = real_folder(name, pipeline_folder(REAL[name][0]), tmp_path / "real")
    options: dict[str, Any] = {"adapter": AdapterSettings(rank=32, alpha=32), "dtype": torch.bfloat16}
    plan = plan_training(folder, 33, 480, 832, **options)
    assert plan.parameters == {"transformer": parameters}
    assert plan.tokens == tokens
    assert plan.trained == pytest.approx(trained, rel=0.005)
    assert plan.forward_flop is not None and plan.kept is not None and plan.checkpointed is not None
    assert plan.forward_flop / 1e12 == pytest.approx(teraflop, rel=0.02)
    if activations is not None:
        assert plan.kept / 2**30 == pytest.approx(activations, rel=0.15)
    blocks = {"LTX-Video-2B": 28, "Wan2.1-I2V-14B": 40}.get(name, 30)
    one_block = plan.kept / blocks
    assert (plan.checkpointed - one_block) / 2**30 == pytest.approx(checkpointed, rel=0.15, abs=0.05)


@pytest.mark.parametrize("name", ["wan21_t2v", "wan22_ti2v", "ltx", "cogvideox", "cosmos"])
def test_activations_are_what_autograd_keeps(name: str, pipeline_folder: Callable[[str], Path], tmp_path: Path) -> None:
    """The plan against the distinct storages of a real forward on the CPU, whose attention is fused."""
    case = replace(CASES[name], size=(17, 96, 96) if name != "cogvideox" else (17, 64, 64))
    settings = AdapterSettings(rank=4, alpha=4)
    folder = pipeline_folder(case.folder)
    plan = plan_training(folder, *case.size, adapter=settings)
    generator: Any = VideoGenerator.from_pretrained(folder)
    add_adapter(generator, settings)
    own = {weight.untyped_storage().data_ptr() for weight in generator.network.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    conditions = own_conditions(generator, case)
    noise = torch.randn(1, *generator.latent_shape(*case.size))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        generator.denoise(noise, torch.tensor([0.5]), conditions)
    measured = sum(one.untyped_storage().nbytes() for one in kept.values())
    assert plan.activations == pytest.approx(measured, rel=0.15)


def test_a_plan_says_what_fits_and_what_is_not_counted(pipeline_folder: Callable[[str], Path]) -> None:
    lines = plan_training(pipeline_folder("wan22_a14b"), 9, 32, 48, adapter=AdapterSettings(rank=4)).lines()
    assert "transformer 22,568, transformer_2 22,568" in lines[0]
    assert "fits in 24 GB, 48 GB, 80 GB, 141 GB" in lines[-1]
    assert "not counted" in plan_training(pipeline_folder("hunyuan15"), 9, 64, 64).lines()[-1]
