"""Captions and licences that stand beside footage: text and JSON files, and tables for whole folders."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from physics_data.core.errors import DataError
from worldsim.data.footage.media import Medium

TABLE_NAMES = ("manifest", "metadata", "captions")
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_FILE_COLUMNS = ("file", "file_name", "path", "video_path", "video", "image")
_CAPTION_COLUMNS = ("caption", "text", "prompt", "description")
_LICENCE_COLUMNS = ("licence", "license")


@dataclass(frozen=True)
class SideCar:
    """What is known about a medium beside its pixels."""

    caption: str = ""
    licence: str = "unknown"


class SideCars:
    """Side-cars of all media below some folders.

    A medium's own files win over tables: ``NAME.txt`` holds the caption, ``NAME.json`` an object with a caption and a
    licence. Tables are files named manifest, metadata or captions (.csv, .tsv, .jsonl, .parquet) in any folder, with
    file names relative to the table's place, and tables of any name that are given. Column names, whatever their
    case: file, file_name, path, video_path, video or image; caption, text, prompt or description; licence or license.
    """

    def __init__(self, folders: Sequence[Path], tables: Sequence[Path] = ()) -> None:
        """Read all tables.

        Raises:
            DataError: a table cannot be read, or names no files.
        """
        self._known: dict[Path, SideCar] = {}
        found = [
            path
            for folder in folders
            for path in sorted(folder.rglob("*"))
            if path.stem.lower() in TABLE_NAMES and path.suffix.lower() in TABLE_SUFFIXES
        ]
        for table in (*found, *tables):
            for record in _records(table):
                file = _first(record, _FILE_COLUMNS)
                if file is None:
                    raise DataError(
                        f"{table} needs a column with file names ({', '.join(_FILE_COLUMNS)}); it has "
                        f"{', '.join(record)}."
                    )
                self._known[(table.parent / file).resolve()] = _side_car(record)

    def of(self, medium: Medium) -> SideCar:
        """Return what stands beside a medium.

        Raises:
            OSError, ValueError: a side-car cannot be read as text or JSON.
        """
        if medium.part is not None:
            return _side_car({str(key).lower(): value for key, value in medium.told.items()})
        first = medium.files[0]
        candidates = (first.parent, first) if medium.kind == "sequence" else (first,)
        found = next((self._known[path.resolve()] for path in candidates if path.resolve() in self._known), SideCar())
        base = first.parent.with_name(first.parent.name + ".x") if medium.kind == "sequence" else first
        as_json, as_text = base.with_suffix(".json"), base.with_suffix(".txt")
        if as_json.is_file():
            record = json.loads(as_json.read_text(encoding="utf-8"))
            if not isinstance(record, dict):
                raise ValueError(f"{as_json.name} holds no object with a caption")
            own = _side_car({str(key).lower(): value for key, value in record.items()})
            licence = found.licence if own.licence == "unknown" else own.licence
            found = SideCar(own.caption or found.caption, licence)
        if as_text.is_file():
            found = SideCar(_one_line(as_text.read_text(encoding="utf-8")), found.licence)
        return found


def _records(table: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of a table with lower-case column names."""
    try:
        if table.suffix.lower() == ".parquet":
            import pyarrow.parquet

            lines: Sequence[Mapping[str, Any]] = pyarrow.parquet.read_table(table).to_pylist()
        elif table.suffix.lower() == ".jsonl":
            text = table.read_text(encoding="utf-8")
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            with open(table, encoding="utf-8", newline="") as file:
                lines = list(csv.DictReader(file, delimiter="\t" if table.suffix.lower() == ".tsv" else ","))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the table {table}: {error}") from error
    for line in lines:
        yield {str(key).strip().lower(): value for key, value in line.items() if key is not None}


def _side_car(record: Mapping[str, Any]) -> SideCar:
    caption, licence = _first(record, _CAPTION_COLUMNS), _first(record, _LICENCE_COLUMNS)
    return SideCar(_one_line(caption or ""), licence or "unknown")


def _first(record: Mapping[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        value = record.get(name)
        if value is not None and str(value).strip():
            return str(value).strip()
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split())
