"""Size of the code base and its house rules: modules and lines per package, and the modules that break a rule."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks import __file__ as benchmarks_file
from benchmarks.rows import Row
from eval import __file__ as eval_file
from physics_data import __file__ as physics_data_file
from worldsim import __file__ as worldsim_file

MAX_MODULES, MAX_LINES = 340, 45_000
"""Upper limits for the packages without ``NEW_ROOMS``."""

MIN_LINES, MIN_IMPORTERS = 80, 2
"""A module has at least so many lines, or so many importers, or it is a member of a registry."""

NEW_ROOMS = (
    "benchmarks/generator",
    "benchmarks/gpu",
    "benchmarks/rewards",
    "benchmarks/scale",
    "benchmarks/words",
    "eval/metrics/counterfactual_skill",
    "physics_data/cli/scene_commands",
    "physics_data/core/counterfactual",
    "physics_data/engines/live_scene",
    "physics_data/environment",
    "physics_data/episodes",
    "physics_data/pipeline/counterfactual_sets",
    "physics_data/scene_draws",
    "physics_data/scenes",
    "worldsim/data/scene_encoding",
    "worldsim/families",
    "worldsim/model/scene_tokens",
    "worldsim/prompt/understanding",
    "worldsim/rewards",
    "worldsim/studio",
    "worldsim/training/plan",
    "worldsim/upsampling",
)
"""Folders and modules that were added after the limits were set; they are counted apart."""

COMMAND = "python -m benchmarks house --json"

_REGISTERED = re.compile(r"^([a-z_][\w.]*\.[a-z_]\w*):\w+$")


@dataclass(frozen=True)
class Module:
    """One Python file. ``path`` is relative to the folder of the packages."""

    name: str
    path: Path
    lines: int

    @property
    def package(self) -> str:
        """The top-level package."""
        return self.path.parts[0]

    @property
    def room(self) -> str:
        """The new room that it belongs to; empty if none."""
        place = self.path.with_suffix("").as_posix()
        return next((room for room in NEW_ROOMS if place == room or place.startswith(f"{room}/")), "")


class House:
    """The modules of the four packages and who imports them."""

    def __init__(self) -> None:
        self.roots: Mapping[str, Path] = {
            name: Path(str(file)).parent
            for name, file in (
                ("physics_data", physics_data_file),
                ("worldsim", worldsim_file),
                ("eval", eval_file),
                ("benchmarks", benchmarks_file),
            )
        }
        self._texts: dict[str, str] = {}
        self.modules: dict[str, Module] = {}
        for package, root in self.roots.items():
            for file in sorted(root.rglob("*.py")):
                path = Path(package) / file.relative_to(root)
                name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
                text = file.read_text(encoding="utf-8")
                self._texts[name] = text
                self.modules[name] = Module(name, path, text.count("\n"))

    @cached_property
    def importers(self) -> Mapping[str, set[str]]:
        """Module → modules of the packages that import it, anywhere in their code."""
        found: dict[str, set[str]] = defaultdict(set)
        for name, text in self._texts.items():
            for target in _imported(text):
                if target in self.modules and target != name:
                    found[target].add(name)
        return found

    @cached_property
    def registered(self) -> set[str]:
        """Modules that a registry names as ``module:Name``, or a table of lazy names by their dotted path."""
        strings = {
            node.value
            for text in self._texts.values()
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        members = {found[1] for one in strings if (found := _REGISTERED.match(one))}
        return members | (strings & self.modules.keys())

    def too_small(self) -> list[str]:
        """Return modules with few lines, fewer than two importers and no line in a registry."""
        return [
            module.name
            for module in self.modules.values()
            if module.path.name not in ("__init__.py", "__main__.py")
            and module.lines < MIN_LINES
            and len(self.importers[module.name]) < MIN_IMPORTERS
            and module.name not in self.registered
        ]

    def same_names(self) -> list[str]:
        """Return ``package: file name`` for each file name that a package has twice."""
        counts = Counter((module.package, module.path.name) for module in self.modules.values())
        return [
            f"{package}: {name}"
            for (package, name), count in sorted(counts.items())
            if count > 1 and name not in ("__init__.py", "__main__.py")
        ]


def _imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def size_rows() -> list[Row]:
    """Return modules and lines: all that the limits are for, then each package and each new room."""
    house = House()
    groups: dict[str, list[Module]] = {"without new rooms": []}
    for package in house.roots:
        groups[package] = []
    for module in house.modules.values():
        if module.room:
            groups.setdefault(module.room, []).append(module)
        else:
            groups["without new rooms"].append(module)
            groups[module.package].append(module)
    rows = []
    for group, modules in groups.items():
        has_limit = group == "without new rooms"
        for unit, value, limit in (
            ("modules", len(modules), MAX_MODULES),
            ("lines", sum(module.lines for module in modules), MAX_LINES),
        ):
            target, meets = (limit, value <= limit) if has_limit else (None, None)
            rows.append(Row(name=group, value=value, unit=unit, target=target, meets=meets, command=COMMAND))
    for rule, broken in (
        ("modules below 80 lines with one importer and no registry", house.too_small()),
        ("file names twice in a package", house.same_names()),
    ):
        row = Row(name=rule, value=len(broken), unit="count", target=0, meets=not broken, command=COMMAND)
        rows.append(row.model_copy(update={"spread": ", ".join(broken) or None}))
    return rows
