"""From a YAML file to a checked config of the right stage, and a dry run of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from physics_data.core.config import apply_overrides, find_config, load_config, parse_yaml
from physics_data.core.errors import ConfigError
from worldsim.config import TrainConfig
from worldsim.data.loading import open_mixture
from worldsim.training.tasks import TASKS


def load_train_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read the config of a run; its key ``task`` chooses the schema.

    Raises:
        ConfigError: missing, not YAML, without a task, or a key or value does not fit.
        UnknownNameError: no such task.
    """
    name = task_of(path, overrides)
    return load_config(TASKS.get(name).config_schema, path, overrides)


def describe(config: TrainConfig) -> list[str]:
    """Check that the data and model of a run fit together, and say in a few lines what it would do."""
    plan = getattr(TASKS.get(config.task), "plan", None)
    if plan is not None:  # public models, whose weights are too large to be loaded for a look
        return plan(config)
    task = TASKS.get(config.task)(config, torch.device("cpu"))
    weights = sum(weight.numel() for weight in task.model.parameters())
    shares = ", ".join(f"{name} {share:.0%}" for name, share in task.shares(config.num_steps).items())
    return [
        f"task {config.task}: {weights / 1e6:.2f} M weights",
        f"{config.num_steps} steps of {config.batch_size} clips: {shares}",
        f"clips of {_sizes(config)}",
        *task.describe(),
        f"would write to {config.out}",
    ]


def _sizes(config: TrainConfig) -> str:
    """Return the frames, size and rate of what is trained on; with packing, of the clips there are."""
    data = config.data
    if data.packing is None:
        return f"{data.num_frames} frames of {data.width}x{data.height} at {data.frame_rate:g} Hz"
    shapes = [
        shape
        for source in open_mixture(data, seed=config.seed, batch_size=config.batch_size).sources
        for shape in source.shapes
    ]
    columns = [
        (min(values), max(values))
        for values in (
            [getattr(shape, name) for shape in shapes] for name in ("num_frames", "width", "height", "frame_rate")
        )
    ]
    frames, width, height, rate = (f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in columns)
    return f"{frames} frames, {width} wide and {height} high, at {rate} Hz, in rows of {data.packing.row_tokens} tokens"


def task_of(path: Path, overrides: Sequence[str] = ()) -> str:
    """Return the task that a config names.

    Raises:
        ConfigError: missing, not YAML, or without a task.
    """
    path = find_config(path)
    try:
        raw: Any = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not readable YAML: {error}") from error
    chosen = apply_overrides(raw, [o for o in overrides if o.startswith("task=")]) if isinstance(raw, dict) else {}
    if not isinstance(chosen.get("task"), str):
        raise ConfigError(f"{path} names no stage; write a line 'task: NAME' with one of {', '.join(TASKS)}.")
    return chosen["task"]
