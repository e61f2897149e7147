"""What would be done and how long it takes here, from a few timed steps on random numbers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from benchmarks.ablation.grid import Grid, Run, planned
from benchmarks.ablation.jobs import is_finished
from worldsim.model import DiT
from worldsim.model.conditioning import Conditioning
from worldsim.vae import VideoVAE

_STEPS = 3


@dataclass(frozen=True)
class Speeds:
    """Seconds of one core: a step of the VAE, a step of the transformer, and all continuations of a run."""

    vae: float
    step: float
    continuations: float

    @classmethod
    def measure(cls, grid: Grid) -> "Speeds":
        """Time each stage; the first step of each is not counted."""
        generator, train = torch.Generator().manual_seed(0), grid.runs[0].train
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            vae, dit = VideoVAE(grid.vae.model), DiT(train.model)
            data, size = grid.vae.data, grid.vae.batch_size
            video = torch.randn(size, 3, data.num_frames, data.height, data.width, generator=generator)
            shape = vae.latent_shape(data.num_frames, data.height, data.width)
            latents = torch.randn(train.batch_size, *shape, generator=generator)
            words, mask = train.tokenizer.build().encode([""] * train.batch_size)
            domain, rate = torch.ones(train.batch_size, dtype=torch.long), torch.full((train.batch_size,), 16.0)
            conditioning = Conditioning.of_words(words, mask, domain, rate)
            t = torch.rand(train.batch_size, shape[1], generator=generator)
            encode = _seconds(lambda: vae.decode(vae.encode(video).mode()).square().mean().backward())
            step = _seconds(lambda: dit(latents, t, conditioning).square().mean().backward())
        finally:
            torch.set_num_threads(threads)
        return cls(encode, step, _continuations(grid, step))


def _continuations(grid: Grid, step: float) -> float:
    """Return the time of sampling all held-out clips; a call of the network is a third of a step of training."""
    sampling = grid.config.continuation.sampling
    clips = sum(len(planned(grid.datasets[grid.data], which)) for which in grid.config.held_out.values())
    calls = (len(sampling.timesteps) - 1) * (1 if sampling.guidance_scale == 1 else 2)
    return clips * calls * step / 3 / grid.runs[0].train.batch_size


def _seconds(do: Callable[[], None]) -> float:
    do()
    started = time.process_time()
    for _ in range(_STEPS):
        do()
    return (time.process_time() - started) / _STEPS


def dry_lines(grid: Grid, runs: Sequence[Run]) -> list[str]:
    """Return one line for each part: what it is, and its minutes of one core here."""
    speeds = Speeds.measure(grid)
    lines = [f"{path}: {sum(len(t) for t in c.shards().values())} clips" for path, c in grid.datasets.items()]
    left = 0.0
    stages = [
        (grid.vae, speeds.vae),
        *((base, speeds.step) for base in {b.out: b for b in grid.bases.values()}.values()),
    ]
    for stage, seconds in stages:
        left += seconds * stage.num_steps
        lines.append(f"{stage.out}: {stage.num_steps} steps, {seconds * stage.num_steps / 60:.1f} min")
    for run in runs:
        seconds = speeds.step * run.train.num_steps + speeds.continuations
        done = is_finished(run)
        left += 0.0 if done else seconds
        lines.append(
            f"{run.folder}: {run.train.num_steps} steps, " + ("finished" if done else f"{seconds / 60:.1f} min")
        )
    return [*lines, f"{left / 60:.0f} core-minutes without auxiliary losses, scoring and other work on the machine"]
