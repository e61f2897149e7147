"""Speed, as ratios against named peers measured in the same run."""

from typing import Any

from physics_data.core.errors import Registry

SPEED_BENCHMARKS: Registry[Any] = Registry(
    "speed benchmark",
    {
        "render": "benchmarks.speed.render:measure_render",
        "data": "benchmarks.speed.data:measure_data",
        "loader": "benchmarks.speed.loader:measure_loader",
        "train": "benchmarks.speed.train:measure_train",
        "sample": "benchmarks.speed.sample:measure_sample",
        "appearance": "benchmarks.speed.appearance:measure_costs",
    },
)
"""Functions (repeats) → rows, see ``benchmarks.rows``."""
