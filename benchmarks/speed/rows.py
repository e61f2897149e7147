"""Rows of measured figures, in the form that all benchmarks print."""

import statistics
from collections.abc import Sequence

from physics_data.core.provenance import hardware

LOWER_IS_BETTER = ("s", "ms", "ms a frame", "MiB", "GB", "core-hours", "% of the places")


def speed_row(
    name: str,
    values: Sequence[float],
    unit: str,
    target: float | None,
    peer: str | None,
    peer_values: Sequence[float] | None,
    command: str,
) -> dict[str, object]:
    """Return one row: the median of ``values``, its spread, and its ratio to the peer's median in the same run."""
    value = statistics.median(values)
    peer_value = statistics.median(peer_values) if peer_values else None
    meets = None
    if target is not None:
        meets = value <= target if unit in LOWER_IS_BETTER else value >= target
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "target": target,
        "meets": meets,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": value / peer_value if peer_value else None,
        "spread": f"{min(values):.3g} to {max(values):.3g}",
        "hardware": hardware(),
        "command": command,
    }
