"""Families of interchangeable parts as explicit tables: name → "module:Class"."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from physics_data.core.errors import MissingPackageError, UnknownNameError, suggest

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
