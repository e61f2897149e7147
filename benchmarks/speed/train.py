"""Speed of training a transformer, beside the diffusers model of the same size and beside padding."""

import functools
import importlib.util
import math
import random
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.rows import Row, median_row
from benchmarks.speed.timing import Job, interleaved
from worldsim.data.collate import balanced_rows
from worldsim.losses.denoising import DiTObjective, dit_objective, packed_dit_objective
from worldsim.model import DiT, DiTConfig
from worldsim.model.conditioning import Conditioning

COMMAND = "python -m benchmarks speed train --json"
CONFIG = DiTConfig(depth=12, width=384, num_heads=6, latent_channels=16, text_every=2)
WORDS = 16
GRID = (8, 16, 16)
"""Latents of 512 tokens: 29 frames of 128 x 128 through a VAE of 4 x 8 x 8."""

MIXED = ((1, 16, 16), (2, 8, 8), (3, 12, 20), (3, 20, 12), (5, 8, 16), (5, 16, 16), (8, 8, 12), (8, 16, 16))
"""Latents of one picture to 29 frames, in five aspect ratios: 32 to 512 tokens."""


def measure_train(repeats: int) -> list[Row]:
    """Time whole training steps: forward, backward, AdamW."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    short_dit = CONFIG.model_copy(update={"depth": 4})
    return [
        *_one_shape(device, repeats),
        *mixed_sizes(short_dit, device, repeats),
        *_lengths(device, max(repeats // 2, 1)),
    ]


def _one_shape(device: str, repeats: int) -> list[Row]:
    """One step over clips of 512 tokens, ours and a Wan transformer of diffusers of the same width, depth and MLP."""
    batch = 4 if device == "cuda" else 2
    latents = torch.randn(batch, 16, *GRID, device=device)
    conditioning = word_conditioning(batch, device)
    dit = DiT(CONFIG).to(device)
    generator = torch.Generator(device).manual_seed(0)

    def ours() -> torch.Tensor:
        return dit_objective(dit, latents, conditioning, generator, DiTObjective())["loss"]

    jobs: dict[str, Job] = {"ours": training_step(dit, ours, device)}
    peer_name = None
    wan = _wan(device)
    if wan is not None:
        peer_name = f"diffusers WanTransformer3DModel, {num_millions(wan):.1f} M weights"
        words = torch.randn(batch, WORDS, 384, device=device)
        t = torch.full((batch,), 500.0, device=device)

        def theirs() -> torch.Tensor:
            v = wan(hidden_states=latents, timestep=t, encoder_hidden_states=words, return_dict=False)[0]
            return (v.float() - latents).square().mean()

        jobs["wan"] = training_step(wan, theirs, device)
    jobs["matmul"] = matmul(device)
    seconds = interleaved(jobs, repeats)
    peak = [matmul_flops() / s for s in seconds["matmul"]]
    flops = training_flops(CONFIG, math.prod(GRID) // 4 * batch, math.prod(GRID) // 4)
    rates = {name: [batch / s for s in values] for name, values in seconds.items()}
    share = [100 * flops / s / (sum(peak) / len(peak)) for s in seconds["ours"]]
    target = 1.2 * sorted(rates["wan"])[repeats // 2] if wan is not None else None
    name = f"training step, {num_millions(dit):.1f} M weights, 512 tokens, batch {batch}, {short(device)}, AdamW"
    return [
        median_row(name, rates["ours"], "clips/s", target, peer_name, rates.get("wan"), COMMAND),
        median_row(
            f"the same as a share of the {short(device)} matmul peak measured beside it",
            share,
            "% of peak",
            50.0 if device == "cuda" else None,
            None,
            None,
            COMMAND,
        ),
    ]


def mixed_sizes(config: DiTConfig, device: str, repeats: int, count: int = 16, row_tokens: int = 512) -> list[Row]:
    """Return the rate of ``count`` clips of many sizes: packed, against batches of like sizes with padding."""
    rng = random.Random(0)
    shapes = [rng.choice(MIXED) for _ in range(count)]
    dit = DiT(config).to(device)
    latents = [torch.randn(16, *shape, device=device) for shape in shapes]
    conditioning = word_conditioning(len(shapes), device)
    tokens = [dit.num_tokens(one.shape) for one in latents]
    rows = balanced_rows(tokens, row_tokens, min_rows=1)
    generator = torch.Generator(device).manual_seed(0)

    def packed() -> torch.Tensor:
        return packed_dit_objective(dit, latents, conditioning, rows, generator, DiTObjective())["loss"]

    plain = DiT(dit.config).to(device)
    buckets = _buckets(tokens)

    def bucketed() -> torch.Tensor:
        """Pad the clips of a batch to its most frames, height and width, as a model of plain tensors needs."""
        losses = []
        for members in buckets:
            largest = [max(latents[i].shape[axis] for i in members) for axis in (1, 2, 3)]
            video = torch.zeros(len(members), 16, *largest, device=device)
            for row, i in enumerate(members):
                frames, down, across = latents[i].shape[1:]
                video[row, :, :frames, :down, :across] = latents[i]
            losses.append(
                dit_objective(plain, video, conditioning.rows(torch.tensor(members)), generator, DiTObjective())["loss"]
            )
        return torch.stack(losses).mean()

    seconds = interleaved(
        {"packed": training_step(dit, packed, device), "buckets": training_step(plain, bucketed, device)}, repeats
    )
    rates = {name: [len(shapes) / s for s in values] for name, values in seconds.items()}
    target = 1.5 * sorted(rates["buckets"])[repeats // 2]
    name = f"training step over {len(shapes)} clips of {len(MIXED)} sizes, packed"
    peer = "batches of 4 from buckets of like token counts, padded to one frame count, height and width"
    return [median_row(name, rates["packed"], "clips/s", target, peer, rates["buckets"], COMMAND)]


def _lengths(device: str, repeats: int) -> list[Row]:
    """How time grows with tokens: one clip, forward and backward, beside the time of its matrix products at peak."""
    most = 65_536 if device == "cuda" else 8_192
    dit = DiT(CONFIG.model_copy(update={"depth": 4})).to(device)
    rows = []
    frames = 4
    while frames * 64 <= most:
        latents = torch.randn(1, 16, frames, 16, 16, device=device)

        def loss(latents: torch.Tensor = latents) -> torch.Tensor:
            generator = torch.Generator(device).manual_seed(0)
            return dit_objective(dit, latents, word_conditioning(1, device), generator, DiTObjective())["loss"]

        seconds = interleaved({"ours": training_step(dit, loss, device), "matmul": matmul(device)}, repeats)
        tokens = frames * 64
        limit = [training_flops(dit.config, tokens, tokens) * s / matmul_flops() for s in seconds["matmul"]]
        name = f"training step of 4 blocks over one clip of {tokens:,} tokens"
        rows.append(median_row(name, seconds["ours"], "s", None, "matrix products at peak", limit, COMMAND))
        frames *= 2 if device == "cpu" else 4
    return rows


def training_step(model: nn.Module, loss: Callable[[], torch.Tensor], device: str) -> Job:
    """Return a whole step: forward, backward, AdamW."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def run() -> None:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=precision(device) == torch.bfloat16):
            value = loss()
        value.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def word_conditioning(count: int, device: str) -> Conditioning:
    """Return a prompt of ``WORDS`` equal words and a frame rate for each clip."""
    ids, mask = torch.ones(count, WORDS, dtype=torch.int64), torch.ones(count, WORDS, dtype=torch.bool)
    facts = (torch.ones(count, dtype=torch.int64), torch.full((count,), 16.0))
    return Conditioning.of_words(ids, mask, *facts).to(torch.device(device))


