"""Adapters of public families: diffusers reads what we write, and what does not belong is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from physics_data.core.errors import CheckpointError, ConfigError
from tests.worldsim.families.test_parity import CASES, own_conditions, own_pipeline
from worldsim.families.adapters import AdapterSettings, add_adapter, load_adapter, merge_adapter, save_adapter
from worldsim.generator import VideoGenerator

SETTINGS = AdapterSettings(rank=4, alpha=10.0)


def adapted(folder: Path) -> Any:
    """A generator with an adapter whose weights are random, as after training."""
    generator = VideoGenerator.from_pretrained(folder)
    torch.manual_seed(11)
    add_adapter(generator, SETTINGS)
    with torch.no_grad():
        for network in generator.networks.values():
            for name, weight in network.named_parameters():
                if "lora_B" in name:
                    weight.normal_(std=0.5)
    return generator


def prediction(generator: Any, name: str, t: float = 0.9) -> torch.Tensor:
    noise = torch.randn((1, *generator.latent_shape(*CASES[name].size)), generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return generator.denoise(noise, torch.tensor([t]), own_conditions(generator, CASES[name]))


@pytest.mark.parametrize(
    "name", ["wan21_t2v", "wan21_i2v", "wan22_a14b", "ltx", "cogvideox_i2v", "hunyuan15", "cosmos"]
)
def test_the_pipeline_loads_what_we_save(
    name: str, pipeline_folder: Callable[[str], Path], opened: Callable[[str], Any], tmp_path: Path
) -> None:
    folder = pipeline_folder(CASES[name].folder)
    generator = adapted(folder)
    ours = {t: prediction(generator, name, t) for t in (0.9, 0.3)}
    assert not torch.allclose(ours[0.9], prediction(opened(CASES[name].folder), name), atol=1e-3)
    save_adapter(generator, tmp_path / "adapter")
    pipeline = own_pipeline(folder, CASES[name])
    if hasattr(pipeline, "load_lora_weights"):
        pipeline.load_lora_weights(tmp_path / "adapter")
    else:
        pipeline.transformer.load_lora_adapter(
            tmp_path / "adapter", prefix=None, weight_name="pytorch_lora_weights.safetensors"
        )
    if len(generator.networks) > 1:
        pipeline.load_lora_weights(tmp_path / "adapter" / "transformer_2", load_into_transformer_2=True)
    theirs = VideoGenerator.from_pretrained(folder)
    theirs.networks = {name: getattr(pipeline, name) for name in theirs.networks}
    reloaded = VideoGenerator.from_pretrained(folder)
    load_adapter(reloaded, tmp_path / "adapter")
    merge_adapter(generator)
    for t, expected in ours.items():
        assert torch.allclose(prediction(theirs, name, t), expected, atol=1e-6)
        assert torch.allclose(prediction(reloaded, name, t), expected, atol=1e-6)
        assert torch.allclose(prediction(generator, name, t), expected, atol=1e-4)
    generator.save(tmp_path / "whole")
    whole = VideoGenerator.from_pretrained(tmp_path / "whole")
    for network, merged in zip(whole.networks.values(), generator.networks.values(), strict=True):
        saved = merged.state_dict()
        assert all(torch.equal(weight, saved[key]) for key, weight in network.state_dict().items())
    # the weights are equal; their layout in memory is not, and on some processors that changes the order of sums
    assert torch.allclose(prediction(whole, name), prediction(generator, name), atol=1e-6)


def test_an_adapter_of_another_base_is_refused(pipeline_folder: Callable[[str], Path], tmp_path: Path) -> None:
    save_adapter(adapted(pipeline_folder("wan21_t2v")), tmp_path / "adapter")
    with pytest.raises(CheckpointError, match=r"in_channels"):
        load_adapter(VideoGenerator.from_pretrained(pipeline_folder("wan21_i2v")), tmp_path / "adapter")
    (tmp_path / "adapter" / "card.json").unlink()
    with pytest.raises(CheckpointError, match="text-to-video"):
        load_adapter(VideoGenerator.from_pretrained(pipeline_folder("wan21_i2v")), tmp_path / "adapter")
    load_adapter(VideoGenerator.from_pretrained(pipeline_folder("wan21_t2v")), tmp_path / "adapter")


def test_an_adapter_of_another_family_is_refused(pipeline_folder: Callable[[str], Path], tmp_path: Path) -> None:
    save_adapter(adapted(pipeline_folder("wan21_t2v")), tmp_path / "adapter")
    with pytest.raises(CheckpointError, match="is an adapter of Wan, the model is LTX"):
        load_adapter(VideoGenerator.from_pretrained(pipeline_folder("ltx")), tmp_path / "adapter")
    (tmp_path / "adapter" / "card.json").unlink()
    with pytest.raises(CheckpointError, match="is not in this network"):
        load_adapter(VideoGenerator.from_pretrained(pipeline_folder("ltx")), tmp_path / "adapter")


def test_targets_that_match_nothing_are_refused(pipeline_folder: Callable[[str], Path]) -> None:
    generator = VideoGenerator.from_pretrained(pipeline_folder("wan21_t2v"))
    with pytest.raises(ConfigError, match=r"ends in qkv; known endings are .*to_q"):
        add_adapter(generator, AdapterSettings(targets=("to_q", "qkv")))
    with pytest.raises(ConfigError, match="known are transformer"):
        add_adapter(generator, AdapterSettings(networks=("transformer_2",)))


def test_an_unmerged_adapter_is_not_saved_as_a_whole_folder(
    pipeline_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="merge it first"):
        adapted(pipeline_folder("wan21_t2v")).save(tmp_path / "whole")


def test_a_damaged_adapter_is_refused(pipeline_folder: Callable[[str], Path], tmp_path: Path) -> None:
    save_adapter(adapted(pipeline_folder("wan21_t2v")), tmp_path / "adapter")
    path = tmp_path / "adapter" / "pytorch_lora_weights.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="truncated"):
        load_adapter(VideoGenerator.from_pretrained(pipeline_folder("wan21_t2v")), tmp_path / "adapter")
    assert json.loads((tmp_path / "adapter" / "card.json").read_text())["alpha"] == {"transformer": 10.0}
