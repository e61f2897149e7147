"""House rules: size of modules, unique file names, the field's words in names, keys and flags."""

import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

from benchmarks.house import House, size_rows

ROOT = Path(__file__).parents[1]


FORMER_MODULES = frozenset(
    [
        "meeting",
        "takes",
        "second_take",
        "looks",
        "plate",
        "ends",
        "births",
        "trials",
        "dose",
        "twins",
        "told",
        "numbers",
        "story",
        "drawing",
        "stops",
        "given",
        "reading",
        "beside",
        "mix",
        "part",
        "critic",
        "folding",
        "spectrum",
        "strangers",
        "sightings",
        "stays",
        "glides",
        "flights",
        "kinks",
        "dummies",
        "pinned",
        "contestants",
        "race",
        "journal",
        "meters",
        "answers",
        "work",
        "plan",
        "switches",
        "look",
        "make",
        "use",
    ]
)
FORMER_KEYS = frozenset(
    [
        "carry",
        "meeting",
        "looks",
        "twins",
        "drop_prompt",
        "drawing",
        "given",
        "num_given",
        "given_share",
        "most_given",
        "own_t_share",
        "instance_gain",
        "guidance",
        "critic",
        "folding",
        "strangers",
        "dummies",
        "pinned",
    ]
)


@pytest.fixture(scope="module")
def house() -> House:
    return House()


def test_a_module_is_large_enough_or_used_twice_or_registered(house: House) -> None:
    assert house.too_small() == []


def test_file_names_are_unique_within_a_package(house: House) -> None:
    assert house.same_names() == []


def test_rows_count_every_module_once(house: House) -> None:
    rows = [row for row in size_rows() if row.unit == "modules"]
    assert rows[0].value == sum(row.value or 0 for row in rows if row.name in house.roots)
    assert sum(row.value or 0 for row in rows[1:]) == len(house.modules)
    assert "benchmarks.house" in house.modules
    assert "benchmarks.cli" in house.importers["benchmarks.house"]
    assert "benchmarks.suites.folder" in house.registered


def test_no_module_has_a_former_name(house: House) -> None:
    former = {module.name for module in house.modules.values() if module.path.stem in FORMER_MODULES}
    assert former == set()


def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_hooks", ROOT / "docs" / "build_hooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def config_keys() -> Iterator[str]:
    """Every key of every config as ``Model.key``."""
    tables = hooks()
    for target in tables.CONFIGS.values():
        for model, _ in tables.models_below(tables.load(target), ""):
            yield from (f"{model.__name__}.{key}" for key in model.model_fields)


def is_former(name: str) -> bool:
    return name in FORMER_KEYS or re.match(r"(least|most)_", name) is not None or name.endswith("_share")


def test_no_config_key_has_a_former_name() -> None:
    assert {key for key in config_keys() if is_former(key.rpartition(".")[2])} == set()


def flags(command: Any, path: str) -> Iterator[str]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from flags(inner, f"{path} {name}")
    for parameter in command.params:
        yield from (f"{path} {flag}" for flag in parameter.opts if flag.startswith("--"))


def test_no_flag_has_a_former_name() -> None:
    programs = ("physics_data", "worldsim", "eval", "eval.audit", "benchmarks")
    found = {
        flag
        for program in programs
        for flag in flags(typer.main.get_command(importlib.import_module(f"{program}.__main__").app), program)
    }
    former = {flag for flag in found if is_former(flag.rpartition("--")[2].replace("-", "_"))}
    assert former == set()


def test_every_config_key_has_a_meaning_in_the_reference() -> None:
    tables = hooks()
    models = {m for target in tables.CONFIGS.values() for m, _ in tables.models_below(tables.load(target), "")}
    missing = {f"{m.__name__}.{key}" for m in models for key in m.model_fields if not tables.meanings_of(m).get(key)}
    assert missing == set()
    page = tables.on_page_markdown(f"# Config keys\n{tables.MARKER}\n", None)
    assert "| `settings` | `SceneSettings` | see there |" in page
    assert "| `clips_per_shard` | `int` | `64` | clips in one tar file |" in page
