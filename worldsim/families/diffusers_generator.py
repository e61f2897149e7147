"""What all families over diffusers share: components on demand, the sampling loop, adapters, saving."""

import copy
import inspect
import math
import shutil
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import nn

from physics_data.core.atomic import atomic_folder
from physics_data.core.errors import CheckpointError
from worldsim.diffusion import interpolate, v_target, x0_from_v
from worldsim.families.folder import PipelineFolder
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
from worldsim.prompt import PromptError


class DiffusersGenerator(VideoGenerator):
    """A diffusers pipeline behind the face of ``VideoGenerator``.

    Networks are loaded at once, all else (VAE, text encoder, ...) when it is first needed; ``release`` frees it.
    The sampling loop is the pipeline's: its scheduler, its timesteps, its guidance, its conditions.

    text_parts:        components that read prompts
    max_text_tokens:   prompts are padded to so many tokens; longer ones are refused
    default_steps:     of the family's own pipeline
    default_guidance:  of the family's own pipeline
    default_negative_prompt:  of the family's own pipeline
    joins_guidance:    the pipeline calls its network once for the negative prompt and the prompt together
    joins_text:        the blocks carry text tokens beside those of the video
    runs_on_meta:      the network can be called without weights, for planning
    """

    text_parts: ClassVar[tuple[str, ...]] = ("tokenizer", "text_encoder")
    max_text_tokens: int = 512
    default_steps: int = 50
    default_guidance: float = 5.0
    default_negative_prompt: str = ""
    joins_guidance: ClassVar[bool] = False
    joins_text: ClassVar[bool] = False
    runs_on_meta: ClassVar[bool] = True

    def __init__(self, folder: PipelineFolder, *, dtype: torch.dtype, device: torch.device) -> None:
        """Load the networks of a pipeline folder; on the device "meta" they are built from their configs alone.

        Raises:
            CheckpointError: a component is missing or damaged.
            ConfigError: diffusers is not installed.
        """
        folder.require("vae", "scheduler", *self.text_parts)
        self.folder = folder
        self.card: dict[str, Any] = {}
        self.dtype = dtype
        self._device = device
        self._parts: dict[str, Any] = {}
        names = [name for name in ("transformer", "transformer_2") if name in folder.components]
        self.networks = {name: self._load(name, dtype) for name in names}
        try:
            self.setup()
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            raise CheckpointError(
                f"{folder.path}: a config.json holds what its pipeline cannot take ({error}); fetch the folder again."
            ) from error

    @abstractmethod
    def setup(self) -> None:
        """Set what follows from the configs: strides, channels, conditions."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @property
    def config(self) -> Any:
        """The config of the network."""
        return self.network.config

    def to(self, device: torch.device) -> "DiffusersGenerator":
        """Move networks and loaded components to a device."""
        self._device = device
        for part in (*self.networks.values(), *self._parts.values()):
            if isinstance(part, nn.Module):
                part.to(device)
        return self

    def part(self, name: str) -> Any:
        """Return a component, loading it when it is first asked for. The VAE stays in float32."""
        if name not in self._parts:
            is_network = (self.folder.path / name / "config.json").is_file() and "tokenizer" not in name
            dtype = (torch.float32 if name == "vae" else self.dtype) if is_network else None
            self._parts[name] = self._load(name, dtype)
        return self._parts[name]

    def _load(self, name: str, dtype: torch.dtype | None) -> Any:
        if self._device.type == "meta" and dtype is not None:
            return self.folder.on_meta(name).to(dtype).requires_grad_(False)
        loaded = self.folder.load(name, dtype)
        return loaded.to(self._device) if isinstance(loaded, nn.Module) else loaded

    def release(self, *names: str) -> None:
        """Free components; they are loaded again when they are needed."""
        for name in names:
            self._parts.pop(name, None)

    def pipeline(self, *names: str) -> Any:
        """Return the diffusers pipeline with the networks and some components; the others are None."""
        made = self.folder.pipeline_class
        parameters = inspect.signature(made.__init__).parameters
        given = {name: None for name, one in parameters.items() if name != "self" and one.default is one.empty}
        given |= {name: value for name, value in self.folder.settings.items() if name in parameters}
        given |= {name: network for name, network in self.networks.items() if name in parameters}
        return made(**(given | {name: self.part(name) for name in names}))

    def check_prompts(self, prompts: Sequence[str]) -> None:
        """Refuse prompts that would be cut off.

        Raises:
            PromptError: a prompt has more tokens than the family reads.
        """
        tokenizer = self.part("tokenizer")
        for prompt in prompts:
            count = len(tokenizer(prompt, truncation=False).input_ids)
            if count > self.max_text_tokens:
                raise PromptError(
                    f"the prompt '{prompt[:40]}...' has {count} tokens, {self.family} reads {self.max_text_tokens}; "
                    "shorten it."
                )

    @property
    def prediction_steps(self) -> int:
        """Timesteps of training."""
        return int(self.part("scheduler").config.num_train_timesteps)

    def num_tokens(self, shape: tuple[int, ...]) -> int:
        """Return how many tokens the network makes of latents of a shape (channels, frames, height, width)."""
        sides = self.config.patch_size
        if isinstance(sides, int):
            sides = (getattr(self.config, "patch_size_t", None) or 1, sides, sides)
        return math.prod(length // side for length, side in zip(shape[1:], sides, strict=True))

    @torch.no_grad()
    def text_features(self, prompts: Sequence[str]) -> torch.Tensor:
        """Return the features that the pipeline's T5 gives of prompts, [b tokens width].

        Raises:
            PromptError: a prompt is longer than the family reads.
        """
        self.check_prompts(prompts)
        features, _ = self.pipeline(*self.text_parts).encode_prompt(
            list(prompts),
            do_classifier_free_guidance=False,
            max_sequence_length=self.max_text_tokens,
            device=self.device,
        )
        return features

    def placeholders(self, shape: tuple[int, ...]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return text and image conditions of one clip on the meta device, for planning."""
        raise NotImplementedError

    @abstractmethod
    def call(self, network: Any, x_t: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning) -> Latents:
        """Call the network as the family's pipeline does. t is float64, given latent frames are in place."""

    @torch.no_grad()
    def denoise_all(
        self,
        noise: Latents,
        conditioning: Conditioning,
        negative: Conditioning | None,
        num_steps: int,
        guidance_scale: float,
        generator: Any = None,
    ) -> Latents:
        """Return the latents that the pipeline's scheduler leads to from noise.

        ``negative`` None = no guidance; ``generator``: for schedulers that add noise on the way.
        """
        scheduler = copy.deepcopy(self.part("scheduler"))
        x_t = noise * scheduler.init_noise_sigma if hasattr(scheduler, "init_noise_sigma") else noise
        for number, timestep in enumerate(self.timesteps(scheduler, num_steps, noise.shape)):
            t = torch.full((len(x_t),), self.time_of(timestep), dtype=torch.float64, device=x_t.device)
            prediction = self.guided(x_t, t, conditioning, negative, guidance_scale)
            x_t = self.step(scheduler, prediction, timestep, x_t, number, generator)
            x_t = self.with_given(x_t, conditioning)
        return x_t

    def guided(
        self,
        x_t: Latents,
        t: Float[torch.Tensor, "b"],
        conditioning: Conditioning,
        negative: Conditioning | None,
        guidance_scale: float,
    ) -> Latents:
        """Return the prediction with classifier-free guidance (Ho and Salimans 2022)."""
        if negative is None:
            return self.denoise(x_t, t, conditioning)
        if self.joins_guidance:
            both = Conditioning.join([negative, conditioning])
            without, prompted = self.denoise(torch.cat([x_t] * 2), torch.cat([t] * 2), both).chunk(2)
        else:
            prompted, without = self.denoise(x_t, t, conditioning), self.denoise(x_t, t, negative)
        return without + guidance_scale * (prompted - without)

    def timesteps(self, scheduler: Any, num_steps: int, shape: Sequence[int]) -> torch.Tensor:
        """Set the scheduler's timesteps and return them."""
        scheduler.set_timesteps(num_steps, device=self._device)
        return scheduler.timesteps

    def time_of(self, timestep: torch.Tensor) -> float:
        """Return the diffusion time t of a timestep."""
        return float(timestep.double() / self.prediction_steps)

    def step(
        self, scheduler: Any, prediction: Latents, timestep: Any, x_t: Latents, number: int, generator: Any
    ) -> Latents:
        """Do one step of the scheduler."""
        return scheduler.step(prediction, timestep, x_t, return_dict=False)[0]

    def with_given(self, x_t: Latents, conditioning: Conditioning) -> Latents:
        """Return latents with the clean given frames in place."""
        if not self.keeps_clean or "latents" not in conditioning.frames:
            return x_t
        clean = conditioning.clean(x_t.shape[2])[:, None, :, None, None]
        return torch.where(clean, conditioning.frames["latents"].to(x_t.dtype), x_t)

    def denoise(self, x_t: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning) -> Latents:
        """Return the network's prediction, float32. Samples of two experts go each to its own."""
        x_t, t = self.with_given(x_t, conditioning), t.double()
        if len(self.networks) == 1:
            return self.call(self.network, x_t, t, conditioning).float()
        names = [self.expert_of(float(one)) for one in t]
        found = torch.empty_like(x_t, dtype=torch.float32)
        for name, network in self.networks.items():
            rows = torch.tensor([one == name for one in names], device=x_t.device)
            if rows.any():
                found = found.index_put(
                    (rows,), self.call(network, x_t[rows], t[rows], conditioning.rows(rows)).float()
                )
        return found

    def training_target(
        self, x0: Latents, noise: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning
    ) -> NoisySamples:
        """Return x_t on the straight path and v = noise - x0."""
        clean = conditioning.clean(x0.shape[2])
        frame_t = t.to(x0.dtype)[:, None].expand(-1, x0.shape[2]).masked_fill(clean, 0.0)
        return NoisySamples(interpolate(x0, noise, frame_t), v_target(x0, noise), ~clean)

    def predicted_clean(
        self, x_t: Latents, prediction: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning
    ) -> Latents:
        """Return x_t - t v, with given latent frames as they are."""
        clean = conditioning.clean(x_t.shape[2])
        frame_t = t.to(x_t.dtype)[:, None].expand(-1, x_t.shape[2]).masked_fill(clean, 0.0)
        return x0_from_v(x_t, prediction, frame_t)

    @torch.no_grad()
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
        """Draw one video for each prompt; see ``VideoGenerator.sample``."""
        shape = self.latent_shape(num_frames, height, width)
        conditioning = self.conditioning(
            prompts, num_frames, frame_rate=frame_rate, first_frames=first_frames, last_frame=last_frame
        )
        noise = self.draw_noise(len(prompts), shape, generator)
        scale = self.default_guidance if sampling.guidance_scale is None else sampling.guidance_scale
        negative = None
        if scale != 1:
            text = self.encode_text([sampling.negative_prompt or self.default_negative_prompt] * len(prompts))
            negative = replace(conditioning, text=text)
        steps = sampling.num_steps or self.default_steps
        latents = self.denoise_all(noise, conditioning, negative, steps, scale, generator)
        return self.decode(latents).clamp(-1, 1)

    def save(self, folder: Path) -> None:
        """Write a whole diffusers folder: the networks as they are now, all else as it was.

        Raises:
            CheckpointError: an adapter is on the networks and not merged.
        """
        if any(getattr(network, "peft_config", None) for network in self.networks.values()):
            raise CheckpointError("an adapter is on the network; merge it first, or save the adapter alone.")
        with atomic_folder(folder) as partial:
            for entry in sorted(self.folder.path.iterdir()):
                if entry.name in self.networks or entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    shutil.copytree(entry, partial / entry.name)
                else:
                    shutil.copy(entry, partial / entry.name)
            for name, network in self.networks.items():
                network.save_pretrained(partial / name)  # pyright: ignore[reportCallIssue]

    def network_facts(self) -> dict[str, dict[str, Any]]:
        """Return name → what the shapes of a network follow from, for cards."""
        return {
            name: {key: value for key, value in dict(network.config).items() if not key.startswith("_")}  # pyright: ignore
            for name, network in self.networks.items()
        }


def posterior_mode(vae: Any, video: Video) -> Latents:
    """Return the mean latents of a diffusers VAE."""
    return vae.encode(video.to(vae.dtype)).latent_dist.mode()


def by_channel(values: Iterable[float] | torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return one value for each channel in the shape that goes with latents."""
    return (
        torch.as_tensor(list(values) if not isinstance(values, torch.Tensor) else values).view(1, -1, 1, 1, 1).to(like)
    )
