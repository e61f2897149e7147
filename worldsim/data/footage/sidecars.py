"""Captions and licences that stand beside footage: text and JSON files, and tables for whole folders."""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from physics_data.core.atomic import paths_under
from physics_data.core.errors import DataError
from worldsim.data.footage.media import Medium
from worldsim.data.footage.texts import decode_text, parse_json, read_table

TABLE_NAMES = ("manifest", "metadata", "captions")
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_FILE_COLUMNS = ("file", "file_name", "path", "video_path", "video", "image")
_CAPTION_COLUMNS = ("caption", "text", "prompt", "description")
_LICENCE_COLUMNS = ("licence", "license")
_COLUMNS = (*_FILE_COLUMNS, *_CAPTION_COLUMNS, *_LICENCE_COLUMNS)
_UNREAD_SUFFIXES = (".srt", ".vtt", ".ass", ".ssa", ".sub", ".sbv", ".caption", ".cap", ".lab", ".xml", ".yaml", ".yml")
"""Files that stand beside videos and may hold captions, in forms that are not read."""
_NAMED_ROWS = 5
"""Faulty rows of a table that are named one by one; of the rest only the number is."""


@dataclass(frozen=True)
class SideCar:
    """What is known about a medium beside its pixels."""

    caption: str = ""
    licence: str = "unknown"


class _Row(NamedTuple):
    table: Path
    number: int
    file: str
    side_car: SideCar


class SideCars:
    """Side-cars of all media below some folders.

    A medium's own files win over tables: ``NAME.txt`` holds the caption, ``NAME.json`` an object with a caption and a
    licence. Tables are files named manifest, metadata or captions (.csv, .tsv, .jsonl, .parquet) in any folder, with
    file names relative to the table's place, and tables of any name that are given. Column names, whatever their
    case: file, file_name, path, video_path, video or image; caption, text, prompt or description; licence or license.
    Names are compared in Unicode's form NFC, and backslashes separate folders where no file has them in its name.

    faults:  per table, why it or some of its rows are not used
    """

    def __init__(self, folders: Sequence[Path], tables: Sequence[Path] = ()) -> None:
        """Read all tables; one that was found and cannot be read is a fault, one that was given an error.

        Raises:
            DataError: a table of ``tables`` cannot be read, or names no files.
        """
        self._rows: dict[str, _Row] = {}
        self._beside: dict[str, Path] = {}
        self._texts: list[Path] = []
        self.faults: dict[Path, list[str]] = {}
        found: list[Path] = []
        for path in (path for folder in folders for path in sorted(paths_under(folder))):
            if path.suffix.lower() in (".txt", ".json") and path.is_file():
                self._beside[_key(path.with_suffix(path.suffix.lower()))] = path
            if path.suffix.lower() in (".txt", ".json", *_UNREAD_SUFFIXES) and path.is_file():
                self._texts.append(path)
            if path.stem.lower() in TABLE_NAMES and path.suffix.lower() in TABLE_SUFFIXES and path.is_file():
                found.append(path)
        given = {path.resolve() for path in tables}
        for table in (*(path for path in found if path.resolve() not in given), *tables):
            try:
                self._read(table)
            except (OSError, ValueError) as error:
                message = f"cannot read the table {table}: {error}"
                if table in tables:
                    raise DataError(message) from error
                self.faults[table] = [message]

    def _read(self, table: Path) -> None:
        faults: list[str] = []
        usable = number = 0
        tells = False
        for number, row in read_table(table, _COLUMNS):
            if isinstance(row, str):
                faults.append(f"row {number}: {row}")
                continue
            if set(_FILE_COLUMNS).isdisjoint(row):
                needed = f"needs a column with file names ({', '.join(_FILE_COLUMNS)})"
                if table.suffix.lower() != ".jsonl":  # where each row has columns of its own
                    raise ValueError(f"it {needed}; it has {', '.join(row)}")
                faults.append(f"row {number}: it {needed}; it has {', '.join(row) or 'none'}")
                continue
            try:
                file = _first(row, _FILE_COLUMNS)
                if file is None:
                    faults.append(f"row {number}: it names no file")
                    continue
                key = _key(self._place(table, file))
                known = self._rows.get(key)
                new = _Row(table, number, file, _side_car(row))
            except (OSError, ValueError) as error:
                faults.append(f"row {number}: {error}")
                continue
            usable += 1
            if known is not None and known.table == table and known.side_car != new.side_car:
                faults.append(f"row {number}: {file} stands in row {known.number} with other words, which are kept")
                continue
            tells = tells or not set(_CAPTION_COLUMNS + _LICENCE_COLUMNS).isdisjoint(row)
            if known is not None:
                new = new._replace(side_car=_joined(known, new, faults))
            self._rows[key] = new
        if not number:
            raise ValueError("it has no rows below its first line, which names the columns")
        if usable and not tells:
            texts = ", ".join((*_CAPTION_COLUMNS, *_LICENCE_COLUMNS))
            raise ValueError(f"no column of it holds captions or licences; name one of them {texts}")
        if faults and not usable:
            raise ValueError(f"no row of it can be used; {faults[0]}")
        if faults:
            more = [f"and {len(faults) - _NAMED_ROWS} more rows"] if len(faults) > _NAMED_ROWS else []
            self.faults[table] = [*faults[:_NAMED_ROWS], *more]

    @staticmethod
    def _place(table: Path, file: str) -> Path:
        path = table.parent / file
        return table.parent / file.replace("\\", "/") if "\\" in file and not path.exists() else path

    def unmatched(self, media: Iterable[Medium]) -> dict[Path, list[str]]:
        """Return, per table, the files of rows that belong to none of the media."""
        used = {key for medium in media if medium.part is None for key in _keys(medium)}
        missing: dict[Path, list[str]] = {}
        for key, row in self._rows.items():
            if key not in used:
                missing.setdefault(row.table, []).append(row.file)
        return missing

    def unread(self, media: Iterable[Medium]) -> dict[Path, str]:
        """Return the files that look like captions of one of the media but are not read, and why."""
        firsts = [medium.files[0] for medium in media if medium.part is None and medium.kind != "sequence"]
        exact = {_key(path.with_suffix("")) for path in firsts}
        any_case = {key.casefold(): key for key in exact}
        why: dict[Path, str] = {}
        for path in self._texts:
            stem, suffix = _key(path.with_suffix("")), path.suffix.lower()
            if stem in exact:
                if suffix in _UNREAD_SUFFIXES:
                    why[path] = f"captions are not read from {suffix} files; write the text as {path.stem}.txt"
            elif stem.casefold() in any_case:
                name = Path(any_case[stem.casefold()]).name
                why[path] = f"it is no caption of '{name}', whose name is in other letters; call it {name}{suffix}"
            elif path.stem.lower() in TABLE_NAMES and suffix == ".json":
                why[path] = f"tables are not read from .json; write one object per line as {path.stem}.jsonl"
        return why

    def of(self, medium: Medium) -> SideCar:
        """Return what stands beside a medium.

        Raises:
            OSError, ValueError: a side-car cannot be read as text or JSON.
        """
        if medium.part is not None:
            return _side_car({str(key).lower(): value for key, value in medium.told.items()})
        found = next((self._rows[key].side_car for key in _keys(medium) if key in self._rows), SideCar())
        first = medium.files[0]
        base = first.parent.with_name(first.parent.name + ".x") if medium.kind == "sequence" else first
        if (path := self._find(base.with_suffix(".json"))) is not None:
            record = parse_json(decode_text(path.read_bytes()))
            if not isinstance(record, dict):
                raise ValueError(f"{path.name} holds no object with a caption")
            own = _side_car({str(key).lower(): value for key, value in record.items()})
            licence = found.licence if own.licence == "unknown" else own.licence
            found = SideCar(own.caption or found.caption, licence)
        if (path := self._find(base.with_suffix(".txt"))) is not None:
            found = SideCar(_one_line(decode_text(path.read_bytes())), found.licence)
        return found

    def _find(self, path: Path) -> Path | None:
        return path if path.is_file() else self._beside.get(_key(path))


