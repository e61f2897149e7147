"""Media inside other files: members of WebDataset tars, cells of Parquet tables as Hugging Face stores them."""

import functools
import tarfile
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from physics_data.core.video_decoding import ANIMATION_SUFFIXES
from worldsim.data.footage.texts import decode_text, parse_json

PACKED_SUFFIXES = frozenset({".tar", ".parquet"})

HEAD = 2**16
"""Bytes at the start of a picture file that tell whether it holds several frames."""

_LONGEST_TEXT = 2**24
"""Bytes of a caption file that are read."""

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
    is_animated: bool = False


@dataclass(frozen=True)
class Fault:
    """Why something in a packed file is not used; without a name, the rest of the file."""

    name: str
    reason: str


def is_animated(head: bytes) -> bool:
    """Return whether a PNG, WebP or AVIF file holds several frames, from its first ``HEAD`` bytes."""
    if head.startswith(b"\x89PNG"):
        return b"acTL" in head.partition(b"IDAT")[0]
    return (head[8:12] == b"WEBP" and b"ANIM" in head[:64]) or head[4:12] == b"ftypavis"


def media_of_tar(path: Path, suffixes: frozenset[str]) -> Iterator[PackedMedium | Fault]:
    """Yield the media of a tar, then what of it cannot be used.

    A text belongs to the medium whose name differs from its own in the last suffix alone. A medium without such texts
    takes those of its key, which is its name up to the first dot. A .txt file is a caption, a .json file an object with
    a caption and a licence; the words of the .txt win.

    Source: the WebDataset layout of tar files.
    """
    media: list[tuple[str, Part, bool]] = []
    told: dict[str, dict[str, dict[str, Any]]] = {}
    faults: list[Fault] = []
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                name, suffix = _stem(member.name), Path(member.name).suffix.lower()
                if not member.isfile() or not _key(member.name).rpartition("/")[2]:
                    continue
                if suffix in suffixes:
                    part = Part(suffix, member.offset_data, member.size)
                    opened = tar.extractfile(member) if suffix in ANIMATION_SUFFIXES else None
                    media.append((member.name, part, opened is not None and is_animated(opened.read(HEAD))))
                elif suffix in (".txt", ".json") and (opened := tar.extractfile(member)) is not None:
                    try:
                        if member.size > _LONGEST_TEXT:
                            raise ValueError(f"it has {member.size} bytes, of which at most {_LONGEST_TEXT} are read")
                        words, texts_of = _told(suffix, opened.read()), told.setdefault(name, {})
                        if texts_of.get(suffix, words) != words:
                            faults.append(Fault(member.name, "it stands twice with different words; the last are used"))
                        texts_of[suffix] = words
                    except ValueError as error:
                        faults.append(Fault(member.name, f"it cannot be read as a caption: {error}"))
            end = tar.offset  # of the members that could be read
        with open(path, "rb") as file:
            file.seek(end)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("a header is damaged, or the closing blocks are missing")
    except (tarfile.TarError, OSError, ValueError) as error:
        faults.append(Fault("", f"it is damaged and only its first {len(media)} media were used: {error}"))
    names = {_stem(name) for name, _, _ in media}
    for name, part, animated in media:
        texts = [_stem(name)] if _stem(name) in told else []
        texts = texts or [text for text in told if _key(text) == _key(name) and text not in names]
        texts = [text for text in texts if text == _key(name)] or texts
        if len(texts) > 1:
            faults.append(Fault(name, f"it has no caption: {', '.join(texts)} may all be meant; give one its name"))
            texts = []
        beside = told[texts[0]] if texts else {}
        yield PackedMedium(name, part, {**beside.get(".json", {}), **beside.get(".txt", {})}, animated)
    yield from faults


def _stem(name: str) -> str:
    return unicodedata.normalize("NFC", name.removesuffix(Path(name).suffix))


def _key(name: str) -> str:
    folder, slash, file = unicodedata.normalize("NFC", name).rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def media_of_table(path: Path) -> Iterator[PackedMedium | Fault]:
    """Yield the media of every column of a Parquet table that holds files as bytes; other tables have none.

    Such a column is binary, or a struct with ``bytes`` and ``path``; the other columns of text are what is told.

    Source: how the datasets library stores its Image and Video features.
    """
    try:
        table = pq.ParquetFile(path)
        columns = [field.name for field in table.schema_arrow if _holds_files(field.type)]
        texts = [field.name for field in table.schema_arrow if _is_text(field.type)]
        for group in range(table.num_row_groups if columns else 0):
            records = table.read_row_group(group, columns=texts).to_pylist()
            for column in columns:
                cells = zip(_cells(path, group, column), records, strict=True)
                for place, (cell, record) in enumerate(cells):
                    data = cell["bytes"] if isinstance(cell, dict) else cell
                    name = f"{column}-{group:04d}-{place:06d}"
                    if data is None:
                        yield Fault(name, "its cell is empty; files that are only named are not read")
                        continue
                    given = Path(cell["path"]).suffix.lower() if isinstance(cell, dict) and cell["path"] else ""
                    suffix = given or _sniffed(data)
                    animated = suffix in ANIMATION_SUFFIXES and is_animated(data[:HEAD])
                    yield PackedMedium(f"{name}{suffix}", Part(suffix, group, place, column), record, animated)
    except Exception as error:  # Arrow has errors of many classes
        yield Fault("", f"it cannot be read as a table: {error}")


def _told(suffix: str, data: bytes) -> dict[str, Any]:
    text = decode_text(data)
    if suffix == ".txt":
        return {"caption": text}
    record = parse_json(text)
    return {str(key).lower(): value for key, value in record.items()} if isinstance(record, dict) else {}


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _holds_files(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return {"bytes", "path"} <= {kind.field(number).name for number in range(kind.num_fields)}
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


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
