"""Training of a public video model on our mixture: a low-rank adapter, or all weights."""

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from rich.progress import Progress
from torch import nn

from physics_data.core.atomic import write_text
from physics_data.core.conventions import step_seed
from physics_data.core.display import contact_sheet
from physics_data.core.errors import ConfigError, DataError
from physics_data.core.program import messages
from worldsim.config import DataConfig, TrainConfig
from worldsim.data.buckets import BucketedMixture, BucketSource, sort_into_buckets
from worldsim.data.collate import to_rgb
from worldsim.data.latent_labels import GROUPS, LatentLabels, labels_read_for, stack_latent_labels
from worldsim.data.loading import (
    describe_splits,
    open_buckets,
    open_mixture,
    require_validation,
    spread_positions,
    validation_sources,
)
from worldsim.data.mixture import Mixture
from worldsim.data.sources import ClipSource, ShardSource
from worldsim.diffusion import TimeSampling, sample_t
from worldsim.families.adapters import add_adapter, save_adapter, save_whole
from worldsim.families.diffusers_generator import DiffusersGenerator
from worldsim.families.folder import PipelineFolder
from worldsim.families.planning import plan_training
from worldsim.generator import FAMILIES, Sampling, VideoGenerator
from worldsim.losses.auxiliary.auxiliary_loss import Prediction
from worldsim.losses.auxiliary.combination import AuxiliaryLosses, AuxiliaryStep
from worldsim.losses.denoising import FlowMatching, instance_weight
from worldsim.losses.loss import WHOLE_BATCH, RankShard
from worldsim.model.conditioning import Conditioning
from worldsim.probes.probes import LatentSpace, Probes, ProbesConfig
from worldsim.training.family_config import (
    FamilyTrainConfig,
    TensorCache,
    contact_frames,
    encoded_clip,
    image_of,
    labels_of,
    parts_digest,
    without_added,
)
from worldsim.training.fine_tuning import TrainedWeights, put_together
from worldsim.training.processes import is_sharded, reshard

_DRAWS = 100
"""Draws of t, at most, until all are in the range of the experts that are trained."""


Stored = ShardSource | BucketSource


@dataclass(frozen=True)
class FamilyBatch:
    """One batch.

    position_weight, frame_weight:  how much latent positions and frames count, None = all the same
    labels:                         what auxiliary losses read, without added frames; None = there are no such losses
    step:                           number of the batch
    """

    latents: Float[torch.Tensor, "b c t h w"]
    conditioning: Conditioning
    position_weight: Float[torch.Tensor, "b t h w"] | None = None
    frame_weight: Float[torch.Tensor, "b t"] | None = None
    labels: LatentLabels | None = None
    step: int = 0


@dataclass(frozen=True)
class HeldOut:
    """One clip that is not trained on."""

    source: str
    scenario: str
    batch: FamilyBatch


