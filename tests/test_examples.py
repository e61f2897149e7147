"""Every command that the README, the docs and ``--help`` show is one that its program takes."""

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

ROOT = Path(__file__).parents[1]
PROGRAMS = ("physics_data", "worldsim", "eval", "benchmarks")
_EXAMPLE = re.compile(rf"python -m ({'|'.join(PROGRAMS)}) ([^`\n|&>]*)")
_BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


def program(name: str) -> Any:
    return typer.main.get_command(importlib.import_module(f"{name}.__main__").app)


def examples(text: str) -> list[tuple[str, list[str]]]:
    """Return (program, arguments) of every command in a text that is written out: no ``...``, no ``[--option]``."""
    found = []
    for name, rest in _EXAMPLE.findall(re.sub(r"\\\n\s*", " ", text)):
        written = re.split(r"\s#|\s\s", rest)[0].strip()  # a remark may stand behind
        if written and not re.search(r"\.\.\.|…|\[-|[→┐┘]", written):
            found.append((name, shlex.split(written)))
    return found


def helped() -> list[tuple[str, str]]:
    texts = []
    for name in PROGRAMS:
        for command, one in program(name).commands.items():
            texts.append((f"{name} {command} --help", " ".join((one.help or "").split())))
    return texts


def pages() -> list[tuple[str, str]]:
    files = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    blocks = {file: "\n".join(_BLOCK.findall(file.read_text(encoding="utf-8"))) for file in files}
    return [(file.relative_to(ROOT).as_posix(), text) for file, text in blocks.items()]


def parse(command: Any, arguments: list[str], parent: Any = None) -> None:
    """Parse arguments with all their types, without running anything."""
    with command.make_context(command.name or "program", list(arguments), parent=parent) as context:
        if hasattr(command, "commands"):
            rest = [*context._protected_args, *context.args]
            if not rest and command.invoke_without_command:
                return
            assert rest, "a program needs a command"
            assert rest[0] in command.commands, f"no such command: {rest[0]}"
            parse(command.get_command(context, rest[0]), rest[1:], context)


@pytest.mark.parametrize(("where", "text"), [pytest.param(*one, id=one[0]) for one in [*pages(), *helped()]])
def test_every_example_is_taken_by_its_program(where: str, text: str) -> None:
    wrong = []
    for name, arguments in examples(text):
        try:
            parse(program(name), arguments)
        except (Exception, SystemExit) as error:
            message = getattr(error, "message", None) or str(error)
            if "does not exist" not in message:  # files of the example
                wrong.append(f"python -m {name} {shlex.join(arguments)}: {message}")
    assert not wrong, "\n".join(wrong)


def test_examples_are_found() -> None:
    assert sum(len(examples(text)) for _, text in pages()) > 40
    assert len([where for where, text in helped() if examples(text)]) > 15
    with pytest.raises(Exception, match="no-such"):
        parse(program("worldsim"), ["sample", "--no-such", "3"])
