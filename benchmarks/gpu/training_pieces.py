"""The built-in generator's plan for a GPU (``configs/world_gpu.yaml``), in pieces that go on from a few small files."""

import os
from pathlib import Path

from rich.progress import Progress

from benchmarks.gpu import COMMAND, GpuContext, Rows
from benchmarks.rows import compared_row
from physics_data.core.config import find_config, load_config
from worldsim.training.logger import read_metrics
from worldsim.training.pieces import PlanConfig, run_plan

CONFIG = Path("configs/world_gpu.yaml")
MAX_FILES = 7
"""Files of 16 MiB that are kept beside ``gpu.json``; with it at most 8."""

_TIME_TO_PACK = 20.0
"""Seconds of a piece that are left for the bundle."""

_SMALL_DATA = """
scenarios: [free_drop]
scenes_per_scenario: {train: 2, val: 1, test: 1}
engines: [mujoco]
clips_per_shard: 4
settings: {num_frames: 17, width: 32, height: 32, frame_rate: 16}
"""


def train_generator(context: GpuContext) -> Rows:
    """Data, VAE and transformer of the next built-in generator, as far as the minutes reach."""
    plan = _plan(context)
    with Progress(disable=True) as progress:
        summary = run_plan(plan, progress, context.out)
    for name in plan.stages:
        run = plan.stage(name)
        lines = read_metrics(run.out) if (run.out / "metrics.jsonl").is_file() else []
        if not lines:
            continue
        last, step = lines[-1], int(lines[-1]["step"])
        what = f"{CONFIG.name}, stage {name}"
        known = f"loss {last['loss']:.4g} at step {step} of {run.num_steps}"
        yield compared_row(f"{what}: training", last["samples_per_second"], "clips/s", COMMAND, spread=known)
        yield compared_row(f"{what}: steps done", step, "steps", COMMAND, target=run.num_steps)
        if "peak_memory_gb" in last:
            yield compared_row(f"{what}: largest memory", last["peak_memory_gb"], "GB", COMMAND)
        for key, value in last.items():
            if key in ("validation/loss", "validation/psnr"):
                yield compared_row(f"{what}: {key}", value, "1", COMMAND, spread=f"step {step}")
    if not summary.unfinished:
        return None
    return f"to be gone on with: {', '.join(summary.unfinished)}"


def _plan(context: GpuContext) -> PlanConfig:
    """Return the shipped plan in the scratch folder; a small one keeps its stages and their keys, not their sizes."""
    minutes = max(context.seconds - _TIME_TO_PACK, 5.0) / 60
    given = [f"out={context.scratch / 'generator'}", f"minutes={minutes}", f"max_files={MAX_FILES}"]
    given.append(f"workers={len(os.sched_getaffinity(0))}")
    if not context.is_small:
        return load_config(PlanConfig, find_config(CONFIG), given)
    data = context.scratch / "data_small.yaml"
    data.write_text(_SMALL_DATA, encoding="utf-8")
    given += [f"data.physics={data}", "workers=1"]
    for stage in ("vae", "dit"):
        given += [f"stages.{stage}.{key}" for key in ("num_steps=2", "batch_size=1", "optimizer.warmup_steps=0")]
        given += [f"stages.{stage}.data.{key}" for key in ("num_frames=17", "height=32", "width=32")]
        given += [f"stages.{stage}.hardware.{key}" for key in (f"device={context.device}", "precision=fp32")]
        given += [f"stages.{stage}.report.{key}" for key in ("log_every=1", "checkpoint_every=1")]
    given += ["stages.vae.data.crop.height=32", "stages.vae.data.crop.width=32", "stages.vae.data.crop.num_frames=5"]
    given += ["stages.vae.model.latent_channels=4", "stages.vae.model.widths=[8, 8]"]
    given += ["stages.dit.model.latent_channels=4", "stages.dit.model.depth=1", "stages.dit.model.width=32"]
    given += ["stages.dit.model.num_heads=2", "stages.dit.validation.num_clips=1", "stages.dit.report.validate_every=2"]
    return load_config(PlanConfig, find_config(CONFIG), given)
