"""The law table: how far each scenario's clips are from their law on each engine, and how many draws are rejected."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from physics_data.core.conventions import clip_generator
from physics_data.core.errors import ClipRejectedError, EngineError
from physics_data.engines import ENGINES
from physics_data.pipeline.generate import FIRST_INDEX
from physics_data.pipeline.quality import check_quality
from physics_data.renderers import RENDERERS
from physics_data.scenarios import SCENARIOS
from physics_data.scenarios.shared.scenario import SceneSettings


@dataclass(frozen=True)
class LawRow:
    """One scenario on one engine, over some draws.

    residuals:   law → (median, largest) of the draws that were kept; None where none was
    tolerances:  law → largest value that a stored clip may have
    rejections:  reason → rejected draws
    """

    scenario: str
    law: str
    engine: str
    ranges: str
    draws: int
    tolerances: dict[str, float]
    residuals: dict[str, tuple[float, float] | None]
    rejections: dict[str, int]


def law_table(
    settings: SceneSettings,
    draws: int,
    *,
    root_seed: int = 0,
    scenarios: tuple[str, ...] = (),
    on_row: Callable[[], None] = lambda: None,
) -> list[LawRow]:
    """Draw every scenario on every engine that it claims, and measure.

    Args:
        draws: of each scenario and engine
        scenarios: their names; none for all
    """
    rows = []
    for name in scenarios or tuple(SCENARIOS):
        for engine in SCENARIOS.get(name).engines:
            rows.append(_row(name, engine, settings, draws, root_seed))
            on_row()
    return rows


def _row(name: str, engine_name: str, settings: SceneSettings, draws: int, root_seed: int) -> LawRow:
    scenario, engine = SCENARIOS.get(name)(), ENGINES.get(engine_name)()
    renderer = RENDERERS.get("raycast")()
    measured: dict[str, list[float]] = {}
    rejections: Counter[str] = Counter()
    for index in range(draws):
        rng = clip_generator(root_seed, name, FIRST_INDEX["train"] + index)
        spec = scenario.sample(rng, settings, root_seed, index)
        try:
            trajectory = engine.simulate(spec)
            residuals = check_quality(scenario, spec, trajectory, renderer.render(spec, trajectory, ()))
        except ClipRejectedError as rejection:
            rejections[rejection.reason] += 1
        except EngineError:
            rejections["engine_error"] += 1
        else:
            for law, value in residuals.items():
                measured.setdefault(law, []).append(value)
    return LawRow(
        scenario=name,
        law=scenario.info.law,
        engine=engine_name,
        ranges=settings.ranges,
        draws=draws,
        tolerances=dict(scenario.tolerances),
        residuals={
            law: (_median(values), max(values)) if (values := measured.get(law)) else None
            for law in scenario.tolerances
        },
        rejections=dict(sorted(rejections.items())),
    )


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else 0.5 * (ordered[middle - 1] + ordered[middle])


def as_json(rows: list[LawRow]) -> list[dict[str, Any]]:
    """Return the rows as plain data."""
    return [asdict(row) for row in rows]


def as_markdown(rows: list[LawRow]) -> str:
    """Return the law table and the reject table as Markdown."""
    engines = list(dict.fromkeys(row.engine for row in rows))
    by_scenario: dict[str, dict[str, LawRow]] = {}
    for row in rows:
        by_scenario.setdefault(row.scenario, {})[row.engine] = row
    head = [f"{engine}, median (largest)" for engine in engines]
    lines = [_line(["scenario", "law", "residual", "tolerance", *head]), _line(["---"] * (4 + len(engines)))]
    for name, of_engine in by_scenario.items():
        first = next(iter(of_engine.values()))
        for number, (law, tolerance) in enumerate(first.tolerances.items()):
            cells = [_cell(of_engine.get(engine), law) for engine in engines]
            lines.append(_line([*((name, first.law) if not number else ("", "")), law, f"{tolerance:.2g}", *cells]))
    lines += ["", _line(["scenario", "engine", "draws", "rejected", "reasons"]), _line(["---"] * 5)]
    for row in (row for row in rows if row.rejections):
        rejected = sum(row.rejections.values())
        reasons = ", ".join(f"{reason} {count}" for reason, count in row.rejections.items())
        share = f"{rejected} ({100 * rejected / row.draws:.0f} %)"
        lines.append(_line([row.scenario, row.engine, str(row.draws), share, reasons]))
    clean = sum(not row.rejections for row in rows)
    lines += ["", f"No draw was rejected in the other {clean} of {len(rows)} cases of a scenario on an engine."]
    return "\n".join(lines) + "\n"


def _cell(row: LawRow | None, law: str) -> str:
    if row is None:
        return "not claimed"
    figures = row.residuals[law]
    if figures is None or math.isnan(figures[0]):
        return "no draw kept"
    return f"{figures[0]:.1e} ({figures[1]:.1e})"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
