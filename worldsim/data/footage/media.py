"""What footage consists of: videos, numbered image sequences, single pictures, in folders or packed files."""

import contextlib
import hashlib
import io
import itertools
import os
import re
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps

from physics_data.core.atomic import paths_under
from physics_data.core.errors import DataError, VideoError
from physics_data.core.video import MAX_PIXELS, VIDEO_SUFFIXES, TimedFrame, iterate_frames
from physics_data.core.video_decoding import ANIMATION_SUFFIXES, require_size
from worldsim.data.footage.packed import HEAD, PACKED_SUFFIXES, Fault, Part, is_animated, media_of_table, media_of_tar

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif"})
MIN_SEQUENCE = 8
"""So many pictures of one folder, named alike and numbered, may be the frames of a video."""

Numbered = Literal["auto", "sequence", "stills"]
"""What numbered pictures are: frames of a video if neighbours look alike, always, or never."""

_ALIKE_LEVELS = 6
_ALIKE_SHARE = 0.5
"""Neighbours are frames of a video if they differ by few grey levels, or by half as much as any two pictures do."""

_NUMBERED = re.compile(r"^(.*?)(\d+)$")


@dataclass(frozen=True)
class Medium:
    """One video, image sequence or picture. ``name`` is its path below the source that was given.

    part:     where it lies in ``files[0]``, if that is a packed file
    told:     caption and licence that the packed file holds
    fault:    why it cannot be used, if that is known already
    numbers:  of the pictures of a sequence, by their names
    """

    name: str
    kind: Literal["video", "sequence", "still"]
    files: tuple[Path, ...]
    part: Part | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None
    numbers: tuple[int, ...] = ()

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

    def frames(
        self, sequence_rate: float, *, max_pixels: int = MAX_PIXELS, notes: list[str] | None = None
    ) -> Iterator[TimedFrame]:
        """Yield the upright pictures and when they are shown.

        A picture of a sequence is shown at its number / sequence_rate for one interval, so missing numbers leave gaps.
        One that cannot be read is a gap too, and named in ``notes``.

        Units:
            sequence_rate:  Hz, frames of an image sequence, which says nothing of its own

        Raises:
            VideoError: a file cannot be decoded.
        """
        with self._on_disk() as files:
            if self.kind == "video":
                yield from iterate_frames(files[0], max_pixels=max_pixels)
                return
            numbers = list(self.numbers or range(len(files)))
            step = min(b - a for a, b in itertools.pairwise(numbers)) if len(numbers) > 1 else 1
            for number, path in zip(numbers, files, strict=True):
                seconds = (number - numbers[0]) / sequence_rate
                try:
                    yield TimedFrame(seconds, seconds + step / sequence_rate, read_picture(path, max_pixels))
                except VideoError as error:
                    if self.kind == "still" or notes is None:
                        raise
                    notes.append(str(error))

    @contextlib.contextmanager
    def _on_disk(self) -> Iterator[tuple[Path, ...]]:
        """Yield files of their own; a part of a packed file is copied out for as long."""
        if self.part is None:
            yield self.files
            return
        with tempfile.TemporaryDirectory(prefix="worldsim-") as folder:
            path = Path(folder) / f"medium{self.part.suffix}"
            try:
                path.write_bytes(self.part.read(self.files[0]))
            except OSError as error:
                raise VideoError(f"cannot read {self.name}: {error}") from error
            yield (path,)


def medium_from_record(record: Mapping[str, Any]) -> Medium:
    """Undo ``dataclasses.asdict`` and JSON."""
    part = None if record["part"] is None else Part(**record["part"])
    return Medium(
        record["name"],
        record["kind"],
        tuple(map(Path, record["files"])),
        part,
        record["told"],
        numbers=tuple(record["numbers"]),
    )


def find_media(folders: Sequence[Path], numbered: Numbered = "auto") -> list[Medium]:
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
            found += _media_of(folder, "" if len(folders) == 1 else f"{name}/", numbered)
        else:
            raise DataError(f"{folder} is no folder; give a folder with videos or pictures.")
    if not found:
        known = ", ".join(sorted(VIDEO_SUFFIXES | PICTURE_SUFFIXES | PACKED_SUFFIXES))
        where = ", ".join(map(str, folders))
        raise DataError(f"no video in {where} or subfolders, and no picture; give a folder with files {known}.")
    return sorted(found, key=lambda medium: medium.name)


