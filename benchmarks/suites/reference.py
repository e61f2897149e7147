"""The reference scenes of a suite: built on demand, found again in the cache, and compared with the pinned ones."""

from pathlib import Path

from benchmarks.suites.base import Edition, Prepared, Progress, Size
from physics_data.core.config import fingerprint
from physics_data.core.dataset import ShardDataset
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig

PINNED: dict[str, dict[Size, str]] = {
    "permanence": {"quick": "577ce415f0cffebe-9e308e55aa68304a", "full": "992425b88178ef44"},
    "motion": {"quick": "08656795e82923d2-8b8ca4f164f0db68", "full": "0b91add800c8adfc"},
    "twins": {"quick": "891741a9290da527-0a048d86d630a586", "full": "cbef8c4381a3e4c1"},
}
"""Suite → size → fingerprint of the public scenes: of their recipe and, where it was built, of every stored byte.

A recipe that changes makes other scenes: results of before cannot stand beside those of after."""


def recipe_of(config: BuildConfig) -> str:
    """Return the 16 hex digits that name a recipe."""
    return fingerprint(config)


def build_reference(
    suite: str, edition: Edition, config: BuildConfig, cache: Path, workers: int, progress: Progress, total: int
) -> Prepared:
    """Build the scenes of a suite, or finish or find them in the cache; ``keys`` are those of the dataset.

    Args:
        total: clips that are to be expected, for the progress bar

    Raises:
        DataError: the cache holds another dataset at this place.
    """
    recipe = recipe_of(config)
    folder = Path(cache) / f"{suite}-{edition.size}-{recipe}"
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress("building reference scenes", done, max(done, total))

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
    """Say in words whether scenes with this fingerprint are the pinned public ones."""
    if edition.salt is not None:
        return "hidden scenes of a release"
    if edition.shape != "square" or suite not in PINNED:
        return "not pinned: compare only results of this fingerprint"
    recipe, _, content = PINNED[suite][edition.size].partition("-")
    if mark.partition("-")[0] != recipe:
        return f"another recipe than the pinned {recipe}: results cannot be compared with published ones"
    if not content:
        return "the pinned recipe"
    if mark != f"{recipe}-{content}":
        return (
            f"the pinned recipe, but not its bytes ({content}): another processor or other versions of the engines; "
            "compare only with results that have this fingerprint"
        )
    return "the pinned scenes, to the byte"
