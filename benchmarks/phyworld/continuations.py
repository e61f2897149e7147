"""Trained models on PhyWorld's scenes: three frames are given, the model continues them, the metric scores them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from benchmarks.phyworld.table import PREDICTORS, Draw, Measured, SceneError, rows_of, scene_error
from benchmarks.phyworld.world import (
    GIVEN_FRAMES,
    NUM_FRAMES,
    BallScene,
    Kind,
    as_drawn,
    as_seen,
    draw,
    evaluation_scenes,
)
from benchmarks.rows import Row
from physics_data.core.conventions import DOMAIN_REAL, step_seed
from physics_data.core.display import contact_sheet
from physics_data.core.errors import DataError
from worldsim.data.collate import to_rgb, to_tensor
from worldsim.sampling import SamplingConfig
from worldsim.vae import VideoVAE
from worldsim.videos import SampleConfig, Sampler
from worldsim.weights import load_vae, model_folder

Frames = UInt8[np.ndarray, "t n n 3"]


@dataclass(frozen=True)
class Continued:
    """A scene, and the frames of one continuation as the metric reads them: 32 of 256 x 256, row 0 is y = 0."""

    scene: BallScene
    frames: Frames


class Continuer:
    """A model that continues the published clips from what the protocol gives, three frames and nothing else."""

    def __init__(self, model: Path, num_steps: int = 4) -> None:
        """Load a model.

        Args:
            model: run or model folder
            num_steps: of the solver

        Raises:
            CheckpointError: no model there, or a damaged one.
            DataError: its VAE cannot take three frames, it makes fewer than 32, or its pictures are no squares.
        """
        sampling = SamplingConfig(num_steps=num_steps, guidance_scale=1.0)
        self._sampler = Sampler.load(model, SampleConfig(sampling=sampling, domain=DOMAIN_REAL))
        frames, height, width = self._sampler.geometry
        factor = self._sampler.model.vae.temporal_factor
        if (GIVEN_FRAMES - 1) % factor:
            raise DataError(
                f"the protocol gives {GIVEN_FRAMES} frames, the VAE of {model} takes {factor} k + 1: the next number "
                "of frames would show more than is given. Use a VAE with a temporal factor of 1 or 2."
            )
        if frames < NUM_FRAMES or height != width:
            raise DataError(
                f"{model} makes {frames} frames of {width}x{height}, needed are at least {NUM_FRAMES} square ones."
            )
        self.size = height

    def videos(self, scenes: Sequence[BallScene], seed: int, batch_size: int = 8) -> Iterator[Continued]:
        """Yield the continuation of each scene; its noise depends on the seed and the scene's number alone."""
        for first in range(0, len(scenes), batch_size):
            batch = scenes[first : first + batch_size]
            given = np.stack([as_seen(draw(scene, scene.positions[:GIVEN_FRAMES]), self.size) for scene in batch])
            seeds = [step_seed(seed, "phyworld", first + number) for number in range(len(batch))]
            made = self._sampler.draw([""] * len(batch), seeds, [DOMAIN_REAL] * len(batch), given)
            for scene, video in zip(batch, made, strict=True):
                yield Continued(scene, as_drawn(video[:NUM_FRAMES]))


