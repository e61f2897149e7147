"""What footage consists of: videos, numbered image sequences, single pictures, in folders or packed files."""

import contextlib
import hashlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from physics_data.core.errors import DataError, VideoError
from physics_data.core.video import VIDEO_SUFFIXES, iterate_frames
from worldsim.data.footage.packed import PACKED_SUFFIXES, Part, media_of_table, media_of_tar

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
MIN_SEQUENCE = 8
"""So many pictures of one folder, named alike and numbered, are the frames of a video."""

_NUMBERED = re.compile(r"^(.*?)(\d+)$")


@dataclass(frozen=True)
class Medium:
    """One video, image sequence or picture. ``name`` is its path below the source that was given.

    part:   where it lies in ``files[0]``, if that is a packed file
    told:   caption and licence that the packed file holds
    fault:  why it cannot be used, if that is known already
    """

    name: str
    kind: Literal["video", "sequence", "still"]
    files: tuple[Path, ...]
    part: Part | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None

    def sha256(self) -> str:
        """Return the checksum of the content of all files, in order.

        Raises:
            OSError: a file cannot be read.
        """
        if self.part is not None:
            return hashlib.sha256(self.part.read(self.files[0])).hexdigest()
        digest = hashlib.sha256()
        for path in self.files:
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def frames(self, sequence_rate: float) -> Iterator[tuple[float, UInt8[np.ndarray, "h w 3"]]]:
        """Yield (seconds from the first frame, upright rgb).

        Units:
            sequence_rate:  Hz, frames of an image sequence, which says nothing of its own

        Raises:
            VideoError: a file cannot be decoded.
        """
        with self._on_disk() as files:
            if self.kind == "video":
                yield from iterate_frames(files[0])
                return
            for number, path in enumerate(files):
                yield number / sequence_rate, read_picture(path)

    @contextlib.contextmanager
    def _on_disk(self) -> Iterator[tuple[Path, ...]]:
        """Yield files of their own; a part of a packed file is copied out for as long."""
        if self.part is None:
            yield self.files
            return
        with tempfile.TemporaryDirectory(prefix="worldsim-") as folder:
            path = Path(folder) / f"{Path(self.name).stem}{self.part.suffix}"
            try:
                path.write_bytes(self.part.read(self.files[0]))
            except OSError as error:
                raise VideoError(f"cannot read {self.name}: {error}") from error
            yield (path,)


def medium_from_record(record: Mapping[str, Any]) -> Medium:
    """Undo ``dataclasses.asdict`` and JSON."""
    part = None if record["part"] is None else Part(**record["part"])
    return Medium(record["name"], record["kind"], tuple(map(Path, record["files"])), part, record["told"])


def find_media(folders: Sequence[Path]) -> list[Medium]:
    """Return everything usable below the folders and in packed files (``packed.PACKED_SUFFIXES``), by name.

    Media of a packed file begin with that file's name, and with several folders all begin with the folder's name.

    Raises:
        DataError: a folder is missing, two have one name, or there is nothing in them.
    """
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) != len(names):
        raise DataError(f"two of the folders have one name ({', '.join(names)}); rename one, or ingest them apart.")
    found: list[Medium] = []
    for folder, name in zip(folders, names, strict=True):
        if folder.is_file() and folder.suffix.lower() in PACKED_SUFFIXES:
            found += _media_inside(folder, folder.name)
        elif folder.is_dir():
            found += _media_of(folder, "" if len(folders) == 1 else f"{name}/")
        else:
            raise DataError(f"{folder} is no folder; give a folder with videos or pictures.")
    if not found:
        known = ", ".join(sorted(VIDEO_SUFFIXES | PICTURE_SUFFIXES | PACKED_SUFFIXES))
        where = ", ".join(map(str, folders))
        raise DataError(f"no video in {where} or subfolders, and no picture; give a folder with files {known}.")
    return sorted(found, key=lambda medium: medium.name)


def read_picture(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Decode a picture, turned upright as its EXIF record says; what is transparent becomes black.

    Raises:
        VideoError: missing, damaged or no picture.
    """
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip instead of scaling
                return np.repeat((np.asarray(picture) >> 8).astype(np.uint8)[..., None], 3, axis=-1)
            if "A" in picture.getbands() or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
            return np.array(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise VideoError(f"cannot read {path} as a picture ({error}); give a whole file.") from error


def _media_of(folder: Path, prefix: str) -> Iterator[Medium]:
    numbered: dict[tuple[Path, str, str], list[tuple[int, Path]]] = defaultdict(list)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = prefix + path.relative_to(folder).as_posix()
        if path.suffix.lower() in VIDEO_SUFFIXES:
            yield Medium(name, "video", (path,))
        elif path.suffix.lower() in PACKED_SUFFIXES:
            yield from _media_inside(path, name)
        elif path.suffix.lower() in PICTURE_SUFFIXES:
            match = _NUMBERED.match(path.stem)
            if match is None:
                yield Medium(name, "still", (path,))
            else:
                numbered[path.parent, match[1], path.suffix].append((int(match[2]), path))
    for (parent, stem, suffix), members in numbered.items():
        if len(members) < MIN_SEQUENCE:
            yield from (Medium(prefix + path.relative_to(folder).as_posix(), "still", (path,)) for _, path in members)
        else:
            name = (parent / f"{stem}#{suffix}").relative_to(folder).as_posix()
            yield Medium(prefix + name, "sequence", tuple(path for _, path in sorted(members)))


def _media_inside(path: Path, name: str) -> Iterator[Medium]:
    """Yield the media of a packed file; where the rest of it cannot be read, one with the fault."""
    if path.suffix.lower() == ".tar":
        found = media_of_tar(path, VIDEO_SUFFIXES | PICTURE_SUFFIXES)
    else:
        found = media_of_table(path)
    for one in found:
        if isinstance(one, str):
            yield Medium(name, "video", (path,), fault=one)
        else:
            kind = "video" if one.part.suffix in VIDEO_SUFFIXES else "still"
            yield Medium(f"{name}/{one.name}", kind, (path,), one.part, one.told)
