"""``VideoGenerator``: the one face of a video model, built-in or public."""

import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import nn

from physics_data.core.arguments import checked_arguments, require_memory
from physics_data.core.conventions import DOMAIN_PHYSICS
from physics_data.core.errors import CheckpointError, ConfigError, DataError, Registry
from worldsim.generated import GeneratedVideo
from worldsim.model.conditioning import Conditioning
from worldsim.prompt.understanding import UnderstoodPrompt

Video = Float[torch.Tensor, "b 3 frames height width"]
GivenFrames = Float[torch.Tensor, "b 3 given height width"]
Picture = Float[torch.Tensor, "b 3 height width"]
Latents = Float[torch.Tensor, "b c t h w"]

FAMILIES: Registry["VideoGenerator"] = Registry(
    "pipeline",
    {
        "WanPipeline": "worldsim.families.wan:Wan",
        "WanImageToVideoPipeline": "worldsim.families.wan:Wan",
        "LTXPipeline": "worldsim.families.ltx:LTX",
        "LTXImageToVideoPipeline": "worldsim.families.ltx:LTX",
        "LTXConditionPipeline": "worldsim.families.ltx:LTX",
        "CogVideoXPipeline": "worldsim.families.cogvideox:CogVideoX",
        "CogVideoXImageToVideoPipeline": "worldsim.families.cogvideox:CogVideoX",
        "HunyuanVideo15Pipeline": "worldsim.families.hunyuan15:HunyuanVideo15",
        "HunyuanVideo15ImageToVideoPipeline": "worldsim.families.hunyuan15:HunyuanVideo15",
        "Cosmos2_5_PredictBasePipeline": "worldsim.families.cosmos:Cosmos",
    },
)
"""Class of a diffusers pipeline, as ``model_index.json`` names it, to the family that speaks for it."""


@dataclass(frozen=True)
class NoisySamples:
    """Samples of training.

    x_t:      noised latents; given latent frames are clean
    target:   what ``denoise`` should return for them
    counts:   which latent frames the loss is taken over: those that are not given
    """

    x_t: Latents
    target: Latents
    counts: Bool[torch.Tensor, "b t"]


@dataclass(frozen=True)
class Sampling:
    """How videos are drawn. None takes what the family's own pipeline takes.

    num_steps:        calls of the scheduler
    guidance_scale:   weight of the prompt; 1 = no guidance and half the time
    negative_prompt:  what guidance leads away from
    """

    num_steps: int | None = None
    guidance_scale: float | None = None
    negative_prompt: str = ""


PIPELINE_DEFAULTS = Sampling()


