"""Worldsim: physics engines, a video generator and physics benchmarks.

``import worldsim as ws`` gives the Python interface; each name is imported when it is first used, so that the import
itself is fast and needs no torch. The command lines are thin layers over the same functions.
"""

import importlib
from typing import Any

from physics_data import __version__ as __version__

_NAMES = {
    "simulate": "physics_data.simulation",
    "direct": "physics_data.scenes.words.direct",
    "make_env": "physics_data.environment",
    "write_episodes": "physics_data.episodes",
    "build_dataset": "physics_data.simulation",
    "save_scene": "physics_data.simulation",
    "SceneSpec": "physics_data.core.scene",
    "Clip": "physics_data.core.clip",
    "ClipDataset": "worldsim.data.clip_dataset",
    "train": "worldsim.training.stages",
    "VideoGenerator": "worldsim.generator",
    "GeneratedVideo": "worldsim.generated",
    "Evaluator": "benchmarks.evaluator",
    "audit": "eval.audit.folder",
    "list_scenarios": "worldsim.listing",
    "list_engines": "worldsim.listing",
    "list_renderers": "worldsim.listing",
    "list_editors": "worldsim.listing",
    "list_losses": "worldsim.listing",
    "list_models": "worldsim.listing",
    "list_metrics": "worldsim.listing",
    "list_suites": "worldsim.listing",
}
"""Public name → module that holds it. ``__init__.pyi`` declares the same names for type checkers."""

__all__ = ["__version__", *_NAMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'worldsim' has no attribute '{name}'; it has {', '.join(_NAMES)}.")
    value = getattr(importlib.import_module(_NAMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
