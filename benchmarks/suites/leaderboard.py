"""Join result folders of one edition into one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.report.bundle import read_bundle
from eval.report.pages import write_pages
from physics_data.core.errors import DataError


def write_leaderboard(results: Sequence[Path], out: Path) -> dict[str, Any]:
    """Check that the results belong together and write the page, JSON, CSV and Markdown; return the summary.

    Raises:
        DataError: other scenes or another scoring in one of them, one system twice, or changed aggregates.
    """
    marks = {}
    for folder in results:
        _, record = read_bundle(folder)
        marks[folder] = (record.get("fingerprint"), record.get("scoring"))
    first = results[0]
    for folder, mark in marks.items():
        if mark[0] != marks[first][0]:
            raise DataError(
                f"{folder} was scored on other scenes than {first} ({mark[0]}, {marks[first][0]}); "
                "only results of one suite, size and release share a table."
            )
        if mark[1] != marks[first][1]:
            raise DataError(
                f"{folder} and {first} were scored by different code, libraries or conditioning frames; run one again."
            )
    return write_pages(results, out)
