"""Training of the diffusion transformer on the latents of a trained VAE."""

import copy
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import UInt8
from rich.progress import Progress
from torch import nn

from physics_data.core.display import contact_sheet
from physics_data.core.errors import ConfigError, DataError
from physics_data.core.program import messages
from physics_data.core.provenance import sha256_of
from worldsim.config import DiTTrainConfig, TrainConfig
from worldsim.data.collate import balanced_rows, padding_share, share_out, to_rgb, to_tensor
from worldsim.data.latent_labels import GROUPS, ClipLabels, has_groups, labels_read_for, latent_labels
from worldsim.data.loading import (
    describe_splits,
    open_mixture,
    require_validation,
    spread,
    spread_positions,
    validation_sources,
)
from worldsim.data.scalars import ClipScalars
from worldsim.data.scene_encoding import SCENE_ENCODING, scene_of_clip
from worldsim.data.sources import ClipSource, ShardSource
from worldsim.losses.auxiliary.combination import AuxiliaryLosses, AuxiliaryStep, WithProbes
from worldsim.losses.denoising import dit_objective, packed_dit_objective
from worldsim.losses.loss import WHOLE_BATCH, RankShard
from worldsim.losses.paths import with_paths
from worldsim.model import DiT
from worldsim.model.conditioning import NO_SCALARS, Conditioning, Scalars
from worldsim.model.lora import add_adapter, merge_adapter
from worldsim.model.scene_tokens import SCENE_PARTS, SceneTokens
from worldsim.probes import LatentSpace, Probes, ProbesConfig
from worldsim.probes.probes import FILE_NAME as PROBES_FILE
from worldsim.sampling import generate
from worldsim.training.fine_tuning import build_tokenizer, describe_words, facts_of, start_from
from worldsim.training.latent_store import (
    HeldOutClip,
    LatentBatch,
    LatentStore,
    PackedLatentBatch,
    Sample,
    validation_error,
)
from worldsim.training.latents import (
    cached,
    cached_labels,
    encode_clips,
    encode_source,
    factors,
    labels_of_source,
    read_cache,
    write_cache,
)
from worldsim.vae import VideoVAE
from worldsim.weights import WEIGHTS_NAME, load_vae, model_folder, save_adapter, save_generator, weights_digest

_WINDOWS_MEASURED = 64
"""Windows of packed rows, from the first, whose padding a run reports."""

_LOOKED_AT = 4
"""Clips of each source whose labels a dry run looks at."""

Trained = DiT | WithProbes
"""What training changes: the transformer, and with auxiliary losses the probes beside it."""


