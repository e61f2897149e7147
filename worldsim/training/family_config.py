"""The config of ``task: family``: training of a public video model."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from physics_data.core.config import StrictModel
from worldsim.config import Count, Share, TrainConfig, ValidationConfig
from worldsim.diffusion import TimeSampling
from worldsim.families.adapters import AdapterSettings
from worldsim.losses.auxiliary.auxiliary_loss import AuxiliaryTerms
from worldsim.probes.probes import ProbesConfig


class FamilyObjective(StrictModel):
    """How samples of a public model are noised, what is given and hidden, and what counts.

    time:                        distribution of t; None = uniform, shifted towards noise as the family's scheduler is
    image_to_video_probability:  share of samples whose first latent frames are given, for families that keep given
                                 frames clean; image-to-video models with further channels are always given the first
    min_conditioning_latents:    smallest number of given latent frames
    max_conditioning_latents:    largest number of them; one is left to predict at least
    condition_dropout:           share of samples without prompt, for guidance
    foreground_weight:           by how much more a latent position counts that is all object, seen or hidden, than one
                                 that is none; the mean weight of a clip stays 1, clips without masks count as before
    contact_weight:              by how much more a latent frame counts in which, or beside which, a touch begins
    auxiliary:                   losses on the predicted clean latents, by name (identity, permanence, attributes,
                                 physical_plausibility); their probes learn to read the family's latents meanwhile
    """

    time: TimeSampling | None = None
    image_to_video_probability: Share = 0.5
    min_conditioning_latents: Count = 1
    max_conditioning_latents: Count = 1
    condition_dropout: Share = 0.1
    foreground_weight: Annotated[float, Field(ge=0)] = 0.0
    contact_weight: Annotated[float, Field(ge=0)] = 0.0
    auxiliary: AuxiliaryTerms = {}

    @property
    def label_groups(self) -> tuple[str, ...]:
        """The groups of latent labels that are read."""
        foreground = ("masks", "amodal") if self.foreground_weight else ()
        return (*foreground, *(("states",) if self.contact_weight else ()))

    @model_validator(mode="after")
    def _some_are_given(self) -> "FamilyObjective":
        if self.min_conditioning_latents > self.max_conditioning_latents:
            raise ValueError(
                f"min_conditioning_latents {self.min_conditioning_latents} is more than max_conditioning_latents "
                f"{self.max_conditioning_latents}"
            )
        return self


class FamilySamples(StrictModel):
    """The videos that a run samples to show where it stands; each time the VAE is loaded for them.

    prompts:         what happens in them
    num_steps:       of the family's scheduler
    guidance_scale:  None = that of the family's pipeline
    """

    prompts: Annotated[tuple[str, ...], Field(min_length=1)]
    num_steps: Count = 20
    guidance_scale: float | None = None


class FamilyTrainConfig(TrainConfig):
    """Training of a public video model: a low-rank adapter, or all weights.

    task:      ``family``
    loss:      weights of the denoising loss and of auxiliary losses
    validation:  held-out loss during training; None = none
    base:      diffusers folder of the model
    adapter:   the adapter; None trains all weights of the networks
    weights:   precision of the frozen base; adapters and fully trained weights are kept in fp32
    samples:   None = no videos are sampled during training
    probes:    of the auxiliary losses
    """

    task: Literal["family"]
    base: Path
    adapter: AdapterSettings | None = AdapterSettings()
    weights: Literal["fp32", "bf16"] = "fp32"
    loss: FamilyObjective = FamilyObjective()
    validation: ValidationConfig = ValidationConfig()
    samples: FamilySamples | None = None
    probes: ProbesConfig = ProbesConfig()

    @model_validator(mode="after")
    def _parts_fit(self) -> "FamilyTrainConfig":
        data, hardware = self.data, self.hardware
        if data.packing is not None or data.crop is not None or not data.augment.is_off:
            raise ValueError("task family encodes whole clips once; leave data.packing, data.crop and data.augment out")
        if any(source.on_the_fly for source in data.sources):
            raise ValueError("task family encodes clips once; build the dataset first (python -m physics_data build)")
        if hardware.compile or hardware.sharding:
            raise ValueError("task family does not compile or share out weights; leave hardware.compile, sharding off")
        if self.adapter is None and self.weights != "fp32":
            raise ValueError(
                "all weights are trained in fp32 (hardware.precision: bf16 computes in bf16); weights: fp32"
            )
        return self
