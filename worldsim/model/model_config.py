"""The shape of a diffusion transformer, and the usual sizes."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from physics_data.core.config import StrictModel
from physics_data.core.errors import UnknownNameError, suggest
from worldsim.model.experts import ExpertsConfig
from worldsim.model.motion_prior import MotionPriorConfig

Count = Annotated[int, Field(ge=1)]

SIZES: dict[str, dict[str, int]] = {
    "S": {"depth": 12, "width": 384, "num_heads": 6},
    "B": {"depth": 12, "width": 768, "num_heads": 12},
    "L": {"depth": 24, "width": 1024, "num_heads": 16},
    "XL": {"depth": 28, "width": 1152, "num_heads": 16},
}
"""Source: Peebles and Xie (2023), Scalable diffusion models with transformers, table 1."""


class ScalarConfig(StrictModel):
    """Conditioning scalars: a camera's path, gravity, forces, actions.

    name:       what batches and prompts call them
    size:       how many
    per_frame:  whether each latent frame has its own; otherwise they hold for the whole video
    """

    name: str
    size: Count
    per_frame: bool = False


class DiTConfig(StrictModel):
    """A diffusion transformer over video latents.

    latent_channels:   channels of the latents
    temporal_factor:   video frames between two latent frames, as in the VAE; places latent frames in seconds
    patch_size:        latent positions along each side that become one token; a token never spans latent frames
    depth:             blocks
    width:             channels of a token
    num_heads:         attention heads
    mlp_ratio:         hidden channels of a block's feed-forward part / width, before gating
    text_buckets:      ids of the tokenizer
    text_every:        every so many blocks read the prompt, the first one included
    prediction:        what the last layer gives: ``balanced`` (see ``diffusion.v_from_balanced``), ``x0``, the clean
                       latents, or ``v``. ``forward`` returns v in any case
    min_t:             ``x0`` only: v is (x_t - x0) / max(t, min_t)
    text_width:        channels of the text features of another encoder; None = word ids of the own tokenizer
    scalars:           conditioning scalars
    scene_slots:       slots of a scene: camera, light, gravity and the rest for bodies; 0 = it takes no scenes
    causal:            a latent frame reads itself and earlier ones only, so videos can be made frame by frame
    absolute_time:     whether tokens are told their second, besides the differences that attention sees; without it
                       nothing changes when a video goes on for longer than any seen in training
    num_registers:     learned keys and values that every token may read, in each block
    experts:           feed-forward layers of several experts
    motion_prior:      start from given frames moved along paths that are read from them, for latents as fine as
                       pixels; see ``motion_prior``
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {
        "least_t": "min_t",
        "numbers": "scalars",
        "carry": "motion_prior",
        "text_attention": "nothing: cross-attention is what there is",
        "attention": "nothing: packed samples are segments of one row",
    }

    latent_channels: Count = 16
    temporal_factor: Count = 4
    patch_size: Count = 2
    depth: Count = 12
    width: Count = 384
    num_heads: Count = 6
    mlp_ratio: Annotated[float, Field(gt=0)] = 4.0
    text_buckets: Annotated[int, Field(ge=2)] = 512
    text_every: Count = 1
    prediction: Literal["balanced", "x0", "v"] = "balanced"
    min_t: Annotated[float, Field(gt=0, lt=1)] = 0.02
    text_width: Count | None = None
    scalars: tuple[ScalarConfig, ...] = ()
    scene_slots: Annotated[int, Field(ge=0)] = 0
    causal: bool = False
    absolute_time: bool = True
    num_registers: Annotated[int, Field(ge=0)] = 0
    experts: ExpertsConfig | None = None
    motion_prior: MotionPriorConfig | None = None

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "DiTConfig":
        if self.width % (self.num_heads * 8):
            raise ValueError(
                f"width {self.width} must be a multiple of 8 * num_heads = {8 * self.num_heads}, so that a head's "
                f"channels can be shared among time, height and width; nearest is "
                f"{max(round(self.width / (8 * self.num_heads)), 1) * 8 * self.num_heads}"
            )
        return self

    @model_validator(mode="after")
    def _carries_whole_clips(self) -> "DiTConfig":
        if self.motion_prior is not None and (self.causal or self.prediction != "balanced"):
            raise ValueError(
                "motion_prior needs the given frames in one call and scales the output itself; write causal: false and "
                "prediction: balanced, or leave motion_prior out"
            )
        return self

    @model_validator(mode="after")
    def _scalars_have_names(self) -> "DiTConfig":
        names = [one.name for one in self.scalars]
        if len(set(names)) < len(names):
            raise ValueError(f"scalars {names} must have different names")
        return self

    def experts_of(self, block: int) -> ExpertsConfig | None:
        """Return the experts of a block; None = one feed-forward layer."""
        if self.experts is None or (self.experts.kind == "token" and block % self.experts.every == 0):
            return None
        return self.experts

    @property
    def head_width(self) -> int:
        """Channels of one head."""
        return self.width // self.num_heads


def named_size(name: str, **others: Any) -> DiTConfig:
    """Return the config of size S, B, L or XL; other fields may be given.

    Raises:
        UnknownNameError: no such size.
    """
    if name not in SIZES:
        raise UnknownNameError(f"no DiT size '{name}': {suggest(name, SIZES)}")
    return DiTConfig(**SIZES[name], **others)
