"""Arithmetic of large datasets and long runs, from measured constants, beside a simulation of them with failures."""

from pathlib import Path

from benchmarks.rows import Row

COMMAND = "python -m benchmarks scale --json"


def measure_scale(folder: Path, index_rows: int) -> list[Row]:
    """Return all rows of the page: building, training, and an index of so many rows.

    Args:
        folder: where the index is written
        index_rows: rows of the index that is made and opened; 0 leaves it out
    """
    from benchmarks.scale.building import building_rows
    from benchmarks.scale.large_index import index_rows as measure_index
    from benchmarks.scale.training import training_rows

    measured = measure_index(folder, index_rows) if index_rows else []
    return [*building_rows(), *training_rows(), *measured]
