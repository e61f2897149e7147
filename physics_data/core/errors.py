"""Errors a user can cause. Each message says what was given, what is needed and what to write instead.

Every class here is shown by the command-line programs as one short panel without a traceback.
"""

import difflib
from collections.abc import Iterable


class WorldsimError(Exception):
    """Base of all errors a user can cause and mend."""


class ConfigError(WorldsimError):
    """A configuration file or override that does not fit its schema."""


class UnknownNameError(WorldsimError):
    """A name that no registry, config or dataset knows."""


class MissingPackageError(WorldsimError):
    """A part needs a package that is not installed."""


class SceneSpecError(WorldsimError):
    """A scene whose parts contradict each other."""


class EngineError(WorldsimError):
    """A physics engine cannot run, or did not run, a scene as specified."""


class ClipRejectedError(WorldsimError):
    """A simulated clip broke the quality limits and may not be stored.

    ``reason`` is a short name for tables: that of the residual over its limit, or of what is missing.
    """

    def __init__(self, message: str, reason: str = "other") -> None:
        super().__init__(message)
        self.reason = reason


class DataError(WorldsimError):
    """A dataset, shard or clip that is missing, truncated, tampered with, or of another format."""


class VideoError(WorldsimError):
    """A video file that cannot be read or written."""


class CheckpointError(WorldsimError):
    """Weights that are missing, damaged, or belong to another configuration."""


class StorageError(WorldsimError):
    """The disk refused a write (full, read-only, no permission)."""


class WorkerError(WorldsimError):
    """A worker process died, by a signal or for want of memory."""


class TrackTooShortError(WorldsimError):
    """Too few frames to say anything about a motion."""


def suggest(given: str, known: Iterable[str]) -> str:
    """Return the tail of an error message: the known names and the nearest one."""
    names = sorted(known)
    nearest = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    listed = ", ".join(names) if names else "none"
    return f"known are {listed}." + (f" Did you mean '{nearest[0]}'?" if nearest else "")
