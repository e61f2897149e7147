"""The diffusion transformer over video latents."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Bool, Float, Int64
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.checkpoint import checkpoint

from physics_data.core.errors import DataError
from worldsim.diffusion import v_from_balanced, v_from_x0
from worldsim.model.block import NUM_MODULATIONS, AttentionContext, Block, modulated_norm
from worldsim.model.cache import FrameCache
from worldsim.model.conditioning import Conditioning
from worldsim.model.embeddings import (
    FrameCondition,
    Grid,
    Prompt,
    TextFeatures,
    from_patches,
    rotary_embedding,
    rotation_angles,
    sinusoidal_embedding,
    to_patches,
    token_positions,
)
from worldsim.model.model_config import DiTConfig
from worldsim.model.motion_prior import make_motion_prior, v_beside
from worldsim.model.scene_tokens import SceneEmbedding, SceneTokens

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
        self.motion_prior = (
            None if config.motion_prior is None else make_motion_prior(config.latent_channels, config.motion_prior)
        )
        self.proj_in = nn.Linear(patch_values * (1 if self.motion_prior is None else 2), width)
        self.pos_embed = nn.Linear(width, width, bias=False)
        self.prompt = (
            Prompt(config.text_buckets, width) if config.text_width is None else TextFeatures(config.text_width, width)
        )
        self.condition = FrameCondition(width, config.scalars)
        self.scene = SceneEmbedding(width) if config.scene_slots else None
        self.modulate = nn.Linear(width, NUM_MODULATIONS * width)
        self.blocks = nn.ModuleList(
            Block(
                width,
                config.num_heads,
                config.mlp_ratio,
                reads_text=i % config.text_every == 0,
                num_registers=config.num_registers,
                experts=config.experts_of(i),
            )
            for i in range(config.depth)
        )
        self.recomputes = False
        """Whether the backward pass computes each block again instead of keeping what it held (less memory)."""
        self.modulate_last = nn.Linear(width, 2 * width)
        self.proj_out = nn.Linear(width, patch_values)
        for layer in (self.modulate, self.modulate_last, self.proj_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        latents: Latents,
        t: Float[torch.Tensor, "b t"],
        conditioning: Conditioning,
        cache: FrameCache | None = None,
    ) -> Latents:
        """Return v.

        Args:
            latents: normalised and noisy, x_t
            t: noise level of each latent frame; 0 = clean, as given first frames are
            conditioning: prompt, domain, frame rate and scalars, see ``Conditioning.of_words``
            cache: the frames before these, of a causal transformer

        Raises:
            DataError: other channels than the config's, or a size that does not divide into patches.
        """
        grid = self._grid(latents)
        first = 0 if cache is None else cache.num_frames
        if cache is not None and not self.config.causal:
            raise DataError("only a causal transformer can go on from a cache; set model.causal and train it so.")
        positions = token_positions(grid, self.config.temporal_factor, conditioning.frame_rate, first_frame=first)
        words, mask = self.prompt(conditioning.text_ids, conditioning.text_mask)
        shared, last = self._modulations(self.condition(t, conditioning.domain, words, mask, conditioning.scalars))
        guess = None if self.motion_prior is None else self.motion_prior(latents, t)
        tokens = self._patches(latents, guess)
        scene = None if self.scene is None else self.scene(self._scene_of(conditioning, first, grid[0]))
        slots = self.config.scene_slots
        frame = self._frame_of_tokens(grid, latents.device, slots) if self.config.causal and grid[0] > 1 else None
        output = self._transform(
            tokens.unflatten(1, (grid[0], -1)),
            positions,
            shared,
            last[:, :, None],
            words,
            mask,
            AttentionContext(frame=frame),
            t.amax(1, keepdim=True).expand_as(t),
            cache,
            scene,
        )
        if cache is not None and cache.layers[0].keeps:
            cache.added(grid[0], grid[1] * grid[2] + slots)
        return self._v(latents, output.flatten(1, 2), grid, t, guess)

    def forward_packed(
        self,
        latents: Sequence[Float[torch.Tensor, "c _t _h _w"]],
        t: Sequence[Float[torch.Tensor, "_t"]],
        conditioning: Conditioning,
    ) -> list[Float[torch.Tensor, "c _t _h _w"]]:
        """Return v of samples of any size and length, packed into one row of variable-length segments.

        No sample attends to another, and nothing is padded: values are those of ``forward`` on each sample alone.

        Args:
            latents: normalised and noisy, one for each sample
            t: noise level of each latent frame of each sample
            conditioning: of all samples, as ``forward``; scalars of each latent frame are padded to the longest sample

        Raises:
            DataError: as ``forward``.

        Source: Dehghani et al. (2023), Patch n' Pack: NaViT, a vision transformer for any aspect ratio and resolution.
        """
        if self.scene is not None:
            raise DataError("a transformer with model.scene_slots takes no packed samples; give batches of one size.")
        grids, factor = [self._grid(one[None]) for one in latents], self.config.temporal_factor
        device = conditioning.frame_rate.device
        lengths = [math.prod(grid) for grid in grids]
        rates = conditioning.frame_rate.split(1)
        positions = torch.cat([token_positions(g, factor, rate) for g, rate in zip(grids, rates, strict=True)], dim=1)
        words, mask = self.prompt(conditioning.text_ids, conditioning.text_mask)
        levels = pad_sequence(list(t), batch_first=True)  # [b t], shorter samples padded
        shared, last = self._modulations(self.condition(levels, conditioning.domain, words, mask, conditioning.scalars))
        guesses = [
            None if self.motion_prior is None else self.motion_prior(one[None], level[None])
            for one, level in zip(latents, t, strict=True)
        ]
        pairs = zip(latents, guesses, strict=True)
        tokens = torch.cat([self._patches(one[None], guess) for one, guess in pairs], dim=1)  # [1 n p]
        sample = torch.arange(len(grids), device=device).repeat_interleave(torch.tensor(lengths, device=device))
        frame = torch.cat([self._frame_of_tokens(grid, device) for grid in grids])
        # Each token is its own "frame" with one place: its modulation may differ from its neighbour's.
        output = self._transform(
            tokens[:, :, None],  # [1 n 1 p]
            positions,
            shared[sample, frame][None],  # [1 n 6 d]
            last[sample, frame][None, :, None],  # [1 n 1 d2]
            words,
            mask,
            AttentionContext(lengths, frame if self.config.causal else None),
            levels.amax(1)[sample][None],
        )
        pieces = output[:, :, 0].split(lengths, dim=1)
        return [
            self._v(one[None], piece, grid, level[None], guess)[0]
            for one, piece, grid, level, guess in zip(latents, pieces, grids, t, guesses, strict=True)
        ]

    def num_tokens(self, latent_shape: Sequence[int]) -> int:
        """Return the tokens of latents of shape (channels, frames, height, width)."""
        _, frames, height, width = latent_shape
        return frames * (height // self.config.patch_size) * (width // self.config.patch_size)

    def _grid(self, latents: Latents) -> Grid:
        if latents.shape[1] != self.config.latent_channels:
            raise DataError(
                f"latents have {latents.shape[1]} channels, this transformer takes {self.config.latent_channels}; use "
                "the VAE it was trained with."
            )
        size = self.config.patch_size
        return latents.shape[2], latents.shape[3] // size, latents.shape[4] // size

    @staticmethod
    def _frame_of_tokens(grid: Grid, device: torch.device, slots: int = 0) -> Int64[torch.Tensor, "n"]:
        return torch.arange(grid[0], device=device).repeat_interleave(grid[1] * grid[2] + slots)

    def _scene_of(self, conditioning: Conditioning, first: int, frames: int) -> SceneTokens:
        """Return the scene at some latent frames; what lies behind the last known one is unknown."""
        device, slots = conditioning.frame_rate.device, self.config.scene_slots
        scene = conditioning.scene
        if scene is None:
            return SceneTokens.unknown(len(conditioning), slots, frames).map(lambda one: one.to(device))
        if scene.kind.shape[1] != slots:
            raise DataError(f"the scene has {scene.kind.shape[1]} slots, this transformer takes {slots}.")
        missing = max(0, first + frames - scene.states.shape[2])
        states = F.pad(scene.states, (0, 0, 0, missing))[:, :, first : first + frames]
        known = F.pad(scene.states_known, (0, missing))[:, :, first : first + frames]
        return replace(scene, states=states, states_known=known)

    def _modulations(
        self, condition: Float[torch.Tensor, "b t d"]
    ) -> tuple[Float[torch.Tensor, "b t 6 d"], Float[torch.Tensor, "b t d2"]]:
        """Return the modulations that all blocks share, and those of the last layer."""
        return self.modulate(condition).unflatten(-1, (NUM_MODULATIONS, -1)), self.modulate_last(condition)

    def _transform(
        self,
        tokens: Float[torch.Tensor, "b t s p_in"],
        positions: Float[torch.Tensor, "b n 3"],
        shared: Float[torch.Tensor, "b t 6 d"],
        last: Float[torch.Tensor, "b t 1 d2"],
        words: Float[torch.Tensor, "texts l d"],
        text_mask: Bool[torch.Tensor, "texts l"],
        context: AttentionContext,
        level: Float[torch.Tensor, "b t"],
        cache: FrameCache | None = None,
        scene: tuple[Float[torch.Tensor, "b t k d"], Float[torch.Tensor, "b t k 2"]] | None = None,
    ) -> Float[torch.Tensor, "b t s p"]:
        """Run all layers on tokens that have one modulation for each index along t; those of a scene stand behind."""
        x = self.proj_in(tokens)
        if scene is not None:
            x = torch.cat([x, scene[0]], dim=2)
            of_frame = positions.unflatten(1, tokens.shape[1:3])  # [b t s 3]
            seconds = of_frame[:, :, :1, :1].expand(*scene[1].shape[:3], 1)
            positions = torch.cat([of_frame, torch.cat([seconds, scene[1]], -1)], dim=2).flatten(1, 2)
        rotary = rotary_embedding(rotation_angles(positions, self.config.head_width // 2))
        place = positions if self.config.absolute_time else positions * positions.new_tensor([0.0, 1.0, 1.0])
        x = x + self.pos_embed(sinusoidal_embedding(place, self.config.width)).view_as(x)
        for number, block in enumerate(self.blocks):
            past = None if cache is None else cache.layers[number]
            if self.recomputes and self.training:
                again = partial(checkpoint, block, use_reentrant=False)
                x = again(x, shared, rotary, words, text_mask, context, level, past)
            else:
                x = block(x, shared, rotary, words, text_mask, context, level, past)
        shift, scale = last.chunk(2, dim=-1)
        return self.proj_out(modulated_norm(x[:, :, : tokens.shape[2]], shift, scale))

    def _patches(self, latents: Latents, guess: Latents | None) -> Float[torch.Tensor, "b n p"]:
        """Return what enters: patches, and beside each that of the guess; the guess learns from the picture alone."""
        parts = [latents] if guess is None else [latents, guess.detach()]
        return torch.cat([to_patches(part, self.config.patch_size) for part in parts], dim=-1)

    def _v(
        self,
        latents: Latents,
        tokens: Float[torch.Tensor, "b n p"],
        grid: Grid,
        t: Float[torch.Tensor, "b t"],
        guess: Latents | None = None,
    ) -> Latents:
        output = from_patches(tokens, grid, self.config.patch_size)
        if guess is not None and self.config.motion_prior is not None:
            return v_beside(guess, latents, output, t, self.config.motion_prior.spread)
        if self.config.prediction == "v":
            return output
        if self.config.prediction == "balanced":
            return v_from_balanced(latents, output, t)
        return v_from_x0(latents, output, t, min_t=self.config.min_t)
