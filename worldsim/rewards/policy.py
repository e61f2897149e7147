"""``task: policy``: rollouts, rewards, updates; the same for the built-in generator and public families."""

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from rich.progress import Progress
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from physics_data.core.atomic import atomic_path, write_text
from physics_data.core.clip import Clip
from physics_data.core.conventions import step_seed
from physics_data.core.display import contact_sheet
from physics_data.core.errors import ConfigError, DataError
from physics_data.core.program import messages
from worldsim.cards import CARD_NAME
from worldsim.config import TrainConfig
from worldsim.data.collate import to_rgb, to_tensor
from worldsim.data.loading import open_mixture, require_validation, spread_positions, validation_sources
from worldsim.data.sources import ShardSource
from worldsim.families.adapters import add_adapter, save_adapter, save_whole
from worldsim.families.diffusers_generator import DiffusersGenerator
from worldsim.generator import Sampling, VideoGenerator
from worldsim.model.conditioning import Conditioning
from worldsim.rewards.measured import measure_held_out
from worldsim.rewards.methods import advantages, best_and_worst, dpo_loss, kept_by_filter, rvm_loss, sample_error
from worldsim.rewards.policy_config import PolicyTrainConfig
from worldsim.rewards.reward import Judged, RewardError, RewardSum
from worldsim.training.fine_tuning import TrainedWeights


@dataclass(frozen=True)
class PolicyBatch:
    """Which update this is, and the scenes of its round."""

    step: int
    round: int
    scenes: tuple[tuple[ShardSource, int], ...]


@dataclass(frozen=True)
class Rollouts:
    """The videos of one round, s scenes of k samples each.

    latents:  of the videos, encoded
    rewards:  "reward" and its parts → [s k]
    """

    latents: Float[torch.Tensor, "n c t h w"]
    rewards: dict[str, Float[torch.Tensor, "s k"]]
    conditioning: Conditioning