def read_picture(path: Path, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "h w 3"]:
    """Decode a picture to sRGB, turned upright as its EXIF record says; what is transparent becomes black.

    Colours are converted by the ICC profile that the file holds (phones: Display P3); a profile that fits no picture of
    its kind is passed over, as browsers do.

    Raises:
        VideoError: missing, damaged, no picture, larger than max_pixels, of more than 16 bits a sample, or a TIFF file
            of several pages.
    """
    try:
        with warnings.catch_warnings(), Image.open(path) as opened:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            warnings.filterwarnings("error", message="Truncated File Read")  # of a TIFF file
            require_size(path, opened.size, max_pixels)
            if opened.format == "TIFF" and getattr(opened, "n_frames", 1) > 1:
                raise VideoError(f"{path} has {opened.n_frames} pages; save each as a picture of its own.")  # pyright: ignore[reportAttributeAccessIssue]
            picture = ImageOps.exif_transpose(opened)
            deep = picture.mode == "I" and np.any((array := np.asarray(picture)) != np.clip(array, 0, 65535))
            if deep or picture.mode == "F":
                raise VideoError(
                    f"{path} has more than 16 bits a sample, whose white is unknown; save it with 8 or 16."
                )
            if picture.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip instead of scaling
                return np.repeat((np.asarray(picture) >> 8).astype(np.uint8)[..., None], 3, axis=-1)
            picture = _to_srgb(picture)
            if "A" in picture.getbands() or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
            return np.array(picture.convert("RGB"))
    except VideoError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever they like about damaged files
        raise VideoError(
            f"cannot read {path} as a picture ({error or type(error).__name__}); give a whole file."
        ) from error


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Convert colours by the picture's own ICC profile, if it has one."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK"):
        return picture
    with contextlib.suppress(ImageCms.PyCMSError, OSError):
        made = ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGBA" if picture.mode == "RGBA" else "RGB",
        )
        return picture if made is None else made
    return picture


def _media_of(folder: Path, prefix: str, numbered: Numbered) -> Iterator[Medium]:
    groups: dict[tuple[Path, str, str], list[tuple[int, Path]]] = defaultdict(list)
    for path in sorted(path for path in paths_under(folder) if path.is_file()):
        name = prefix + _shown(path.relative_to(folder))
        if path.suffix.lower() in VIDEO_SUFFIXES or is_animation(path):
            yield Medium(name, "video", (path,))
        elif path.suffix.lower() in PACKED_SUFFIXES:
            yield from _media_inside(path, name)
        elif path.suffix.lower() in PICTURE_SUFFIXES:
            match = _NUMBERED.match(path.stem)
            if match is None:
                yield Medium(name, "still", (path,))
            else:
                groups[path.parent, match[1], path.suffix].append((int(match[2]), path))
    for (parent, stem, suffix), members in groups.items():
        numbers, paths = zip(*sorted(members), strict=True)
        if _is_sequence(numbers, paths, numbered):
            name = _shown((parent / f"{stem}#{suffix}").relative_to(folder))
            yield Medium(prefix + name, "sequence", paths, numbers=numbers)
        else:
            yield from (Medium(prefix + _shown(path.relative_to(folder)), "still", (path,)) for path in paths)


def _shown(path: Path) -> str:
    """Return a path as text; bytes of a name that are no UTF-8 become "�"."""
    return os.fsencode(path.as_posix()).decode("utf-8", errors="replace")


def is_animation(path: Path) -> bool:
    """Return whether a PNG, WebP or AVIF file holds several frames."""
    if path.suffix.lower() not in ANIMATION_SUFFIXES:
        return False
    try:
        with open(path, "rb") as file:
            return is_animated(file.read(HEAD))
    except OSError:  # named when it is read
        return False


def _is_sequence(numbers: Sequence[int], paths: Sequence[Path], numbered: Numbered) -> bool:
    """Return whether numbered pictures are the frames of one video, and not photos that a camera numbered."""
    if numbered != "auto" or len(paths) < MIN_SEQUENCE or len(set(numbers)) < len(numbers):
        return numbered == "sequence" and len(set(numbers)) == len(numbers) > 1
    places = np.unique(np.linspace(0, len(paths) - 2, 12).astype(int))
    small, sizes = {}, set()
    for place in sorted({*places, *(places + 1)}):
        try:
            with warnings.catch_warnings(), Image.open(paths[place]) as opened:
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                require_size(paths[place], opened.size, MAX_PIXELS)
                sizes.add(opened.size)
                opened.draft("L", (64, 64))
                small[place] = np.asarray(opened.convert("L").resize((16, 16), Image.Resampling.BOX), np.float32)
        except Exception:  # a damaged one is named when it is read
            continue
    near = [np.abs(small[p] - small[p + 1]).mean() for p in places if p in small and p + 1 in small]
    if len(sizes) != 1 or not near:
        return False
    far = [np.abs(a - b).mean() for a, b in itertools.combinations(small.values(), 2)]
    return bool(np.median(near) <= max(_ALIKE_LEVELS, _ALIKE_SHARE * np.median(far)))


def _media_inside(path: Path, name: str) -> Iterator[Medium]:
    """Yield the media of a packed file; where the rest of it cannot be read, one with the fault."""
    if path.suffix.lower() == ".tar":
        found = media_of_tar(path, VIDEO_SUFFIXES | PICTURE_SUFFIXES)
    else:
        found = media_of_table(path)
    for one in found:
        if isinstance(one, Fault):
            yield Medium(f"{name}/{one.name}" if one.name else name, "video", (path,), fault=one.reason)
        else:
            kind = "video" if one.part.suffix in VIDEO_SUFFIXES or one.is_animated else "still"
            yield Medium(f"{name}/{_shown(Path(one.name))}", kind, (path,), one.part, one.told)
