"""Low-rank adapters on a model of a public size with random weights: our step beside diffusers' plain loop."""

import json
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import COMMAND, GpuContext, Rows
from benchmarks.rows import compared_row, median_row
from benchmarks.speed.timing import Job, interleaved
from benchmarks.speed.train import precision, short
from physics_data.core.config import load_config, validate_config
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig
from worldsim.families.folder import diffusers_module
from worldsim.model.conditioning import Conditioning
from worldsim.training.family_config import FamilyTrainConfig
from worldsim.training.tasks.family import FamilyBatch, FamilyTask

WAN_21_1_3B: dict[str, Any] = {
    "num_attention_heads": 12,
    "attention_head_dim": 128,
    "ffn_dim": 8960,
    "num_layers": 30,
    "text_dim": 4096,
    "freq_dim": 256,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
}
"""Source: config.json of Wan-AI/Wan2.1-T2V-1.3B-Diffusers."""

_SMALL = {**WAN_21_1_3B, "num_attention_heads": 2, "attention_head_dim": 12, "ffn_dim": 32, "num_layers": 1}
_SMALL |= {"text_dim": 16, "freq_dim": 16}
_TEXT_TOKENS = 512
_RANK = 32
_DATA = """
scenarios: [free_drop]
scenes_per_scenario: {{train: 1, val: 0, test: 0}}
engines: [mujoco]
settings: {{num_frames: {frames}, width: {width}, height: {height}, frame_rate: 16}}
"""


def measure_adapters(context: GpuContext) -> Rows:
    """Adapter of rank 32 on the shape of Wan 2.1 1.3B: step time and memory, beside diffusers' plain loop."""
    torch.manual_seed(0)
    clips = [(17, 32, 32)] if context.is_small else [(33, 480, 832), (81, 480, 832)]
    folder = write_wan(context.scratch / "wan", _SMALL if context.is_small else WAN_21_1_3B)
    for clip in clips:
        yield from _one_length(context, folder, clip)
    return None


def write_wan(folder: Path, shape: dict[str, Any]) -> Path:
    """Write a pipeline folder with a random transformer; of VAE, scheduler and text encoder what planning reads."""
    diffusers = diffusers_module()
    network = diffusers.WanTransformer3DModel(**shape).to(torch.bfloat16)
    network.save_pretrained(folder / "transformer")
    vae = diffusers.AutoencoderKLWan(base_dim=4, num_res_blocks=1)
    vae.save_config(folder / "vae")
    diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    ).save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "WanPipeline",
        "vae": ["diffusers", "AutoencoderKLWan"],
        "transformer": ["diffusers", "WanTransformer3DModel"],
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "text_encoder": ["transformers", "UMT5EncoderModel"],
    }
    for name in ("tokenizer", "text_encoder"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def _one_length(context: GpuContext, folder: Path, clip: tuple[int, int, int]) -> Rows:
    task = _task(context, folder, clip)
    shape = task.generator.latent_shape(*clip)
    device = context.device
    latents = torch.randn(1, *shape, device=device)
    words = torch.randn(1, _TEXT_TOKENS, int(task.generator.config.text_dim), device=device)
    tokens = task.generator.num_tokens(shape)
    seconds, memory = {}, {}
    jobs = {"ours": lambda: _ours(task, latents, words), "diffusers": lambda: _plain(folder, latents, words)}
    for name, make in jobs.items():  # one after the other: memory is of each alone
        if device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        seconds[name] = interleaved({name: make()}, context.repeats)[name]
        memory[name] = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else None
        if name == "ours":
            for network in task.generator.networks.values():
                network.to("cpu")
    frames, height, width = clip
    what = (
        f"adapter of rank {_RANK}, shape of Wan 2.1 1.3B, {frames}x{height}x{width}, {tokens:,} tokens, {short(device)}"
    )
    target = 1.05 * sorted(seconds["diffusers"])[context.repeats // 2]
    peer = "diffusers' network, peft and AdamW in a plain loop"
    yield median_row(f"{what}: a step", seconds["ours"], "s", target, peer, seconds["diffusers"], COMMAND)
    if memory["ours"] is not None:
        name = f"{what}: largest memory"
        yield compared_row(name, memory["ours"], "GB", COMMAND, peer=peer, peer_value=memory["diffusers"])
    return None


def _task(context: GpuContext, folder: Path, clip: tuple[int, int, int]) -> FamilyTask:
    """Return ``task: family`` over one clip of that size, which is not encoded."""
    frames, height, width = clip
    data = context.scratch / f"adapter_data_{frames}x{height}x{width}"
    source = context.scratch / "adapter_data.yaml"
    source.write_text(_DATA.format(frames=frames, width=width, height=height), encoding="utf-8")
    build(load_config(BuildConfig, source), data)
    values = {
        "task": "family",
        "base": str(folder),
        "out": str(context.scratch / "adapter"),
        "weights": "bf16",
        "num_steps": 1,
        "batch_size": 1,
        "adapter": {"rank": _RANK, "alpha": _RANK},
        "data": {"sources": [{"path": str(data)}], "num_frames": frames, "height": height, "width": width},
        "loss": {"condition_dropout": 0.0},
        "optimizer": {"warmup_steps": 0},
        "hardware": {"device": context.device, "precision": short(context.device), "recompute": True},
    }
    config = validate_config(FamilyTrainConfig, values, source="the adapter's config")
    return FamilyTask(config, torch.device(context.device))


def _ours(task: FamilyTask, latents: torch.Tensor, words: torch.Tensor) -> Job:
    """Return the step of ``task: family`` on random latents and text features."""
    conditioning = Conditioning.of({"embeds": words}, torch.tensor([16.0], device=latents.device))
    batch = FamilyBatch(latents, conditioning)
    generator = torch.Generator(latents.device).manual_seed(0)
    weights = list(task.model.parameters())
    return _step(weights, lambda: task.loss(task.model, batch, generator)["loss"], latents.device.type)


def _plain(folder: Path, latents: torch.Tensor, words: torch.Tensor) -> Job:
    """Return the step of diffusers' training examples: peft on the network, noise, flow matching, AdamW."""
    import peft

    diffusers = diffusers_module()
    device = latents.device
    network = diffusers.WanTransformer3DModel.from_pretrained(folder / "transformer", torch_dtype=torch.bfloat16)
    network = network.to(device).requires_grad_(False).train()
    network.add_adapter(peft.LoraConfig(r=_RANK, lora_alpha=_RANK, target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    network.enable_gradient_checkpointing()
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    for weight in weights:
        weight.data = weight.data.float()

    def loss() -> torch.Tensor:
        noise, t = torch.randn_like(latents), torch.rand(len(latents), device=device)
        noisy = (1 - t.view(-1, 1, 1, 1, 1)) * latents + t.view(-1, 1, 1, 1, 1) * noise
        told = words.to(torch.bfloat16)
        predicted = network(
            hidden_states=noisy.to(torch.bfloat16), timestep=1000 * t, encoder_hidden_states=told, return_dict=False
        )[0]
        return (predicted.float() - (noise - latents)).square().mean()

    return _step(weights, loss, device.type)


def _step(weights: list[Any], loss: Any, device: str) -> Job:
    optimizer = torch.optim.AdamW(weights, lr=1e-4, fused=True)

    def run() -> None:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=precision(device) == torch.bfloat16):
            value = loss()
        value.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if device == "cuda":
            torch.cuda.synchronize()

    return run
