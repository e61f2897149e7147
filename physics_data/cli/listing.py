"""Commands that say what there is: ``list``, ``laws`` and ``schema``."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from physics_data.cli.options import JsonOption, SetOption
from physics_data.core.program import Table, print_listing, progress_bar


def schema() -> None:
    """Print the JSON Schema of a scene on stdout.

    Example: `python -m physics_data schema > scene.schema.json`
    """
    from physics_data.core.scene import SceneSpec

    typer.echo(json.dumps(SceneSpec.model_json_schema(), indent=2))


def list_members(
    family: Annotated[str | None, typer.Argument(help="scenarios, editors, engines or renderers; default all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List scenarios, editors, engines and renderers with one line each, or one family with all that is known of it.

    Example: `python -m physics_data list scenarios --json`
    """
    from physics_data.core.errors import UnknownNameError, suggest
    from physics_data.editors import EDITORS
    from physics_data.engines import ENGINES
    from physics_data.renderers import RENDERERS
    from physics_data.scenarios import SCENARIOS

    families = {f"{registry.family}s": registry for registry in (SCENARIOS, EDITORS, ENGINES, RENDERERS)}
    if family is None:
        print_listing({name: registry.summaries() for name, registry in families.items()}, as_json)
    elif family not in families:
        raise UnknownNameError(f"unknown family '{family}': {suggest(family, families)}")
    elif family == "scenarios":
        _list_scenarios(as_json)
    else:
        print_listing({family: families[family].summaries()}, as_json)


def _list_scenarios(as_json: bool) -> None:
    from physics_data.scenarios import SCENARIOS

    members: list[dict[str, Any]] = []
    for name in SCENARIOS:
        scenario = SCENARIOS.get(name)
        members.append(
            {
                **scenario.info.model_dump(),
                "engines": list(scenario.engines),
                "tolerances": scenario.tolerances,
                "ranges": {key: asdict(value) for key, value in scenario.ranges.items()},
            }
        )
    if as_json:
        typer.echo(json.dumps(members, indent=2, ensure_ascii=False))
        return
    table = Table("scenario", "what happens", "law", "engines", "held-out ranges", show_lines=True)
    for member in members:
        ranges = [
            f"{name}: {' or '.join(f'{low:g} to {high:g}' for low, high in value['held_out'])} {value['unit']}"
            for name, value in member["ranges"].items()
            if value["held_out"]
        ]
        table.add_row(
            member["name"], member["summary"], member["law"], ", ".join(member["engines"]), "\n".join(ranges) or "–"
        )
    Console().print(table)


def laws(
    draws: Annotated[int, typer.Option(min=1, help="Draws of each scenario on each engine.")] = 16,
    scenario: Annotated[list[str] | None, typer.Option(help="Only this scenario; may be repeated.")] = None,
    held_out: Annotated[bool, typer.Option("--held-out", help="Draw from the held-out ranges.")] = False,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown tables on stdout, for the docs.")] = False,
) -> None:
    """Measure how far each scenario is from its law on each engine, and how many draws are rejected for what.

    Example: `python -m physics_data laws --draws 32 --markdown > laws.md`
    """
    from physics_data.core.config import apply_overrides, validate_config
    from physics_data.pipeline.laws import as_json as plain
    from physics_data.pipeline.laws import as_markdown, law_table
    from physics_data.scenarios import SCENARIOS
    from physics_data.scenarios.shared.scenario import SceneSettings

    raw = apply_overrides({"settings": {"ranges": "held_out" if held_out else "train"}}, overrides or ())
    settings = validate_config(SceneSettings, raw["settings"], source="--set")
    names = tuple(SCENARIOS.check(name) for name in scenario or ())
    total = sum(len(SCENARIOS.get(name).engines) for name in names or SCENARIOS)
    with progress_bar() as progress:
        bar = progress.add_task("laws", total=total, note="")
        rows = law_table(settings, draws, scenarios=names, on_row=lambda: progress.advance(bar))
    if as_json:
        typer.echo(json.dumps(plain(rows), indent=1, ensure_ascii=False))
    elif markdown:
        typer.echo(as_markdown(rows), nl=False)
    else:
        table = Table("scenario", "engine", "law residual", "tolerance", "median", "largest", "rejected")
        for row in rows:
            for law, tolerance in row.tolerances.items():
                figures = row.residuals[law]
                shown = [f"{value:.1e}" for value in figures] if figures else ["no draw kept", "–"]
                rejected = f"{sum(row.rejections.values())} of {row.draws}"
                table.add_row(row.scenario, row.engine, law, f"{tolerance:.2g}", *shown, rejected)
        Console().print(table)
