"""Ordinary footage to a dataset folder of the same format as physics clips."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from physics_data.core.atomic import folder_lock, write_text
from physics_data.core.clip_index import write_index
from physics_data.core.dataset import claim_folder
from physics_data.core.errors import DataError
from physics_data.core.shards import IndexRow
from physics_data.pipeline.executors import ExecutorName, run_work
from worldsim.data.footage.cutter import Cutter, Source, write_plan
from worldsim.data.footage.fetch import FETCHED_NAME, fetch, require_there
from worldsim.data.footage.ingest_config import IngestConfig
from worldsim.data.footage.measure import SeenClips
from worldsim.data.footage.media import Medium, find_media
from worldsim.data.footage.sidecars import SideCars

__all__ = ["FileReport", "IngestConfig", "ingest"]


@dataclass
class FileReport:
    """What became of one file, or of a table of captions.

    error:    why it was skipped
    dropped:  windows per reason
    notes:    what of it was left out: pictures of a sequence, rows of a table
    """

    file: str
    windows: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    notes: list[str] = field(default_factory=list)
    is_table: bool = False


def ingest(
    sources: Sequence[Path | str],
    out: Path,
    config: IngestConfig,
    *,
    tables: Sequence[Path] = (),
    workers: int = 1,
    executor: ExecutorName = "local",
    on_start: Callable[[int], None] = lambda count: None,
    on_file: Callable[[FileReport], None] = lambda report: None,
) -> list[FileReport]:
    """Cut clips out of everything the sources hold and write them as a dataset; an interrupted run is finished.

    Captions and licences are those of ``sidecars``. A broken file, or row of a table, is skipped and reported; so are
    rows whose file is not there.

    Args:
        sources: folders with footage, and what ``fetch`` knows: tars, tables with videos, URLs, data sets of the hub
        out: dataset folder
        config: how clips are cut out
        tables: further tables of captions and licences
        workers: processes, or shards at a time on a cluster; never changes the result
        executor: "local" for processes of this machine, "ray" for the cluster that Ray finds, whose machines see
            sources and ``out`` under the same paths
        on_start: called with the number of files
        on_file: called with the report of each file, in the order of their names

    Raises:
        ConfigError: a source or the executor needs a package that is not installed.
        DataError: no footage there, none could be used, or ``out`` holds a dataset of another config.
        EngineError: workers keep dying.
        StorageError: another process writes there.
    """
    require_there(sources)
    with folder_lock(out):
        return _ingest(sources, out, config, tables, workers, executor, on_start, on_file)


def _ingest(
    sources: Sequence[Path | str],
    out: Path,
    config: IngestConfig,
    tables: Sequence[Path],
    workers: int,
    executor: ExecutorName,
    on_start: Callable[[int], None],
    on_file: Callable[[FileReport], None],
) -> list[FileReport]:
    claim_folder(out, config, advice="delete that folder")
    places = fetch(sources, out)
    media = find_media(places, config.numbered_pictures)
    side_cars = SideCars([place for place in places if place.is_dir()], tables)
    on_start(len(media))
    reports: list[FileReport] = []
    rows: list[IndexRow] = []
    seen = SeenClips(config.max_same_difference)
    for medium, done in zip(media, _each(media, side_cars, out, config, workers, executor), strict=True):
        report, made = FileReport(medium.name), []
        if "error" in done:
            report.error = done["error"]
        else:
            made = [
                IndexRow(**row)
                for row, pictures in zip(done["rows"], done["thumbnails"], strict=True)
                if seen.is_new(pictures)
            ]
            again = len(done["rows"]) - len(made)
            report.dropped = done["dropped"] | ({"near_duplicate": again} if again else {})
            report.notes = done.get("notes", [])
            report.windows = len(made)
        reports.append(report)
        rows += made
        on_file(report)
    for report in _table_reports(side_cars, media):
        reports.append(report)
        on_file(report)
    write_text(out / "ingest.json", json.dumps([asdict(report) for report in reports], indent=1, ensure_ascii=False))
    if not rows:
        lines = "\n".join(f"  {r.file}: {r.error or r.dropped or 'no shot is long enough'}" for r in reports)
        where = ", ".join(map(str, sources))
        raise DataError(f"no clip could be cut out of the {len(media)} files in {where}:\n{lines}")
    write_index(out, rows)
    shutil.rmtree(out / FETCHED_NAME, ignore_errors=True)
    return reports


def _each(
    media: Sequence[Medium],
    side_cars: SideCars,
    out: Path,
    config: IngestConfig,
    workers: int,
    executor: ExecutorName,
) -> Iterator[dict[str, Any]]:
    """Yield the manifest of each medium's shard, or the error why there is none, in order."""
    names_by_content: dict[str, str] = {}
    described = [_describe(medium, side_cars, names_by_content) for medium in media]
    usable = [source for source in described if isinstance(source, Source)]
    write_plan(out, usable)
    finished: dict[str, dict[str, Any]] = {}
    work = run_work(
        executor, Cutter(config, out), [source.shard_name for source in usable], workers, lambda count: None
    )
    for source in described:
        if isinstance(source, str):
            yield {"error": source}
            continue
        while source.shard_name not in finished:
            name, manifest = next(work)
            finished[name] = manifest
        yield finished.pop(source.shard_name)


def _table_reports(side_cars: SideCars, media: Sequence[Medium]) -> Iterator[FileReport]:
    """Yield a report for each table or text that is not used, or has faults or rows of files that are not there."""
    missing, unread = side_cars.unmatched(media), side_cars.unread(media)
    for table in sorted({*side_cars.faults, *missing, *unread}):
        notes = list(side_cars.faults.get(table, []))
        if table in unread:
            notes.append(unread[table])
        if files := missing.get(table):
            more = f" and {len(files) - 3} more" if len(files) > 3 else ""
            notes.append(f"{len(files)} of its rows name files that are not there: {', '.join(files[:3])}{more}")
        yield FileReport(str(table), notes=notes, is_table=True)


def _describe(medium: Medium, side_cars: SideCars, names_by_content: dict[str, str]) -> Source | str:
    """Return a medium with its digest and side-car, or why it is not used."""
    if medium.fault is not None:
        return medium.fault
    try:
        source = Source(medium, medium.sha256(), side_cars.of(medium))
    except (OSError, ValueError) as error:
        return f"it or the caption beside it cannot be read: {error}"
    same = names_by_content.setdefault(source.sha256, medium.name)
    return source if same == medium.name else f"the same bytes as {same}"