@torch.no_grad()
def coded(vae: VideoVAE, scene: BallScene, size: int) -> Frames:
    """Return the true clip after a VAE, as the metric reads it.

    A VAE with a temporal factor takes k factor + 1 frames; the ball goes on for so many, and what is more than 32 is
    dropped after decoding.
    """
    factor = vae.temporal_factor
    num_frames = -(-(NUM_FRAMES - 1) // factor) * factor + 1
    positions = scene.moved(num_frames)
    video = to_tensor(as_seen(draw(scene, positions), size)[None])
    again = to_rgb(vae(video.to(next(vae.parameters()).device)))[0]
    return as_drawn(again[:NUM_FRAMES])


def chosen_scenes(kind: Kind, every: int, seed: int = 0) -> list[BallScene]:
    """Return one in ``every`` published scenes out of range, and at most as many in range.

    The published grids have three times as many scenes of uniform motion in range as out of it; means are taken apart.
    """
    scenes = list(evaluation_scenes(kind, np.random.default_rng(seed), every))
    outside = [scene for scene in scenes if not scene.is_in_range]
    inside = [scene for scene in scenes if scene.is_in_range]
    return inside[: max(len(outside), 1)] + outside


Report = Callable[[str], None]

_PICTURED = 4
"""Scenes in range and out of range in the picture."""

_COLUMNS = 11

_PUBLISHED_RISE: dict[Kind, float] = {"uniform": 6.1, "collision": 12.0, "parabola": 1.0}
"""By how much the published VAE raises the floor, % (arXiv 2411.02385, table 3)."""


@dataclass(frozen=True)
class Plan:
    """What is measured.

    models:     runs of one layout that differ in their training seed; each is drawn with every seed
    vaes:       run or model folders of VAEs, whose floor is measured: true clips, coded and decoded
    seeds:      of the noise
    every:      one in so many published scenes
    num_steps:  of the solver
    vae_size:   side of the pictures that the VAEs of ``vaes`` code, px
    """

    law: Kind
    models: tuple[Path, ...] = ()
    vaes: tuple[Path, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    every: int = 8
    num_steps: int = 4
    vae_size: int = 64
    name: str = "ours"


@dataclass
class Result:
    """Rows, and the frames of the first draw of the pictured scenes, as the metric reads them."""

    rows: list[Row] = field(default_factory=list)
    pictured: list[Continued] = field(default_factory=list)


def measure(plan: Plan, report: Report = lambda line: None) -> Result:
    """Measure floors, baselines, and every model and VAE of a plan on the same scenes.

    Raises:
        CheckpointError: a model is not there, or damaged.
        DataError: a model cannot continue from three frames.
    """
    scenes = chosen_scenes(plan.law, plan.every)
    inside = sum(scene.is_in_range for scene in scenes)
    report(f"{plan.law}: {inside} scenes in range, {len(scenes) - inside} out of it")
    result = Result()
    for name, predictor in PREDICTORS.items():
        errors = _scored((scene, draw(scene, predictor(scene))) for scene in scenes)
        result.rows += rows_of(Measured(name, plan.law, (Draw(name, 0, errors),), _command(plan)))
    if plan.models:
        models = [(folder, Continuer(folder, plan.num_steps)) for folder in plan.models]
        result.rows += rows_of(_floor(plan, scenes, models[0][1].size))
        draws, result.pictured = _draws(plan, models, scenes, report)
        result.rows += rows_of(Measured(plan.name, plan.law, draws, _command(plan), aims=True))
    for folder in plan.vaes:
        result.rows += _vae_rows(plan, folder, scenes, report)
    return result


def measure_shipped(law: Kind, every: int, report: Report = lambda line: None) -> list[Row]:
    """Return the rows of the model of a law that comes with the package, drawn with one seed of the noise."""
    folder = Path(f"builtin:phyworld_{law}")
    plan = Plan(law, (folder,), seeds=(0,), every=every, name="ours as shipped")
    draws, _ = _draws(plan, [(folder, Continuer(folder, plan.num_steps))], chosen_scenes(law, every), report)
    return rows_of(Measured(plan.name, law, draws, _command(plan), aims=True))


def _draws(
    plan: Plan, models: Sequence[tuple[Path, Continuer]], scenes: Sequence[BallScene], report: Report
) -> tuple[tuple[Draw, ...], list[Continued]]:
    """Return the errors of every model with every seed, and some scenes' continuations of the first draw."""
    shown = _shown(scenes)
    draws: list[Draw] = []
    pictured: list[Continued] = []
    for folder, model in models:
        for seed in plan.seeds:
            found = []
            for number, made in enumerate(model.videos(scenes, seed)):
                found.append(scene_error(made.scene, made.frames))
                if number in shown and not draws:
                    pictured.append(made)
            errors = tuple(error for error in found if error is not None)
            draws.append(Draw(str(folder), seed, errors))
            report(f"{folder}, seed {seed}: {_summary(errors)}")
    return tuple(draws), pictured


def _floor(plan: Plan, scenes: Sequence[BallScene], size: int) -> Measured:
    errors = _scored((scene, as_drawn(as_seen(draw(scene), size))) for scene in scenes)
    return Measured(f"truth at {size} px", plan.law, (Draw("truth", 0, errors),), _command(plan))


def _vae_rows(plan: Plan, folder: Path, scenes: Sequence[BallScene], report: Report) -> list[Row]:
    """Return the floor of a VAE and of its pictures' size, and by how much the VAE raises it."""
    vae, size = load_vae(model_folder(folder)), plan.vae_size
    plain = _floor(plan, scenes, size)
    errors = _scored((scene, coded(vae, scene, size)) for scene in scenes)
    name = str(folder) if str(folder).startswith("builtin:") else folder.name
    after = Measured(f"truth after VAE {name} at {size} px", plan.law, (Draw(str(folder), 0, errors),), _command(plan))
    report(f"{folder}: {_summary(errors)}, without it {_summary(plain.draws[0].errors)}")
    before, rows = rows_of(plain), rows_of(after)
    raised = [
        row.model_copy(
            update={
                "name": f"{row.name}, rise over the pictures alone",
                "value": 100 * (row.value / old.value - 1),
                "unit": "%",
                "target": 5.0,
                "meets": row.value <= 1.05 * old.value,
                "peer": "published VAE",
                "peer_value": _PUBLISHED_RISE[plan.law],
                "ratio": None,
            }
        )
        for row, old in zip(rows, before, strict=True)
        if row.name.endswith("published") and row.value is not None and old.value is not None
    ]
    return [*before, *rows, *raised]


def _scored(pairs: Iterator[tuple[BallScene, UInt8[np.ndarray, "t n n 3"]]]) -> tuple[SceneError, ...]:
    found = (scene_error(scene, frames) for scene, frames in pairs)
    return tuple(error for error in found if error is not None)


def _summary(errors: Sequence[SceneError]) -> str:
    means = []
    for inside in (True, False):
        found = [one.published for one in errors if one.is_in_range == inside and np.isfinite(one.published)]
        means.append(f"{np.mean(found):.4f}" if found else "nothing to measure")
    return f"{means[0]} in range, {means[1]} out of it"


def _shown(scenes: Sequence[BallScene]) -> set[int]:
    """Return the numbers of the scenes in the picture: evenly spread by speed, in range and out of it."""
    chosen: set[int] = set()
    for inside in (True, False):
        numbers = [number for number, scene in enumerate(scenes) if scene.is_in_range == inside]
        by_speed = sorted(numbers, key=lambda number: sum(scenes[number].speeds))
        places = np.linspace(0, len(by_speed) - 1, min(_PICTURED, len(by_speed))).round().astype(int)
        chosen |= {by_speed[place] for place in places}
    return chosen


def picture(pictured: Sequence[Continued]) -> UInt8[np.ndarray, "h w 3"]:
    """Return true clips above their continuations, the ground below; the first columns are given."""
    videos, captions = [], []
    for made in sorted(pictured, key=lambda one: (not one.scene.is_in_range, sum(one.scene.speeds))):
        scene = made.scene
        where = "in range" if scene.is_in_range else "out of range"
        numbers = f"r {', '.join(f'{r:.2f}' for r in scene.radii)}, v {', '.join(f'{v:.2f}' for v in scene.speeds)}"
        videos += [draw(scene)[:, ::-1], made.frames[:, ::-1]]
        captions += [f"{where}: {numbers}: truth", "continued from 3 frames"]
    return contact_sheet(videos, captions, columns=_COLUMNS, cell_height=64, across=2)


def _command(plan: Plan) -> str:
    folders = "".join(f" --model {folder}" for folder in plan.models)
    folders += "".join(f" --vae {folder}" for folder in plan.vaes)
    sizes = f" --vae-size {plan.vae_size}" if plan.vaes else ""
    steps = f" --num-steps {plan.num_steps}" if plan.models else ""
    return f"python -m benchmarks phyworld --law {plan.law}{folders}{sizes}{steps} --share {plan.every} --json"
