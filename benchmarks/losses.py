"""Auxiliary losses: their cost in a training step, and a picture of what each one sees."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from rich.progress import Progress

from benchmarks.rows import Row
from benchmarks.speed.timing import interleaved
from physics_data.core.clip import Clip
from physics_data.core.display import contact_sheet
from physics_data.pipeline.generate import ClipTask, generate_clip
from physics_data.pipeline.pairs import PairTask, make_pairs
from physics_data.scenarios.shared.scenario import SceneSettings
from worldsim.data.latent_labels import GROUPS, LatentLabels, labels_read_for, latent_labels, stack_latent_labels
from worldsim.data.sources import PixelClip
from worldsim.losses.auxiliary import AUXILIARY, AuxiliaryLoss, Prediction
from worldsim.losses.auxiliary.combination import AuxiliaryLosses
from worldsim.probes import LatentSpace, Probes, ProbesConfig
from worldsim.training.optimizer import build_optimizers
from worldsim.training.stages import load_train_config
from worldsim.training.tasks.dit_task import DiTTask

COMMAND = "OMP_NUM_THREADS=1 python -m benchmarks losses cost --json"
TARGET = 15.0
"""Percent that a loss may add."""

_FAR = 1_000
"""A step at which every loss has its full weight."""


def measure_cost(config: Path, out: Path, overrides: list[str], repeats: int) -> list[Row]:
    """Time whole steps (batch, forward, backward, optimiser) without auxiliary losses, and with each alone.

    Steps take turns in CPU time, and each is compared with the plain step of the same turn.
    """
    jobs = {"plain": _step(config, out, "{}", overrides)}
    jobs |= {name: _step(config, out, f"{{{name}: {{weight: 0.1}}}}", overrides) for name in AUXILIARY}
    seconds = interleaved(jobs, repeats, time.process_time)
    rows = []
    for name in AUXILIARY:
        pairs = zip(seconds[name], seconds["plain"], strict=True)
        added = sorted(100 * (own / plain - 1) for own, plain in pairs)
        value = statistics.median(added)
        rows.append(
            Row(
                name=f"step with {name}",
                value=value,
                unit="% longer",
                target=TARGET,
                meets=value <= TARGET,
                peer="the same step without it, s",
                peer_value=statistics.median(seconds["plain"]),
                ratio=1 + value / 100,
                spread=f"{added[len(added) // 4]:.3g} to {added[-1 - len(added) // 4]:.3g} (quartiles)",
                command=COMMAND,
            )
        )
    return rows


def _step(config: Path, out: Path, terms: str, overrides: list[str]) -> Callable[[], None]:
    resolved: Any = load_train_config(config, [*overrides, f"out={out}", f"loss.auxiliary={terms}"])
    torch.manual_seed(resolved.seed)
    task = DiTTask(resolved, torch.device("cpu"))
    with Progress(disable=True) as progress:
        task.prepare(progress)
    model: Any = task.model
    optimizers = build_optimizers(model, resolved.optimizer)
    done = [_FAR]

    def step() -> None:
        generator = torch.Generator().manual_seed(done[0])
        task.loss(model, task.batch(done[0]), generator)["loss"].backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        done[0] += 1

    return step


FRAMES, SQUARE = 4, 4
SPACE = LatentSpace(channels=3 * FRAMES, temporal_factor=FRAMES)
SETTINGS = SceneSettings(
    layout="centred",
    num_frames=17,
    frame_rate=16,
    width=32,
    height=32,
    camera_jitter=0.0,
    palette=("red", "blue", "green", "yellow"),
    floors=("grey",),
    radius=(0.38, 0.48),
)
SCENARIOS = ("free_drop", "projectile", "collide", "occluder_pass")


def folded(clip: Clip) -> torch.Tensor:
    """Return the latents of a clip, [12 t h w]."""
    video = torch.from_numpy(clip.rgb).float() / 64 - 2
    small = video.movedim(-1, 1).unfold(2, SQUARE, SQUARE).unfold(3, SQUARE, SQUARE).mean((-2, -1))
    first = small[:1].repeat(FRAMES, 1, 1, 1)
    whole = torch.cat([first, small[1:]])
    return whole.unflatten(0, (-1, FRAMES)).flatten(1, 2).movedim(1, 0).contiguous()


def labels_of(clips: Sequence[Clip], groups: Sequence[str] = GROUPS) -> LatentLabels:
    """Return the labels of clips on the grid of ``folded``."""
    known = labels_read_for(GROUPS)
    return stack_latent_labels([latent_labels(PixelClip.of(clip, known), FRAMES, SQUARE, groups) for clip in clips])


@lru_cache
def lawful_clips(count: int = 24) -> tuple[Clip, ...]:
    """Return clips of the demo's scenarios, which probes learn from."""
    tasks = [ClipTask(SCENARIOS[number % len(SCENARIOS)], "mujoco", number) for number in range(count)]
    return tuple(generate_clip(task, SETTINGS, 0, "raycast").clip for task in tasks)