class DiTTask:
    """Noise to latents, conditioned on words and what else is known of a scene."""

    name: ClassVar[str] = "dit"
    shares_batches = True
    config_schema: ClassVar[type[TrainConfig]] = DiTTrainConfig

    def __init__(self, config: DiTTrainConfig, device: torch.device) -> None:
        """Build the transformer, load the VAE and check that clips fit both.

        Raises:
            CheckpointError: no VAE in ``config.vae``, or a damaged one.
            DataError: a clip has another size, rate or length than the config.
        """
        self.config = config
        self.device = device
        self.vae_folder = model_folder(config.vae)
        self.vae = load_vae(self.vae_folder).to(device)
        data = config.data
        self.vae.latent_shape(data.num_frames, data.height, data.width)
        _require_fit(config, self.vae)
        self.dit = DiT(config.model)
        self.dit.recomputes = config.hardware.recompute
        self._taken: list[str] = []
        if config.start_from is not None:
            weights = model_folder(config.start_from) / WEIGHTS_NAME
            self._taken = start_from(self.dit, weights).lines(config.start_from)
        if config.lora is not None:
            add_adapter(self.dit, config.lora)
        self._scalars = ClipScalars(config.model.scalars, config.model.temporal_factor)
        self._auxiliary = AuxiliaryLosses(config.loss.auxiliary)
        self._groups = _groups_read(config, self._auxiliary)
        self._no_probes = self._build_probes(())
        self.model: nn.Module = self._with_probes()
        if self._groups:
            data = data.model_copy(update={"labels": labels_read_for(self._groups)})
        self.mixture = open_mixture(data, seed=config.seed, batch_size=config.batch_size)
        if config.report.validate_every is not None:
            require_validation(config.data)
        self._tokens = [self._check_clips(source) for source in self.mixture.sources]
        self._store = LatentStore()
        self.tokenizer = build_tokenizer(config, self.mixture.sources)
        self._held_out: list[HeldOutClip] | None = None
        self._window = functools.lru_cache(maxsize=2)(self._packed_window)
        self._vae_digest = weights_digest(self.vae_folder)

    def prepare(self, progress: Progress) -> None:
        """Encode all clips, or read the latents that an earlier run stored, and tokenise their captions.

        Clips made on the fly are encoded when they are picked, and nothing of them is kept.
        """
        length = "whole" if self.config.data.packing else str(self.config.data.num_frames)
        counted: list[tuple[str, Sequence[ClipLabels]]] = []
        for source in self.mixture.sources:
            if not isinstance(source, ShardSource):
                self._store.add_made(partial(self._make, source))
                continue
            latents = self._latents(source, length, progress)
            labels = self._labels(source, progress) if self._groups else None
            counted.append((source.name, labels or []))
            scalars = self._scalars_of(source, range(len(source)))
            scenes = self._scenes(source, range(len(source)))
            self._store.add(latents, source.rows, self.tokenizer, self.device, labels, scalars, scenes)
        for line in self._losses_without_labels(counted):
            messages.print(line, markup=False, highlight=False)

    def data_identity(self) -> dict[str, str]:
        """Return source name → digest of all its clips, and the digests of the VAE and of a start."""
        found = {source.name: source.identity() for source in self.mixture.sources}
        for what, start in (("start_from", self.config.start_from), ("probes", self.config.probes.start_from)):
            if start is not None:
                file = start / PROBES_FILE if what == "probes" else model_folder(start) / WEIGHTS_NAME
                found[f"({what})"] = sha256_of(file)[:16]
        return {**found, "(vae)": self._vae_digest[:16]}

    def describe(self) -> list[str]:
        """Return what weights were taken, what words are known, where validation clips come from, what counts nothing.

        Clips whose labels are looked at are a few of each stored source.
        """
        stored = [source for source in self.mixture.sources if self._groups and isinstance(source, ShardSource)]
        looked_at = [
            (one.name, [latent_labels(clip, *factors(self.vae), self._groups) for clip in spread(one, _LOOKED_AT)])
            for one in stored
        ]
        said = [
            *self._taken,
            *describe_words(self.tokenizer, self.config.samples.prompts, self.mixture.sources),
            *describe_splits(self.config.data),
        ]
        if self.config.lora is not None:
            sizes = [(weight.numel(), weight.requires_grad) for weight in self.dit.parameters()]
            trained, every = sum(size for size, trains in sizes if trains), sum(size for size, _ in sizes)
            said.append(f"lora: {trained:,} of {every:,} weights of the transformer are trained")
        return [*said, *dict.fromkeys(self._losses_without_labels(looked_at))]

    def _losses_without_labels(self, sources: Sequence[tuple[str, Sequence[ClipLabels]]]) -> list[str]:
        """Return which losses no clip has labels for; such a loss is 0 and looks perfect."""
        wanted = {f"loss.auxiliary.{name}": loss.needs for name, loss in self._auxiliary.members.items() if loss.needs}
        if self.config.loss.foreground_weight:
            wanted["loss.foreground_weight"] = ("masks",)
        said = []
        for loss, groups in wanted.items():
            for name, clips in sources:
                if clips and not any(has_groups(clip, groups) for clip in clips):
                    said.append(
                        f"{loss} counts nothing in source '{name}': none of {len(clips)} clips has labels of "
                        f"{', '.join(groups)}, so its value there is 0 whatever the model does"
                    )
        return said

    def shares(self, num_steps: int) -> dict[str, float]:
        """Return source name → share of the clips of the first ``num_steps`` batches."""
        return self.mixture.seen_shares(num_steps, self.config.batch_size)

    def batch(self, step: int) -> LatentBatch | PackedLatentBatch:
        """Return the latents of a step."""
        packing = self.config.data.packing
        if packing is None:
            picks = self.mixture.batch(step, self.config.batch_size)
            batch = self._store.batch(
                sorted(picks, key=lambda pick: pick[0]), with_labels=self.config.loss.reads_labels
            )
            return replace(batch, step=step)
        window, part = divmod(step, packing.window_steps)
        picks, parts = self._window(window)
        members = [sample for row in parts[part] for sample in row]
        numbers = {sample: number for number, sample in enumerate(members)}
        rows = [[numbers[sample] for sample in row] for row in parts[part]]
        return self._store.packed([picks[sample] for sample in members], rows)

    def loss(
        self,
        model: Trained,
        batch: LatentBatch | PackedLatentBatch,
        generator: torch.Generator,
        shard: RankShard = WHOLE_BATCH,
    ) -> dict[str, torch.Tensor]:
        """Return what is minimised, and its parts: flow matching, auxiliary losses, and the error of carried paths."""
        losses, motion_prior = self._denoising(model, batch, generator, shard), _transformer(model).motion_prior
        return losses if motion_prior is None else with_paths(losses, motion_prior, batch.latents, shard)

    def _denoising(
        self, model: Trained, batch: LatentBatch | PackedLatentBatch, generator: torch.Generator, shard: RankShard
    ) -> dict[str, torch.Tensor]:
        conditioning, settings = batch.conditioning, self.config.loss
        if isinstance(batch, PackedLatentBatch):
            return packed_dit_objective(
                model, batch.latents, conditioning, batch.rows, generator, settings, shard=shard
            )
        auxiliary = None
        if batch.labels is not None:
            probes = model.probes if isinstance(model, WithProbes) else self._no_probes
            auxiliary = AuxiliaryStep(self._auxiliary, probes, batch.labels, len(batch.latents), batch.step)
        return dit_objective(model, batch.latents, conditioning, generator, settings, shard=shard, auxiliary=auxiliary)

    @torch.no_grad()
    def pictures(self, model: Trained, progress: Progress) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
        """Return videos sampled for the fixed prompts, and validation clips above their continuations."""
        shown, data = self.config.samples, self.config.data
        model = _transformer(model)
        domains = [shown.domain] * len(shown.prompts)
        made = self._sample(
            model, list(shown.prompts), domains, None, (data.num_frames, data.height, data.width), data.frame_rate
        )
        sheets = {"prompts": contact_sheet(list(made), list(shown.prompts))}
        for source in validation_sources(data):
            clips = [
                clip for clip in spread(source, shown.num_continued) if len(clip.rgb) > shown.num_conditioning_frames
            ]
            rows, lines = [], []
            for clip in clips:
                given, captions = to_tensor(clip.rgb[None, : shown.num_conditioning_frames]), [clip.meta.caption]
                scalars = self._scalars.of(clip.meta, len(clip.rgb))
                made = self._sample(
                    model, captions, [clip.meta.domain], given, clip.rgb.shape[:3], clip.meta.frame_rate, scalars
                )
                rows += [clip.rgb, made[0]]
                lines += [clip.meta.caption or clip.meta.key, "continued"]
            if rows:
                sheets[f"continued_{source.name}"] = contact_sheet(rows, lines)
        return sheets

    @torch.no_grad()
    def validate(self, model: Trained, progress: Progress) -> dict[str, float]:
        """Return the error of v on validation clips: over all, by source, by scenario, and by noise level."""
        if self._held_out is None:
            self._held_out = self._open_held_out()
        return validation_error(_transformer(model), self._held_out, self.config.validation.levels, self.config.seed)

    def finish(self, model: Trained, progress: Progress) -> dict[str, float]:
        """Return the share of places in packed rows that held no token; there is nothing to complete."""
        packing = self.config.data.packing
        if packing is None:
            return {}
        shares = []
        for window in range(min(-(-self.config.num_steps // packing.window_steps), _WINDOWS_MEASURED)):
            picks, parts = self._packed_window(window)
            lengths = [self._tokens[source][position] for source, position in picks]
            shares += [padding_share(rows, lengths) for rows in parts]
        return {"padding": float(np.mean(shares))}

    def export(self, model: Trained, folder: Path, training: dict[str, Any]) -> None:
        """Write the folder that ``load_generator`` reads, and the probes beside it."""
        data = self.config.data
        if isinstance(model, WithProbes):
            model.probes.save(folder.parent)
        model = _transformer(model)
        if self.config.lora is not None:
            model = copy.deepcopy(model)
            save_adapter(folder.parent / "adapter", model, self.config.lora, training)
            merge_adapter(model)
        clip = {name: getattr(data, name) for name in ("num_frames", "height", "width", "frame_rate")}
        save_generator(
            folder,
            model,
            self.config.model,
            self.config.tokenizer,
            self.vae_folder,
            {"clip": clip, **facts_of(self.tokenizer), **training},
        )

    def _check_clips(self, source: ClipSource) -> list[int]:
        """Return the tokens of each clip of a source; all must fit the VAE, and be of one length if not packed."""
        tokens = []
        data = self.config.data
        for row in source.shapes:
            if data.packing is None and row.num_frames != data.num_frames:
                raise DataError(
                    f"clip '{row.key}' of {source.folder} has {row.num_frames} frames, data.num_frames is "
                    f"{data.num_frames}; latents are made of whole clips, so make both equal, or set data.packing."
                )
            try:
                shape = self.vae.latent_shape(row.num_frames, row.height, row.width)
            except DataError as error:
                raise DataError(f"clip '{row.key}' of {source.folder}: {error}") from error
            tokens.append(self.dit.num_tokens(shape))
            if data.packing is not None and tokens[-1] > data.packing.row_tokens:
                raise ConfigError(
                    f"clip '{row.key}' of {source.folder} has {tokens[-1]} tokens, data.packing.row_tokens is "
                    f"{data.packing.row_tokens}; write at least {tokens[-1]}, or leave the clip out."
                )
        return tokens

    def _packed_window(self, window: int) -> tuple[list[tuple[int, int]], list[list[list[int]]]]:
        """Return the picks of a window of steps, and the rows of each step."""
        packing, size = self.config.data.packing, self.config.batch_size
        assert packing is not None
        picks = self.mixture.batch(window, size * packing.window_steps)
        lengths = [self._tokens[source][position] for source, position in picks]
        rows = balanced_rows(lengths, packing.row_tokens, min_rows=packing.window_steps)
        return picks, share_out(rows, packing.window_steps)

    def _open_held_out(self) -> list[HeldOutClip]:
        """Encode the validation clips that are measured."""
        clips = []
        for source in validation_sources(self.config.data):
            count = self.config.validation.num_clips
            positions = spread_positions(source, count)
            rows = [source.rows[position] for position in positions]
            length = None if self.config.data.packing else self.config.data.num_frames
            raw = encode_source(self.vae, source, positions, length, self.device)
            store = LatentStore()
            latents = [self.vae.normalise(one[None].to(self.device))[0] for one in raw]
            scalars = self._scalars_of(source, positions)
            scenes = self._scenes(source, positions)
            store.add(latents, rows, self.tokenizer, self.device, scalars=scalars, scenes=scenes)
            clips += [
                HeldOutClip(source.name, row.scenario or source.name, store.batch([(0, number)]))
                for number, row in enumerate(rows)
            ]
        return clips

    def _make(self, source: ClipSource, position: int) -> Sample:
        clip, length = source.load(position), None if self.config.data.packing else self.config.data.num_frames
        latents = self.vae.normalise(encode_clips(self.vae, [clip], length, self.device))[0]
        labels = latent_labels(clip, *factors(self.vae), self._groups) if self._groups else {}
        ids, mask = self.tokenizer.encode([clip.meta.caption])
        facts = (torch.tensor([clip.meta.domain]), torch.tensor([clip.meta.frame_rate]))
        scalars = self._scalars.of(clip.meta, len(clip.rgb[:length]))
        model, frames = self.config.model, len(clip.rgb[:length])
        scene = (
            scene_of_clip(clip.meta, clip.trajectory, frames, model.temporal_factor, model.scene_slots)
            if model.scene_slots
            else None
        )
        known = replace(Conditioning.of_words(ids, mask, *facts, scalars), scene=scene)
        return latents, known.to(self.device), labels

    def _scenes(self, source: ShardSource, positions: Sequence[int]) -> list[SceneTokens] | None:
        """Return the scene tokens of some clips of a source; None if the transformer takes none."""
        model = self.config.model
        if not model.scene_slots:
            return None
        length, path = self.config.data.num_frames, self.config.out / "latents" / f"{source.name}.scenes.safetensors"
        shape = f"{length} {model.temporal_factor} {model.scene_slots}"
        identity = {"identity": f"{source.identity()} {list(positions)[-1]} {len(positions)} {shape} {SCENE_ENCODING}"}
        found = read_cache(path, identity) if len(positions) == len(source) else None
        if found is None:
            clips = (source.load_whole(position) for position in positions)
            each = [
                scene_of_clip(one.meta, one.trajectory, length, model.temporal_factor, model.scene_slots)
                for one in clips
            ]
            parts = {name: torch.cat([getattr(one, name) for one in each]) for name in SCENE_PARTS}
            if len(positions) == len(source):
                write_cache(path, parts, identity)
        else:
            parts = found[0]
        joined = SceneTokens(*(parts[name] for name in SCENE_PARTS))
        return [joined.map(lambda one, n=n: one[n : n + 1]) for n in range(len(positions))]

    def _scalars_of(self, source: ShardSource, positions: Iterable[int]) -> list[Mapping[str, Scalars]] | None:
        """Return the scalars of some clips of a source, from their scenes; None if the transformer takes none."""
        if not self._scalars:
            return None
        length = None if self.config.data.packing else self.config.data.num_frames
        metas = [source.load_meta(position) for position in positions]
        return [self._scalars.of(meta, length or meta.num_frames) for meta in metas]

    def _with_probes(self) -> Trained:
        """Return the transformer, with the probes beside it that its losses read with."""
        config = self.config
        if not config.loss.auxiliary:
            return self.dit
        return WithProbes(self.dit, self._build_probes(self._auxiliary.probes))

    def _build_probes(self, names: tuple[str, ...]) -> Probes:
        model = self.config.model
        space = LatentSpace(model.latent_channels, model.temporal_factor)
        return Probes(names, space, self.config.probes if names else ProbesConfig())

    def _latents(self, source: ShardSource, length: str, progress: Progress) -> list[torch.Tensor]:
        path = self.config.out / "latents" / f"{source.name}.safetensors"
        identity = f"{self._vae_digest} {source.identity()} {length}"
        start = self.config.start_from
        elsewhere = None if start is None else start / "latents" / path.name
        raw = cached(path, identity, partial(self._encode, source, progress), elsewhere)
        return [self.vae.normalise(one[None].to(self.device))[0] for one in raw]

    def _labels(self, source: ShardSource, progress: Progress) -> list[ClipLabels]:
        def make() -> list[ClipLabels]:
            bar = progress.add_task(f"label {source.name}", total=len(source), note="")
            return labels_of_source(self.vae, source, self._groups, partial(progress.advance, bar))

        path = self.config.out / "latents" / f"{source.name}.labels.safetensors"
        annotations = ",".join(next(one for one in self.config.data.sources if one.label == source.name).annotations)
        identity = f"{source.identity()} {annotations} {factors(self.vae)}"
        return cached_labels(path, identity, self._groups, make)

    def _encode(self, source: ShardSource, progress: Progress) -> list[torch.Tensor]:
        bar = progress.add_task(f"encode {source.name}", total=len(source), note="")
        advance = partial(progress.advance, bar)
        data = self.config.data
        length = None if data.packing else data.num_frames
        return encode_source(self.vae, source, list(range(len(source))), length, self.device, advance)

    def _sample(
        self,
        model: DiT,
        prompts: list[str],
        domains: list[int],
        first_frames: torch.Tensor | None,
        shape: tuple[int, ...],
        frame_rate: float,
        scalars: Mapping[str, Scalars] = NO_SCALARS,
    ) -> UInt8[np.ndarray, "b t h w 3"]:
        shown = self.config.samples
        num_frames, height, width = shape
        video = generate(
            model,
            self.vae,
            self.tokenizer,
            prompts,
            num_frames,
            height,
            width,
            frame_rate,
            generator=torch.Generator(self.device).manual_seed(self.config.seed),
            sampling=shown.sampling,
            first_frames=None if first_frames is None else first_frames.to(self.device),
            domain=torch.tensor(domains, device=self.device),
            scalars=scalars,
        )
        return to_rgb(video)


def _transformer(model: Trained) -> DiT:
    """Return the transformer alone."""
    return model.dit if isinstance(model, WithProbes) else model


def _groups_read(config: DiTTrainConfig, auxiliary: AuxiliaryLosses) -> tuple[str, ...]:
    """Return the groups of labels that training reads; none without a loss that needs them."""
    wanted = {*auxiliary.groups, *(("masks", "amodal") if config.loss.foreground_weight else ())}
    return tuple(group for group in GROUPS if group in wanted)


def _require_fit(config: DiTTrainConfig, vae: VideoVAE) -> None:
    for name in ("latent_channels", "temporal_factor"):
        of_vae, given = getattr(vae.config, name), getattr(config.model, name)
        if of_vae != given:
            raise ConfigError(f"model.{name} is {given}, the VAE in {config.vae} has {of_vae}; write {of_vae}.")
