"""What lies in folders of footage: videos, numbered image sequences, single pictures."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from physics_data.core.errors import DataError, VideoError
from physics_data.core.video import VIDEO_SUFFIXES, iterate_frames

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
MIN_SEQUENCE = 8
"""So many pictures of one folder, named alike and numbered, are the frames of a video."""

_NUMBERED = re.compile(r"^(.*?)(\d+)$")


@dataclass(frozen=True)
class Medium:
    """One video, image sequence or picture. ``name`` is its path below the folder that was given."""

    name: str
    kind: Literal["video", "sequence", "still"]
    files: tuple[Path, ...]

    def sha256(self) -> str:
        """Return the checksum of the content of all files, in order.

        Raises:
            OSError: a file cannot be read.
        """
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
        if self.kind == "video":
            yield from iterate_frames(self.files[0])
            return
        for number, path in enumerate(self.files):
            yield number / sequence_rate, read_picture(path)


def find_media(folders: Sequence[Path]) -> list[Medium]:
    """Return everything usable below the folders, by name. With several folders, names begin with the folder's name.

    Raises:
        DataError: a folder is missing, two have one name, or there is nothing in them.
    """
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) != len(names):
        raise DataError(f"two of the folders have one name ({', '.join(names)}); rename one, or ingest them apart.")
    found: list[Medium] = []
    for folder, name in zip(folders, names, strict=True):
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder; give a folder with videos or pictures.")
        found += _media_of(folder, "" if len(folders) == 1 else f"{name}/")
    if not found:
        known = ", ".join(sorted(VIDEO_SUFFIXES | PICTURE_SUFFIXES))
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
