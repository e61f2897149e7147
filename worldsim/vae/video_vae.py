"""A causal video VAE: an image is a video of one frame, and no latent frame sees a later video frame."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from physics_data.core.errors import DataError
from worldsim.vae.blocks import Blocks, Memory, SpatialConv, fold, spectral_code, unfold
from worldsim.vae.vae_config import Stride, VideoVAEConfig

Latents = Float[torch.Tensor, "b c t h w"]


@dataclass(frozen=True)
class Posterior:
    """Independent normal distributions of the raw latents."""

    mean: Latents
    log_variance: Latents

    def sample(self, generator: torch.Generator) -> Latents:
        """Draw latents; gradients reach mean and log_variance."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + noise * torch.exp(0.5 * self.log_variance)

    def mode(self) -> Latents:
        """Return the most probable latents."""
        return self.mean


Video = Float[torch.Tensor, "b 3 frames height width"]

_LOG_VARIANCE_RANGE = (-14.0, 4.0)
_FIRST_LOG_VARIANCE = -6.0


class VideoVAE(nn.Module):
    """Takes 1 + k * temporal_factor frames to 1 + k latent frames, and each side to a spatial_factor-th.

    Encoder and decoder are stages of residual blocks; between stages, resolution is folded into channels. With
    ``dct_init`` a linear code of low frequencies runs beside both, so an untrained VAE already gives blurred
    video and training only has to learn the rest.

    Source: the causal layout follows Yu et al. (2024), Language model beats diffusion: tokenizer is key to visual
    generation (MAGVIT-v2); the linear bypass is in the spirit of Chen et al. (2025), Deep compression autoencoder.
    """

    def __init__(self, config: VideoVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _Encoder(config)
        self.decoder = _Decoder(config)
        self.register_buffer("latent_mean", torch.zeros(config.latent_channels))
        self.register_buffer("latent_std", torch.ones(config.latent_channels))
        self.latent_mean: torch.Tensor
        self.latent_std: torch.Tensor

    @property
    def temporal_factor(self) -> int:
        """Frames that become one latent frame, after the first."""
        return self.config.temporal_factor

    @property
    def spatial_factor(self) -> int:
        """Pixels along each side that become one latent position."""
        return self.config.spatial_factor

    def latent_shape(self, num_frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Return channels, frames, height and width of the latents of a video.

        Raises:
            DataError: the VAE has no latents of such a video; the message names the nearest sizes it has.
        """
        frames, size = self.temporal_factor, self.spatial_factor
        if num_frames < 1 or (num_frames - 1) % frames:
            lower, upper = _neighbours(num_frames - 1, frames, least=0)
            raise DataError(
                f"a video of {num_frames} frames does not fit this VAE, which takes {frames} k + 1 frames; use "
                f"{_either(lower + 1, upper + 1)}."
            )
        for name, length in (("height", height), ("width", width)):
            if length < 1 or length % size:
                nearest = _either(*_neighbours(length, size, least=size))
                raise DataError(
                    f"a video of {name} {length} px does not fit this VAE, which takes multiples of {size} px; use "
                    f"{nearest}."
                )
        return self.config.latent_channels, (num_frames - 1) // frames + 1, height // size, width // size

    def encode(self, video: Float[torch.Tensor, "b c frames height width"], memory: Memory | None = None) -> Posterior:
        """Return the distribution of the raw latents of videos in [-1, 1].

        With a ``memory``, videos come in pieces: 1 + k * temporal_factor frames, then any multiples of
        temporal_factor; the latents of all pieces are those of the whole video. See ``streaming``.

        Raises:
            DataError: channels, number of frames or size do not fit, see ``latent_shape``.
        """
        self._check_video(video, at_start=memory is None or not memory.started)
        coded = self.encoder(video.permute(0, 2, 3, 4, 1), memory).permute(0, 4, 1, 2, 3)
        mean, log_variance = coded.chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(*_LOG_VARIANCE_RANGE))

    def decode(self, latents: Latents, memory: Memory | None = None) -> Video:
        """Return the videos of raw latents; values may lie a little outside [-1, 1].

        With a ``memory``, latent frames come in pieces of any length and each returns the next frames.

        Raises:
            DataError: the number of channels is not this VAE's.
        """
        if latents.shape[1] != self.config.latent_channels:
            raise DataError(
                f"the latents have {latents.shape[1]} channels, this VAE has {self.config.latent_channels}; decode "
                "them with the VAE that made them."
            )
        return self.decoder(latents.permute(0, 2, 3, 4, 1), memory).permute(0, 4, 1, 2, 3)

    def forward(self, video: Video) -> Video:
        """Return the reconstruction from the most probable latents."""
        return self.decode(self.encode(video).mode())

    def _check_video(self, video: Float[torch.Tensor, "b c t h w"], *, at_start: bool) -> None:
        channels, num_frames, height, width = video.shape[1:]
        if channels != 3:
            raise DataError(f"the video has {channels} channels, needed are 3: red, green and blue.")
        if at_start:
            self.latent_shape(num_frames, height, width)
            return
        self.latent_shape(1, height, width)
        if num_frames < 1 or num_frames % self.temporal_factor:
            raise DataError(
                f"a later piece of a video has {num_frames} frames; after the first piece this VAE takes multiples of "
                f"{self.temporal_factor}."
            )

    def set_latent_statistics(self, mean: Float[torch.Tensor, "c"], std: Float[torch.Tensor, "c"]) -> None:
        """Store what ``normalise`` subtracts and divides by.

        Raises:
            DataError: a standard deviation is not above 0.
        """
        if not bool((std > 0).all()):
            dead = torch.nonzero(~(std > 0)).flatten().tolist()
            raise DataError(f"latent channels {dead} do not vary (std {std[dead].tolist()}); train the VAE first.")
        self.latent_mean.copy_(mean)
        self.latent_std.copy_(std)

    def normalise(self, latents: Latents) -> Latents:
        """Return latents whose channels have mean 0 and standard deviation 1 over the training data."""
        return (latents - _per_channel(self.latent_mean)) / _per_channel(self.latent_std)

    def denormalise(self, latents: Latents) -> Latents:
        """Undo ``normalise``."""
        return latents * _per_channel(self.latent_std) + _per_channel(self.latent_mean)


class _Encoder(nn.Module):
    """Pixels "b t h w 3" to mean and log-variance "b ts hs ws 2c"."""

    def __init__(self, config: VideoVAEConfig) -> None:
        super().__init__()
        self.config = config
        widths_in = (3, *config.widths[:-1])
        self.proj_in = nn.ModuleList(
            _linear(width_in * _positions(stride), width)
            for width_in, stride, width in zip(widths_in, config.strides, config.widths, strict=True)
        )
        self.stages = nn.ModuleList(Blocks(*pair) for pair in zip(config.widths, config.encoder_blocks, strict=True))
        self.norm = nn.RMSNorm(config.widths[-1], eps=1e-6)
        self.proj_out = _linear(config.widths[-1], 2 * config.latent_channels)
        with torch.no_grad():
            self.proj_out.weight[config.latent_channels :] *= 0.01
            self.proj_out.bias[config.latent_channels :] = _FIRST_LOG_VARIANCE
        if config.dct_init:
            nn.init.zeros_(self.proj_out.weight)
            self.analysis = nn.Parameter(spectral_code(_whole_block(config), config.latent_channels)[0])

    def forward(
        self, pixels: Float[torch.Tensor, "b t h w 3"], memory: Memory | None = None
    ) -> Float[torch.Tensor, "b ts hs ws c2"]:
        at_start = memory is None or not memory.started
        x = pixels
        for stride, enter, stage in zip(self.config.strides, self.proj_in, self.stages, strict=True):
            x = stage(enter(fold(x, stride, at_start=at_start)), memory)
        y = self.proj_out(self.norm(x))
        if self.config.dct_init:
            code = F.linear(fold(pixels, _whole_block(self.config), at_start=at_start), self.analysis)
            y = y + F.pad(code, (0, code.shape[-1]))
        if memory is not None:
            memory.started = True
        return y


class _Decoder(nn.Module):
    """Raw latents "b ts hs ws c" to pixels "b t h w 3"."""

    def __init__(self, config: VideoVAEConfig) -> None:
        super().__init__()
        self.config = config
        widths_out = (*config.widths[:-1],)
        self.proj_in = _linear(config.latent_channels, config.widths[-1])
        self.stages = nn.ModuleList(Blocks(*pair) for pair in zip(config.widths, config.decoder_blocks, strict=True))
        self.proj_out = nn.ModuleList(
            _linear(width, width_out * _positions(stride))
            for width, width_out, stride in zip(config.widths[1:], widths_out, config.strides[1:], strict=True)
        )
        self.norm = nn.RMSNorm(config.widths[0], eps=1e-6)
        self.paint = SpatialConv(config.widths[0], 3 * _positions(config.strides[0]))
        if config.dct_init:
            self.synthesis = nn.Parameter(spectral_code(_whole_block(config), config.latent_channels)[1])
            nn.init.zeros_(self.paint.conv.weight)

    def forward(
        self, latents: Float[torch.Tensor, "b ts hs ws c"], memory: Memory | None = None
    ) -> Float[torch.Tensor, "b t h w 3"]:
        at_start = memory is None or not memory.started
        x = self.proj_in(latents)
        for i in reversed(range(len(self.stages))):
            x = self.stages[i](x, memory)
            if i > 0:
                x = unfold(self.proj_out[i - 1](x), self.config.strides[i], at_start=at_start)
        pixels = unfold(self.paint(F.silu(self.norm(x))), self.config.strides[0], at_start=at_start)
        if self.config.dct_init:
            code = F.linear(latents, self.synthesis)
            pixels = pixels + unfold(code, _whole_block(self.config), at_start=at_start)
        if memory is not None:
            memory.started = True
        return pixels


def _linear(width_in: int, width_out: int) -> nn.Linear:
    layer = nn.Linear(width_in, width_out)
    nn.init.zeros_(layer.bias)
    return layer


def _positions(stride: Stride) -> int:
    return stride.frames * stride.size**2


def _whole_block(config: VideoVAEConfig) -> Stride:
    return Stride(frames=config.temporal_factor, size=config.spatial_factor)


def _per_channel(values: torch.Tensor) -> torch.Tensor:
    return values[:, None, None, None]


def _neighbours(value: int, step: int, *, least: int) -> tuple[int, int]:
    lower = max(value // step * step, least)
    return lower, max(lower + step, least) if value > lower else lower


def _either(lower: int, upper: int) -> str:
    return str(lower) if lower == upper else f"{lower} or {upper}"
