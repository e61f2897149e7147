"""Benchmark of the video VAE: clips, training in equal time, reconstruction, speed and memory, as rows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch

from benchmarks.rows import Row, median_row
from benchmarks.speed.timing import interleaved, rates
from benchmarks.vae.equal_time import (
    OURS,
    PEERS,
    ComparisonRules,
    VideoCodec,
    build,
    layout_of,
    num_weights,
    optimizer_for,
    train_in_turns,
)
from benchmarks.vae.reconstruction import ClipSets, Kept, make_clips, peak_memory, what_is_kept
from worldsim.codec.files import Codec
from worldsim.data.collate import to_tensor
from worldsim.vae import VideoVAEConfig

COMMAND = "python -m benchmarks vae --json"

Say = Callable[[str], None]


@dataclass(frozen=True)
class VAEBenchmark:
    """How large the comparison is.

    footage:   folder of videos, for the real clips; None leaves them out
    layout:    training config whose layout ours has
    weights:   trained VAE to measure beside the comparison, a run or model folder; None leaves it out

    Units:
        seconds:  of processor time that each model trains
        size:     side of the clips, px
    """

    seconds: float = 40.0
    size: int = 64
    num_train: int = 48
    num_physics: int = 12
    num_real: int = 12
    repeats: int = 3
    footage: Path | None = None
    layout: str = "configs/vae_cpu.yaml"
    weights: Path | None = None
    with_peers: bool = True


def measure_vae(plan: VAEBenchmark, say: Say = lambda line: None) -> list[Row]:
    """Run the comparison; returns rows as in ``benchmarks.speed``.

    Raises:
        ConfigError: diffusers is not installed and peers are asked for.
        CheckpointError: no trained VAE in ``weights``.
    """
    torch.set_num_threads(1)
    say("making clips")
    num_train = plan.num_train if plan.with_peers else 0
    clips = make_clips(num_train, plan.num_physics, plan.num_real, plan.size, plan.footage)
    rows: list[Row] = []
    if plan.weights is not None:
        say(f"measuring {plan.weights}")
        codec = Codec.load(plan.weights)
        rows += _trained_rows(str(plan.weights), codec, clips)
    return rows + (_comparison_rows(plan, clips, say) if plan.with_peers else [])


def _trained_rows(name: str, codec: Codec, clips: ClipSets) -> list[Row]:
    rows: list[Row] = []
    for kind, some, target in (("physics", clips.physics, 38.0), ("real", clips.real, 30.0)):
        if some:
            found = what_is_kept(codec.vae.cpu(), some)
            rows += _kept_rows(f"{name}, held-out {kind} clips", found, None, None, psnr_target=target)
    return rows


def _comparison_rows(plan: VAEBenchmark, clips: ClipSets, say: Say) -> list[Row]:
    layout = layout_of(plan.layout)
    names = [OURS, *PEERS]
    torch.manual_seed(0)
    models = {name: build(name, layout) for name in names}
    say(f"training {len(names)} VAEs for {plan.seconds:g} s of processor time each")
    configs = {name: optimizer_for(name, OURS) for name in names}
    runners = train_in_turns(models, configs, clips.train, ComparisonRules(plan.seconds))
    trained = {name: runner.average.model.eval() for name, runner in runners.items()}
    rows = [_row(f"{name}: weights", [num_weights(model) / 1e6], "M", None, None) for name, model in models.items()] + [
        _row(f"{name}: training steps", [runner.num_steps], "steps", None, None) for name, runner in runners.items()
    ]
    for kind, some in (("physics", clips.physics), ("real", clips.real)):
        if not some:
            continue
        say(f"measuring held-out {kind} clips")
        found = {name: what_is_kept(cast(VideoCodec, model), some) for name, model in trained.items()}
        for peer in PEERS:
            title = f"trained alike for {plan.seconds:g} s, held-out {kind} clips"
            rows += _kept_rows(title, found[OURS], peer, found[peer])
    say("measuring speed and memory")
    return rows + _cost_rows(plan, layout, trained)


def _cost_rows(plan: VAEBenchmark, layout: VideoVAEConfig, trained: dict[str, torch.nn.Module]) -> list[Row]:
    shape = (17, plan.size, plan.size)
    video = to_tensor(np.zeros((1, *shape, 3), np.uint8))

    @torch.no_grad()
    def code(model: torch.nn.Module) -> None:
        model.decode(model.encode(video).mean)  # pyright: ignore[reportCallIssue]

    jobs = {name: (lambda model=model: code(model)) for name, model in trained.items()}
    found = rates(interleaved(jobs, plan.repeats, time.process_time), shape[0])
    memory = {name: peak_memory(name, layout, shape) for name in trained}
    rows: list[Row] = []
    for peer in PEERS:
        speed_target = 1.5 * float(np.median(found[peer]))
        what = f"encode and decode 17 frames of {plan.size}x{plan.size}"
        rows.append(_row(what, found[OURS], "frames/s on one core", peer, found[peer], speed_target))
        rows.append(_row(f"peak memory to {what}", [memory[OURS]], "MiB", peer, [memory[peer]], memory[peer]))
    return rows


def _kept_rows(
    title: str, ours: Kept, peer: str | None, theirs: Kept | None, psnr_target: float | None = None
) -> list[Row]:
    rows: list[Row] = []
    for what, unit in (
        ("psnr", "dB"),
        ("ssim", "SSIM"),
        ("flicker", "grey levels a frame"),
        ("object_psnr", "dB"),
        ("displacement", "px"),
    ):
        values: list[float] = getattr(ours, what)
        others = None if theirs is None else getattr(theirs, what)
        if not values:
            continue
        target = psnr_target if what == "psnr" else None
        if what == "psnr" and others:
            target = float(np.median(others))
        rows.append(_row(f"{title}: {_TITLES[what]}", values, unit, peer, others, target))
    if ours.object_psnr:
        lost = None if theirs is None else [100 * theirs.lost]
        target = 0.0 if theirs is None else None
        row = _row(f"{title}: frames of moving objects lost", [100 * ours.lost], "%", peer, lost)
        rows.append(row.model_copy(update={"target": target, "meets": None if target is None else ours.lost == 0}))
    return rows


_TITLES = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "flicker": "flicker of a still scene",
    "object_psnr": "PSNR in moving objects",
    "displacement": "error of the place of moving objects",
}


def _row(
    name: str,
    values: list[float],
    unit: str,
    peer: str | None,
    others: list[float] | None,
    target: float | None = None,
) -> Row:
    return median_row(name, values, unit, target, peer, others or None, COMMAND)
