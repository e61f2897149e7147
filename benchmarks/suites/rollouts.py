"""Suites in which a model continues simulated scenes and is compared with the exact truth."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import baselines
from benchmarks.baselines import BASELINES, CEILINGS, write_baselines
from benchmarks.baselines.base import NUM_CONDITIONING_FRAMES
from benchmarks.suites.base import Edition, Prepared, Progress, Size, SuiteInfo, Task
from benchmarks.suites.reference import build_reference
from benchmarks.suites.submissions import Submission, find_submissions
from eval.report.table import HEADLINE, Kind, SeedScore, metric_lines
from eval.scoring import score_clip
from eval.store import code_fingerprint
from physics_data.core.dataset import ShardDataset
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from physics_data.scenarios.shared.scenario import SceneSettings

SPLIT = "test"

SETTINGS: Mapping[Size, SceneSettings] = {
    "quick": SceneSettings(layout="centred", num_frames=33, frame_rate=16, width=96, height=96),
    "full": SceneSettings(layout="centred", num_frames=49, frame_rate=16, width=128, height=128),
}

_WIDE: Mapping[Size, tuple[int, int]] = {"quick": (128, 72), "full": (192, 108)}


def settings_of(edition: Edition) -> SceneSettings:
    """Return frames, rate and picture of an edition: square, or of about as many pixels at 16 to 9 or 9 to 16."""
    square = SETTINGS[edition.size]
    if edition.shape == "square":
        return square
    width, height = _WIDE[edition.size] if edition.shape == "wide" else _WIDE[edition.size][::-1]
    return square.model_copy(update={"width": width, "height": height})


BASELINES_FOLDER = "baselines"


class Rollouts:
    """A set of scenarios, a number of scenes of each, and the metrics of ``eval``. Subclasses name the scenarios."""

    info: ClassVar[SuiteInfo]
    scenarios: ClassVar[tuple[str, ...]]
    scenes: ClassVar[Mapping[Size, int]] = {"quick": 2, "full": 40}

    def config(self, edition: Edition) -> BuildConfig:
        """Return the recipe of the reference scenes."""
        return BuildConfig(
            seed=edition.root_seed(self.info.name),
            scenarios=self.scenarios,
            scenes_per_scenario=SplitSizes(train=0, test=self.scenes[edition.size]),
            settings=settings_of(edition),
        )

    def prepare(self, edition: Edition, cache: Path, workers: int, progress: Progress) -> Prepared:
        """Build the reference, or finish or find it in the cache."""
        config = self.config(edition)
        total = sum(len(tasks) for tasks in config.shards().values())
        built = build_reference(self.info.name, edition, config, cache, workers, progress, total)
        return replace(built, num_conditioning_frames=NUM_CONDITIONING_FRAMES)

    def tasks(self, prepared: Prepared) -> Iterator[Task]:
        """Yield prompt, first frames and camera of every scene."""
        dataset = self._dataset(prepared)
        for position in range(len(dataset)):
            clip = dataset.load(position)
            spec, _, _ = clip.labelled
            meta = clip.meta
            yield Task(
                meta.key,
                meta.caption,
                spec.scenario,
                clip.rgb[: prepared.num_conditioning_frames],
                meta.frame_rate,
                meta.num_frames,
                meta.height,
                meta.width,
                spec.camera.model_dump(mode="json"),
            )

    def find(self, prepared: Prepared, folder: Path, name: str | None) -> list[Submission]:
        """Find the videos by the scenes' keys."""
        return find_submissions(folder, prepared.keys, name)

    def pinned(self, prepared: Prepared, progress: Progress) -> tuple[list[Submission], Mapping[str, Kind]]:
        """Draw every dummy and ceiling once."""
        dataset = self._dataset(prepared)
        # Of other code, or with another number of conditioning frames, they are other videos.
        mark = f"{prepared.num_conditioning_frames}-{code_fingerprint(Path(baselines.__file__).parent)}"
        root = dataset.folder / BASELINES_FOLDER / mark
        for number, name in enumerate(BASELINES):
            progress("drawing pinned videos", number, len(BASELINES))
            if not (root / name).is_dir():
                number_given = prepared.num_conditioning_frames
                write_baselines(dataset, root, SPLIT, names=(name,), num_conditioning_frames=number_given)
        progress("drawing pinned videos", len(BASELINES), len(BASELINES))
        found = [find_submissions(root / name, prepared.keys, name)[0] for name in BASELINES]
        kinds: dict[str, Kind] = {name: "ceiling" if name in CEILINGS else "dummy" for name in BASELINES}
        return found, kinds

    def expected_keys(self, prepared: Prepared, submission: Submission) -> Sequence[str]:
        """Return all scenes: what is not there is the worst, never left out."""
        return prepared.keys

    def score(self, prepared: Prepared, submission: Submission, keys: Collection[str]) -> Sequence[SeedScore]:
        """Track and score the named scenes."""
        dataset = self._dataset(prepared)
        rows: list[SeedScore] = []
        for key in keys:
            clip = dataset.load(dataset.find(key))
            scored = score_clip(clip, [submission.as_system()], prepared.num_conditioning_frames)
            rows += [SeedScore(**vars(row), seed=submission.seed) for row in scored]
        return rows

    def gallery(
        self, prepared: Prepared, submissions: Sequence[Submission], rows: Sequence[SeedScore], count: int, out: Path
    ) -> dict[str, Any]:
        """Draw strips of the worst scenes and take the curves over time."""
        from eval.report.gallery import write_worst
        from eval.report.timelines import timelines

        dataset = self._dataset(prepared)
        files = {(s.system, s.seed): s.files for s in submissions}
        number = prepared.num_conditioning_frames
        write_worst(out, dataset, files, rows, count, number)
        first = {name: found for (name, seed), found in sorted(files.items(), reverse=True)}
        return timelines(dataset, first, number, tuple(BASELINES))

    def _dataset(self, prepared: Prepared) -> ShardDataset:
        assert prepared.folder is not None, "rollouts always have a reference"
        return ShardDataset(prepared.folder)


def rollout_info(name: str, summary: str) -> SuiteInfo:
    """Return what all rollout suites share of their description."""
    return SuiteInfo(name, summary, metric_lines(), HEADLINE, num_conditioning_frames=NUM_CONDITIONING_FRAMES)
