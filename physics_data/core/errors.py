"""Errors a user can cause, and the registries whose unknown names are such errors."""

import difflib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar


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


T = TypeVar("T")


class Registry(Generic[T]):
    """A read-only table of one family. Nothing is imported until a member is asked for.

    Args:
        family: what the members are, for messages.
        table: name → "module:Class".
        renamed: former name of a member → its present name, for messages.
    """

    def __init__(self, family: str, table: Mapping[str, str], renamed: Mapping[str, str] | None = None) -> None:
        self.family = family
        self._table = dict(table)
        self._renamed = dict(renamed or {})

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._table))

    def __len__(self) -> int:
        return len(self._table)

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def get(self, name: str) -> type[T]:
        """Import and return the member class.

        Raises:
            UnknownNameError: no such member; the message names the nearest one.
            MissingPackageError: the member needs a package that is not installed.
        """
        self.check(name)
        module_name, _, class_name = self._table[name].partition(":")
        member: Any = getattr(importlib.import_module(module_name), class_name)
        return member

    def check(self, name: str) -> str:
        """Return the name if it is known, without importing anything."""
        if name in self._renamed:
            raise UnknownNameError(f"the {self.family} '{name}' was renamed; write '{self._renamed[name]}'.")
        if name not in self._table:
            raise UnknownNameError(f"unknown {self.family} '{name}': {suggest(name, self._table)}")
        return name

    def summaries(self) -> dict[str, str]:
        """Return name → first line of the member's docstring, or why it cannot be used, for ``list`` commands."""
        missing = self.missing()
        return {name: self._summary(name) if name not in missing else f"missing: {missing[name]}" for name in self}

    def _summary(self, name: str) -> str:
        return (self.get(name).__doc__ or "").strip().split("\n")[0]

    def missing(self, names: Iterable[str] | None = None) -> dict[str, str]:
        """Return name → reason, of the members (default: all) that need a package which is not installed."""
        found = {}
        for name in self if names is None else names:
            try:
                self.get(name)
            except MissingPackageError as error:
                found[name] = str(error)
        return found
