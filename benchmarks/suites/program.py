"""What the commands of suites share: open a suite with its reference, and show progress."""

from pathlib import Path
from typing import TypeVar

from rich.progress import Progress as Bars
from rich.progress import TaskID

from benchmarks.suites import SUITES
from benchmarks.suites.base import SHAPES, SIZES, Edition, Prepared, Progress, Suite
from physics_data.core.errors import UnknownNameError, suggest

Name = TypeVar("Name", bound=str)


def open_suite(
    name: str, size: str, shape: str, cache: Path, salt: str | None, commitment: str | None, workers: int, bars: Bars
) -> tuple[Suite, Prepared, Progress]:
    """Return the suite, its reference (built where the cache lacks it), and what shows progress.

    Raises:
        UnknownNameError: no such suite, size or shape.
        ConfigError: the salt is not the published one.
    """
    suite = SUITES.get(name)()
    edition = Edition(_one_of(size, SIZES, "size"), salt, _one_of(shape, SHAPES, "shape"))
    edition.check(commitment)
    report = show_progress(bars)
    return suite, suite.prepare(edition, cache, workers, report), report


def _one_of(name: str, known: tuple[Name, ...], what: str) -> Name:
    for one in known:
        if one == name:
            return one
    raise UnknownNameError(f"unknown {what} '{name}': {suggest(name, known)}")


def show_progress(bars: Bars) -> Progress:
    """Return a function that keeps one bar for each thing that goes on."""
    tasks: dict[str, TaskID] = {}

    def report(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total, note="")
        bars.update(tasks[what], completed=done, total=total)

    return report
