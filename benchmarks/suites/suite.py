"""Interface of a suite, and the submissions that it scores: one folder per system, several generation seeds each."""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from jaxtyping import UInt8

from eval.inputs import System, folders_in, videos_in
from eval.report.table import Kind, SeedScore
from physics_data.core.errors import ConfigError, DataError, suggest
from physics_data.core.video import VIDEO_SUFFIXES

Size = Literal["quick", "full"]
SIZES: tuple[Size, ...] = ("quick", "full")

Shape = Literal["square", "wide", "tall"]
SHAPES: tuple[Shape, ...] = ("square", "wide", "tall")
"""Of the picture: 1 to 1, 16 to 9, 9 to 16."""

PUBLIC_SEED = 20_260
"""Root seed of the public scenes of every suite."""


@dataclass(frozen=True)
class Edition:
    """Which scenes of a suite.

    salt: None = the public scenes; else the secret from which the seed of hidden scenes follows
    """

    size: Size = "quick"
    salt: str | None = None
    shape: Shape = "square"

    @property
    def commitment(self) -> str | None:
        """The sha256 of the salt, which is published before the salt is."""
        return None if self.salt is None else hashlib.sha256(self.salt.encode()).hexdigest()

    def root_seed(self, suite: str) -> int:
        """Return the seed of the suite's scenes; a salt gives 62 bits that the commitment does not tell."""
        if self.salt is None:
            return PUBLIC_SEED
        digest = hashlib.sha256(f"{suite}\n{self.salt}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 2

    def check(self, commitment: str | None) -> None:
        """Compare the salt with a published sha256.

        Raises:
            ConfigError: they do not belong together.
        """
        if commitment is not None and commitment != self.commitment:
            raise ConfigError(
                f"the salt's sha256 is {self.commitment}, the published one is {commitment}; "
                "give the salt of that release with --salt, to the character."
            )


@dataclass(frozen=True)
class SuiteInfo:
    """What a reader must know of a suite.

    columns:    metric → its meaning and direction, in one line
    headline:   metrics of the table; the last one decides the order
    is_paired:  every system has the same scenes
    num_conditioning_frames:  first frames that are given and not scored; None = the caller says it
    wants:      what a model returns: a video per scene, or one table with a score for each
    """

    name: str
    summary: str
    columns: Mapping[str, str]
    headline: tuple[str, ...]
    is_paired: bool = True
    num_conditioning_frames: int | None = 0
    wants: Literal["videos", "table"] = "videos"


@dataclass(frozen=True)
class Task:
    """What a model is given of one scene.

    given:  the first frames, sRGB; its first one alone is the condition of an image-to-video model
    """

    key: str
    prompt: str
    scenario: str
    given: UInt8[np.ndarray, "g h w 3"]
    frame_rate: float
    num_frames: int
    height: int
    width: int
    camera: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """The reference of an edition, made or found in the cache.

    fingerprint:  of the recipe and of every stored byte; results of different ones cannot share a page
    num_conditioning_frames:  first frames of a video that are not scored
    """

    folder: Path | None
    keys: tuple[str, ...]
    fingerprint: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    num_conditioning_frames: int = 0


Progress = Callable[[str, int, int], None]
"""Called with what is done, how many of it are done, and how many there are."""


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


class Suite(Protocol):
    """Scenes, conditions and a score. A suite may bring its own reference maker, metrics and controls."""

    info: ClassVar[SuiteInfo]

    def prepare(self, edition: Edition, cache: Path, workers: int, progress: Progress) -> Prepared:
        """Make the reference, or find it in the cache.

        Raises:
            DataError: the cache holds another one.
        """
        ...

    def tasks(self, prepared: Prepared) -> Iterator[Task]:
        """Yield what models are given, scene by scene; nothing where a suite takes whatever videos there are."""
        ...

    def find(self, prepared: Prepared, folder: Path, name: str | None) -> list[Submission]:
        """Find the model's videos or tables.

        Raises:
            DataError: nothing that could be scored.
        """
        ...

    def baselines(self, prepared: Prepared, progress: Progress) -> tuple[list[Submission], Mapping[str, Kind]]:
        """Return the baselines, made once into the cache, and what each is."""
        ...

    def score(self, prepared: Prepared, submission: Submission, keys: Collection[str]) -> Sequence[SeedScore]:
        """Score the named scenes of one submission; whatever is missing or broken gets the worst values."""
        ...

    def expected_keys(self, prepared: Prepared, submission: Submission) -> Sequence[str]:
        """Return the scenes that a submission has a row for."""
        ...

    def gallery(
        self, prepared: Prepared, submissions: Sequence[Submission], rows: Sequence[SeedScore], count: int, out: Path
    ) -> dict[str, Any]:
        """Draw the worst scenes into ``out`` and return the curves over time, as the page takes them."""
        ...


_SEED_FOLDER = re.compile(r"^seed[-_]?(\d{1,9})$")
_SEED_SUFFIX = re.compile(r"^(?P<key>.+)\.seed(?P<seed>\d{1,9})$")


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
            f"{folder} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))}) and no folder of videos; write one "
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
