"""Steps of our own models on a GPU: sizes of the transformer, packing, sampling."""

import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.generator import speed
from benchmarks.gpu import COMMAND, GpuContext, Rows
from benchmarks.rows import compared_row, median_row
from benchmarks.speed.sample import CONFIG as CAUSAL
from benchmarks.speed.sample import frame_by_frame
from benchmarks.speed.timing import interleaved
from benchmarks.speed.train import (
    matmul,
    matmul_flops,
    mixed_sizes,
    num_millions,
    short,
    training_flops,
    training_step,
    word_conditioning,
)
from worldsim.losses.denoising import DiTObjective, dit_objective
from worldsim.model import DiT, DiTConfig
from worldsim.model.model_config import named_size
from worldsim.sampling import SamplingConfig
from worldsim.videos import SampleConfig, Sampler

BATCHES = {"S": 32, "B": 16, "L": 8}
"""Size → clips of a step."""

GRID = (8, 32, 32)
"""Latents of a clip: 29 frames of 256 x 256 through a VAE of 4 x 8 x 8, 2,048 tokens."""

_SMALL: dict[str, Any] = {"depth": 1, "width": 32, "num_heads": 2}


def measure_sizes(context: GpuContext) -> Rows:
    """Training step of DiT-S, B and L in bf16, as a share of the matrix-product peak measured beside it."""
    for size in BATCHES:
        yield from _one_size(context, size, is_compiled=False)
    return None


def measure_compiled(context: GpuContext) -> Rows:
    """The same steps compiled by torch, beside those that are not."""
    for size in BATCHES:
        yield from _one_size(context, size, is_compiled=True)
    return None


def _one_size(context: GpuContext, size: str, *, is_compiled: bool) -> Rows:
    config = _sized(size, context)
    batch, grid = (1, (2, 8, 8)) if context.is_small else (BATCHES[size], GRID)
    sequence = grid[0] * grid[1] * grid[2] // 4
    device, side = context.device, 128 if context.is_small else 8192
    dit = DiT(config).to(device)
    latents = torch.randn(batch, config.latent_channels, *grid, device=device)
    conditioning = word_conditioning(batch, device)
    generator = torch.Generator(device).manual_seed(0)
    plain_seconds = None
    if is_compiled:
        plain = DiT(config).to(device)
        job = training_step(
            plain, lambda: dit_objective(plain, latents, conditioning, generator, DiTObjective())["loss"], device
        )
        plain_seconds = interleaved({"step": job}, context.repeats)["step"]
        del plain, job
        dit.compile(backend="eager" if context.is_small else "inductor")
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()

    def loss() -> torch.Tensor:
        return dit_objective(dit, latents, conditioning, generator, DiTObjective())["loss"]

    started = time.perf_counter()
    step = training_step(dit, loss, device)
    step()
    first = time.perf_counter() - started
    seconds = interleaved({"step": step, "matmul": matmul(device, side)}, context.repeats)
    peak = statistics.median(matmul_flops(side) / s for s in seconds["matmul"])
    flops = training_flops(config, sequence * batch, sequence)
    how = f"{'compiled, ' if is_compiled else ''}{short(device)}"
    name = f"DiT-{size}, {num_millions(dit):.0f} M weights, training step of {batch} clips of {sequence} tokens, {how}"
    peer = "the same, not compiled" if plain_seconds else None
    peer_rates = [batch / s for s in plain_seconds] if plain_seconds else None
    rates = [batch / s for s in seconds["step"]]
    yield median_row(name, rates, "clips/s", None, peer, peer_rates, COMMAND)
    share = [100 * flops / s / peak for s in seconds["step"]]
    peak_name = f"matrix products of {side}x{side} in that run: {peak / 1e12:.3g} TFLOP/s"
    yield median_row(f"{name}: share of the peak", share, "% of peak", 50.0, peak_name, None, COMMAND)
    if is_compiled:
        yield median_row(f"{name}: first step", [first], "s", None, None, None, COMMAND)
    if device == "cuda":
        memory = torch.cuda.max_memory_allocated() / 1e9
        yield compared_row(f"{name}: largest memory", memory, "GB", COMMAND)
    return None


def _sized(size: str, context: GpuContext) -> DiTConfig:
    return DiTConfig(**_SMALL) if context.is_small else named_size(size, text_every=2)


def measure_packed(context: GpuContext) -> Rows:
    """Clips of many sizes packed into rows without padding, beside padded batches."""
    count, tokens = (4, 512) if context.is_small else (256, 8192)
    for row in mixed_sizes(_sized("S", context), context.device, context.repeats, count, tokens):
        yield row.model_copy(update={"name": f"DiT-S, {row.name}", "command": COMMAND})
    return None


def measure_sampling(context: GpuContext) -> Rows:
    """Frames per second: frame by frame with a cache, and the built-in generator from a prompt to frames."""
    config = CAUSAL.model_copy(update=_SMALL) if context.is_small else CAUSAL
    for row in frame_by_frame(config, context.device, context.repeats, 2 if context.is_small else 12):
        yield row.model_copy(update={"command": COMMAND})
    sampler = Sampler.load(Path("builtin:world"), SampleConfig())
    if context.is_small:
        sampler = replace(sampler, config=sampler.config.model_copy(update={"num_frames": 5}))
    one = speed(sampler, repeats=context.repeats)
    yield one.model_copy(update={"command": COMMAND})
    sampling = SamplingConfig(num_steps=4, guidance_scale=1.0)
    quick = replace(sampler, config=sampler.config.model_copy(update={"sampling": sampling}))
    count = 2 if context.is_small else 64
    num_frames, height, width = quick.geometry

    def draw() -> None:
        quick.draw(["a red ball falls"] * count, list(range(count)), [1] * count)

    seconds = interleaved({"draw": draw}, context.repeats)["draw"]
    name = f"frames per second at {width}x{height}, 4 steps, whole path, {count} videos at once"
    yield median_row(name, [count * num_frames / s for s in seconds], "frames/s", None, None, None, COMMAND)
    return None
