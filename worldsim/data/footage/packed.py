"""Media inside other files: members of WebDataset tars, cells of Parquet tables as Hugging Face stores them."""

import functools
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

PACKED_SUFFIXES = frozenset({".tar", ".parquet"})

_MAGIC = {
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"\x1aE\xdf\xa3": ".mkv",
    b"BM": ".bmp",
}
"""First bytes of a file: its suffix, for cells without a name."""


@dataclass(frozen=True)
class Part:
    """Where a medium lies inside a file: bytes of a tar, or a row of a row group of a Parquet column."""

    suffix: str
    offset: int = 0
    length: int = 0
    column: str | None = None

    def read(self, path: Path) -> bytes:
        """Return the bytes of the medium.

        Raises:
            OSError: the file cannot be read, or ends early.
        """
        if self.column is not None:
            return _row_group(path, self.offset, self.column)[self.length]
        with open(path, "rb") as file:
            file.seek(self.offset)
            data = file.read(self.length)
        if len(data) != self.length:
            raise OSError(f"{path} is cut off: {len(data)} of {self.length} bytes of a member are there")
        return data


@dataclass(frozen=True)
class PackedMedium:
    """One medium of a packed file. ``told`` is what stands with it: columns, or members of the same key."""

    name: str
    part: Part
    told: Mapping[str, Any] = field(default_factory=dict)


def media_of_tar(path: Path, suffixes: frozenset[str]) -> Iterator[PackedMedium | str]:
    """Yield the media of a tar and, last, why the rest of it cannot be read, if so.

    Members whose names are equal up to the first dot belong together: KEY.txt is a medium's caption, KEY.json an object
    with a caption and a licence.

    Source: the WebDataset layout of tar files.
    """
    found: dict[str, list[tuple[str, Part]]] = {}
    told: dict[str, dict[str, Any]] = {}
    fault = None
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                folder, _, file = member.name.rpartition("/")
                stem, dot, extension = file.partition(".")
                key, suffix = f"{folder}/{stem}".lstrip("/"), f".{extension.rpartition('.')[2].lower()}"
                if not member.isfile() or not dot or not stem:
                    continue
                if suffix in suffixes:
                    part = Part(suffix, member.offset_data, member.size)
                    found.setdefault(key, []).append((member.name, part))
                elif suffix in (".txt", ".json") and (opened := tar.extractfile(member)) is not None:
                    told.setdefault(key, {}).update(_told(suffix, opened.read()))
    except (tarfile.TarError, OSError, ValueError) as error:
        fault = f"it is damaged and only its first {sum(map(len, found.values()))} media were used: {error}"
    for key, members in found.items():
        for name, part in members:
            yield PackedMedium(name, part, told.get(key, {}))
    if fault is not None:
        yield fault


def media_of_table(path: Path) -> Iterator[PackedMedium | str]:
    """Yield the media of every column of a Parquet table that holds files as bytes; other tables have none.

    Such a column is binary, or a struct with ``bytes`` and ``path``; the other columns of text are what is told.

    Source: how the datasets library stores its Image and Video features.
    """
    try:
        table = pq.ParquetFile(path)
        columns = [field.name for field in table.schema_arrow if _holds_files(field.type)]
        texts = [field.name for field in table.schema_arrow if pa.types.is_string(field.type)]
        for group in range(table.num_row_groups if columns else 0):
            records = table.read_row_group(group, columns=texts).to_pylist()
            for column in columns:
                for place, (suffix, record) in enumerate(zip(_suffixes(path, group, column), records, strict=True)):
                    if suffix is not None:
                        name = f"{column}-{group:04d}-{place:06d}{suffix}"
                        yield PackedMedium(name, Part(suffix, group, place, column), record)
    except (pa.ArrowException, OSError) as error:
        yield f"it cannot be read as a table: {error}"


def _told(suffix: str, data: bytes) -> dict[str, Any]:
    if suffix == ".txt":
        return {"caption": data.decode("utf-8")}
    record = json.loads(data)
    return {str(key).lower(): value for key, value in record.items()} if isinstance(record, dict) else {}


def _holds_files(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return {"bytes", "path"} <= {kind.field(number).name for number in range(kind.num_fields)}
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _suffixes(path: Path, group: int, column: str) -> Iterator[str | None]:
    """Yield the suffix of each cell: that of its path, or what its first bytes say; None for an empty cell."""
    names = _cells(path, group, column)
    for value in names:
        data = value["bytes"] if isinstance(value, dict) else value
        if data is None:
            yield None
            continue
        named = Path(value["path"]).suffix.lower() if isinstance(value, dict) and value["path"] else ""
        yield named or _sniffed(data)


def _sniffed(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return ".mp4"
    if data[:4] == b"RIFF":
        return ".webp" if data[8:12] == b"WEBP" else ".avi"
    return next((suffix for magic, suffix in _MAGIC.items() if data.startswith(magic)), ".mp4")


def _cells(path: Path, group: int, column: str) -> list[Any]:
    return pq.ParquetFile(path).read_row_group(group, columns=[column]).column(column).to_pylist()


@functools.lru_cache(maxsize=1)
def _row_group(path: Path, group: int, column: str) -> list[bytes]:
    return [value["bytes"] if isinstance(value, dict) else value for value in _cells(path, group, column)]
