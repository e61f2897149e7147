"""The diffusion transformer over video latents."""

import torch
from jaxtyping import Bool, Float, Int64
from torch import nn

from physics_data.core.errors import DataError
from worldsim.diffusion import v_from_balanced, v_from_x0
from worldsim.model.block import NUM_MODULATIONS, Block, modulated_norm
from worldsim.model.conditioning import FrameCondition, Prompt
from worldsim.model.config import DiTConfig
from worldsim.model.patches import from_patches, to_patches
from worldsim.model.positions import rotation_angles, token_positions, turn_by, wave_features

Latents = Float[torch.Tensor, "b c t h w"]


class DiT(nn.Module):
    """Predicts v of noisy normalised latents, given a prompt. Every latent frame may have its own noise level.

    Positions are in seconds and shares of the picture and nothing has a fixed length, so any number of frames, size
    and frame rate can be given. Source: Peebles and Xie (2023), Scalable diffusion models with transformers.
    """

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        patch_values = config.latent_channels * config.patch_size**2
        self.enter = nn.Linear(patch_values, width)
        self.place = nn.Linear(width, width, bias=False)
        self.prompt = Prompt(config.text_buckets, width)
        self.condition = FrameCondition(width)
        self.modulate = nn.Linear(width, NUM_MODULATIONS * width)
        self.blocks = nn.ModuleList(
            Block(width, config.num_heads, config.mlp_ratio, reads_text=i % config.text_every == 0)
            for i in range(config.depth)
        )
        self.modulate_last = nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, patch_values)
        for layer in (self.modulate, self.modulate_last, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        latents: Latents,
        t: Float[torch.Tensor, "b t"],
        text_ids: Int64[torch.Tensor, "b l"],
        text_mask: Bool[torch.Tensor, "b l"],
        domain: Int64[torch.Tensor, "b"],
        frame_rate: Float[torch.Tensor, "b"],
    ) -> Latents:
        """Return v.

        Args:
            latents: normalised and noisy, x_t
            t: noise level of each latent frame; 0 = clean, as given first frames are
            text_ids: words; where all of a row's mask is False, the prompt counts as dropped
            text_mask: True = there is a word
            domain: 0 = not told, 1 = physics, 2 = real
            frame_rate: video frames per second, Hz

        Raises:
            DataError: other channels than the config's, or a size that does not divide into patches.
        """
        if latents.shape[1] != self.config.latent_channels:
            raise DataError(
                f"latents have {latents.shape[1]} channels, this transformer takes {self.config.latent_channels}; use "
                "the VAE it was trained with."
            )
        size = self.config.patch_size
        tokens = to_patches(latents, size)
        frames, rows, columns = grid = (latents.shape[2], latents.shape[3] // size, latents.shape[4] // size)
        positions = token_positions(grid, self.config.temporal_factor, frame_rate)
        turn = turn_by(rotation_angles(positions, self.config.head_width // 2))
        words, mask = self.prompt(text_ids, text_mask)
        condition = self.condition(t, domain, words, mask)

        x = self.enter(tokens) + self.place(wave_features(positions, self.config.width))
        x = x.unflatten(1, (frames, rows * columns))
        shared = self.modulate(condition).unflatten(-1, (NUM_MODULATIONS, -1))
        for block in self.blocks:
            x = block(x, shared, turn, words, mask)
        shift, scale = self.modulate_last(condition)[:, :, None].chunk(2, dim=-1)
        output = from_patches(self.leave(modulated_norm(x, shift, scale)).flatten(1, 2), grid, size)
        if self.config.prediction == "v":
            return output
        if self.config.prediction == "balanced":
            return v_from_balanced(latents, output, t)
        return v_from_x0(latents, output, t, least_t=self.config.least_t)
