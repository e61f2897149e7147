"""``python -m worldsim list``."""

from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer

from physics_data.core.config import SHIPPED_CONFIGS
from physics_data.core.program import print_listing

_SHOWN = ("tasks", "pipelines", "losses", "auxiliary_losses", "solvers", "annotators")


def list_parts(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    configs: Annotated[
        Path | None,
        typer.Option(help="Folder with configs to list as presets; default: those that come with worldsim."),
    ] = None,
) -> None:
    """List the stages, public models, losses, auxiliary losses, solvers, annotators and presets, with one line each.

    Example: `python -m worldsim list --json`
    """
    from worldsim.listing import list_members

    listing = {family: list_members(family) for family in _SHOWN}
    print_listing({**listing, "presets": _presets(configs)}, as_json)


def _presets(configs: Path | None) -> dict[str, str]:
    """Return what --config takes → first sentence of every config's comment of this program."""
    found: dict[str, str] = {}
    for path in sorted((configs or SHIPPED_CONFIGS).glob("*.yaml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        if any(line.startswith("task:") for line in lines):
            told = " ".join(line[1:].strip() for line in takewhile(lambda line: line.startswith("#"), lines))
            first = told.split(" command: ")[0].partition(". ")[0].strip().rstrip(".") + "." if told else ""
            found[path.as_posix() if configs else f"configs/{path.name}"] = first
    return found
