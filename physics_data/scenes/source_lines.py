"""YAML with line numbers: what a file says, and where it says it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from physics_data.core.config import MAX_YAML_NODES
from physics_data.core.errors import ConfigError

_LARGEST_BYTES = 2_000_000

Key = str | int


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema for booleans and floats: ``on``, ``off``, ``yes``, ``no`` are words, 1e-3 is a number."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in ("bool", "float")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("(true|false|True|False|TRUE|FALSE)$"), list("tfTF"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"([-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)


@dataclass(frozen=True)
class SourceFile:
    """The plain data of a YAML file and the line of every value. ``lines`` maps a path of keys to a line from 1."""

    path: Path
    data: Any
    lines: dict[tuple[Key, ...], int]

    def place(self, location: Sequence[Key]) -> str:
        """Return ``file:line`` of a value, or of the nearest value around it."""
        for end in range(len(location), -1, -1):
            line = self.lines.get(tuple(location[:end]))
            if line is not None:
                return f"{self.path}:{line}"
        return str(self.path)


def read_source(path: Path) -> SourceFile:
    """Read a YAML file.

    Raises:
        ConfigError: no such file, not YAML, a key twice in one mapping, endless aliases, or not a mapping.
    """
    if not path.is_file():
        raise ConfigError(f"no scene file {path}; write one with 'python -m physics_data new {path}'.")
    if path.stat().st_size > _LARGEST_BYTES:
        raise ConfigError(f"{path} has {path.stat().st_size / 1e6:.0f} MB; a scene file has at most 2 MB.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        root = yaml.compose(text, Loader=_Loader)
        lines: dict[tuple[Key, ...], int] = {}
        if root is not None:
            _collect(root, (), lines, path)
        data = yaml.load(text, Loader=_Loader)  # a SafeLoader
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text ({error}); save it as UTF-8.") from error
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, OverflowError, AttributeError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ConfigError(f"{path} is not readable YAML: {reason}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds {type(data).__name__}, but a scene is a mapping of keys to values.")
    return SourceFile(path, data, lines)


def _collect(node: yaml.Node, location: tuple[Key, ...], lines: dict[tuple[Key, ...], int], path: Path) -> None:
    if len(lines) > MAX_YAML_NODES or len(location) > 50:
        raise ConfigError(f"{path} unfolds to too many values (aliases inside aliases?); write them out.")
    lines[location] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise ConfigError(f"{path}:{key.start_mark.line + 1}: '{name}' is written twice; keep one of the two.")
            seen.add(name)
            _collect(value, (*location, name), lines, path)
            lines[*location, name] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect(value, (*location, index), lines, path)