class PolicyTask:
    """A generator that learns from rewards of its own videos.

    A round samples videos of training scenes from the current weights, judges them, and stores them in
    OUT/rollouts; then come ``policy.steps_per_round`` updates. A run that was interrupted reads the stored round.
    """

    name: ClassVar[str] = "policy"
    config_schema: ClassVar[type[TrainConfig]] = PolicyTrainConfig

    def __init__(self, config: PolicyTrainConfig, device: torch.device) -> None:
        """Load the generator and check the scenes.

        Raises:
            ConfigError: the reward or the adapter does not fit.
            DataError: clips of another size than the config, or without labels.
        """
        self.config, self.device = config, device
        dtype = torch.bfloat16 if config.weights == "bf16" else torch.float32
        self.generator = VideoGenerator.from_pretrained(config.base, dtype=dtype, device=device)
        self._reward = RewardSum(config.reward)
        self._frozen: dict[str, nn.Module] = {}
        if config.adapter is None:
            if config.policy.anchor or config.policy.method == "dpo":
                self._frozen = copy.deepcopy(self.generator.networks)
                for network in self._frozen.values():
                    network.requires_grad_(False).eval()
            for network in self.generator.networks.values():
                network.requires_grad_(True)
        elif isinstance(self.generator, DiffusersGenerator):
            add_adapter(self.generator, config.adapter)
        else:
            raise ConfigError("the built-in model trains all its weights on rewards; leave adapter out.")
        self.model = TrainedWeights(self.generator.networks)
        data = config.data
        self.generator.latent_shape(data.num_frames, data.height, data.width)
        self.mixture = open_mixture(data, seed=config.seed, batch_size=config.rollout.num_scenes)
        if config.report.validate_every is not None:
            require_validation(data)
        self._round: tuple[int, Rollouts] | None = None

    @staticmethod
    def plan(config: PolicyTrainConfig) -> list[str]:
        """Check config and data, and say what the run makes; no weight is read."""
        RewardSum(config.reward)
        open_mixture(config.data, seed=config.seed, batch_size=config.rollout.num_scenes)
        rounds = -(-config.num_steps // config.policy.steps_per_round)
        videos = rounds * config.rollout.num_scenes * config.rollout.num_samples
        return [
            f"{rounds} rounds of {config.rollout.num_scenes} scenes x {config.rollout.num_samples} videos: {videos} "
            f"videos of {config.rollout.num_steps} sampler steps, {config.num_steps} updates",
            f"would write to {config.out}",
        ]

    def prepare(self, progress: Progress) -> None:
        """Nothing is prepared: rounds are made when their first update comes."""

    def describe(self) -> list[str]:
        """Return what is trained, and what the reward looks at."""
        count = sum(weight.numel() for weight in self.model.parameters())
        seen = ", ".join(sorted(self._reward.measures)) or "no measure"
        return [
            f"{self.generator.family}: {count:,} weights are trained by {self.config.policy.method}",
            f"the reward ({', '.join(self._reward.rewards)}) looks at {seen}; all other measures are held out",
        ]

    def data_identity(self) -> dict[str, str]:
        """Return source name → digest of all its clips."""
        return {source.name: source.identity() for source in self.mixture.sources}

    def shares(self, num_steps: int) -> dict[str, float]:
        """Return source name → share of the scenes of the first rounds."""
        rounds = -(-num_steps // self.config.policy.steps_per_round)
        return self.mixture.seen_shares(rounds, self.config.rollout.num_scenes)

    def batch(self, step: int) -> PolicyBatch:
        """Return the scenes of the round of a step."""
        number = step // self.config.policy.steps_per_round
        picks = self.mixture.batch(number, self.config.rollout.num_scenes)
        sources: Any = self.mixture.sources
        return PolicyBatch(step, number, tuple((sources[source], position) for source, position in picks))

    def loss(self, model: TrainedWeights, batch: PolicyBatch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the loss of one update on the videos of the round, and what they were worth."""
        rollouts, policy = self._rollouts(batch), self.config.policy
        rewards = rollouts.rewards["reward"]
        paired = policy.method == "dpo"
        rows, weight = self._chosen(batch.step, rewards)
        count = len(rows)
        t = torch.rand(count // 2 if paired else count, generator=generator, device=self.device)
        x0 = rollouts.latents[rows]
        noise = torch.randn(x0.shape if not paired else x0[::2].shape, generator=generator, device=self.device)
        if paired:
            t, noise = t.repeat_interleave(2), noise.repeat_interleave(2, 0)
        conditioning = rollouts.conditioning.rows(rows)
        samples = self.generator.training_target(x0, noise, t, conditioning)
        for network in self.generator.networks.values():
            network.train()
        v = self.generator.denoise(samples.x_t, t, conditioning)
        error = sample_error(v, samples.target, samples.counts)
        reference = None
        if paired or policy.anchor:
            with torch.no_grad(), self._base_weights():
                reference = self.generator.denoise(samples.x_t, t, conditioning)
        if paired:
            assert reference is not None
            base = sample_error(reference, samples.target, samples.counts)
            loss = dpo_loss(error, base, weight > 0, policy.strength)
        elif policy.method == "filtered":
            loss = (error * weight).sum() / weight.sum().clamp_min(1)
        else:
            loss = rvm_loss(v, samples.target, weight, samples.counts, reference, policy.anchor)
        worth = {name: value.mean() for name, value in rollouts.rewards.items()}
        spread = {"reward_spread": rewards.std(1, unbiased=False).mean()}
        return {"loss": loss, "denoising": error.detach().mean(), **worth, **spread}

    @torch.no_grad()
    def pictures(self, model: TrainedWeights, progress: Progress) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
        """Return the first validation scene and what the model makes of it."""
        clips = self._validation_clips()[:2]
        if not clips:
            return {}
        with self.model.holding(model):
            made = self._sampled(clips, [step_seed(self.config.seed, "picture", n) for n in range(len(clips))])
        rows = [row for clip, video in zip(clips, made, strict=True) for row in (clip.rgb, video)]
        titles = [title for clip in clips for title in (f"simulator: {clip.meta.caption}", "generator")]
        return {"continued": contact_sheet(rows, titles)}

    @torch.no_grad()
    def validate(self, model: TrainedWeights, progress: Progress) -> dict[str, float]:
        """Return the reward on validation scenes, measures that it sees and held-out ones, diversity, appearance."""
        clips, count = self._validation_clips(), self.config.held_out.num_samples
        with self.model.holding(model):
            videos = [self._sampled([clip] * count, self._seeds("held out", n, count)) for n, clip in enumerate(clips)]
        judged = [[self._judged(clip, video) for video in made] for clip, made in zip(clips, videos, strict=True)]
        found = measure_held_out(judged, self._reward)
        return {**found, "loss": 1 - found["reward"]}

    def finish(self, model: TrainedWeights, progress: Progress) -> dict[str, float]:
        """Return nothing; there is nothing to complete."""
        return {}

    def export(self, model: TrainedWeights, folder: Path, training: dict[str, Any]) -> None:
        """Write the adapter, or the whole model, with a card that declares what the reward saw."""
        facts = {"base_folder": str(self.config.base), **training}
        facts["reward"] = {"terms": self._reward.weights, "measures": sorted(self._reward.measures)}
        with self.model.holding(model):
            if isinstance(self.generator, DiffusersGenerator):
                (save_whole if self.config.adapter is None else save_adapter)(self.generator, folder, facts)
                return
            self.generator.save(folder)
        card = folder / CARD_NAME
        write_text(card, json.dumps({**json.loads(card.read_text()), "reward": facts["reward"]}, indent=1))

    def _chosen(self, step: int, rewards: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the rows of this update among the videos of the round, and the weight of each."""
        policy, size = self.config.policy, self.config.batch_size
        drawn = np.random.default_rng(step_seed(self.config.seed, "rows", step))
        scenes, samples = rewards.shape
        if policy.method == "dpo":
            best, worst = best_and_worst(rewards)
            chosen = torch.from_numpy(drawn.integers(0, scenes, size // 2)).to(rewards.device)
            rows = torch.stack([chosen * samples + best[chosen], chosen * samples + worst[chosen]], 1).flatten()
            return rows, torch.tensor([1.0, 0.0], device=rewards.device).repeat(size // 2)
        rows = torch.from_numpy(drawn.permutation(scenes * samples)[:size]).to(rewards.device)
        if policy.method == "filtered":
            return rows, kept_by_filter(rewards, policy.kept_fraction).flatten()[rows].to(rewards)
        return rows, advantages(rewards).flatten()[rows]

    def _rollouts(self, batch: PolicyBatch) -> Rollouts:
        """Return the videos of a round: from memory, from disk, or made now by the current weights."""
        if self._round is None or self._round[0] != batch.round:
            self._round = (batch.round, self._opened(batch))
            self._stop_without_difference(batch.round)
        return self._round[1]

    @torch.no_grad()
    def _opened(self, batch: PolicyBatch) -> Rollouts:
        clips = [clip_of(source, position) for source, position in batch.scenes]
        count = self.config.rollout.num_samples
        conditioning = self._conditioning([clip for clip in clips for _ in range(count)])
        path = self._path(batch.round)
        try:
            stored = load_file(str(path)) if path.is_file() else None
        except (SafetensorError, OSError):
            stored = None
            messages.print(
                f"{path} is damaged; the videos of this round are made again by the present weights, so the run "
                "differs from one without an interruption.",
                markup=False,
            )
        if stored is None:
            stored = self._made(batch.round, clips)
            with atomic_path(path) as partial:
                save_file(stored, str(partial))
            for old in sorted(path.parent.glob("round-*.safetensors"))[: -self.config.policy.patience - 1]:
                old.unlink()
        rewards = {name.removeprefix("value."): one for name, one in stored.items() if name.startswith("value.")}
        return Rollouts(
            stored["latents"].to(self.device),
            {name: one.to(self.device) for name, one in rewards.items()},
            conditioning,
        )

    def _made(self, number: int, clips: Sequence[Clip]) -> dict[str, torch.Tensor]:
        count = self.config.rollout.num_samples
        latents, values = [], []
        for scene, clip in enumerate(clips):
            made = self._sampled([clip] * count, self._seeds(f"rollout {number}", scene, count))
            values.append(self._reward([self._judged(clip, video) for video in made]))
            latents.append(self.generator.encode(to_tensor(np.stack(made)).to(self.device)).cpu())
        parts = {
            f"value.{name}": torch.from_numpy(np.stack([one[name] for one in values])).float() for name in values[0]
        }
        return {"latents": torch.cat(latents).contiguous(), **parts}

    def _stop_without_difference(self, number: int) -> None:
        """Stop when no scene of the last rounds had two videos of different reward.

        Raises:
            RewardError: there is nothing to learn from.
        """
        patience = self.config.policy.patience
        paths = [self._path(one) for one in range(number - patience + 1, number + 1)]
        if number + 1 < patience or not all(path.is_file() for path in paths):
            return
        if all(float(load_file(str(path))["value.reward"].std(1, unbiased=False).max()) < 1e-6 for path in paths):
            raise RewardError(
                f"the reward was equal for all videos of each scene in the last {patience} rounds, so nothing can be "
                "learned from it; choose another reward, more rollout.num_samples, or scenes that differ more. A "
                "larger policy.patience goes on."
            )

    def _path(self, number: int) -> Path:
        return self.config.out / "rollouts" / f"round-{number:06d}.safetensors"

    def _sampled(self, clips: Sequence[Clip], seeds: Sequence[int]) -> list[UInt8[np.ndarray, "t h w 3"]]:
        """Continue clips from their first frames, each with a noise of its own."""
        data, rollout = self.config.data, self.config.rollout
        for network in self.generator.networks.values():
            network.eval()
        made = self.generator.sample(
            [clip.meta.caption for clip in clips],
            data.num_frames,
            data.height,
            data.width,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            frame_rate=clips[0].meta.frame_rate,
            first_frames=self._given(clips),
            sampling=Sampling(num_steps=rollout.num_steps, guidance_scale=rollout.guidance_scale),
        )
        return list(to_rgb(made))

    def _given(self, clips: Sequence[Clip]) -> torch.Tensor:
        count = self.config.rollout.num_conditioning_frames
        return to_tensor(np.stack([clip.rgb[:count] for clip in clips])).to(self.device)

    def _conditioning(self, clips: Sequence[Clip]) -> Conditioning:
        return self.generator.conditioning(
            [clip.meta.caption for clip in clips],
            self.config.data.num_frames,
            frame_rate=clips[0].meta.frame_rate,
            first_frames=self._given(clips),
        )

    def _seeds(self, what: str, scene: int, count: int) -> list[int]:
        return [step_seed(self.config.seed, f"{what} {scene}", number) for number in range(count)]

    def _judged(self, clip: Clip, video: UInt8[np.ndarray, "t h w 3"]) -> Judged:
        return Judged.of(video, clip, self.config.rollout.num_conditioning_frames)

    def _validation_clips(self) -> list[Clip]:
        clips = []
        for source in validation_sources(self.config.data):
            clips += [clip_of(source, n) for n in spread_positions(source, self.config.held_out.num_scenes)]
        return clips

    @contextmanager
    def _base_weights(self) -> Iterator[None]:
        """Let the generator be the one that training began with."""
        if self.config.adapter is not None:
            for network in self.generator.networks.values():
                network.disable_adapters()  # pyright: ignore[reportCallIssue]
            try:
                yield
            finally:
                for network in self.generator.networks.values():
                    network.enable_adapters()  # pyright: ignore[reportCallIssue]
            return
        own, self.generator.networks = self.generator.networks, self._frozen
        try:
            yield
        finally:
            self.generator.networks = own


def clip_of(source: ShardSource, position: int) -> Clip:
    """Return a clip of a source with all its labels.

    Raises:
        DataError: it has none.
    """
    clip = source.load_whole(position)
    if clip.rendering is None:
        raise DataError(
            f"clip '{clip.meta.key}' of {source.folder} has no labels to judge a video by; rewards need physics clips."
        )
    return clip
