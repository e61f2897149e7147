"""Does a model find the impossible clip of a set less likely than its possible twin?"""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.suites.base import Edition, Prepared, Progress, Size, SuiteInfo, Task
from benchmarks.suites.rollouts import SETTINGS
from benchmarks.suites.submissions import Submission
from eval.report.table import Kind, SeedScore
from physics_data.core.config import fingerprint
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig, SplitSizes, TwinPlan, TwinSizes

EDITORS = (
    "hidden_vanish",
    "hidden_duplicate",
    "hidden_color_swap",
    "hidden_teleport",
    "vanish",
    "teleport",
    "color_swap",
    "float",
    "wrong_bounce",
    "sudden_stop",
)

SETS: Mapping[Size, int] = {"quick": 2, "full": 50}

_COLUMNS = {
    "pairwise": "share of the pairs in which the possible clip has the higher score, ties count half (0.5 is chance)"
}


class Twins:
    """Sets of possible and impossible clips; a model puts back one number per clip, higher = more plausible."""

    info: ClassVar[SuiteInfo] = SuiteInfo(
        "twins", "sets of clips that differ in whether they can happen; a number for each", _COLUMNS, ("pairwise",)
    )

    def config(self, edition: Edition) -> BuildConfig:
        """Return the recipe of the sets."""
        sizes = TwinSizes(train=0, test=SETS[edition.size])
        return BuildConfig(
            seed=edition.root_seed(self.info.name),
            scenarios=("occluder_pass",),
            scenes_per_scenario=SplitSizes(train=0, test=0),
            twins=TwinPlan(editors=EDITORS, sets_per_editor=sizes),
            settings=SETTINGS[edition.size],
        )

    def prepare(self, edition: Edition, cache: Path, workers: int, progress: Progress) -> Prepared:
        """Build the sets, or find them in the cache."""
        config = self.config(edition)
        recipe = fingerprint(config)
        folder = Path(cache) / f"{self.info.name}-{edition.size}-{recipe}"
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            progress("building sets of twins", done, max(done, 4 * len(EDITORS) * SETS[edition.size]))

        build(config, folder, workers=workers, on_clips=count)
        rows = ShardDataset(folder).rows
        content = hashlib.sha256("\n".join(f"{row.key} {row.sha256}" for row in rows).encode()).hexdigest()[:16]
        facts = {"suite": "twins", "size": edition.size, "recipe": recipe, "salt_sha256": edition.commitment}
        names = tuple(sorted(clip_name(row.key) for row in rows))
        return Prepared(folder, names, f"{recipe}-{content}", facts)

    def tasks(self, prepared: Prepared) -> Iterator[Task]:
        """Yield whole clips under names that do not tell which can happen."""
        dataset = self._dataset(prepared)
        names = {clip_name(row.key): position for position, row in enumerate(dataset.rows)}
        for name in prepared.keys:
            clip = dataset.load(names[name])
            meta = clip.meta
            yield Task(name, meta.caption, "", clip.rgb, meta.frame_rate, meta.num_frames, meta.height, meta.width)

    def find(self, prepared: Prepared, folder: Path, name: str | None) -> list[Submission]:
        """Find tables ``<system>.csv`` with the columns key and score."""
        folder = Path(folder)
        tables = [folder] if folder.is_file() else sorted(folder.glob("*.csv")) if folder.is_dir() else []
        if not tables:
            raise DataError(f"no table in {folder}; give <system>.csv with the columns key, score, a line per clip.")
        return [Submission(name or path.stem, 0, path.parent, {"scores": path}) for path in tables]

    def pinned(self, prepared: Prepared, progress: Progress) -> tuple[list[Submission], Mapping[str, Kind]]:
        """Return none: chance is 0.5 by construction."""
        return [], {}

    def expected_keys(self, prepared: Prepared, submission: Submission) -> Sequence[str]:
        """Return the one table."""
        return ("scores",)

    def score(self, prepared: Prepared, submission: Submission, keys: Collection[str]) -> Sequence[SeedScore]:
        """Return a row per set: the share of its pairs that are ordered rightly. A clip without a number loses."""
        path = submission.files["scores"]
        scores = read_scores(path, prepared.keys)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sets: dict[str, list[tuple[bool, float | None, str, str]]] = defaultdict(list)
        dataset = self._dataset(prepared)
        for position, row in enumerate(dataset.rows):
            meta = dataset.load_meta(position)
            assert meta.twin is not None, "every clip of this suite belongs to a set"
            value = scores.get(clip_name(row.key))
            sets[meta.twin.set_id].append((meta.twin.is_possible, value, meta.twin.editor, meta.engine or ""))
        return [self._row(submission.system, name, clips, digest) for name, clips in sorted(sets.items())]

    def _row(self, system: str, name: str, clips: list[tuple[bool, float | None, str, str]], digest: str) -> SeedScore:
        possible = [value for is_possible, value, _, _ in clips if is_possible]
        impossible = [value for is_possible, value, _, _ in clips if not is_possible]
        wins = [
            0.0 if a is None or b is None else 0.5 if a == b else float(a > b) for a in possible for b in impossible
        ]
        lost = sum(value is None for _, value, _, _ in clips)
        status, reason = ("missing", f"{lost} of {len(clips)} clips have no number") if lost else ("ok", "")
        values: dict[str, float | None] = {"pairwise": sum(wins) / len(wins)}
        return SeedScore(system, name, clips[0][2], clips[0][3], status, reason, digest, values)

    def gallery(
        self, prepared: Prepared, submissions: Sequence[Submission], rows: Sequence[SeedScore], count: int, out: Path
    ) -> dict[str, Any]:
        """Return nothing: numbers have no picture."""
        return {}

    def _dataset(self, prepared: Prepared) -> ShardDataset:
        assert prepared.folder is not None, "twins always have a reference"
        return ShardDataset(prepared.folder)


def clip_name(key: str) -> str:
    """Return the name under which a clip is handed out; it does not tell its role."""
    return "clip-" + hashlib.sha256(key.encode()).hexdigest()[:12]


def read_scores(path: Path, names: Collection[str]) -> dict[str, float | None]:
    """Read a table of scores; what is not a finite number counts as missing.

    Raises:
        DataError: other columns, no name that fits, or one name twice.
    """
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    if not lines or not {"key", "score"} <= set(lines[0]):
        raise DataError(f"{path} needs the columns key and score and a line per clip.")
    found: dict[str, float | None] = {}
    for line in lines:
        name = line["key"]
        if name in found:
            raise DataError(f"{path} has two scores for '{name}'; keep one.")
        try:
            value = float(line["score"])
        except ValueError:
            value = float("nan")
        found[name] = value if isfinite(value) else None
    if not set(found) & set(names):
        raise DataError(f"no key of {path} is a clip of this suite; manifest.json of the export lists them.")
    return found
