"""Causal video VAEs trained from scratch on the same clips for the same processor time: ours and two of diffusers."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from physics_data.core.config import load_config
from physics_data.core.errors import ConfigError
from worldsim.config import OptimizerConfig, VAETrainConfig
from worldsim.data.collate import to_tensor
from worldsim.losses.vae_objective import VAEObjective, vae_objective
from worldsim.training.optimizer import Optimizers, build_optimizers, learning_rate_factor, set_learning_rate
from worldsim.training.state import WeightAverage
from worldsim.vae import Posterior, VideoVAE, VideoVAEConfig
from worldsim.vae.video_vae import Latents

OURS = "ours"


class VideoCodec(Protocol):
    """What training and measuring need of a VAE; videos in [-1, 1], 4 k + 1 frames, sides in multiples of 8."""

    def encode(self, video: torch.Tensor) -> Posterior:
        """Return the distribution of the latents of "b 3 t h w"."""
        ...

    def decode(self, latents: Latents) -> torch.Tensor:
        """Return videos "b 3 t h w"."""
        ...


class FromDiffusers(nn.Module):
    """A VAE of diffusers with the interface of ours."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def encode(self, video: torch.Tensor) -> Posterior:
        """Return the distribution of the latents."""
        found = self.model.encode(video).latent_dist
        return Posterior(found.mean, found.logvar)

    def decode(self, latents: Latents) -> torch.Tensor:
        """Return the videos."""
        return self.model.decode(latents).sample


def layout_of(config: str) -> VideoVAEConfig:
    """Return the layout that a training config describes."""
    return load_config(VAETrainConfig, Path(config)).model


def wan() -> nn.Module:
    """Return the Wan VAE, 4x8x8 with 16 channels, narrowed.

    Raises:
        ConfigError: diffusers is not installed.
    """
    model = _diffusers().AutoencoderKLWan(
        base_dim=18, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    return FromDiffusers(model)


def cogvideox() -> nn.Module:
    """Return the CogVideoX VAE, 4x8x8 with 16 channels, narrowed.

    Raises:
        ConfigError: diffusers is not installed.
    """
    model = _diffusers().AutoencoderKLCogVideoX(
        block_out_channels=(32, 48, 64, 64),
        latent_channels=16,
        layers_per_block=1,
        norm_num_groups=8,
        temporal_compression_ratio=4,
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
    )
    return FromDiffusers(model)


PEERS: dict[str, Callable[[], nn.Module]] = {
    "diffusers AutoencoderKLWan": wan,
    "diffusers AutoencoderKLCogVideoX": cogvideox,
}


def build(name: str, layout: VideoVAEConfig) -> nn.Module:
    """Return an untrained VAE by name."""
    return VideoVAE(layout) if name == OURS else PEERS[name]()


def num_weights(model: nn.Module) -> int:
    """Return how many numbers are trained."""
    return sum(weight.numel() for weight in model.parameters())


def _diffusers() -> Any:
    try:
        import diffusers  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(
            "the peers of this benchmark need diffusers; pip install diffusers, or leave them out with --no-peers."
        ) from error
    return diffusers


Clips = Sequence[UInt8[np.ndarray, "t h w 3"]]

_LOSS = VAEObjective(gradient=0.5, foreground_weight=4.0)
_SCHEDULE = 1000
_EMA_DECAY = 0.95
_PIECE_SECONDS = 2.0


@dataclass(frozen=True)
class ComparisonRules:
    """What is the same for all.

    Units:
        seconds:  of processor time that each may train; none is spent on loading
    """

    seconds: float
    batch_size: int = 4
    num_frames: int = 9
    size: int = 32
    seed: int = 0


@dataclass
class Runner:
    """One VAE in training; the learning rate follows the share of the time that is used up."""

    model: nn.Module
    optimizers: Optimizers
    average: WeightAverage
    spent: float = 0.0
    num_steps: int = 0
    losses: list[float] = field(default_factory=list)


def optimizer_for(name: str, ours: str) -> OptimizerConfig:
    """Return the optimiser: AdamW for everybody, at a learning rate usual for that network."""
    rate = 2e-3 if name == ours else 1e-3
    return OptimizerConfig(name="adamw", learning_rate=rate, weight_decay=0.0, warmup_steps=30, final_fraction=0.02)


def train_in_turns(
    models: Mapping[str, nn.Module],
    configs: Mapping[str, OptimizerConfig],
    clips: Clips,
    rules: ComparisonRules,
    on_seconds: Callable[[float], None] = lambda seconds: None,
) -> dict[str, Runner]:
    """Train all until each has used its time; step n of each sees the same crops."""
    runners = {
        name: Runner(model.train(), build_optimizers(model, configs[name]), WeightAverage(model, _EMA_DECAY))
        for name, model in models.items()
    }
    while any(runner.spent < rules.seconds for runner in runners.values()):
        for name, runner in runners.items():
            before = runner.spent
            while runner.spent < min(before + _PIECE_SECONDS, rules.seconds):
                _step(runner, configs[name], crops(clips, rules, runner.num_steps), rules)
            on_seconds(runner.spent - before)
    return runners


def crops(clips: Clips, rules: ComparisonRules, step: int) -> torch.Tensor:
    """Return the batch of a step, in [-1, 1]; a pure function of the step."""
    rng = np.random.default_rng((rules.seed, step))
    parts = []
    for _ in range(rules.batch_size):
        clip = clips[int(rng.integers(len(clips)))]
        room = (clip.shape[0] - rules.num_frames, clip.shape[1] - rules.size, clip.shape[2] - rules.size)
        t, y, x = (int(rng.integers(spare + 1)) for spare in room)
        parts.append(clip[t : t + rules.num_frames, y : y + rules.size, x : x + rules.size])
    return to_tensor(np.stack(parts))


def _step(runner: Runner, config: OptimizerConfig, video: torch.Tensor, rules: ComparisonRules) -> None:
    started = time.process_time()
    progress = int(_SCHEDULE * min(runner.spent / rules.seconds, 1.0))
    set_learning_rate(runner.optimizers, learning_rate_factor(progress, _SCHEDULE, config))
    generator = torch.Generator().manual_seed(runner.num_steps)
    unlabelled = torch.zeros(len(video), dtype=torch.bool)
    losses = vae_objective(runner.model, video, None, unlabelled, generator, _LOSS)
    losses["loss"].backward()
    torch.nn.utils.clip_grad_norm_(runner.model.parameters(), config.max_gradient_norm)
    for optimizer in runner.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    runner.average.update(runner.model, runner.num_steps)
    runner.losses.append(float(losses["loss"].detach()))
    runner.num_steps += 1
    runner.spent += time.process_time() - started
