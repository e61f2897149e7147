"""``train`` from Python, the checked config of a run, and its dry run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress

from physics_data.core.arguments import checked_arguments
from physics_data.core.config import apply_overrides, find_config, load_config, parse_yaml, validate_config
from physics_data.core.errors import ConfigError
from physics_data.core.program import progress_bar
from worldsim.config import TrainConfig
from worldsim.data.loading import open_mixture
from worldsim.training.loop import TrainingSummary
from worldsim.training.loop import train as run_training
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


@checked_arguments
def train(
    config: str | Path | Mapping[str, Any] | TrainConfig,
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    show_progress: bool = True,
) -> TrainingSummary:
    """Train a VAE, a diffusion transformer or a public model, or continue an interrupted run.

    Args:
        config: a YAML file, its fields as a dictionary, or a ``TrainConfig``
        out: folder of the run; replaces ``out`` of the config
        overrides: ``a.b=value`` changes of a YAML file
        show_progress: draw a progress bar

    Returns:
        What the run came to: ``run`` (its folder; the model is in ``run / "model"``), ``step``, ``seconds``,
        ``metrics``.

    Raises:
        ConfigError: the config does not fit.
        DataError: the data does not fit the config, or the folder holds another run.
        InterruptedTrainingError: stopped by Ctrl-C after saving; the same call continues.
    """
    if overrides and not isinstance(config, str | Path):
        raise ConfigError("overrides change a YAML file; change the given config itself instead.")
    if isinstance(config, str | Path):
        resolved = load_train_config(Path(config), list(overrides))
    elif isinstance(config, TrainConfig):
        resolved = config
    else:
        task = config.get("task")
        if not isinstance(task, str):
            raise ConfigError(f"the config of train has task {task!r}; needed is one of {', '.join(TASKS)}.")
        resolved = validate_config(TASKS.get(task).config_schema, dict(config), source="the config of train")
    if out is not None:
        resolved = resolved.model_copy(update={"out": Path(out)})
    with progress_bar() if show_progress else Progress(disable=True) as progress:
        return run_training(resolved, progress)
