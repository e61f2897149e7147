"""The shape of a video VAE."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from physics_data.core.config import StrictModel

Count = Annotated[int, Field(ge=1)]
Blocks = Annotated[int, Field(ge=0)]


class Stride(StrictModel):
    """How many frames and pixels become one: ``frames`` × ``size`` × ``size`` positions go into one.

    frames, size:  factor in time, and in height and width
    """

    frames: Count = 1
    size: Count = 1


class VideoVAEConfig(StrictModel):
    """A causal video VAE as a list of stages, finest first. All lists have one entry for each stage.

    latent_channels:   channels of the latents
    strides:           strides[0] folds pixels into the first stage, strides[i] folds stage i - 1 into stage i; their
                       products are the temporal and spatial factors, e.g. 4 and 8
    widths:            channels of the stages
    encoder_blocks:    residual blocks of the encoder in each stage
    decoder_blocks:    residual blocks of the decoder in each stage
    dct_init:    start with latents that are the lowest frequencies of their block of pixels, see ``spectrum``
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {"spectral_start": "dct_init"}

    latent_channels: Count = 16
    strides: tuple[Stride, ...] = (Stride(frames=1, size=2), Stride(frames=2, size=2), Stride(frames=2, size=2))
    widths: tuple[Count, ...] = (96, 192, 384)
    encoder_blocks: tuple[Blocks, ...] = (2, 2, 2)
    decoder_blocks: tuple[Blocks, ...] = (3, 3, 3)
    dct_init: bool = True

    @model_validator(mode="after")
    def _one_entry_for_each_stage(self) -> "VideoVAEConfig":
        lengths = {name: len(getattr(self, name)) for name in ("strides", "widths", "encoder_blocks", "decoder_blocks")}
        if len(set(lengths.values())) != 1 or not self.widths:
            listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"all stage lists need the same length of at least 1; given are {listed}")
        available = 3 * self.temporal_factor * self.spatial_factor**2
        if self.latent_channels > available:
            raise ValueError(
                f"latent_channels {self.latent_channels} is more than the {available} values of the pixels that become "
                f"one latent position; write at most {available}"
            )
        return self

    @property
    def temporal_factor(self) -> int:
        """Frames that become one latent frame, after the first."""
        return math.prod(stride.frames for stride in self.strides)

    @property
    def spatial_factor(self) -> int:
        """Pixels along each side that become one latent position."""
        return math.prod(stride.size for stride in self.strides)

    @property
    def encoder_reach(self) -> int:
        """Pixels to each side that the encoder sees beyond those of a latent position."""
        return self._reach(self.encoder_blocks)

    @property
    def decoder_reach(self) -> int:
        """Pixels to each side over which a latent position is seen in the decoded picture."""
        return self._reach(self.decoder_blocks) + self.strides[0].size

    def _reach(self, blocks: tuple[int, ...]) -> int:
        """Every block has one 3 x 3 convolution at the scale of its stage."""
        scales = (math.prod(stride.size for stride in self.strides[: i + 1]) for i in range(len(self.strides)))
        return sum(count * scale for count, scale in zip(blocks, scales, strict=True))
