"""How learned annotators get packages and weights, and what they say where one is missing."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from physics_data.core.errors import ConfigError

Model = TypeVar("Model")


def need_package(annotator: str, module: str, install: str) -> Any:
    """Return an optional package.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"annotator '{annotator}' needs the package {module.partition('.')[0]}, which is not installed; run: "
            f"pip install {install}. The classical annotators flow, tracks and moving need nothing further."
        ) from error


def load_weights(annotator: str, given: str, load: Callable[[], Model]) -> Model:
    """Return a loaded model.

    Raises:
        ConfigError: its weights are not on disk and cannot be fetched, or are not its weights.
    """
    try:
        if given.startswith(("/", ".", "~")) and not Path(given).expanduser().exists():
            raise OSError("no such file or folder")
        return load()
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"annotator '{annotator}' cannot load the weights {given}: {reason}. Where the hub cannot be reached, "
            "fetch them elsewhere and give their folder or file with --weights."
        ) from error


def device() -> torch.device:
    """Return the accelerator if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
