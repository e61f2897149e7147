"""Captions as they come from other programs: text in any Unicode encoding, JSON, tables of any dialect."""

import codecs
import csv
import io
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
_SEPARATORS = (",", ";", "\t", "|")
_LONGEST_FIELD = 2**24

Row = tuple[int, dict[str, Any] | str]
"""Number of a row, from 1, and what it holds by lower-case column name, or why it cannot be read."""


def decode_text(data: bytes) -> str:
    """Return text in UTF-8, or in the encoding that its byte order mark names.

    Raises:
        ValueError: it is neither.
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"no {encoding.removesuffix('-sig').upper()} text at byte {error.start}; save it as UTF-8"
        ) from error
    if "\0" in text:
        raise ValueError("it holds zero bytes, so it is no text, or UTF-16 without a byte order mark; save it as UTF-8")
    return text


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


def read_table(path: Path, wanted: Collection[str]) -> Iterator[Row]:
    """Yield the rows of a table (.csv, .tsv, .jsonl, .parquet); a row that cannot be read does not end it.

    A text table may be separated by commas, semicolons, tabs or bars; the one that makes ``wanted`` columns is taken.

    Raises:
        OSError, ValueError: the whole table cannot be read.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        yield from _parquet_rows(path, wanted)
    elif kind == ".jsonl":
        yield from _json_rows(decode_text(path.read_bytes()))
    else:
        yield from _text_rows(decode_text(path.read_bytes()), "\t" if kind == ".tsv" else ",", wanted)


def _json_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):  # not splitlines: U+2028 and U+0085 may stand in a line
        if not line.strip():
            continue
        try:
            record = parse_json(line)
        except ValueError as error:
            yield number, str(error)
            continue
        yield number, _lowered(record) if isinstance(record, dict) else "no JSON object"


def _text_rows(text: str, separator: str, wanted: Collection[str]) -> Iterator[Row]:
    lines = io.StringIO(text, newline="")
    first = lines.readline()
    if first.lower().startswith("sep=") and len(first.strip()) == 5:  # Excel names the separator so
        separator, first = first[4], lines.readline()
    for choice in (separator, *_SEPARATORS):
        header = [name.strip().lower() for name in next(csv.reader([first], delimiter=choice), [])]
        if not set(header).isdisjoint(wanted):
            break
    else:
        choice, header = (
            separator,
            [name.strip().lower() for name in next(csv.reader([first], delimiter=separator), [])],
        )
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(lines, delimiter=choice, strict=True)
    while True:
        number = reader.line_num + 2
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, f"{error}; put a text with quotes or separators in quotes, and double the quotes in it"
            continue
        if len(fields) > len(header):
            yield number, f"{len(fields)} fields under {len(header)} columns; put a text with '{choice}' in quotes"
        elif fields:
            yield number, dict(zip(header, fields, strict=False))


def _parquet_rows(path: Path, wanted: Collection[str]) -> Iterator[Row]:
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path)
        columns = [name for name in table.schema_arrow.names if name.lower() in wanted]
        number = 0
        for batch in table.iter_batches(columns=columns):
            for record in batch.to_pylist():
                number += 1
                yield number, _lowered(record)
    except (OSError, ValueError):
        raise
    except Exception as error:  # Arrow has errors of many classes
        raise ValueError(f"no whole Parquet table: {error}") from error


def _lowered(record: dict[Any, Any]) -> dict[str, Any]:
    return {str(key).strip().lower(): value for key, value in record.items()}