class FamilyTask:
    """A public model (Wan, LTX, CogVideoX, HunyuanVideo): noise to latents, told in words and by given frames."""

    name: ClassVar[str] = "family"
    shares_batches = True
    config_schema: ClassVar[type[TrainConfig]] = FamilyTrainConfig

    def __init__(self, config: FamilyTrainConfig, device: torch.device) -> None:
        """Load the networks, put the adapter on, and check that clips fit.

        Raises:
            CheckpointError: no diffusers folder there, or a damaged one.
            ConfigError: no layer matches the adapter's targets.
            DataError: a clip has another size, rate or length than the config or the family takes.
        """
        self.config, self.device = config, device
        dtype = torch.bfloat16 if config.weights == "bf16" else torch.float32
        generator = VideoGenerator.from_pretrained(config.base, dtype=dtype, device=device)
        if not isinstance(generator, DiffusersGenerator):
            raise ConfigError(f"base {config.base} is no diffusers folder; train the built-in model with task: dit.")
        self.generator = generator
        matched: dict[str, list[str]] = {}
        if config.adapter is None:
            for network in generator.networks.values():
                network.requires_grad_(True)
        else:
            matched = add_adapter(generator, config.adapter)
        for network in generator.networks.values():
            if config.hardware.recompute:
                network.enable_gradient_checkpointing()  # pyright: ignore[reportCallIssue]
        self._auxiliary = AuxiliaryLosses(config.loss.auxiliary)
        space = LatentSpace(generator.latent_channels, generator.temporal_stride)
        self._no_probes = Probes((), space, ProbesConfig())
        names = self._auxiliary.probes
        self.model = TrainedWeights(
            generator.networks, Probes(names, space, config.probes).to(device) if names else None
        )
        self._matched = [f"{name}: an adapter on {len(one)} layers: {', '.join(one)}" for name, one in matched.items()]
        wanted = {*config.loss.label_groups, *self._auxiliary.groups}
        self._groups = tuple(group for group in GROUPS if group in wanted)
        data = config.data
        if self._groups:
            data = data.model_copy(update={"labels": labels_read_for(self._groups)})
        self._data = data
        _require_fit(generator, config)
        self.mixture = _opened(config, data)
        if config.hardware.sharding and len(generator.networks) > 1 and self._trained_ranges() is None:
            raise ConfigError(
                "hardware.sharding trains one of two experts at a time, since processes draw other noise levels; write "
                f"adapter.networks: [{next(iter(generator.networks))}]."
            )
        if config.report.validate_every is not None:
            require_validation(config.data)
        for source in self.mixture.sources:
            self._check_length(source)
        self._ranges = self._trained_ranges()
        self._vae_digest = parts_digest(generator, "vae", "image_encoder", "image_processor", "feature_extractor")
        self._text_digest = parts_digest(generator, *generator.text_parts)
        self._held_out: list[HeldOut] | None = None

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks whose weights are trained, and the frozen ones beside them."""
        return self.generator.networks

    def shared_out(self, averages: Iterable[nn.Module]) -> None:
        """Take the sharded weights of the networks, and share out averages alike."""
        self.model.take(self.networks)
        for average in averages:
            assert isinstance(average, TrainedWeights)
            average.place_like(self.model)

    @staticmethod
    def plan(config: FamilyTrainConfig) -> list[str]:
        """Check configs and the data's index, and plan the run; no weight is read."""
        dtype = torch.bfloat16 if config.weights == "bf16" else torch.float32
        compute = torch.bfloat16 if config.hardware.precision == "bf16" else dtype
        opened = PipelineFolder.open(config.base)
        family: Any = FAMILIES.get(opened.pipeline)
        _require_fit(family(opened, dtype=dtype, device=torch.device("meta")), config)
        mixture = _opened(config, config.data)
        sizes = config.buckets or (config.clip,)
        largest = max(sizes, key=lambda one: one.num_frames * one.height * one.width)
        plan = plan_training(
            config.base,
            largest.num_frames,
            largest.height,
            largest.width,
            batch_size=config.batch_size,
            adapter=config.adapter,
            dtype=dtype,
            compute=compute,
            recompute=config.hardware.recompute,
            averages=1 + len(config.more_ema_decays),
            optimizer=config.optimizer.name,
        )
        shares = mixture.seen_shares(config.num_steps, config.batch_size)
        return [
            *plan.lines(),
            *([f"counted for the largest bucket, {largest}"] if config.buckets else []),
            *_bucket_lines(mixture),
            *_missing(config),
            f"{config.num_steps} steps of {config.batch_size} clips: "
            + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()),
            f"would write to {config.out}",
        ]

    def prepare(self, progress: Progress) -> None:
        """Encode all clips and captions that are not stored yet; then VAE and text encoders leave the memory.

        The networks wait in the CPU's memory meanwhile: a text encoder is often larger than they are.
        """
        self._move_networks(torch.device("cpu"))
        if isinstance(self.mixture, BucketedMixture):
            rows = "".join(f'{",".join(row[:3])},"{row[3]}"\n' for row in self.mixture.table())
            write_text(self.config.out / "buckets.csv", "source,clip,bucket,done\n" + rows)
        sources: list[Stored] = [*self._sources, *self._validation_sources()]
        captions = {""}
        for source in sources:
            cache = self._clips(source)
            bar = progress.add_task(f"encode {source.name}", total=len(source), note="")
            for position, row in enumerate(source.rows):
                captions.add(row.caption)
                if not cache.has(row.key):
                    cache.put(row.key, encoded_clip(self.generator, source.load(position), self._groups))
                progress.advance(bar)
            if self._groups and source in self._sources:
                without = [row.key for row in source.rows if not labels_of(cache.get(row.key))]
                if without:
                    messages.print(
                        f"{source.name}: {len(without)} of {len(source)} clips have no labels; "
                        "loss.foreground_weight, loss.contact_weight and loss.auxiliary change nothing there.",
                        markup=False,
                    )
        bar = progress.add_task("encode captions", total=len(captions), note="")
        for caption in sorted(captions):
            if not self._texts.has(caption):
                self._texts.put(caption, self._text(caption))
            progress.advance(bar)
        self._release()
        self._move_networks(self.device)

    def describe(self) -> list[str]:
        """Return which layers are trained, and where validation clips come from."""
        probes = self.model.probes
        count = sum(weight.numel() for name, weight in self.model.named_parameters() if not name.startswith("probes."))
        whole = [] if self._matched else ["all weights are trained"]
        validation = [] if self.config.report.validate_every is None else describe_splits(self._data)
        beside = [] if probes is None else [f"probes: {', '.join(probes.members)} learn to read its latents"]
        return [
            f"{self.generator.family}: {count:,} weights are trained",
            *whole,
            *self._matched,
            *beside,
            *validation,
            *_bucket_lines(self.mixture),
        ]

    def data_identity(self) -> dict[str, str]:
        """Return source name → digest of all its clips, and the digests of the base's parts."""
        found = {
            f"{source.name} {source.bucket}" if isinstance(source, BucketSource) else source.name: source.identity()
            for source in self._sources
        }
        networks = parts_digest(self.generator, *self.generator.networks)
        return {**found, "(vae)": self._vae_digest, "(text)": self._text_digest, "(networks)": networks}

    def shares(self, num_steps: int) -> dict[str, float]:
        """Return source name → share of the clips of the first ``num_steps`` batches."""
        return self.mixture.seen_shares(num_steps, self.config.batch_size)

    def batch(self, step: int) -> FamilyBatch:
        """Return the encoded clips of a step."""
        picks = self.mixture.batch(step, self.config.batch_size)
        return replace(self._collated([(self._sources[source], position) for source, position in picks]), step=step)

    def loss(
        self, model: TrainedWeights, batch: FamilyBatch, generator: torch.Generator, shard: RankShard = WHOLE_BATCH
    ) -> dict[str, torch.Tensor]:
        """Return the mean square error of the family's own target over the latent frames that are not given.

        With auxiliary losses, "loss" is the sum, and each part stands beside it.
        """
        settings, x0 = self.config.loss, batch.latents
        count = len(x0)
        t = self._draw_t(count, tuple(x0.shape[1:]), generator)
        noise = torch.randn(x0.shape, generator=generator, device=x0.device)
        conditioning = self._hidden(self._given(batch, generator), generator, settings.condition_dropout)
        if self.config.adapter is not None and self.config.adapter.dropout:
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator, device=x0.device)))
        all_counted = float((~conditioning.clean(x0.shape[2])).sum()) if self.generator.keeps_clean else None
        rows = torch.arange(shard.rank, count, shard.count, device=x0.device)
        conditioning, x0, noise, t = conditioning.rows(rows), x0[rows], noise[rows], t[rows]
        samples = self.generator.training_target(x0, noise, t, conditioning)
        for network in self.generator.networks.values():
            network.train()
        prediction = self.generator.denoise(samples.x_t, t, conditioning)
        weight = samples.counts.to(x0)
        if batch.frame_weight is not None:
            weight = weight * batch.frame_weight[rows]
        positions = None if batch.position_weight is None else batch.position_weight[rows]
        denoising = FlowMatching()(prediction, samples.target, weight, positions)
        if all_counted is not None and shard != WHOLE_BATCH:  # processes may have other numbers of given frames
            denoising = denoising * (float(samples.counts.sum()) * shard.count / all_counted)
        if batch.labels is None:
            return {"loss": denoising}
        added = self.generator.added_frames  # copies in front, which no label describes
        judged = Prediction(
            self.generator.predicted_clean(samples.x_t, prediction, t, conditioning)[:, :, added:],
            x0[:, :, added:],
            (t[:, None] * samples.counts)[:, added:],
            batch.labels.at(rows),
        )
        probes = model.probes if model.probes is not None else self._no_probes
        auxiliary = AuxiliaryStep(self._auxiliary, probes, batch.labels, count, batch.step)
        return auxiliary.add_to(denoising, prediction, judged, generator, shard)

    @torch.no_grad()
    def pictures(self, model: TrainedWeights, progress: Progress) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
        """Return videos sampled for the fixed prompts."""
        shown, clip = self.config.samples, self.config.clip
        if shown is None:
            return {}
        made = []
        with self._with(model):
            for number, prompt in enumerate(shown.prompts):
                seed = torch.Generator().manual_seed(step_seed(self.config.seed, "picture", number))
                video = self.generator.sample(
                    [prompt],
                    clip.num_frames,
                    clip.height,
                    clip.width,
                    generator=seed,
                    frame_rate=self.config.data.frame_rate,
                    sampling=Sampling(num_steps=shown.num_steps, guidance_scale=shown.guidance_scale),
                )
                made.append(to_rgb(video)[0])
        self._release()
        return {"prompts": contact_sheet(made, list(shown.prompts))}

    @torch.no_grad()
    def validate(self, model: TrainedWeights, progress: Progress) -> dict[str, float]:
        """Return the error on validation clips: over all, by source, by scenario, by noise level, by expert."""
        if self._held_out is None:
            self._held_out = self._open_held_out()
        sums: dict[str, list[float]] = {}
        with self._with(model):
            for number, clip in enumerate(self._held_out):
                x0 = clip.batch.latents
                seed = torch.Generator(x0.device).manual_seed(step_seed(self.config.seed, "validation", number))
                noise = torch.randn(x0.shape, generator=seed, device=x0.device)
                for level in self.config.validation.levels:
                    t = torch.full((1,), level, device=x0.device)
                    samples = self.generator.training_target(x0, noise, t, clip.batch.conditioning)
                    prediction = self.generator.denoise(samples.x_t, t, clip.batch.conditioning)
                    error = float(FlowMatching()(prediction, samples.target, samples.counts.to(x0)))
                    names = {"loss", clip.source, f"{clip.source}/{clip.scenario}", f"t={level:g}"}
                    if len(self.generator.networks) > 1:
                        names.add(self.generator.expert_of(level))
                    for name in names:
                        sums.setdefault(name, []).append(error)
        return {name: sum(values) / len(values) for name, values in sorted(sums.items())}

    def finish(self, model: TrainedWeights, progress: Progress) -> dict[str, float]:
        """Return nothing; there is nothing to complete."""
        return {}

    def export(self, model: TrainedWeights, folder: Path, training: dict[str, Any]) -> None:
        """Write the adapter, or the whole diffusers folder, with a card."""
        clip: dict[str, Any] = {name: getattr(self.config.clip, name) for name in ("num_frames", "height", "width")}
        clip["frame_rate"] = self.config.data.frame_rate
        facts = {"base_folder": str(self.config.base), "clip": clip, **training}
        whole = put_together(self.networks, model) if is_sharded(self.model.parameters()) else self._with(model)
        with whole:
            if self.config.adapter is not None:
                save_adapter(self.generator, folder, facts)
            else:
                save_whole(self.generator, folder, facts)
        trained = model.probes
        if trained is not None and not trained.config.frozen:
            trained.save(self.config.out)

    @property
    def _sources(self) -> "list[Stored]":
        """The sources of the mixture; clips are encoded once, so all are stored."""
        return [source for source in self.mixture.sources if isinstance(source, ShardSource | BucketSource)]

    def _validation_sources(self) -> "list[Stored]":
        if self.config.report.validate_every is None:
            return []
        found, buckets = validation_sources(self._data), self.config.buckets
        if not buckets:
            return [*found]
        return [one for each in found for one in sort_into_buckets(each, buckets, self._data.frame_rate).sources]

    def _check_length(self, source: ClipSource) -> None:
        if isinstance(source, BucketSource):
            return
        for row in source.shapes:
            if row.num_frames != self.config.data.num_frames:
                raise DataError(
                    f"clip '{row.key}' of {source.folder} has {row.num_frames} frames, data.num_frames is "
                    f"{self.config.data.num_frames}; latents are made of whole clips, so make both equal."
                )

    def _trained_ranges(self) -> tuple[str, ...] | None:
        """Return the experts that are trained, None if all are."""
        chosen = None if self.config.adapter is None else self.config.adapter.networks
        return None if chosen is None or set(chosen) == set(self.generator.networks) else chosen

    def _draw_t(self, count: int, shape: tuple[int, ...], generator: torch.Generator) -> Float[torch.Tensor, "b"]:
        """Draw t for each sample; where only one expert is trained, within its range."""
        channels, frames, height, width = shape
        shift = self.generator.training_shift((channels, frames, height, width))
        time = self.config.loss.time or TimeSampling(distribution="uniform", shift=shift)
        t = sample_t(count, time, generator, self.device)
        for _ in range(_DRAWS):
            outside = torch.tensor(
                [self._ranges is not None and self.generator.expert_of(float(one)) not in self._ranges for one in t],
                device=t.device,
            )
            if not outside.any():
                return t
            t = torch.where(outside, sample_t(count, time, generator, self.device), t)
        raise ConfigError(
            f"loss.time hardly draws noise levels of {', '.join(self._ranges or ())}; write another, e.g. "
            "{distribution: uniform}."
        )

    def _given(self, batch: FamilyBatch, generator: torch.Generator) -> Conditioning:
        """Draw which samples are given their first latent frames, for families that keep them clean."""
        told, x0, settings = batch.conditioning, batch.latents, self.config.loss
        if not self.generator.keeps_clean:
            return told
        most = min(settings.max_conditioning_latents, x0.shape[2] - 1)
        if self.generator.max_given is not None:
            most = min(most, (self.generator.max_given - 1) // self.generator.temporal_stride + 1)
        if most < 1:
            return told
        least = min(settings.min_conditioning_latents, most)
        count = torch.randint(least, most + 1, (len(x0),), generator=generator, device=x0.device)
        chosen = torch.rand(len(x0), generator=generator, device=x0.device) < settings.image_to_video_probability
        return replace(told, num_clean=count * chosen, frames={"latents": x0})

    def _hidden(self, conditioning: Conditioning, generator: torch.Generator, share: float) -> Conditioning:
        """Take the prompt of a share of the samples out: they get that of the empty prompt."""
        hidden = torch.rand(len(conditioning), generator=generator, device=self.device) < share
        if not hidden.any():
            return conditioning
        empty = {name: one.to(self.device) for name, one in self._texts.get("").items()}
        text = {
            name: torch.where(hidden.view(-1, *[1] * (one.ndim - 1)), empty[name].to(one), one)
            for name, one in conditioning.text.items()
        }
        return replace(conditioning, text=text)

    @property
    def _texts(self) -> TensorCache:
        return TensorCache(self.config.out / "cache" / f"text-{self._text_digest}")

    def _text(self, caption: str) -> dict[str, torch.Tensor]:
        return self.generator.encode_text([caption])

    def _clips(self, source: ClipSource) -> TensorCache:
        annotations = [",".join(one.annotations) for one in self.config.data.sources if one.label == source.name]
        digest = "-".join([source.identity(), self._vae_digest, *self._groups, *annotations])
        return TensorCache(self.config.out / "cache" / f"{source.name}-{digest}")

    def _move_networks(self, device: torch.device) -> None:
        if is_sharded(self.model.parameters()):
            return  # each process holds a part, and FSDP keeps it where it is
        for network in self.generator.networks.values():
            network.to(device)

    def _release(self) -> None:
        """Free everything but the networks and the scheduler."""
        kept = {"scheduler"}
        self.generator.release(*(name for name in self.generator.folder.components if name not in kept))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _collated(self, picks: Sequence[tuple[Stored, int]]) -> FamilyBatch:
        """Read encoded clips and captions; of one that is damaged, the clip is encoded again."""
        stored, texts, rates = [], [], []
        for source, position in picks:
            row = source.rows[position]
            stored.append(
                self._clips(source).get(
                    row.key,
                    lambda source=source, position=position: encoded_clip(
                        self.generator, source.load(position), self._groups
                    ),
                )
            )
            texts.append(self._texts.get(row.caption, lambda caption=row.caption: self._text(caption)))
            rates.append(row.frame_rate)
        latents = torch.stack([one["latents"] for one in stored]).to(self.device)
        conditioning = Conditioning.of(
            {name: torch.cat([one[name] for one in texts]).to(self.device) for name in texts[0]},
            torch.tensor(rates, device=self.device),
            frames={
                name: torch.stack([image_of(one)[name] for one in stored]).to(self.device)
                for name in image_of(stored[0])
            },
        )
        labels = [labels_of(one) for one in stored]
        position_weight = None
        if self.config.loss.foreground_weight and any(labels):
            position_weight = instance_weight(stack_latent_labels(labels), self.config.loss.foreground_weight)
        if position_weight is not None:
            position_weight = position_weight.to(self.device)
        judged = None
        if self.config.loss.auxiliary:
            judged = stack_latent_labels([without_added(one, self.generator.added_frames) for one in labels])
            judged = judged.to(self.device)
        return FamilyBatch(
            latents, conditioning, position_weight, self._contact_weight(labels, latents.shape[2]), judged
        )

    def _contact_weight(self, labels: Sequence[Any], frames: int) -> Float[torch.Tensor, "b t"] | None:
        """Return how much each latent frame counts; the mean of a clip is 1."""
        gain = self.config.loss.contact_weight
        if not gain:
            return None
        weights = torch.ones(len(labels), frames)
        for weight, one in zip(weights, labels, strict=True):
            near = contact_frames(one, self.generator.temporal_stride, frames, self.generator.added_frames)
            if near is not None:
                weight += gain * near
        return (weights / weights.mean(1, keepdim=True)).to(self.device)

    def _open_held_out(self) -> list[HeldOut]:
        """Read the validation clips that are measured, evenly spread; families that can are given one latent frame."""
        clips = []
        for source in self._validation_sources():
            for position in spread_positions(source, self.config.validation.num_clips):
                batch = self._collated([(source, position)])
                several = batch.latents.shape[2] > 1
                if several and self.generator.keeps_clean and self.config.loss.image_to_video_probability:
                    told = batch.conditioning
                    told = replace(told, num_clean=told.num_clean + 1, frames={"latents": batch.latents})
                    batch = FamilyBatch(batch.latents, told)
                clips.append(HeldOut(source.name, source.rows[position].scenario or source.name, batch))
        return clips

    @contextmanager
    def _with(self, model: TrainedWeights) -> Iterator[None]:
        """Let the networks have other weights (the averaged ones), in evaluation mode."""
        for network in self.generator.networks.values():
            network.eval()
        reshard(self.networks.values())
        try:
            with self.model.holding(model):
                yield
        finally:
            reshard(self.networks.values())


def _opened(config: FamilyTrainConfig, data: DataConfig) -> Mixture | BucketedMixture:
    if config.buckets:
        return open_buckets(data, config.buckets, seed=config.seed)
    return open_mixture(data, seed=config.seed, batch_size=config.batch_size)


def _bucket_lines(mixture: Mixture | BucketedMixture) -> list[str]:
    return mixture.lines() if isinstance(mixture, BucketedMixture) else []


def _require_fit(generator: DiffusersGenerator, config: FamilyTrainConfig) -> None:
    """Check that the family takes clips of every bucket.

    Raises:
        DataError: it takes no such size or length; names the nearest.
        ConfigError: a bucket of stills, or samples from prompts alone, for a model that is given the first frame.
    """
    needs_first = bool(generator.max_given) and not generator.keeps_clean
    if needs_first and config.samples is not None:
        raise ConfigError(
            f"samples: this {generator.family} makes videos from a first frame, prompts are not enough; leave samples "
            "out and sample with --first-frames after training."
        )
    for one in config.buckets or (config.clip,):
        generator.latent_shape(one.num_frames, one.height, one.width)
        if one.num_frames == 1 and needs_first:
            raise ConfigError(
                f"bucket {one}: this {generator.family} is given the first frame, and a still has no other to learn; "
                "leave buckets of 1 frame out."
            )


def _missing(config: FamilyTrainConfig) -> list[str]:
    """Return what training needs and is not here."""
    if not config.optimizer.has_8bit_moments or importlib.util.find_spec("bitsandbytes") is not None:
        return []
    return [f"optimizer.name {config.optimizer.name} needs bitsandbytes (extra eight_bit), which is not installed here"]
