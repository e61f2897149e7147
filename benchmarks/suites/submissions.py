"""Find what was put back: one folder per system, several generation seeds each."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from eval.inputs import System, folders_in, videos_in
from physics_data.core.errors import DataError, suggest
from physics_data.core.video import VIDEO_SUFFIXES

_SEED_FOLDER = re.compile(r"^seed[-_]?(\d{1,9})$")
_SEED_SUFFIX = re.compile(r"^(?P<key>.+)\.seed(?P<seed>\d{1,9})$")


@dataclass(frozen=True)
class Submission:
    """One system's videos from one generation seed. unmatched are files of no scene."""

    system: str
    seed: int
    folder: Path
    files: dict[str, Path]
    unmatched: tuple[str, ...] = ()

    def as_system(self) -> System:
        """Return it as ``eval`` takes it."""
        return System(self.system, self.folder, self.files, self.unmatched)


def _seed_folders(folder: Path) -> dict[int, Path]:
    found = {int(match[1]): path for path in folders_in(folder) if (match := _SEED_FOLDER.match(path.name))}
    return dict(sorted(found.items()))


def find_submissions(folder: Path, keys: Collection[str], name: str | None = None) -> list[Submission]:
    """Find one system (a folder of videos) or several (a folder of such folders), each with its seeds.

    A video is ``<key>.mp4`` (seed 0), ``<key>.seed2.mp4``, or ``seed2/<key>.mp4``. Every seed that has one video is
    expected to have all of them.

    Raises:
        DataError: no such folder, nothing in it, no name that fits a scene, or two videos of one scene and seed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; give the folder that holds one video per scene, named <key>.mp4.")
    if videos_in(folder) or _seed_folders(folder):
        return _submissions(folder, name or folder.resolve().name, keys)
    inner = [path for path in folders_in(folder) if videos_in(path) or _seed_folders(path)]
    if not inner:
        raise DataError(
            f"{folder} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))}) and no folder of videos; put back one "
            f"video per scene, named like '{min(keys, default='KEY')}.mp4'."
        )
    if name is not None:
        raise DataError(f"--name {name} was given, but {folder} holds {len(inner)} systems, each named by its folder.")
    return [submission for path in inner for submission in _submissions(path, path.name, keys)]


def _submissions(folder: Path, name: str, keys: Collection[str]) -> list[Submission]:
    files: dict[int, dict[str, Path]] = {}
    unmatched: list[str] = []
    candidates = [(0, path) for path in videos_in(folder)]
    for number, inner in _seed_folders(folder).items():
        candidates += [(number, path) for path in videos_in(inner)]
    for number, path in candidates:
        match = _SEED_SUFFIX.match(path.stem)
        key, seed = (match["key"], int(match["seed"])) if match and number == 0 else (path.stem, number)
        if key not in keys:
            unmatched.append(str(path.relative_to(folder)))
            continue
        taken = files.setdefault(seed, {})
        if key in taken:
            raise DataError(
                f"{folder} has two videos of '{key}', seed {seed}: {taken[key].name}, {path.name}; keep one."
            )
        taken[key] = path
    if not files:
        given = Path(unmatched[0]).stem if unmatched else ""
        raise DataError(
            f"no video in {folder} is named like a scene: '{given}' is none; {suggest(given, sorted(keys)[:4])} "
            "manifest.json of the exported folder lists all names."
        )
    return [Submission(name, seed, folder, files[seed], tuple(unmatched)) for seed in sorted(files)]