def fetch_from_hub(name: str) -> Path:
    """Fetch a repository of the Hugging Face hub into its cache, or find it there, and return its folder.

    Raises:
        CheckpointError: no such repository, or no network.
        ConfigError: the package huggingface_hub is missing.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ConfigError("--hub needs the package huggingface_hub: pip install 'worldsim[models]'.") from None
    try:
        return Path(snapshot_download(name))
    except (OSError, ValueError) as wrong:
        reason = str(wrong).strip().splitlines()
        raise CheckpointError(
            f"'{name}' cannot be fetched from the Hugging Face hub ({reason[0] if reason else type(wrong).__name__}); "
            "check the name (OWNER/NAME) and the network, or leave --hub out and give a folder."
        ) from None


class VideoGenerator(ABC):
    """A video model: latents in and out, what it is trained on, and how it samples.

    Diffusion time t is in [0, 1], 0 = data; each family maps it to its own timesteps and noise levels. Latents are
    normalised as the family's own pipeline does. Losses, suites and likelihood see nothing else of a model.

    family:           name, for messages and cards
    networks:         name → network; two where noise levels are shared between experts
    temporal_stride:  video frames of a latent frame; the first latent frame holds one
    frame_multiple:   videos have frame_multiple k + 1 frames; None = temporal_stride
    added_frames:     latent frames in front that are a copy of the first one and are dropped by ``decode``
    spatial_stride:   pixels along the side of a latent position
    size_multiple:    height and width must be multiples of it
    latent_channels:  of ``encode``
    max_given:        most video frames that can be given at the start; None = any number that ends a latent frame
    takes_last_frame: whether the last frame can be given
    keeps_clean:      given frames stay clean latents at t = 0; False = they go in as further channels
    default_size:     frames, height and width that it was trained on; None = the caller says it
    lora_targets:     endings of the names of modules that low-rank adapters change
    """

    family: ClassVar[str]
    networks: dict[str, nn.Module]
    temporal_stride: int
    spatial_stride: int
    size_multiple: int
    latent_channels: int
    frame_multiple: int | None = None
    added_frames: int = 0
    max_given: int | None = 0
    takes_last_frame: bool = False
    keeps_clean: bool = False
    lora_targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0")
    default_frame_rate: float = 16.0
    default_size: tuple[int, int, int] | None = None
    default_shift: float = 1.0
    default_steps: int = 20
    default_guidance: float = 2.5

    @staticmethod
    @checked_arguments
    def from_pretrained(
        given: str | Path, *, dtype: torch.dtype | None = None, device: torch.device | str = "cpu", hub: bool = False
    ) -> "VideoGenerator":
        """Open a model: a folder of a diffusers pipeline, a run or model folder of ours, or ``builtin:NAME``.

        Args:
            given: the folder or name
            dtype: of the networks and the text encoder; None keeps float32
            device: where it computes
            hub: fetch the repository of this name from the Hugging Face hub; without it no network is used

        Raises:
            CheckpointError: no model there, one of an unknown family, or a damaged one.
            ConfigError: a package that the family needs is missing.
        """
        folder = Path(given)
        if hub:
            folder = fetch_from_hub(str(given))
        found = find_family(folder)
        if found is not None:
            from worldsim.families.adapters import load_adapter
            from worldsim.families.folder import PipelineFolder

            opened = PipelineFolder.open(found.base)
            member: Any = FAMILIES.get(opened.pipeline)
            made = member(opened, dtype=dtype or torch.float32, device=torch.device(device))
            made.card = found.card
            if "clip" in found.card:
                clip = found.card["clip"]
                made.default_size = (clip["num_frames"], clip["height"], clip["width"])
                made.default_frame_rate = float(clip["frame_rate"])
            if found.adapter is not None:
                load_adapter(made, found.adapter)
            return made
        if not hub and not str(given).startswith("builtin:") and not folder.exists():
            raise CheckpointError(
                f"there is no folder {given}; give a diffusers folder, a run, or builtin:NAME. Nothing is fetched: for "
                "a model of the Hugging Face hub give --hub, or VideoGenerator.from_pretrained(NAME, hub=True)."
            )
        from worldsim.builtin_generator import BuiltinGenerator

        return BuiltinGenerator.load(folder, torch.device(device))

    @property
    def network(self) -> nn.Module:
        """The network, or the first of two experts (the one for high noise)."""
        return next(iter(self.networks.values()))

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where it computes."""

    def expert_of(self, t: float) -> str:
        """Return the name of the network that denoises at t."""
        return next(iter(self.networks))

    def latent_shape(self, num_frames: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Return channels, frames, height and width of the latents of a video.

        Raises:
            DataError: this family takes no video of that length or size; names the nearest one that fits.
        """
        stride, side = self.frame_multiple or self.temporal_stride, self.size_multiple
        nearest = max(0, round((num_frames - 1) / stride)) * stride + 1
        fits = [max(side, round(length / side) * side) for length in (height, width)]
        if num_frames != nearest or fits != [height, width]:
            raise DataError(
                f"{self.family} takes {stride} k + 1 frames and sides in multiples of {side} px, given are "
                f"{num_frames} frames of {width}x{height}; the nearest that fits is {nearest} frames of "
                f"{fits[1]}x{fits[0]}."
            )
        size = (height // self.spatial_stride, width // self.spatial_stride)
        return self.latent_channels, (num_frames - 1) // self.temporal_stride + 1 + self.added_frames, *size

    def training_shift(self, shape: tuple[int, int, int, int]) -> float:
        """Return by how much t is shifted towards noise in training on latents of a shape, see ``shift_t``."""
        return self.default_shift

    @abstractmethod
    def encode(self, video: Video) -> Latents:
        """Return the normalised latents of videos in [-1, 1]: the mean of the posterior."""

    @abstractmethod
    def decode(self, latents: Latents) -> Video:
        """Return the videos of normalised latents, in [-1, 1]."""

    @abstractmethod
    def encode_text(self, prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return what the network reads of prompts, b first.

        Raises:
            PromptError: a prompt is longer than the family reads; nothing is cut off.
        """

    @abstractmethod
    def encode_given(
        self, frames: GivenFrames, num_frames: int, last_frame: Picture | None = None
    ) -> tuple[dict[str, torch.Tensor], int]:
        """Return what the network reads of frames that are given, b first, and how many latent frames stay clean.

        Args:
            frames: the first frames of each video, in [-1, 1]
            num_frames: of the whole video
            last_frame: its last frame, for families with ``takes_last_frame``

        Raises:
            DataError: the family does not take so many frames, or none at all.
        """

    @abstractmethod
    def training_target(
        self, x0: Latents, noise: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning
    ) -> NoisySamples:
        """Return noised latents at t and what the network should predict for them."""

    @abstractmethod
    def denoise(self, x_t: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning) -> Latents:
        """Return the network's prediction, in the terms of ``training_target``, float32."""

    @abstractmethod
    def predicted_clean(
        self, x_t: Latents, prediction: Latents, t: Float[torch.Tensor, "b"], conditioning: Conditioning
    ) -> Latents:
        """Return the clean latents that a prediction points to."""

    @abstractmethod
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
        """Draw one video for each prompt, in [-1, 1].

        Args:
            prompts: "" leaves the choice to the model
            num_frames, height, width: see ``latent_shape``
            generator: source of the noise: one for all videos, or one for each, which makes a video independent of
                the others beside it
            frame_rate: Hz; None takes the family's
            first_frames: that the videos begin with, in [-1, 1]
            last_frame: that they end with, for families with ``takes_last_frame``
            sampling: steps and guidance

        Raises:
            DataError: size, length, given frames or generators do not fit.
            PromptError: a prompt is too long.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write a folder that ``from_pretrained`` opens, whole or not at all."""

    @checked_arguments
    def __call__(
        self,
        prompt: str = "",
        *,
        num_frames: int | None = None,
        height: int | None = None,
        width: int | None = None,
        seed: int = 0,
        first_frames: UInt8[np.ndarray, "given height width 3"] | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        negative_prompt: str = "",
    ) -> GeneratedVideo:
        """Make one video.

        Args:
            prompt: what happens; "" leaves it to the model
            num_frames: None takes ``default_size``, as for height and width (pixels)
            height: pixels
            width: pixels
            seed: of the noise; equal seeds give equal videos on one machine
            first_frames: sRGB frames that the video begins with, at its size
            num_inference_steps: calls of the scheduler; None takes the family's
            guidance_scale: weight of the prompt, 1 = none; None takes the family's
            negative_prompt: what guidance leads away from

        Raises:
            DataError: size, length or given frames do not fit, or a public family is not told its size.
            PromptError: the prompt is too long, or names nothing that the model was trained on.

        Warns:
            UserWarning: the model is told other words, or not all of them.
        """
        size = [num_frames, height, width]
        asked = [own if given is None else given for given, own in zip(size, self.default_size or size, strict=True)]
        frames, rows, columns = asked
        if frames is None or rows is None or columns is None:
            raise DataError(f"{self.family} has no size of its own; give num_frames, height and width.")
        pixels = float(frames) * rows * columns
        wanted = f"a video of {frames} frames of {columns}x{rows}"
        require_memory(pixels * 3 * (4 + 4 + 1), wanted, "ask for a shorter or smaller one")  # float32 twice, and bytes
        told = self.understood_prompt(prompt)
        for remark in told.remarks:
            warnings.warn(f"prompt '{prompt}': {remark}", stacklevel=2)
        start = None
        if first_frames is not None:
            start = torch.tensor(first_frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        video = self.sample(
            [told.text],
            frames,
            rows,
            columns,
            generator=[torch.Generator().manual_seed(seed)],
            first_frames=start,
            sampling=Sampling(num_inference_steps, guidance_scale, negative_prompt),
        )
        levels = video[0].detach().float().cpu().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
        return GeneratedVideo(levels.permute(1, 2, 3, 0).numpy(), self.default_frame_rate, prompt, seed)

    def understood_prompt(self, prompt: str) -> UnderstoodPrompt:
        """Return what the model is told of a prompt; text encoders read any words."""
        return UnderstoodPrompt(prompt)

    def conditioning(
        self,
        prompts: Sequence[str],
        num_frames: int,
        *,
        frame_rate: float | None = None,
        first_frames: GivenFrames | None = None,
        last_frame: Picture | None = None,
    ) -> Conditioning:
        """Return the conditioning of prompts and given frames; the domain is physics."""
        device = self.device
        image, num_first = {}, 0
        if first_frames is not None:
            if len(first_frames) != len(prompts):
                raise DataError(f"{len(prompts)} prompts and {len(first_frames)} first frames; give one for each.")
            image, num_first = self.encode_given(first_frames.to(device), num_frames, last_frame)
        elif last_frame is not None:
            raise DataError("a last frame needs first frames beside it.")
        elif self.max_given and not self.keeps_clean:
            raise DataError(
                f"this {self.family} makes videos from a first frame; give --first-frames (--num-conditioning-frames "
                "with --reference), or use its text-to-video model."
            )
        rate = self.default_frame_rate if frame_rate is None else frame_rate
        return Conditioning.of(
            self.encode_text(prompts),
            torch.full((len(prompts),), float(rate), device=device),
            torch.full((len(prompts),), DOMAIN_PHYSICS, device=device),
            torch.full((len(prompts),), num_first, device=device),
            frames=image,
        )

    def draw_noise(
        self, count: int, shape: tuple[int, int, int, int], generator: torch.Generator | Sequence[torch.Generator]
    ) -> Latents:
        """Return the noise that videos start from.

        Raises:
            DataError: as many generators as videos are not there.
        """
        if isinstance(generator, torch.Generator):
            return torch.randn((count, *shape), generator=generator, device=generator.device).to(self.device)
        if len(generator) != count:
            raise DataError(f"{len(generator)} generators for {count} videos; give one for each, or one for all.")
        return torch.stack([torch.randn(shape, generator=one, device=one.device) for one in generator]).to(self.device)

    def require_given(self, num_first: int, num_frames: int, has_last: bool) -> int:
        """Return how many latent frames the first ``num_first`` video frames fill.

        Raises:
            DataError: the family does not take them.
        """
        stride = self.temporal_stride
        if self.max_given == 0:
            raise DataError(f"{self.family} takes no given frames; use its image-to-video model, or leave them out.")
        if self.max_given is not None and num_first > self.max_given:
            raise DataError(
                f"{self.family} takes {self.max_given} first frame(s), given are {num_first}; use "
                f"--num-conditioning-frames "
                f"{self.max_given}."
            )
        if (num_first - 1) % stride:
            raise DataError(
                f"{num_first} first frames do not fill latent frames of {self.family}; give {stride} k + 1 of them, "
                f"e.g. {max(0, round((num_first - 1) / stride)) * stride + 1}."
            )
        if num_first >= num_frames:
            raise DataError(f"{num_first} first frames leave nothing to make in a video of {num_frames}; give fewer.")
        if has_last and not self.takes_last_frame:
            raise DataError(f"{self.family} takes no last frame; leave it out.")
        return (num_first - 1) // stride + 1


@dataclass(frozen=True)
class FamilyFolder:
    """Where a public model lies: its diffusers folder, a trained adapter on it, and the card of the training."""

    base: Path
    adapter: Path | None = None
    card: dict[str, Any] = field(default_factory=dict)


def find_family(given: Path) -> FamilyFolder | None:
    """Return the public model that a folder holds: a diffusers folder, or a run or model folder of ``task: family``.

    None if it holds another model, or none.

    Raises:
        CheckpointError: an adapter whose base is not there, or a damaged card.
    """
    for folder in (given, given / "model"):
        card: dict[str, Any] = {}
        if (folder / "card.json").is_file():
            try:
                card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
            except ValueError as error:
                raise CheckpointError(f"{folder / 'card.json'} is damaged ({error}).") from error
        if is_pipeline_folder(folder):
            return FamilyFolder(folder, card=card)
        if card.get("kind") == "family_adapter" and "base_folder" in card:
            base = Path(card["base_folder"])
            if not is_pipeline_folder(base):
                raise CheckpointError(
                    f"{folder} is an adapter of {base}, which is not there; give the base with --model and this "
                    "folder with --adapter."
                )
            return FamilyFolder(base, folder, card)
    return None


def sampling_defaults(given: Path) -> tuple[int, float]:
    """Return the steps and the guidance scale that a model is sampled with if nothing else is said."""
    found = find_family(given)
    if found is None:
        return VideoGenerator.default_steps, VideoGenerator.default_guidance
    from worldsim.families.folder import PipelineFolder

    member = FAMILIES.get(PipelineFolder.open(found.base).pipeline)
    return member.default_steps, member.default_guidance


def is_pipeline_folder(folder: Path) -> bool:
    """Return whether a folder holds a diffusers pipeline."""
    return (folder / "model_index.json").is_file()
