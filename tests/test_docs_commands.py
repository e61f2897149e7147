"""Every command that README and docs show is one that the programs take: subcommands, options, configs, overrides."""

import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer.main

from benchmarks.ablation.ablation_config import AblationConfig
from physics_data.core.config import find_config, load_config
from physics_data.pipeline.build_config import BuildConfig

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")])
PROGRAMS = ("physics_data", "worldsim", "eval", "benchmarks")
MODULE = re.compile(r"(?:^|\s)(?:\S*python\S*|torchrun\b.*?) -m ([a-z_][\w.]*)(.*)$")
COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*(?:\S*python\S*|torchrun\b.*?) -m ")
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def blocks(page: Path) -> Iterator[tuple[int, str]]:
    """The commands in fenced blocks with their line, continued lines joined."""
    fenced, held, start = False, "", 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced, held = not fenced, ""
        elif fenced:
            start = start if held else number
            held += line.strip()
            if held.endswith("\\"):
                held = held[:-1]
                continue
            for part in held.split(" && "):
                yield start, re.split(r"\s+#\s|\s{4,}", part)[0]
            held = ""


def inline(page: Path) -> Iterator[tuple[int, str]]:
    """What stands between backquotes outside of blocks."""
    text = re.sub(r"```.*?```", lambda block: "\n" * block[0].count("\n"), page.read_text(encoding="utf-8"), flags=re.S)
    for found in re.finditer(r"`([^`]+)`", text):
        yield text[: found.start()].count("\n") + 1, " ".join(found[1].split())


def found_in(source: str) -> list:
    pick = blocks if source == "block" else inline
    commands = [(page, line, text) for page in PAGES for line, text in pick(page)]
    return [
        pytest.param(text, id=f"{page.relative_to(ROOT)}:{line}: {text[:60]}")
        for page, line, text in commands
        if (MODULE.search(text) if source == "inline" else COMMAND.match(text)) or re.match(r"make [a-z]", text)
    ]


def command_of(program: str, words: list[str]) -> tuple[Any, list[str]]:
    """Walk down the groups; returns the command and what is left for it."""
    command: Any = typer.main.get_command(importlib.import_module(f"{program}.__main__").app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            assert command.invoke_without_command, f"{program} has no command '{words[0]}'"
            break
        command, words = command.commands[words[0]], words[1:]
    return command, words


def known(command: Any) -> set[str]:
    return {"-h", "--help", *(o for p in command.params for o in (*p.opts, *p.secondary_opts))}


def check_config(words: list[str]) -> None:
    """Where a shipped config is named, it is there and takes the overrides; what holds a shell variable is left out."""
    from worldsim.training.pieces import PlanConfig
    from worldsim.training.stages import load_train_config

    if "--config" not in words or not words[words.index("--config") + 1].startswith("configs/"):
        return
    path = Path(words[words.index("--config") + 1])
    overrides = [b for a, b in pairwise(words) if a == "--set" and "$" not in b and "=" in b]
    text = find_config(path).read_text(encoding="utf-8")
    if re.search(r"^task: plan", text, re.MULTILINE):
        load_config(PlanConfig, path, overrides)
    elif re.search(r"^task:", text, re.MULTILINE):
        load_train_config(path, overrides)
    else:
        load_config(AblationConfig if "\nvariants:" in text else BuildConfig, path, overrides)


@pytest.mark.parametrize("text", found_in("block"))
def test_a_command_of_a_block_is_taken(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    if text.startswith("make "):
        assert text.split()[1] in TARGETS
        return
    found = MODULE.search(text)
    assert found is not None
    if found[1] not in PROGRAMS:
        assert importlib.util.find_spec(found[1]), found[1]
        return
    words = shlex.split(re.sub(r"\[(--[^\]]*)\]", "", found[2]))
    command, rest = command_of(found[1], words)
    try:
        command.make_context(found[1], list(rest)).close()
    except Exception as error:  # typer's own class of usage errors moves between its versions
        if "does not exist" not in str(getattr(error, "message", error)):  # a file of the user's
            raise
    check_config(rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_of_several_lines_can_be_pasted(page: Path) -> None:
    for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for before, line in pairwise(block.splitlines()):
            assert not re.match(r"\s+-", line) or not COMMAND.match(before.strip()) or before.endswith("\\"), line


@pytest.mark.parametrize("text", found_in("inline"))
def test_a_command_in_a_sentence_has_these_options(text: str) -> None:
    if text.startswith("make "):
        assert text.split()[1] in TARGETS
        return
    found = MODULE.search(text)
    assert found is not None
    if found[1] not in PROGRAMS:
        assert importlib.util.find_spec(found[1]), found[1]
        return
    command, rest = command_of(found[1], [w for w in found[2].split() if w not in ("...", "…")])
    options = {w.split("=")[0].strip("[],.'\"") for w in rest if w.startswith(("--", "[--"))}
    assert options <= known(command), f"{text}: unknown are {options - known(command)}"
