"""Videos of public models as files: the same ``Sampler`` over a diffusers folder or a run of ``task: family``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from physics_data.core.errors import CheckpointError, DataError
from worldsim.cards import CARD_NAME, read_card
from worldsim.data.collate import to_rgb, to_tensor
from worldsim.families.adapters import ADAPTER_FORMAT, load_adapter
from worldsim.families.diffusers_generator import DiffusersGenerator
from worldsim.generator import Sampling, VideoGenerator
from worldsim.model.conditioning import Scalars
from worldsim.sampling import SamplingConfig
from worldsim.videos import SampleConfig, Sampler


@dataclass(frozen=True)
class FamilyModel:
    """What a sampler's users ask of its model. tokenizer: refuses prompts that are too long."""

    card: dict[str, Any]
    tokenizer: Any


@dataclass(frozen=True)
class _Prompts:
    generator: DiffusersGenerator

    def encode(self, prompts: Sequence[str]) -> None:
        """Check prompts.

        Raises:
            PromptError: one is too long.
        """
        self.generator.check_prompts(prompts)


@dataclass(frozen=True)
class FamilySampler(Sampler):
    """A public model and how to draw from it."""

    model: FamilyModel  # pyright: ignore[reportIncompatibleVariableOverride]
    generator: DiffusersGenerator

    @classmethod
    def load(cls, model: Path, config: SampleConfig, adapter: Path | None = None) -> "FamilySampler":
        """Open a diffusers folder, or a run of ``task: family``, and an adapter on it if one is given.

        Raises:
            CheckpointError: no model there, a damaged one, or an adapter that is not for it.
            DataError: settings that a public model does not have, or a size is missing.
        """
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        generator = VideoGenerator.from_pretrained(model, dtype=dtype, device=device)
        assert isinstance(generator, DiffusersGenerator)
        card = {"family": generator.family, "folder": str(model), "pipeline": generator.folder.pipeline}
        card |= {name: one for name, one in generator.card.items() if name in ("clip", "step", "fingerprint", "files")}
        if adapter is not None:
            if "rank" in generator.card:
                raise CheckpointError(f"{model} has an adapter of its own; leave --adapter out, or give its base.")
            load_adapter(generator, adapter)
            card["adapter"] = str(adapter)
            if (adapter / CARD_NAME).is_file():
                trained = read_card(adapter, ADAPTER_FORMAT)
                card |= {name: one for name, one in trained.items() if name in ("clip", "step", "fingerprint", "files")}
        _require_plain(config)
        made = cls(FamilyModel(card, _Prompts(generator)), config, device, generator)
        generator.latent_shape(*made.geometry)
        return made

    @property
    def geometry(self) -> tuple[int, int, int]:
        """Frames, height and width of the videos.

        Raises:
            DataError: one is not given, and the model does not say what it was trained on.
        """
        trained = self.model.card.get("clip", {})
        given = self.config
        found = {name: getattr(given, name) or trained.get(name) for name in ("num_frames", "height", "width")}
        missing = [f"--{name.replace('_', '-')}" for name, one in found.items() if one is None]
        if missing:
            raise DataError(
                f"{self.model.card['folder']} does not say what size of videos it makes; give {', '.join(missing)}, "
                "e.g. --num-frames 33 --height 480 --width 832."
            )
        return found["num_frames"], found["height"], found["width"]

    @property
    def frame_rate(self) -> float:
        """Hz: that of the clips an adapter was trained on, or the family's."""
        return float(self.model.card.get("clip", {}).get("frame_rate", self.generator.default_frame_rate))

    @property
    def temporal_factor(self) -> int:
        """Given pictures stand for themselves alone."""
        return 1

    def draw(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        domains: Sequence[int],
        first_frames: UInt8[np.ndarray, "b k h w 3"] | None = None,
        frames: Mapping[int, UInt8[np.ndarray, "h w 3"]] | None = None,
    ) -> UInt8[np.ndarray, "b t h w 3"]:
        """Generate one video for each prompt; see ``Sampler.draw``. Public models are not told a domain."""
        num_frames, height, width = self.geometry
        others = sorted(number for number in frames or {} if number != num_frames - 1)
        if others:
            raise DataError(
                f"frame {others[0]} is given by --frames; {self.generator.family} takes --first-frames, and "
                "--last-frame where it can."
            )
        last = None if not frames else to_tensor(frames[num_frames - 1][None, None])[:, :, 0]
        sampling = self.config.sampling
        video = self.generator.sample(
            list(prompts),
            num_frames,
            height,
            width,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            frame_rate=self.frame_rate,
            first_frames=None if first_frames is None else to_tensor(first_frames).to(self.device),
            last_frame=None if last is None else last.expand(len(prompts), -1, -1, -1).to(self.device),
            sampling=Sampling(num_steps=sampling.num_steps, guidance_scale=sampling.guidance_scale),
        )
        return to_rgb(video)

    def scalars(self, count: int) -> dict[str, Scalars]:
        """Return nothing: public models take none."""
        return {}

    def stream(self, *_: Any, **__: Any) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Refuse.

        Raises:
            DataError: always.
        """
        raise DataError(f"{self.generator.family} makes whole videos; leave --stream out.")


def _require_plain(config: SampleConfig) -> None:
    """Check that no setting of the built-in model's solver is given.

    Raises:
        DataError: one is.
    """
    sampling, plain = config.sampling, SamplingConfig()
    wrong = [name for name in ("solver", "shift") if getattr(sampling, name) != getattr(plain, name)]
    if sampling.guidance_interval != plain.guidance_interval:
        wrong.append("guidance-interval")
    wrong += ["scalar"] if config.scalars else []
    wrong += ["scene"] if config.scene is not None else []
    if wrong:
        raise DataError(
            f"a public model is sampled by the scheduler of its own folder; leave --{', --'.join(wrong)} out."
        )
