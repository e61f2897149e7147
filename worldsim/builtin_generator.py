"""The built-in transformer behind the face of ``VideoGenerator``."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float

from worldsim.config import TokenizerConfig
from worldsim.diffusion import interpolate, v_target, x0_from_v
from worldsim.generator import (
    PIPELINE_DEFAULTS,
    GivenFrames,
    Latents,
    NoisySamples,
    Picture,
    Sampling,
    Video,
    VideoGenerator,
)
from worldsim.model.conditioning import Conditioning
from worldsim.prompt.understanding import UnderstoodPrompt, understand
from worldsim.sampling import SamplingConfig, generate
from worldsim.sampling.rollout import encode_frames
from worldsim.weights import Generator, load_generator, model_folder, save_generator


class BuiltinGenerator(VideoGenerator):
    """Our own transformer and its VAE; prompts may be empty, any latent frames may be given."""

    family = "builtin"
    max_given = None
    takes_last_frame = True
    keeps_clean = True
    lora_targets = ("qkv", "out")

    def __init__(self, model: Generator, folder: Path, device: torch.device) -> None:
        """Take a loaded model and the folder it came from."""
        self.model, self.folder, self._device = model, folder, device
        model.dit.to(device)
        model.vae.to(device)
        self.networks = {"transformer": model.dit}
        vae = model.vae.config
        self.temporal_stride, self.spatial_stride = vae.temporal_factor, vae.spatial_factor
        self.size_multiple = vae.spatial_factor * model.dit.config.patch_size
        self.latent_channels = vae.latent_channels
        clip = model.card["clip"]
        self.default_frame_rate = float(clip["frame_rate"])
        self.default_size = (clip["num_frames"], clip["height"], clip["width"])

    @classmethod
    def load(cls, given: Path, device: torch.device) -> "BuiltinGenerator":
        """Open a model folder, a run folder or ``builtin:NAME``.

        Raises:
            CheckpointError: no model there, or a damaged one.
        """
        folder = model_folder(given)
        return cls(load_generator(folder), folder, device)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    def latent_shape(self, num_frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Return channels, frames, height and width of the latents of a video."""
        super().latent_shape(num_frames, height, width)
        return self.model.vae.latent_shape(num_frames, height, width)

    def encode(self, video: Video) -> Latents:
        """Return normalised mean latents."""
        vae = self.model.vae
        return vae.normalise(vae.encode(video.to(self.device)).mode())

    def decode(self, latents: Latents) -> Video:
        """Undo ``encode``."""
        return self.model.vae.decode(self.model.vae.denormalise(latents))

    def understood_prompt(self, prompt: str) -> UnderstoodPrompt:
        """Return a prompt in the words of the model's training captions; see ``understand``."""
        return understand(prompt, self.model.tokenizer)

    def encode_text(self, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return words and their mask."""
        ids, mask = (part.to(self.device) for part in self.model.tokenizer.encode(list(prompts)))
        return {"ids": ids, "mask": mask}

    @torch.no_grad()
    def encode_given(
        self, frames: GivenFrames, num_frames: int, last_frame: Picture | None = None
    ) -> tuple[dict[str, torch.Tensor], int]:
        """Return clean latents, and which latent frames are known."""
        known = self.require_given(frames.shape[2], num_frames, last_frame is not None)
        pictures = dict(enumerate(frames.to(self.device).unbind(2)))
        if last_frame is not None:
            pictures[num_frames - 1] = last_frame.to(self.device)
        return encode_frames(self.model.vae, pictures, num_frames, *frames.shape[3:]), known

    def training_target(
        self, x0: Latents, noise: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning
    ) -> NoisySamples:
        """Return x_t on the straight path and v = noise - x0."""
        clean = conditioning.clean(x0.shape[2])
        return NoisySamples(interpolate(x0, noise, _frame_t(t, clean, x0)), v_target(x0, noise), ~clean)

    def denoise(self, x_t: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning) -> Latents:
        """Return the predicted v."""
        clean = conditioning.clean(x_t.shape[2])
        x_t = conditioning.place(x_t)
        return self.model.dit(x_t, _frame_t(t, clean, x_t), conditioning)

    def predicted_clean(
        self, x_t: Latents, prediction: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning
    ) -> Latents:
        """Return x_t - t v, with given latent frames as they are."""
        return x0_from_v(x_t, prediction, _frame_t(t, conditioning.clean(x_t.shape[2]), x_t))

    def sample(
        self,
        prompts: Sequence[str],
        num_frames: int,
        height: int,
        width: int,
        *,
        generator: torch.Generator | Sequence[torch.Generator],
        frame_rate: float | None = None,
        first_frames: GivenFrames | None = None,
        last_frame: Picture | None = None,
        sampling: Sampling = PIPELINE_DEFAULTS,
    ) -> Video:
        """Draw one video for each prompt; see ``VideoGenerator.sample``. The model knows no negative prompt."""
        model = self.model
        weight = 2.5 if sampling.guidance_scale is None else sampling.guidance_scale
        return generate(
            model.dit,
            model.vae,
            model.tokenizer,
            list(prompts),
            num_frames,
            height,
            width,
            self.default_frame_rate if frame_rate is None else frame_rate,
            generator=generator,
            sampling=SamplingConfig(num_steps=sampling.num_steps or 20, guidance_scale=weight),
            first_frames=first_frames,
            frames={} if last_frame is None else {num_frames - 1: last_frame},
            domain=1,
        )

    def save(self, folder: Path) -> None:
        """Write a model folder."""
        card = self.model.card
        facts = {
            name: one for name, one in card.items() if name not in ("format", "kind", "config", "tokenizer", "files")
        }
        words = TokenizerConfig(**card["tokenizer"])
        save_generator(folder, self.model.dit, self.model.dit.config, words, self.folder / "vae", facts)


def _frame_t(
    t: Float[torch.Tensor, "b"], clean: Bool[torch.Tensor, "b t"], latents: Latents
) -> Float[torch.Tensor, "b t"]:
    return t.to(latents.dtype)[:, None].expand(-1, latents.shape[2]).masked_fill(clean, 0.0)