def _keys(medium: Medium) -> list[str]:
    first = medium.files[0]
    return [_key(path) for path in ((first.parent, first) if medium.kind == "sequence" else (first,))]


def _key(path: Path) -> str:
    return unicodedata.normalize("NFC", str(path.resolve()))


def _side_car(record: Mapping[str, Any]) -> SideCar:
    caption, licence = _first(record, _CAPTION_COLUMNS), _first(record, _LICENCE_COLUMNS)
    return SideCar(_one_line(caption or ""), _one_line(licence or "unknown"))


def _joined(known: _Row, new: _Row, faults: list[str]) -> SideCar:
    """Return what two tables say of one file; where they differ, the later one holds and the difference is a fault."""
    old, side_car = known.side_car, new.side_car
    caption = side_car.caption or old.caption
    licence = old.licence if side_car.licence == "unknown" else side_car.licence
    if old.caption not in ("", caption) or old.licence not in ("unknown", licence):
        faults.append(f"row {new.number}: {new.file} stands in {known.table} with other words, which it replaces")
    return SideCar(caption, licence)


def _first(record: Mapping[str, Any], names: Sequence[str]) -> str | None:
    for name in names:
        value = record.get(name)
        if value is None or (isinstance(value, float) and math.isnan(value)):  # how pandas writes an empty cell
            continue
        if not isinstance(value, str | int | float):
            raise ValueError(f"'{name}' holds no text but a {type(value).__name__}")
        if str(value).strip():
            return str(value).strip()
    return None


def _one_line(text: str) -> str:
    """Return a text on one line.

    Raises:
        ValueError: it holds half of a surrogate pair, which no file can hold.
    """
    line = " ".join(text.split())
    line.encode()
    return line
