"""Suite of possible/impossible pairs: does a model score the possible clip higher?"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.suites.rollouts import build_reference, settings_of
from benchmarks.suites.suite import Edition, Prepared, Progress, Size, Submission, SuiteInfo, Task
from eval.pairs.pair_figures import as_markdown, pairwise, summarise_pairs
from eval.pairs.pair_scores import ClipScore, read_scores
from eval.pairs.pair_sets import PairSet, read_sets
from eval.report.table import Kind, SeedScore
from physics_data.core.atomic import write_text
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.pipeline.build_config import BuildConfig, PairPlan, PairSizes, SplitSizes

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

_SEED_NAME = "twins"  # the suite's former name: its scenes are drawn from it

_COLUMNS = {
    "pairwise": "fraction of pairs in which the possible clip has the higher score, ties count half (0.5 is chance)"
}


class Pairs:
    """Sets of possible and impossible clips; a model returns one score per clip, higher = more plausible."""

    info: ClassVar[SuiteInfo] = SuiteInfo(
        "pairs",
        "possible and impossible clips; the model returns a score for each",
        _COLUMNS,
        ("pairwise",),
        wants="table",
    )

    def config(self, edition: Edition) -> BuildConfig:
        """Return the recipe of the sets."""
        sizes = PairSizes(train=0, test=SETS[edition.size])
        return BuildConfig(
            seed=edition.root_seed(_SEED_NAME),
            scenarios=("occluder_pass",),
            scenes_per_scenario=SplitSizes(train=0, test=0),
            pairs=PairPlan(editors=EDITORS, sets_per_editor=sizes),
            settings=settings_of(edition),
        )

    def prepare(self, edition: Edition, cache: Path, workers: int, progress: Progress) -> Prepared:
        """Build the sets, or find them in the cache; keys are the names under which clips are handed out."""
        built = build_reference(self.info.name, edition, self.config(edition), cache, workers, progress)
        secret = names_secret(_secret_file(built), edition.salt)
        return replace(built, keys=tuple(sorted(clip_name(key, secret) for key in built.keys)))

    def tasks(self, prepared: Prepared) -> Iterator[Task]:
        """Yield whole clips under names that do not reveal which are possible."""
        dataset = self._dataset(prepared)
        secret = names_secret(_secret_file(prepared))
        names = {clip_name(row.key, secret): position for position, row in enumerate(dataset.rows)}
        for name in prepared.keys:
            clip = dataset.load(names[name])
            meta = clip.meta
            yield Task(name, meta.caption, "", clip.rgb, meta.frame_rate, meta.num_frames, meta.height, meta.width)

    def find(self, prepared: Prepared, folder: Path, name: str | None) -> list[Submission]:
        """Find tables ``<system>.csv`` or ``.json``, as ``eval.pairs.pair_scores`` reads them."""
        folder = Path(folder)
        tables = [folder] if folder.is_file() else sorted(_tables_in(folder)) if folder.is_dir() else []
        if not tables:
            raise DataError(f"no table in {folder}; give <system>.csv with the columns key, score, a line per clip.")
        if name is not None and len(tables) > 1:
            raise DataError(
                f"--name {name} was given, but {folder} holds {len(tables)} tables, each named by its file."
            )
        return [Submission(name or path.stem, 0, path.parent, {"scores": path}) for path in tables]

    def baselines(self, prepared: Prepared, progress: Progress) -> tuple[list[Submission], Mapping[str, Kind]]:
        """Return none: chance is 0.5 by construction."""
        return [], {}

    def expected_keys(self, prepared: Prepared, submission: Submission) -> Sequence[str]:
        """Return the one table."""
        return ("scores",)

    def score(self, prepared: Prepared, submission: Submission, keys: Collection[str]) -> Sequence[SeedScore]:
        """Return a row per set: the fraction of its pairs ordered correctly. A clip without a score loses."""
        path = submission.files["scores"]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sets, opinions = self._opinions(prepared, path)
        return [pair_row(submission.system, pair_set, opinions, digest) for pair_set in sets]

    def gallery(
        self, prepared: Prepared, submissions: Sequence[Submission], rows: Sequence[SeedScore], count: int, out: Path
    ) -> dict[str, Any]:
        """Write the result of ``eval pairs`` for each table next to the page, ``pairs_<system>.md`` and ``.json``."""
        for submission in submissions:
            sets, opinions = self._opinions(prepared, submission.files["scores"])
            summary = summarise_pairs(sets, opinions, submission.system)
            write_text(out.parent / f"pairs_{submission.system}.json", summary.model_dump_json(indent=1) + "\n")
            write_text(out.parent / f"pairs_{submission.system}.md", as_markdown(summary))
        return {}

    def _opinions(self, prepared: Prepared, path: Path) -> tuple[list[PairSet], dict[str, ClipScore]]:
        """Read the sets, and a table in which clips have the names under which they were handed out."""
        given = read_scores(path, prepared.keys)
        sets, secret = read_sets(self._dataset(prepared)), names_secret(_secret_file(prepared))
        return sets, {clip.key: given[clip_name(clip.key, secret)] for pair_set in sets for clip in pair_set.clips}

    def _dataset(self, prepared: Prepared) -> ShardDataset:
        assert prepared.folder is not None, "pairs always have a reference"
        return ShardDataset(prepared.folder)


def clip_name(key: str, secret: bytes) -> str:
    """Return the name under which a clip is handed out: nobody can tell its key, or its role, without the secret."""
    return "clip-" + hmac.digest(secret, key.encode(), "sha256").hex()[:16]


def _secret_file(prepared: Prepared) -> Path:
    """Return where the secret of the names lies: beside the sets in the cache, never in what is exported."""
    assert prepared.folder is not None, "pairs always have a reference"
    return prepared.folder.with_name(f"{prepared.folder.name}.names")


def names_secret(path: Path, salt: str | None = None) -> bytes:
    """Return the secret from which the names of the clips follow; it is made where it is missing.

    The public keys are few and known, so a name may not follow from the key alone. Hidden scenes take the secret from
    their salt, so that names are the same on every machine; public ones draw it once for each cache.

    Raises:
        DataError: the file is damaged.
    """
    if not path.is_file():
        drawn = secrets.token_bytes(32) if salt is None else hashlib.sha256(f"names\n{salt}".encode()).digest()
        write_text(path, drawn.hex() + "\n")
    try:
        found = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        found = b""
    if len(found) != 32:
        raise DataError(f"{path} is damaged; delete it and export the suite again: its clips get new names.")
    return found


def _tables_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in (".csv", ".json") and path.name[0] != "."]


def pair_row(system: str, pair_set: PairSet, opinions: Mapping[str, ClipScore], digest: str) -> SeedScore:
    """Return the row of a set; the share of its pairs that are ordered rightly, ties half.

    The row's scenario is the set's violation; it is "missing" where a clip has no number.
    """
    lost = sum(opinions[clip.key].score is None for clip in pair_set.clips)
    status, reason = ("missing", f"{lost} of {len(pair_set.clips)} clips have no score") if lost else ("ok", "")
    values: dict[str, float | None] = {"pairwise": pairwise(pair_set, opinions)}
    return SeedScore(system, pair_set.set_id, pair_set.editor, pair_set.engine, status, reason, digest, values)
