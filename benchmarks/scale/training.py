"""Training on 8 to 10,000 GPUs: step time, data, checkpoints and failures, in closed form and simulated."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.rows import Row, compared_row
from benchmarks.scale import COMMAND
from benchmarks.scale.building import CLIP_BYTES

PEAK_FLOPS = 790e12
"""Assumed: bf16 products of an H200 at their measured best; ``make gpu`` measures it."""

SHARE_OF_PEAK = 0.4
"""Assumed until ``make gpu`` has been run: the target is 0.5."""

LINK_BYTES = 50e9
"""Assumed: bytes a second of each GPU's network link (400 Gbit/s)."""

DECODED_CLIPS_PER_CORE = 20_600 / 32
"""Clips of 32 frames that a core reads, verifies and decodes in a second (``speed loader``)."""

GPU_HOURS_TO_FAILURE = 50_700.0
"""419 unexpected interruptions in 54 days of 16,384 GPUs. Source: Dubey et al. (2024), The Llama 3 herd of models."""

RESTART_SECONDS = 300.0
"""Assumed: until all processes run again from a checkpoint."""

CHECKPOINT_BYTES_PER_SECOND = 2e9
"""Assumed: of one process that writes to shared storage; training waits meanwhile."""

BYTES_PER_WEIGHT = 16.0
"""Of a checkpoint: weights, average and two moments in single precision."""


@dataclass(frozen=True)
class Run:
    """A model and the GPUs that train it.

    weights:     of the model
    step_flops:  of forward and backward on one GPU's clips
    clips:       of one GPU in a step
    """

    weights: float
    step_flops: float
    clips: int
    gpus: int

    @property
    def compute(self) -> float:
        """Seconds of forward and backward."""
        return self.step_flops / (PEAK_FLOPS * SHARE_OF_PEAK)

    @property
    def reduction(self) -> float:
        """Seconds of the ring that averages gradients in single precision, after the backward pass."""
        return 2 * 4 * self.weights * (1 - 1 / self.gpus) / LINK_BYTES

    @property
    def step(self) -> float:
        """Seconds of a step."""
        return self.compute + self.reduction

    @property
    def mean_to_failure(self) -> float:
        """Seconds until any of the GPUs stops the run."""
        return 3600 * GPU_HOURS_TO_FAILURE / self.gpus

    @property
    def save(self) -> float:
        """Seconds of a checkpoint, which one process writes."""
        return BYTES_PER_WEIGHT * self.weights / CHECKPOINT_BYTES_PER_SECOND

    @property
    def interval(self) -> float:
        """Seconds of training between checkpoints that lose least.

        Source: Young (1974), A first order approximation to the optimum checkpoint interval.
        """
        return math.sqrt(2 * self.save * self.mean_to_failure)

    def expected_goodput(self) -> float:
        """Return the share of the time that advances training.

        Source: Daly (2006), A higher order estimate of the optimum checkpoint interval for restart dumps, eq. 20.
        """
        lasts = self.mean_to_failure
        whole = lasts * math.exp(RESTART_SECONDS / lasts) * math.expm1((self.interval + self.save) / lasts)
        return self.interval / whole


def simulate_goodput(run: Run, intervals: int = 50_000, seed: int = 0) -> float:
    """Simulate training with failures: each one costs what was done since the last checkpoint and a restart."""
    random = np.random.default_rng(seed)
    now, until = 0.0, random.exponential(run.mean_to_failure)
    for _ in range(intervals):
        needed = run.interval + run.save
        while now + needed > until:
            now, until = until, until + random.exponential(run.mean_to_failure)
            while now + RESTART_SECONDS > until:  # it fails while it starts again
                now, until = until, until + random.exponential(run.mean_to_failure)
            now += RESTART_SECONDS
        now += needed
    return intervals * run.interval / now


def training_rows(gpus: Sequence[int] = (8, 64, 512, 4096, 10_000)) -> list[Row]:
    """Return rows for DiT-L on clips of 2,048 tokens, 8 for each GPU."""
    from benchmarks.speed.train import training_flops
    from worldsim.model import named_size

    config, clips, sequence = named_size("L", text_every=2), 8, 2048
    hidden = 2 / 3 * config.width * config.mlp_ratio
    weights = config.depth * (4 * config.width**2 + 3 * config.width * hidden + 2 * config.width**2)
    flops = training_flops(config, clips * sequence, sequence)
    rows = []
    for count in gpus:
        run = Run(weights, flops, clips, count)
        rate = count * clips / run.step
        what = f"DiT-L on {count:,} GPUs"
        expected, simulated = run.expected_goodput(), simulate_goodput(run)
        hours = run.mean_to_failure / 3600
        rows += [
            compared_row(
                f"{what}: a step", run.step, "s", COMMAND, spread=f"averaging of gradients {run.reduction:.3f}"
            ),
            compared_row(f"{what}: efficiency against one GPU", 100 * run.compute / run.step, "%", COMMAND),
            compared_row(f"{what}: clips a step", count * clips, "clips", COMMAND),
            compared_row(f"{what}: cores that decode", rate / DECODED_CLIPS_PER_CORE, "cores", COMMAND),
            compared_row(f"{what}: read from storage", rate * CLIP_BYTES / 1e9, "GB/s", COMMAND),
            compared_row(f"{what}: until a failure", hours, "h", COMMAND, spread=f"saved every {run.interval:.0f} s"),
            compared_row(
                f"{what}: time that advances training, simulated with failures",
                100 * simulated,
                "%",
                COMMAND,
                peer="closed form of Daly (2006)",
                peer_value=100 * expected,
            ),
        ]
    return rows
