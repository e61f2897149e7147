"""What the built-in generator can do, as rows of one table: held-out scenes, several seeds, intervals over scenes."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from benchmarks.evaluator import Evaluator
from benchmarks.rows import Row, compared_row
from eval.perception.free_tracker import track_freely
from eval.statistics import bootstrap_mean
from physics_data.core.config import find_config, load_config
from physics_data.core.conventions import srgb_encode, step_seed
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import WorldsimError
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from physics_data.variation.colors import COLORS
from worldsim.sampling import SamplingConfig
from worldsim.videos import SampleConfig, Sampler

COMMAND = "python -m benchmarks generator --json"
NUM_GIVEN = 5
AIMS = {"object_permanence": 0.97, "motion_realism": 0.65, "overall": 0.75}
SUITE_AIMS = {"permanence": 0.4, "motion": 0.3}
MISSING = {
    "counterfactual skill for pushes": (0.5, "1", "the model takes no pushes"),
    "two minutes: objects kept in closed scenes": (0.8, "1", "the model is not causal: its videos have one length"),
    "5 s of 1280x720 on two cores": (180.0, "s", "no upsampler in the package makes this size"),
}
"""Rows of the table that cannot be measured yet: target, unit and why."""

_COLOURS = ("red", "blue", "green", "yellow")
_SINGLE = ("falls onto the floor", "is thrown to the right", "is thrown to the left", "rolls down a ramp", "bounces")
_PAIRS = (
    "and a {0} ball roll into each other",
    "rolls into a {0} ball",
    "and a {0} ball fall",
    "hits a large {0} ball",
)


def measure_generator(
    model: Path, cache: Path, clips: int, seeds: int, prompts: int, suites: bool, workers: int = 1
) -> list[Row]:
    """Return the rows of the table.

    Args:
        model: model folder or ``builtin:NAME``
        cache: where reference scenes are built once and kept
        clips: unseen clips that are continued
        seeds: generation seeds of each clip and prompt
        prompts: prompts of balls that are counted
        suites: also measure the quick suites
        workers: processes that build references
    """
    sampler = Sampler.load(model, SampleConfig())
    rows = continuations(sampler, cache, clips, seeds, workers)
    if suites:
        rows += [quick_suite(sampler, name, cache, seeds, workers) for name in SUITE_AIMS]
    rows += [prompted(sampler, prompts, seeds), speed(sampler)]
    for name, (target, unit, why) in MISSING.items():
        rows.append(Row(name=name, value=None, unit=unit, target=target, meets=False, spread=why, command=COMMAND))
    return rows


def continuations(sampler: Sampler, cache: Path, clips: int, seeds: int, workers: int) -> list[Row]:
    """Continue unseen clips of the demo's four scenarios from their first frames, at the model's own size."""
    num_frames, height, width = sampler.geometry
    config = load_config(BuildConfig, find_config(Path("configs/data_demo.yaml")))
    settings = config.settings.model_copy(update={"num_frames": num_frames, "height": height, "width": width})
    each = -(-clips // len(config.scenarios))
    sizes = SplitSizes(train=0, val=0, test=each)
    config = config.model_copy(update={"settings": settings, "scenes_per_scenario": sizes})
    folder = cache / f"generator-{num_frames}x{height}x{width}-{each}"
    build(config, folder, workers=workers)
    dataset = ShardDataset(folder)
    chosen = [dataset.load(position) for position in dataset.select(split="test")]
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for seed in range(seeds):
        videos = {}
        for clip in chosen:
            drawn = [step_seed(seed, clip.meta.key, 0)]
            given = clip.rgb[None, :NUM_GIVEN]
            videos[clip.meta.key] = sampler.draw([clip.meta.caption], drawn, [clip.meta.domain], given)[0]
        _collect(scores, Evaluator(folder, num_conditioning_frames=NUM_GIVEN, workers=workers), videos)
    what = f"continue {len(chosen)} unseen clips of {width}x{height} from {NUM_GIVEN} frames"
    return [_row(f"{what}: {name}", scores[name], "1", aim, seeds) for name, aim in AIMS.items()]


def quick_suite(sampler: Sampler, name: str, cache: Path, seeds: int, workers: int) -> Row:
    """Continue the scenes of a quick suite, at its size where the model takes it."""
    evaluator = Evaluator(name, cache=cache, workers=workers)
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    try:
        for seed in range(seeds):
            videos = {}
            for task in evaluator.tasks():
                size = {"num_frames": task.num_frames, "height": task.height, "width": task.width}
                sized = replace(sampler, config=sampler.config.model_copy(update=size))
                given = np.asarray(task.given)[None]
                videos[task.key] = sized.draw([""], [step_seed(seed, task.key, 0)], [1], given)[0]
            _collect(scores, evaluator, videos)
    except WorldsimError as error:
        return Row(name=f"quick {name} suite: overall", value=None, unit="1", spread=str(error), command=COMMAND)
    return _row(f"quick {name} suite: overall", scores["overall"], "1", SUITE_AIMS[name], seeds)


def _collect(scores: dict[str, dict[str, list[float]]], evaluator: Evaluator, videos: dict[str, np.ndarray]) -> None:
    for row in evaluator.score(videos).rows:
        for name, value in row.values.items():
            if value is not None:
                scores[name][row.key].append(value)


def _row(name: str, by_scene: dict[str, list[float]], unit: str, target: float, seeds: int) -> Row:
    if not by_scene:
        return Row(name=name, value=None, unit=unit, target=target, spread="no scene was scored", command=COMMAND)
    runs = np.full((seeds, len(by_scene)), np.nan)
    for column, values in enumerate(by_scene.values()):
        runs[: len(values), column] = values
    found = bootstrap_mean(runs if seeds > 1 else runs[0], np.random.default_rng(0))
    over = f"{len(by_scene)} scenes, {seeds} seeds each"
    known = found.low is not None and found.high is not None
    spread = (
        f"95 % [{found.low:.3f}, {found.high:.3f}] over {over}" if known else f"no interval: {over}, all values equal"
    )
    return compared_row(name, found.mean, unit, COMMAND, target=target, meets=found.mean >= target, spread=spread)


def ball_prompts(count: int) -> list[tuple[str, tuple[str, ...]]]:
    """Return prompts with the colours that shall be seen, at most 60: two of one ball, then one of two, and so on."""
    single = [
        (f"a {size}{colour} ball {what}", (colour,))
        for what in _SINGLE
        for size in ("", "large ")
        for colour in _COLOURS
    ]
    pairs = [
        (f"a {first} ball {what.format(second)}", (first, second))
        for shift in (1, 2)
        for what in _PAIRS
        for first, second in zip(_COLOURS, (*_COLOURS[shift:], *_COLOURS[:shift]), strict=True)
    ]
    mixed = [one for n, pair in enumerate(pairs) for one in (*single[2 * n : 2 * n + 2], pair)]
    return mixed[:count]


def shows(rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float, colours: Sequence[str]) -> bool:
    """Return whether a video shows balls of these colours and no others, from the first frame to the last."""
    tracks = track_freely(rgb, frame_rate).tracks
    named = {name: 255 * srgb_encode(np.array(COLORS[name])) for name in _COLOURS}
    seen = []
    for track in tracks:
        if not (track.presence[0] and track.presence[-1]):
            return False
        assert track.color is not None
        mean = np.nanmean(track.color, axis=0)
        seen.append(min(named, key=lambda name: float(np.linalg.norm(_hue(named[name]) - _hue(mean)))))
    return sorted(seen) == sorted(colours)


def _hue(color: np.ndarray) -> np.ndarray:
    """Return the direction of a colour from grey: shade and highlight do not change it."""
    chroma = color - color.mean()
    return chroma / max(float(np.linalg.norm(chroma)), 1e-6)


def prompted(sampler: Sampler, count: int, seeds: int) -> Row:
    """Draw videos of prompts and count those that show the right balls throughout."""
    by_prompt: dict[str, list[float]] = {}
    for prompt, colours in ball_prompts(count):
        made = [sampler.draw([prompt], [seed], [1])[0] for seed in range(seeds)]
        by_prompt.setdefault(prompt, []).extend(float(shows(one, sampler.frame_rate, colours)) for one in made)
    return _row(f"{len(by_prompt)} prompts: right objects and colours throughout", by_prompt, "1", 0.85, seeds)


def speed(sampler: Sampler, steps: int = 4, repeats: int = 3) -> Row:
    """Time the whole path from a prompt to frames in a few steps, without guidance."""
    sampling = SamplingConfig(num_steps=steps, guidance_scale=1.0)
    quick = replace(sampler, config=sampler.config.model_copy(update={"sampling": sampling}))
    num_frames, height, width = sampler.geometry
    rates = []
    for repeat in range(repeats + 1):
        started = time.perf_counter()
        quick.draw(["a red ball falls"], [repeat], [1])
        rates.append(num_frames / (time.perf_counter() - started))
    value = float(np.median(rates[1:]))
    name = f"frames per second at {width}x{height}, {steps} steps, whole path"
    spread = f"{min(rates[1:]):.1f} to {max(rates[1:]):.1f} of {repeats}"
    return compared_row(name, value, "frames/s", COMMAND, target=24.0, meets=value >= 24.0, spread=spread)