def _buckets(tokens: list[int], batch: int = 4) -> list[list[int]]:
    """Group clips by the next of a few token counts, and each group into batches."""
    groups: dict[int, list[int]] = {}
    for number, count in enumerate(tokens):
        groups.setdefault(next(size for size in (128, 256, 512) if count <= size), []).append(number)
    return [group[i : i + batch] for group in groups.values() for i in range(0, len(group), batch)]


def _wan(device: str) -> Any:
    """Return the diffusers transformer with our width, depth, heads and feed-forward; None where it is missing."""
    if importlib.util.find_spec("diffusers") is None:
        return None
    model: Any = importlib.import_module("diffusers").WanTransformer3DModel
    return model(
        patch_size=(1, 2, 2),
        num_attention_heads=CONFIG.num_heads,
        attention_head_dim=CONFIG.head_width,
        in_channels=16,
        out_channels=16,
        text_dim=384,
        freq_dim=256,
        ffn_dim=round(CONFIG.width * CONFIG.mlp_ratio),
        num_layers=CONFIG.depth,
        rope_max_seq_len=64,
    ).to(device)


@functools.cache
def precision(device: str) -> torch.dtype:
    """Return bfloat16, unless this processor has no instructions for it and single precision is faster."""
    if device == "cuda":
        return torch.bfloat16
    seconds = {}
    for dtype in (torch.bfloat16, torch.float32):
        matrix = torch.ones(512, 512, dtype=dtype)
        started = time.perf_counter()
        torch.mm(matrix, matrix)
        seconds[dtype] = time.perf_counter() - started
    return min(seconds, key=lambda dtype: seconds[dtype])


def short(device: str) -> str:
    """Return the precision in four letters."""
    return "bf16" if precision(device) == torch.bfloat16 else "fp32"


def matmul_flops(side: int = 2048) -> int:
    """Return the additions and multiplications of ``matmul``."""
    return 2 * side**3


def matmul(device: str, side: int = 2048) -> Job:
    """Return a product of two square matrices, whose speed stands for the peak."""
    left, right = (torch.randn(side, side, device=device, dtype=precision(device)) for _ in range(2))

    def run() -> None:
        torch.mm(left, right)
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def training_flops(config: DiTConfig, tokens: int, sequence: int) -> float:
    """Return the multiply-adds of forward and backward, times two: matrix products and attention of the blocks alone.

    Args:
        config: of the transformer
        tokens: of the whole batch
        sequence: tokens that attend to each other
    """
    width, hidden = config.width, 2 / 3 * config.width * config.mlp_ratio
    text = 2 * width**2 / config.text_every
    weights = 4 * width**2 + 3 * width * hidden + text
    attention = 2 * sequence * width
    return 3 * 2 * tokens * config.depth * (weights + attention)


def num_millions(model: nn.Module) -> float:
    """Return the number of weights, in millions."""
    return sum(weight.numel() for weight in model.parameters()) / 1e6
