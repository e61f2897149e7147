"""Suites of rollouts: a model continues simulated scenes and is compared with the exact truth.

Reference scenes are built on demand, cached, and compared with the published fingerprints.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import baselines
from benchmarks.baselines import BASELINES, CEILINGS, write_baselines
from benchmarks.baselines.controls import NUM_CONDITIONING_FRAMES
from benchmarks.suites.suite import Edition, Prepared, Progress, Size, Submission, SuiteInfo, Task, find_submissions
from eval.report.table import HEADLINE, Kind, SeedScore, metric_lines
from eval.scoring import score_clip
from eval.store import code_fingerprint
from physics_data.core.config import fingerprint
from physics_data.core.dataset import ShardDataset
from physics_data.pipeline.build import build, planned_clips
from physics_data.pipeline.build_config import BuildConfig, SplitSizes
from physics_data.scenarios.shared.scenario import SceneSettings

FINGERPRINTS: dict[str, dict[Size, str]] = {
    "permanence": {"quick": "577ce415f0cffebe-9e308e55aa68304a", "full": "992425b88178ef44"},
    "motion": {"quick": "08656795e82923d2-8b8ca4f164f0db68", "full": "0b91add800c8adfc"},
    "pairs": {"quick": "891741a9290da527-0a048d86d630a586", "full": "cbef8c4381a3e4c1"},
}
"""Suite → size → fingerprint of the public scenes: of their recipe and, where it was built, of every stored byte.

A recipe that changes makes other scenes: results of before cannot stand beside those of after."""


def recipe_of(config: BuildConfig) -> str:
    """Return the 16 hex digits that name a recipe."""
    return fingerprint(config)


def build_reference(
    suite: str, edition: Edition, config: BuildConfig, cache: Path, workers: int, progress: Progress
) -> Prepared:
    """Build the scenes of a suite, or finish or find them in the cache; ``keys`` are those of the dataset.

    Raises:
        DataError: the cache holds another dataset at this place.
    """
    recipe = recipe_of(config)
    folder = Path(cache) / f"{suite}-{edition.size}-{recipe}"
    done, total = 0, planned_clips(config)

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress("building reference scenes", done, total)

    build(config, folder, workers=workers, on_clips=count)
    dataset = ShardDataset(folder)
    mark = f"{recipe}-{dataset.digest}"
    facts = {
        "suite": suite,
        "size": edition.size,
        "shape": edition.shape,
        "recipe": recipe,
        "salt_sha256": edition.commitment,
        "reference": standing(suite, edition, mark),
    }
    return Prepared(folder, tuple(row.key for row in dataset.rows), mark, facts)


def standing(suite: str, edition: Edition, mark: str) -> str:
    """Say in words whether scenes with this fingerprint are the published ones."""
    if edition.salt is not None:
        return "hidden scenes of a release"
    if edition.shape != "square" or suite not in FINGERPRINTS:
        return "no published fingerprint: compare only results of this fingerprint"
    recipe, _, content = FINGERPRINTS[suite][edition.size].partition("-")
    if mark.partition("-")[0] != recipe:
        return f"another recipe than the published {recipe}: results cannot be compared with published ones"
    if not content:
        return "the published recipe"
    if mark != f"{recipe}-{content}":
        return (
            f"the published recipe, but not its bytes ({content}): another processor or other versions of the engines; "
            "compare only with results that have this fingerprint"
        )
    return "the published scenes, to the byte"


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
        built = build_reference(self.info.name, edition, self.config(edition), cache, workers, progress)
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

    def baselines(self, prepared: Prepared, progress: Progress) -> tuple[list[Submission], Mapping[str, Kind]]:
        """Draw every control and ceiling once."""
        dataset = self._dataset(prepared)
        # Of other code, or with another number of conditioning frames, they are other videos.
        mark = f"{prepared.num_conditioning_frames}-{code_fingerprint(Path(baselines.__file__).parent)}"
        root = dataset.folder / BASELINES_FOLDER / mark
        for number, name in enumerate(BASELINES):
            progress("drawing baselines", number, len(BASELINES))
            number_given = prepared.num_conditioning_frames
            write_baselines(dataset, root, SPLIT, names=(name,), num_conditioning_frames=number_given)
        progress("drawing baselines", len(BASELINES), len(BASELINES))
        found = [find_submissions(root / name, prepared.keys, name)[0] for name in BASELINES]
        kinds: dict[str, Kind] = {name: "ceiling" if name in CEILINGS else "control" for name in BASELINES}
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


class Motion(Rollouts):
    """Falls, bounces, throws, collisions, pendulums, slides and rolls."""

    info: ClassVar[SuiteInfo] = rollout_info("motion", "falls, bounces, throws, collisions, pendulums, slides")
    scenarios: ClassVar[tuple[str, ...]] = (
        "free_drop",
        "drop_bounce",
        "projectile",
        "throw_up",
        "collide",
        "collide_mass_ratio",
        "pendulum",
        "slide_floor",
        "roll_incline",
        "uniform_motion",
    )


class Permanence(Rollouts):
    """Objects behind screens, in tunnels, under and in containers, and carried along."""

    info: ClassVar[SuiteInfo] = rollout_info("permanence", "objects that are hidden for a while and come back")
    scenarios: ClassVar[tuple[str, ...]] = (
        "occluder_pass",
        "occluder_multi",
        "tunnel",
        "containment",
        "carry",
    )
