"""Report rows: the record that every benchmark prints with ``--json``, and their table for a terminal."""

import json
import statistics
from collections.abc import Sequence

import typer
from pydantic import Field

from physics_data.core.config import StrictModel
from physics_data.core.program import Table, messages
from physics_data.core.provenance import hardware

LOWER_IS_BETTER = ("s", "ms", "ms a frame", "MiB", "GB", "core-hours", "% of the places", "% longer")
"""Units of ``median_row`` whose target is an upper limit."""


class Row(StrictModel):
    """One measured figure. None where a field does not apply.

    Attributes:
        name: what was measured
        value: the figure; None where it could not be measured, and ``spread`` says why
        unit: of value, target and peer_value
        target: what was aimed at
        meets: whether the value reaches the target
        peer: what it is compared with, measured in the same run or published
        peer_value: the peer's figure
        ratio: value / peer_value, unless the benchmark says otherwise
        spread: range, interval or sample size
        hardware: where it was measured
        command: how to measure it again
    """

    name: str
    value: float | None
    unit: str
    target: float | None = None
    meets: bool | None = None
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    spread: str | None = None
    hardware: str = Field(default_factory=hardware)
    command: str


def compared_row(
    name: str,
    value: float | None,
    unit: str,
    command: str,
    *,
    target: float | None = None,
    meets: bool | None = None,
    peer: str | None = None,
    peer_value: float | None = None,
    spread: str | None = None,
) -> Row:
    """Return a row with its ratio to the peer."""
    ratio = value / peer_value if value is not None and peer_value else None
    return Row(
        name=name,
        value=value,
        unit=unit,
        target=target,
        meets=meets,
        peer=peer,
        peer_value=peer_value,
        ratio=ratio,
        spread=spread,
        command=command,
    )


def median_row(
    name: str,
    values: Sequence[float],
    unit: str,
    target: float | None,
    peer: str | None,
    peer_values: Sequence[float] | None,
    command: str,
) -> Row:
    """Return the row of repeated measurements: medians, their ratio, and the range of ``values``."""
    value = statistics.median(values)
    meets = None
    if target is not None:
        meets = value <= target if unit in LOWER_IS_BETTER else value >= target
    return compared_row(
        name,
        value,
        unit,
        command,
        target=target,
        meets=meets,
        peer=peer,
        peer_value=statistics.median(peer_values) if peer_values else None,
        spread=f"{min(values):.3g} to {max(values):.3g}",
    )


def rows_as_json(rows: Sequence[Row]) -> str:
    """Return rows as a JSON list."""
    return json.dumps([row.model_dump() for row in rows], indent=1)


def print_rows(rows: Sequence[Row], as_json: bool) -> None:
    """Print rows on stdout as JSON, or as a table on stderr."""
    if as_json:
        typer.echo(rows_as_json(rows))
        return
    columns = ("name", "value", "unit", "spread", "peer", "ratio", "target", "meets")
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_cell(getattr(row, column)) for column in columns))
    messages.print(table)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
