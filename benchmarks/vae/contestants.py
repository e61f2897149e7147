"""The VAEs that are compared: ours, and two of the diffusers library of about its size and the same compression."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from physics_data.core.config import load_config
from physics_data.core.errors import ConfigError
from worldsim.config import VAETrainConfig
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