@lru_cache
def possible_and_impossible(editor: str, index: int = 0) -> tuple[Clip, Clip]:
    """Return a possible clip and its impossible counterpart: of a pair, or the first two of a quadruplet."""
    clips = {clip.meta.pair.role: clip for clip in _made(editor, index) if clip.meta.pair is not None}
    return (clips["possible"], clips["impossible"]) if "possible" in clips else (clips["AA"], clips["AB"])


@lru_cache
def trained_probes(names: tuple[str, ...], seed: int = 0, steps: int = 200) -> Probes:
    """Return probes that have learned on the lawful clips."""
    torch.manual_seed(seed)
    probes = Probes(names, SPACE, ProbesConfig())
    clips = lawful_clips()
    latents, labels = torch.stack([folded(clip) for clip in clips]), labels_of(clips)
    optimizer = torch.optim.AdamW(probes.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        start, every = step % 3, 3
        seen = latents[start::every]
        noisy = seen + 0.1 * torch.randn(seen.shape, generator=generator)
        losses = probes.losses(noisy, labels.rows(start, every))
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    probes.zero_grad()
    return probes.requires_grad_(False)


def built(name: str, **settings: Any) -> tuple[AuxiliaryLoss, Probes]:
    """Return a loss and the trained probes it reads with."""
    term = AUXILIARY.get(name).settings(**settings)
    losses = AuxiliaryLosses({name: term})
    return losses.members[name], trained_probes(losses.probes)


def predicted(
    true: Sequence[Clip], shown: Sequence[Clip] | torch.Tensor, level: float = 0.2, groups: Sequence[str] = GROUPS
) -> Prediction:
    """Return the prediction that shows some clips (or latents) where others are true."""
    latents = torch.stack([folded(clip) for clip in true])
    clean = shown if isinstance(shown, torch.Tensor) else torch.stack([folded(clip) for clip in shown])
    frames = torch.full((len(latents), latents.shape[2]), level)
    return Prediction(clean, latents, frames, labels_of(true, groups))


@lru_cache
def _made(editor: str, index: int) -> tuple[Clip, ...]:
    return tuple(make_pairs(PairTask(editor, "mujoco", index, 1.0), SETTINGS, 0, "raycast"))


SHOWN: dict[str, tuple[tuple[str, int], ...]] = {
    "identity": (("color_swap", 0), ("shape_swap", 1)),
    "permanence": (("vanish", 0), ("duplicate", 1)),
    "attributes": (("color_swap", 1), ("size_swap", 1)),
    "physical_plausibility": (("teleport", 0), ("wrong_g", 0)),
}
"""Loss: the editors, and the numbers of their possible_and_impossible, whose violations are shown."""

_HEAT = (255, 60, 0)


def write_pictures(out: Path, names: tuple[str, ...] = tuple(SHOWN)) -> list[Path]:
    """Write ``loss_NAME.png`` for each loss; returns the files."""
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for name in names:
        rows, captions = [], []
        for editor, index in SHOWN[name]:
            true, wrong = possible_and_impossible(editor, index)
            value, push = pushed(name, true, wrong)
            rows += [at_latent_frames(true), at_latent_frames(wrong), heated(at_latent_frames(wrong), push)]
            captions += ["true clip", f"prediction: {editor}", f"where the loss pushes; {name} = {value:.2f}"]
        file = out / f"loss_{name}.png"
        sheet = contact_sheet(rows, captions, columns=len(rows[0]), across=len(SHOWN[name]))
        Image.fromarray(sheet).save(file, optimize=True)
        files.append(file)
    return files


def pushed(name: str, true: Clip, wrong: Clip) -> tuple[float, Float[np.ndarray, "t h w"]]:
    """Return a loss and the length of its gradient at each latent position."""
    loss, probes = built(name)
    start = predicted([true], [wrong])
    clean = start.clean.requires_grad_()
    value = loss(replace(start, clean=clean), probes)
    (gradient,) = torch.autograd.grad(value, clean)
    return value.item(), gradient[0].norm(dim=0).numpy()


def at_latent_frames(clip: Clip) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the last video frame of each latent frame."""
    return clip.rgb[::FRAMES]


def heated(
    video: UInt8[np.ndarray, "t height width 3"], push: Float[np.ndarray, "t h w"]
) -> UInt8[np.ndarray, "t height width 3"]:
    """Return a video in grey, with what is pushed in red; the strongest push of the clip is full red."""
    strength = np.sqrt(push / max(push.max(), 1e-12)).repeat(SQUARE, 1).repeat(SQUARE, 2)[..., None]
    grey = video.mean(-1, keepdims=True) * 0.6 + 60
    return (grey * (1 - strength) + np.array(_HEAT) * strength).astype(np.uint8)


if __name__ == "__main__":
    raise SystemExit("This program was renamed; write: python -m benchmarks losses")
