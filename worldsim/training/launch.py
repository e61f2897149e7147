"""``train`` from Python: a config as a file, a name or a dictionary, and overrides."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.progress import Progress

from physics_data.core.arguments import checked_arguments
from physics_data.core.config import validate_config
from physics_data.core.errors import ConfigError
from physics_data.core.program import progress_bar
from worldsim.config import TrainConfig
from worldsim.training.loop import TrainingSummary
from worldsim.training.loop import train as run_training
from worldsim.training.stages import load_train_config
from worldsim.training.tasks import TASKS


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
