"""What auxiliary losses are tried on: clips, their latents without a VAE, and trained probes.

Latents are pixels folded: means over squares of 4 pixels, the four frames of a latent frame as channels. So a clip and
its impossible twin can be compared at once, and what a probe reads is what is in the picture.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

from physics_data.core.clip import Clip
from physics_data.pipeline.generate import ClipTask, generate_clip
from physics_data.pipeline.twins import TwinTask, make_twins
from physics_data.scenarios.base import SceneSettings
from worldsim.data.latent_labels import GROUPS, LatentLabels, labels_read_for, latent_labels, stack_latent_labels
from worldsim.data.sources import PixelClip
from worldsim.losses.auxiliary import AUXILIARY, AuxiliaryLoss, Prediction
from worldsim.losses.auxiliary.mix import Mix
from worldsim.probes import LatentSpace, Learns, Probes, ProbesConfig

FRAMES, SQUARE = 4, 4
SPACE = LatentSpace(channels=3 * FRAMES, temporal_factor=FRAMES, token_width=16, patch_size=1)
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
def twins(editor: str, index: int = 0) -> tuple[Clip, Clip]:
    """Return a clip that can happen and its twin that cannot: of a pair, or the first two of a quadruplet."""
    clips = {clip.meta.twin.role: clip for clip in _made(editor, index) if clip.meta.twin is not None}
    return (clips["possible"], clips["impossible"]) if "possible" in clips else (clips["AA"], clips["AB"])


@lru_cache
def trained_probes(names: tuple[str, ...], seed: int = 0, steps: int = 200) -> Probes:
    """Return probes that have learned on the lawful clips."""
    torch.manual_seed(seed)
    probes = Probes(names, SPACE, ProbesConfig())
    clips = lawful_clips()
    latents, labels = torch.stack([folded(clip) for clip in clips]), labels_of(clips)
    if not any(isinstance(member, Learns) for member in probes.members.values()):
        return probes.requires_grad_(False)
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
    mix = Mix({name: term})
    return mix.losses[name], trained_probes(mix.probes)


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
    return tuple(make_twins(TwinTask(editor, "mujoco", index, 1.0), SETTINGS, 0, "raycast"))
