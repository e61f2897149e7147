"""What training of the transformer minimises: how samples are noised, what is hidden, and what counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator

from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError
from worldsim.data.latent_labels import LatentLabels
from worldsim.diffusion import (
    TimeSampling,
    Weighting,
    interpolate,
    loss_weight,
    over_latents,
    sample_t,
    shift_t,
    v_target,
)
from worldsim.losses.auxiliary.auxiliary_loss import AuxiliaryTerms, Prediction
from worldsim.losses.auxiliary.combination import AuxiliaryStep
from worldsim.losses.loss import WHOLE_BATCH, LossInfo, RankShard, Scalar
from worldsim.model.conditioning import Conditioning, Scalars
from worldsim.model.scene_tokens import BODY, IS_DYNAMIC

Share = Annotated[float, Field(ge=0, le=1)]


class DiTObjective(StrictModel):
    """How samples are noised and what is hidden when a transformer is trained.

    time:           distribution of t
    weighting:      how much each noise level counts, see ``diffusion.loss_weight``
    snr_gamma:      of ``weighting: min_snr``
    diffusion_forcing_probability:  that the latent frames of a sample each have their own t, so that any of them can be
                    made from any others (Chen et al. 2024, Diffusion forcing)
    condition_dropout:          fraction of samples without prompt, for guidance
    domain_dropout:             fraction of samples that are not told their domain
    scalar_dropout:             fraction of samples that do not know a scalar, drawn for each scalar
    scene_dropout:              fraction of samples whose scene is unknown
    scene_part_dropout:         fraction of the slots, classes and values of a scene that are unknown, each by itself
    simulated_probability:      of knowing where bodies are in all frames, as a simulator says; others know the first
                                frame, and what stands still or is scripted
    image_to_video_probability: that a sample is continued from clean latent frames
    min_conditioning_latents:   smallest number of them
    max_conditioning_latents:   largest number of them; at least one latent frame is left to predict
    random_position_probability:  that the conditioning latents of a continued sample are anywhere instead of first
    foreground_weight:  by how much more a latent position counts that is all object, seen or hidden, than one that is
                    none; the mean weight of a clip stays 1, and clips without masks count as before
    auxiliary:      losses of predicted clips, see ``losses.auxiliary``: name → settings
    """

    renamed_keys: ClassVar[Mapping[str, str]] = {
        "own_t_share": "diffusion_forcing_probability",
        "drop_prompt": "condition_dropout",
        "drop_domain": "domain_dropout",
        "drop_numbers": "scalar_dropout",
        "given_share": "image_to_video_probability",
        "least_given": "min_conditioning_latents",
        "most_given": "max_conditioning_latents",
        "given_anywhere": "random_position_probability",
        "instance_gain": "foreground_weight",
    }

    time: TimeSampling = TimeSampling()
    weighting: Weighting = "uniform"
    snr_gamma: Annotated[float, Field(gt=0)] = 5.0
    diffusion_forcing_probability: Share = 0.0
    condition_dropout: Share = 0.1
    domain_dropout: Share = 0.1
    scalar_dropout: Share = 0.1
    scene_dropout: Share = 0.1
    scene_part_dropout: Share = 0.05
    simulated_probability: Share = 0.5
    image_to_video_probability: Share = 0.5
    min_conditioning_latents: Annotated[int, Field(ge=1)] = 1
    max_conditioning_latents: Annotated[int, Field(ge=1)] = 3
    random_position_probability: Share = 0.0
    foreground_weight: Annotated[float, Field(ge=0)] = 0.0
    auxiliary: AuxiliaryTerms = {}

    @property
    def reads_labels(self) -> bool:
        """Whether training needs labels of clips."""
        return bool(self.foreground_weight or self.auxiliary)

    @model_validator(mode="after")
    def _some_are_given(self) -> "DiTObjective":
        if self.min_conditioning_latents > self.max_conditioning_latents:
            raise ValueError(
                f"min_conditioning_latents {self.min_conditioning_latents} is more than max_conditioning_latents "
                f"{self.max_conditioning_latents}"
            )
        return self


@dataclass(frozen=True)
class ConditionDropout:
    """What samples are not conditioned on, for guidance. True = kept."""

    prompt: Bool[torch.Tensor, "b"]
    domain: Bool[torch.Tensor, "b"]
    scalars: Mapping[str, Bool[torch.Tensor, "b"]]

    @classmethod
    def draw(
        cls, conditioning: Conditioning, generator: torch.Generator, settings: DiTObjective, device: Any
    ) -> "ConditionDropout":
        """Draw for each sample."""

        def keep(drop: float) -> torch.Tensor:
            return torch.rand(len(conditioning), generator=generator, device=device) >= drop

        prompt, domain = keep(settings.condition_dropout), keep(settings.domain_dropout)
        return cls(prompt, domain, {name: keep(settings.scalar_dropout) for name in sorted(conditioning.scalars)})

    def apply(self, conditioning: Conditioning) -> Conditioning:
        """Return the conditioning with what is dropped taken out."""
        return replace(
            conditioning,
            text={**conditioning.text, "mask": conditioning.text_mask & self.prompt[:, None]},
            domain=conditioning.domain * self.domain,
            scalars={
                name: Scalars(one.values, one.present & self.scalars[name][:, None])
                for name, one in conditioning.scalars.items()
            },
        )


def with_scene_dropout(conditioning: Conditioning, generator: torch.Generator, settings: DiTObjective) -> Conditioning:
    """Return the conditioning with less known of its scenes; without scenes nothing is drawn."""
    scene = conditioning.scene
    if scene is None:
        return conditioning

    def keep(shape: Sequence[int], drop: float) -> torch.Tensor:
        return torch.rand(tuple(shape), generator=generator, device=scene.kind.device) >= drop

    count, parts = len(conditioning), settings.scene_part_dropout
    slots = keep((count, 1), settings.scene_dropout) & keep(scene.kind.shape, parts)
    simulated = keep((count, 1, 1), 1 - settings.simulated_probability)
    dynamic = (scene.kind == BODY) & (scene.values[..., IS_DYNAMIC] > 0)
    first = torch.arange(scene.states.shape[2], device=scene.kind.device) == 0
    states = (simulated | first | ~dynamic[..., None]) & keep(scene.kind.shape, parts)[..., None]
    kept = scene.masked(slots, keep(scene.classes.shape, parts), keep(scene.known.shape, parts), states)
    return replace(conditioning, scene=kept)


def dit_objective(
    dit: Any,
    latents: Float[torch.Tensor, "b c t h w"],
    conditioning: Conditioning,
    generator: torch.Generator,
    settings: DiTObjective,
    shard: RankShard = WHOLE_BATCH,
    auxiliary: AuxiliaryStep | None = None,
) -> dict[str, Float[torch.Tensor, ""]]:
    """Noise normalised latents and compare the predicted v with the true one.

    All latent frames of a sample have the same t, apart from a share of samples whose frames have each their own; those
    that are given are clean, have t = 0 and do not count. ``auxiliary`` adds the auxiliary losses; without it nothing
    is drawn or computed for them.
    """
    batch, _, num_frames = latents.shape[:3]
    device = latents.device
    given = draw_given(batch, num_frames, generator, settings, device)
    t = draw_t([latents.shape[1:]] * batch, dit, generator, settings, device)
    t = torch.stack(t).masked_fill(given, 0.0)
    noise = torch.randn(latents.shape, generator=generator, device=device, dtype=latents.dtype)
    dropout = ConditionDropout.draw(conditioning, generator, settings, device)
    every = (~given).sum()
    latents, given, t, noise = (shard.rows(x) for x in (latents, given, t, noise))
    conditioning = with_scene_dropout(dropout.apply(conditioning), generator, settings)
    own = torch.arange(shard.rank, batch, shard.count, device=device)
    x_t = interpolate(latents, noise, t)
    labels = None if auxiliary is None else auxiliary.labels.rows(shard.rank, shard.count)
    v_pred = dit(x_t, t, conditioning.rows(own))
    weight = loss_weight(t, settings.weighting, snr_gamma=settings.snr_gamma) * ~given
    counts = None if labels is None else instance_weight(labels, settings.foreground_weight)
    loss = FlowMatching()(v_pred, v_target(latents, noise), weight, counts)
    loss = loss * ((~given).sum() * shard.count / every)
    if auxiliary is None or labels is None or not settings.auxiliary:
        return {"loss": loss}
    prediction = Prediction(x_t - over_latents(t) * v_pred, latents, t, labels)
    return auxiliary.add_to(loss, v_pred, prediction, generator, shard)


def instance_weight(labels: LatentLabels, gain: float) -> Float[torch.Tensor, "b t h w"] | None:
    """Return how much each latent position counts: 1 + gain times the share that is object, over the mean of its clip.

    What is hidden counts as what is seen, where amodal masks are known. None if no clip has masks or the gain is 0.
    """
    if gain == 0 or not labels.has(("masks",)):
        return None
    seen, known = labels["seen_share"], labels.known(("masks",))
    if labels.has(("amodal",)):
        seen = torch.maximum(seen, labels["covered_share"])
    share = seen.sum(1).clamp(0, 1) * known[:, None, None, None]
    weight = 1 + gain * share
    return weight / weight.mean((1, 2, 3), keepdim=True)


def packed_dit_objective(
    dit: Any,
    latents: Sequence[Float[torch.Tensor, "c _t _h _w"]],
    conditioning: Conditioning,
    rows: Sequence[Sequence[int]],
    generator: torch.Generator,
    settings: DiTObjective,
    shard: RankShard = WHOLE_BATCH,
) -> dict[str, Float[torch.Tensor, ""]]:
    """Return what ``dit_objective`` does, for samples of any size packed into rows; each value counts the same."""
    device = conditioning.frame_rate.device
    given = [draw_given(1, one.shape[1], generator, settings, device)[0] for one in latents]
    levels = draw_t([one.shape for one in latents], dit, generator, settings, device)
    t = [level.masked_fill(kept, 0.0) for level, kept in zip(levels, given, strict=True)]
    noise = [torch.randn(one.shape, generator=generator, device=device, dtype=one.dtype) for one in latents]
    dropout = ConditionDropout.draw(conditioning, generator, settings, device)
    counts = [int((~kept).sum()) * one[:, 0].numel() for kept, one in zip(given, latents, strict=True)]
    conditioning = dropout.apply(conditioning)
    members = [sample for row in shard.items(rows) for sample in row]
    if not members:
        raise DataError(f"{shard.count} processes share fewer packed rows than they are; give a larger batch_size.")
    own = conditioning.rows(torch.tensor(members, device=device))
    noisy = [interpolate(latents[i][None], noise[i][None], t[i][None])[0] for i in members]
    v_pred = dit.forward_packed(noisy, [t[i] for i in members], own)
    loss, weight = FlowMatching(), partial(loss_weight, weighting=settings.weighting, snr_gamma=settings.snr_gamma)
    losses = [
        loss(v[None], v_target(latents[i][None], noise[i][None]), (weight(t[i]) * ~given[i])[None])
        for v, i in zip(v_pred, members, strict=True)
    ]
    shares = torch.tensor([counts[i] for i in members], device=device) / sum(counts)
    return {"loss": (torch.stack(losses) * shares).sum() * shard.count}


def draw_t(
    shapes: Sequence[Sequence[int]], dit: Any, generator: torch.Generator, settings: DiTObjective, device: Any
) -> list[Float[torch.Tensor, "_t"]]:
    """Return the t of each latent frame of samples of these shapes (channels, frames, height, width)."""
    batch, time = len(shapes), settings.time
    shift = [time.shift_for(dit.num_tokens(shape)) if time.base_tokens else time.shift for shape in shapes]
    plain = time.model_copy(update={"shift": 1.0, "base_tokens": None})
    level = sample_t(batch, plain, generator, device)
    levels = [one.expand(shape[1]) for one, shape in zip(level, shapes, strict=True)]
    if settings.diffusion_forcing_probability:
        frames = [shape[1] for shape in shapes]
        own = sample_t(sum(frames), plain, generator, device).split(frames)
        chosen = torch.rand(batch, generator=generator, device=device) < settings.diffusion_forcing_probability
        levels = [torch.where(pick, mine, one) for pick, mine, one in zip(chosen, own, levels, strict=True)]
    return [shift_t(one, factor) for one, factor in zip(levels, shift, strict=True)]


def draw_given(
    batch: int, num_frames: int, generator: torch.Generator, settings: DiTObjective, device: torch.device
) -> Bool[torch.Tensor, "b t"]:
    """Return True for the given latent frames of a share of the samples: the first ones, or anywhere."""
    most = min(settings.max_conditioning_latents, num_frames - 1)
    fewest = min(settings.min_conditioning_latents, most)
    if most < 1:
        return torch.zeros(batch, num_frames, dtype=torch.bool, device=device)
    count = torch.randint(fewest, most + 1, (batch,), generator=generator, device=device)
    continued = torch.rand(batch, generator=generator, device=device) < settings.image_to_video_probability
    order = torch.arange(num_frames, device=device).expand(batch, -1)
    if settings.random_position_probability:
        shuffled = torch.rand(batch, num_frames, generator=generator, device=device).argsort(1)
        anywhere = torch.rand(batch, generator=generator, device=device) < settings.random_position_probability
        order = torch.where(anywhere[:, None], shuffled, order)
    return order < (count * continued)[:, None]


class FlowMatching:
    """Mean square error of v over the latent frames that are not given."""

    info: ClassVar[LossInfo] = LossInfo(
        needs=("v_pred", "v_target", "frame_weight"),
        source="Lipman et al. (2023), Flow matching for generative modeling",
    )

    def __call__(
        self,
        v_pred: Float[torch.Tensor, "b c t h w"],
        v_target: Float[torch.Tensor, "b c t h w"],
        frame_weight: Float[torch.Tensor, "b t"],
        position_weight: Float[torch.Tensor, "b t h w"] | None = None,
    ) -> Scalar:
        """Return the mean of error times weight over the latent frames whose weight is not 0.

        ``position_weight`` says how much each position counts in the mean of a latent frame; None = all the same.
        """
        error = (v_pred - v_target).square()
        if position_weight is not None:
            error = error * position_weight[:, None]
        by_frame = error.mean(dim=(1, 3, 4))
        return (by_frame * frame_weight).sum() / (frame_weight != 0).sum()
