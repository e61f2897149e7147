"""Speed, as ratios against named peers measured in the same run."""

from collections.abc import Sequence
from typing import Any

from physics_data.core.errors import Registry
from physics_data.core.program import Table

SPEED_BENCHMARKS: Registry[Any] = Registry(
    "speed benchmark",
    {
        "render": "benchmarks.speed.render:measure_render",
        "data": "benchmarks.speed.data:measure_data",
        "loader": "benchmarks.speed.loader:measure_loader",
        "train": "benchmarks.speed.train:measure_train",
        "sample": "benchmarks.speed.sample:measure_sample",
    },
)
"""Functions (repeats) -> rows; a row has the keys name, value, unit, target, meets, peer, peer_value, ratio, spread,
hardware, command, null where one does not apply."""


def as_table(rows: Sequence[dict[str, object]]) -> Table:
    """Return rows as a table for a terminal."""
    table = Table("name", "value", "unit", "spread", "peer", "ratio", "target", "meets")
    for row in rows:
        table.add_row(
            *(_cell(row.get(key)) for key in ("name", "value", "unit", "spread", "peer", "ratio", "target", "meets"))
        )
    return table


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
