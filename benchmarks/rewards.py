"""Learning from rewards at equal compute: methods beside each other, and rewards that are known to be gamed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from benchmarks.evaluator import Evaluator
from benchmarks.rows import Row, compared_row
from eval.statistics import crossed_mean
from physics_data.core.atomic import write_text
from physics_data.core.clip import Clip
from physics_data.core.config import find_config, load_config, validate_config
from physics_data.core.conventions import step_seed
from physics_data.core.dataset import ShardDataset
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from worldsim.data.collate import to_rgb, to_tensor
from worldsim.generator import Sampling, VideoGenerator
from worldsim.rewards.measured import measure_held_out
from worldsim.rewards.policy_config import PolicyTrainConfig
from worldsim.rewards.reward import Judged, RewardSum, RewardTerm
from worldsim.training.stages import load_train_config, train

COMMAND = "python -m benchmarks rewards --json"
NUM_GIVEN = 5
SEEN = ("free_drop", "drop_bounce", "collide", "occluder_pass", "roll_incline")
"""Scenarios whose training scenes are judged by the reward."""

UNSEEN = ("projectile", "projectile_horizontal", "pendulum")
"""Scenarios that the base model knows and no reward sees."""

METHODS = ("filtered", "dpo", "rvm")
GAMEABLE = ("overlap", "visible_path", "optical_flow", "stillness")
BASE, BEST = "base", "best of 8"
GAIN, LEAST_DIVERSITY, LARGEST_LOSS = 1.3, 0.9, 0.3
"""Aims: held-out overall and diversity relative to the base, dB of the background below it."""


@dataclass(frozen=True)
class RewardsPlan:
    """What is trained and measured.

    out:      folder; what is complete there is not repeated
    base:     model folder or builtin:NAME
    seeds:    training seeds of each method; gameable rewards have one
    rounds:   rounds of rollouts of each run
    scenes:   training scenes of each scenario
    clips:    test clips of each scenario
    samples:  videos of each test clip
    learning_rate:  of all runs
    """

    out: Path
    base: Path = Path("builtin:world")
    seeds: int = 3
    rounds: int = 10
    scenes: int = 24
    clips: int = 4
    samples: int = 2
    learning_rate: float = 3e-5


def measure_rewards(plan: RewardsPlan, say: Callable[[str], None]) -> list[Row]:
    """Return rows: held-out scores of each method beside the base, then what each gameable reward does.

    Every run makes the same number of rollouts and updates. "best of 8" draws eight videos of each test clip and keeps
    the one that the exact reward prefers: an upper bound that needs the simulator's answer, not a model.
    """
    training, test = _dataset(plan, "train"), _dataset(plan, "test")
    own = {name: RewardTerm(weight=weight) for name, weight in (("permanence", 1), ("path", 1), ("background", 0.5))}
    systems = {BASE: [plan.base], BEST: [plan.base]}
    for method in METHODS:
        systems[method] = [_trained(plan, training, method, seed, own, say) for seed in range(plan.seeds)]
    for name in GAMEABLE:
        systems[name] = [_trained(plan, training, "rvm", 0, {name: RewardTerm()}, say)]
    scores = {
        name: [_scored(plan, test, name, number, model, own, say) for number, model in enumerate(models)]
        for name, models in systems.items()
    }
    rows = [row for name in (BASE, BEST, *METHODS) for row in _rows(name, scores[name], scores[BASE], plan)]
    return rows + [row for name in GAMEABLE for row in _hack_rows(name, scores[name][0], scores)]


def _dataset(plan: RewardsPlan, split: str) -> Path:
    """Build the scenes of training, which only have seen scenarios, or of the test, with both kinds."""
    config = load_config(BuildConfig, find_config(Path("configs/data_world.yaml")))
    training = split == "train"
    sizes = SplitSizes(train=plan.scenes, test=0) if training else SplitSizes(train=0, test=plan.clips)
    chosen = SEEN if training else (*SEEN, *UNSEEN)
    config = config.model_copy(update={"scenarios": chosen, "scenes_per_scenario": sizes})
    folder = plan.out / "data" / f"{split}-{sizes.train or sizes.test}"
    build(config, folder, workers=1)
    return folder


def _trained(
    plan: RewardsPlan, data: Path, method: str, seed: int, reward: dict[str, RewardTerm], say: Callable[[str], None]
) -> Path:
    """Train, or find what was trained; returns the model's folder."""
    name = f"{method}-seed{seed}" if len(reward) > 1 else f"{method}-{next(iter(reward))}"
    resolved: Any = load_train_config(find_config(Path("configs/policy_world.yaml")), [])
    values = resolved.model_dump(by_alias=True)
    steps = resolved.policy.steps_per_round
    values |= {
        "base": plan.base,
        "out": plan.out / "runs" / name,
        "seed": seed,
        "num_steps": plan.rounds * steps,
        "reward": {one: term.model_dump() for one, term in reward.items()},
    }
    values["data"]["sources"] = [{"path": data}]
    values["rollout"] |= {"num_scenes": 6, "num_samples": 6}
    values["policy"]["method"] = method
    values["optimizer"] |= {"learning_rate": plan.learning_rate, "warmup_steps": min(8, plan.rounds * steps // 4)}
    values["hardware"]["threads"] = 1
    values["report"] |= {"validate_every": None, "picture_every": plan.rounds * steps, "keep_checkpoints": 1}
    values["data"]["validation_fraction"] = 0.0
    say(f"{name}: {plan.rounds} rounds of 36 videos, {plan.rounds * steps} updates")
    return train(validate_config(PolicyTrainConfig, values, source="the benchmark"), show_progress=False).run / "model"


def _scored(
    plan: RewardsPlan,
    test: Path,
    name: str,
    number: int,
    model: Path,
    reward: dict[str, RewardTerm],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Sample the test clips and score them; kept in OUT/scores."""
    file = plan.out / "scores" / f"{name.replace(' ', '_')}-{number}.json"
    if file.is_file():
        return json.loads(file.read_text())
    say(f"scores of {name} {number}")
    generator = VideoGenerator.from_pretrained(model)
    dataset = ShardDataset(test)
    clips = [dataset.load(position) for position in dataset.select(split="test")]
    judge = RewardSum(reward)
    judged: list[list[Judged]] = []
    for clip in clips:
        count = plan.samples * (8 if name == BEST else 1)
        made = [Judged.of(video, clip, NUM_GIVEN) for video in _continued(generator, clip, count)]
        if name == BEST:
            worth = judge(made)["reward"].reshape(plan.samples, 8)
            made = [made[8 * row + int(best)] for row, best in enumerate(worth.argmax(1))]
        judged.append(made)
    gameable = RewardSum({one: RewardTerm() for one in GAMEABLE})([video for made in judged for video in made])
    measures = measure_held_out(judged, judge) | {one: float(gameable[one].mean()) for one in GAMEABLE}
    found: dict[str, Any] = {"model": str(model), "measures": measures, "scenes": {}}
    evaluator = Evaluator(test, num_conditioning_frames=NUM_GIVEN)
    for sample in range(plan.samples):
        videos = {clip.meta.key: made[sample].rgb for clip, made in zip(clips, judged, strict=True)}
        for row in evaluator.score(videos).rows:
            scene = found["scenes"].setdefault(row.key, {"scenario": row.scenario})
            for metric in ("overall", "object_permanence", "motion_realism"):
                scene.setdefault(metric, []).append(row.values.get(metric))
    write_text(file, json.dumps(found, indent=1))
    return found


@torch.no_grad()
def _continued(generator: VideoGenerator, clip: Clip, count: int) -> list[UInt8[np.ndarray, "t h w 3"]]:
    frames, height, width = clip.rgb.shape[:3]
    given = to_tensor(clip.rgb[None, :NUM_GIVEN]).expand(count, -1, -1, -1, -1)
    drawn = [torch.Generator().manual_seed(step_seed(0, clip.meta.key, number)) for number in range(count)]
    options = {"frame_rate": clip.meta.frame_rate, "first_frames": given, "sampling": Sampling(10, 1.0, "")}
    video = generator.sample([clip.meta.caption] * count, frames, height, width, generator=drawn, **options)
    return list(to_rgb(video.cpu()))


def _table(
    scores: Sequence[dict[str, Any]], metric: str, scenarios: Sequence[str]
) -> tuple[list[str], Float[np.ndarray, "runs scenes"]]:
    """Return the keys of the scenes that have a value, and the means over samples of each run."""
    scenes = scores[0]["scenes"]
    keys = [k for k, one in scenes.items() if one["scenario"] in scenarios and all(v is not None for v in one[metric])]
    return keys, np.array([[np.mean(run["scenes"][key][metric]) for key in keys] for run in scores])


def _rows(name: str, scores: list[dict[str, Any]], base: list[dict[str, Any]], plan: RewardsPlan) -> list[Row]:
    """Return the held-out scores of one system, on scenarios that the reward saw and on others."""
    rows = []
    for what, scenarios in (("scenarios of the reward", SEEN), ("other scenarios", UNSEEN)):
        for metric in ("overall", "object_permanence", "motion_realism"):
            keys, own = _table(scores, metric, scenarios)
            _, reference = _table(base, metric, scenarios)
            if len(keys) < 2:
                continue
            over = f"{len(keys)} scenes, {len(scores)} runs"
            spread = f"{own.mean(1).min():.3f} to {own.mean(1).max():.3f} over runs; {over}"
            if name != BASE:
                apart = crossed_mean(own - reference)
                low, high = apart.mean - apart.half_width, apart.mean + apart.half_width
                spread = f"difference from the base {apart.mean:+.3f} [{low:+.3f}, {high:+.3f}]; {over}"
            target = GAIN * float(reference.mean()) if name == "rvm" and metric == "overall" else None
            value, peer = float(own.mean()), float(reference.mean())
            rows.append(
                compared_row(
                    f"{name}, {what}: {metric}",
                    value,
                    "1",
                    COMMAND,
                    target=target,
                    meets=None if target is None else value >= target,
                    peer=BASE,
                    peer_value=peer,
                    spread=spread,
                )
            )
    for measure, unit in (("reward", "1"), ("held_out", "1"), ("diversity", "grey levels"), ("background_psnr", "dB")):
        values = [run["measures"][measure] for run in scores]
        peer = base[0]["measures"][measure]
        aims = {"diversity": LEAST_DIVERSITY * peer, "background_psnr": peer - LARGEST_LOSS} if name == "rvm" else {}
        value, target = float(np.mean(values)), aims.get(measure)
        rows.append(
            compared_row(
                f"{name}: {measure}",
                value,
                unit,
                COMMAND,
                target=target,
                meets=None if target is None else value >= target,
                peer=BASE,
                peer_value=peer,
                spread=f"{min(values):.3f} to {max(values):.3f} over {len(values)} runs",
            )
        )
    return rows


def _hack_rows(name: str, score: dict[str, Any], scores: dict[str, list[dict[str, Any]]]) -> list[Row]:
    """Return how training on a gameable reward moves exact measures, beside training on the exact reward (rvm)."""
    rows = []
    found, base, exact = score["measures"], scores[BASE][0]["measures"], [run["measures"] for run in scores["rvm"]]
    for measure in (name, "reward", "seen/survival", "seen/position_skill", "motion", "sharpness", "background_psnr"):
        rows.append(
            compared_row(
                f"trained on {name}: {measure}",
                found[measure],
                "dB" if measure == "background_psnr" else "1",
                COMMAND,
                peer=BASE,
                peer_value=base[measure],
                spread=f"one run; trained on the exact reward {np.mean([one[measure] for one in exact]):.3f}",
            )
        )
    return rows
