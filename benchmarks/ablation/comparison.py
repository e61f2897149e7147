"""From the rows of finished runs to means, and to comparisons with the reference."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from benchmarks.ablation.ablation_config import COLUMNS, AblationConfig
from benchmarks.ablation.clip_measures import Projection, frechet_distance
from benchmarks.ablation.grid import FEATURES_NAME, ROWS_NAME, Run
from benchmarks.ablation.jobs import FACTS
from eval.statistics import CONFIDENCE, bootstrap_mean, crossed_critical, run_widening
from eval.system_comparison import holm, paired_difference, run_table
from physics_data.core.config import StrictModel
from physics_data.core.errors import DataError

RESAMPLES = 1999
SET_RESAMPLES = 199

_MIN_SCENES = 2

Place = tuple[int, str]
"""Seed and clip."""


@dataclass
class Measured:
    """What finished runs of one variant gave.

    values:    held-out name → column → (seed, clip) → value, where the column applies
    features:  held-out name → seed → pixel features of its clips, in the order of their keys
    """

    values: dict[str, dict[str, dict[Place, float]]] = field(default_factory=dict)
    features: dict[str, dict[int, Float[np.ndarray, "n d"]]] = field(default_factory=dict)

    @property
    def seeds(self) -> set[int]:
        """The seeds that are finished."""
        return {seed for by_seed in self.features.values() for seed in by_seed}


class Estimated(StrictModel):
    """The mean of a column with its 95 % interval over seeds and scenes, see ``bootstrap_mean``; None: no interval."""

    variant: str
    on: str
    column: str
    mean: float
    low: float | None
    high: float | None
    scenes: int
    seeds: int


class Compared(StrictModel):
    """A variant minus the reference on the same scenes and seeds; seeds are training runs, crossed with scenes.

    ratio is that of the two means, with its interval; None where the reference's mean is 0. p_adjusted: Holm's, over
    the variants. better_seeds of seeds have a better mean than the reference's run of that seed.
    """

    variant: str
    on: str
    column: str
    mean: float
    reference: float
    difference: float
    low: float | None
    high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    p_value: float | None
    p_adjusted: float | None
    better_seeds: int
    seeds: int
    scenes: int


def read_runs(runs: Sequence[Run], columns: Sequence[str]) -> dict[str, Measured]:
    """Read the rows and features of finished runs, by variant.

    Raises:
        DataError: a table is not what a run writes.
    """
    found: dict[str, Measured] = {}
    for run in runs:
        one = found.setdefault(run.variant, Measured())
        path = run.folder / ROWS_NAME
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != [*FACTS, *columns]:
                raise DataError(f"{path} has other columns than this ablation; delete {run.folder} to make it again.")
            for row in reader:
                by_column = one.values.setdefault(row["held_out"], {name: {} for name in columns})
                for name in columns:
                    if row[name]:
                        by_column[name][run.seed, row["key"]] = float(row[name])
        with np.load(run.folder / FEATURES_NAME) as stored:
            for name in stored.files:
                one.features.setdefault(name, {})[run.seed] = stored[name]
    return found


def estimate(measured: Mapping[str, Measured], config: AblationConfig, seed: int = 0) -> list[Estimated]:
    """Return the mean of every column that applies, for every variant and held-out set."""
    found = []
    for variant, one in measured.items():
        for on, by_column in one.values.items():
            for column in config.columns:
                places = by_column[column]
                if not places:
                    continue
                interval = bootstrap_mean(_seeds_by_scenes(places), np.random.default_rng(seed))
                facts = {"variant": variant, "on": on, "column": column, "scenes": interval.scenes}
                spread = {"mean": interval.mean, "low": interval.low, "high": interval.high}
                found.append(Estimated(**facts, **spread, seeds=interval.runs))
    return found


def compare(
    measured: Mapping[str, Measured],
    truth: Mapping[str, Float[np.ndarray, "n d"]],
    config: AblationConfig,
    seed: int = 0,
) -> list[Compared]:
    """Compare every variant with the reference, on the seeds that both have.

    Args:
        measured: of ``read_runs``
        truth: held-out name → features of the true clips, in the order of their keys
        config: what is compared
        seed: of the bootstraps and permutation tests

    Raises:
        DataError: no run of the reference is finished.
    """
    if config.reference not in measured:
        raise DataError(f"no run of the reference '{config.reference}' is finished; nothing can be compared with it.")
    reference, found = measured[config.reference], list[Compared]()
    for on in config.held_out:
        for column in config.columns:
            rows = []
            for variant, one in measured.items():
                if variant != config.reference:
                    rows += _compare_clips(variant, on, column, one, reference, seed)
            adjusted = holm([row.p_value for row in rows if row.p_value is not None])
            found += [row.model_copy(update={"p_adjusted": p}) for row, p in zip(rows, adjusted, strict=True)]
        for variant, one in measured.items():
            if variant != config.reference and (both := one.seeds & reference.seeds):
                found.append(_compare_sets(variant, on, one, reference, sorted(both), truth[on], seed))
    return found


def _compare_clips(variant: str, on: str, column: str, one: Measured, reference: Measured, seed: int) -> list[Compared]:
    mine, theirs = one.values[on][column], reference.values[on][column]
    both = sorted(mine.keys() & theirs.keys())
    if len({key for _, key in both}) < _MIN_SCENES:
        return []
    tables = [_seeds_by_scenes({place: side[place] for place in both}) for side in (mine, theirs)]
    difference = paired_difference(tables[0], tables[1], np.random.default_rng(seed), (variant, "reference"))
    first, second = (np.nanmean(table, axis=0) for table in tables)
    ratio, ratio_low, ratio_high = _ratio_of_means(tables[0], tables[1], np.random.default_rng(seed))
    seeds = sorted({s for s, _ in both})
    sign = 1.0 if COLUMNS[column].direction == "higher" else -1.0
    gains = [sign * np.mean([mine[p] - theirs[p] for p in both if p[0] == s]) for s in seeds]
    return [
        Compared(
            variant=variant,
            on=on,
            column=column,
            mean=float(first.mean()),
            reference=float(second.mean()),
            difference=difference.interval.mean,
            low=difference.interval.low,
            high=difference.interval.high,
            ratio=ratio,
            ratio_low=ratio_low,
            ratio_high=ratio_high,
            p_value=difference.p_value,
            p_adjusted=difference.p_value,
            better_seeds=sum(bool(gain > 0) for gain in gains),
            seeds=len(seeds),
            scenes=len(first),
        )
    ]


def _compare_sets(
    variant: str,
    on: str,
    one: Measured,
    reference: Measured,
    seeds: Sequence[int],
    truth: Float[np.ndarray, "n d"],
    seed: int,
) -> Compared:
    """Compare Fréchet distances to the truth.

    Distances of bootstrap samples are too large (scenes repeat), so their percentiles can miss the estimate. The
    interval is the estimate and Cochran and Cox's multiple of a standard error: that of the bootstrap over scenes,
    and of the scatter of the seeds' own distances, as for a mean.
    """
    project = Projection.fit(truth)
    true = project(truth)
    mine, theirs = (np.stack([project(which.features[on][s]) for s in seeds]) for which in (one, reference))

    def distance(clips: Float[np.ndarray, "s n k"], chosen: np.ndarray) -> float:
        return frechet_distance(clips[:, chosen].reshape(-1, clips.shape[-1]), true[chosen])

    every = np.arange(len(true))
    first, second = distance(mine, every), distance(theirs, every)
    draws = np.random.default_rng(seed).integers(len(true), size=(SET_RESAMPLES, len(true)))
    pairs = np.array([[distance(mine, draw), distance(theirs, draw)] for draw in draws])
    own = np.array([[frechet_distance(a, true), frechet_distance(b, true)] for a, b in zip(mine, theirs, strict=True)])
    half = _half_width(pairs[:, 0] - pairs[:, 1], own[:, 0] - own[:, 1], len(true))
    ratio = ratio_low = ratio_high = None
    if second > 0:
        ratio, ratio_half = first / second, _half_width(pairs[:, 0] / pairs[:, 1], own[:, 0] / own[:, 1], len(true))
        ratio_low, ratio_high = ratio - ratio_half, ratio + ratio_half
    return Compared(
        variant=variant,
        on=on,
        column="frechet",
        mean=first,
        reference=second,
        difference=first - second,
        low=first - second - half,
        high=first - second + half,
        ratio=ratio,
        ratio_low=ratio_low,
        ratio_high=ratio_high,
        p_value=None,
        p_adjusted=None,
        better_seeds=int((own[:, 0] < own[:, 1]).sum()),
        seeds=len(seeds),
        scenes=len(true),
    )


def _half_width(scenes: Float[np.ndarray, "r"], seeds: Float[np.ndarray, "s"], count: int) -> float:
    """Return the 95 % half-width from bootstrap values over ``count`` scenes and from the values of single seeds."""
    parts = [(float(scenes.var(ddof=1)), count - 1)]
    if len(seeds) > 1:
        parts.append((float(seeds.var(ddof=1)) / len(seeds), len(seeds) - 1))
    return crossed_critical(parts) * float(np.sqrt(sum(variance for variance, _ in parts)))


def _seeds_by_scenes(places: Mapping[Place, float]) -> Float[np.ndarray, "r s"]:
    return run_table(list(places.values()), [seed for seed, _ in places], [key for _, key in places])


def _ratio_of_means(
    first: Float[np.ndarray, "r s"], second: Float[np.ndarray, "r s"], generator: np.random.Generator
) -> tuple[float | None, float | None, float | None]:
    """Return the ratio of two means and its interval: percentiles over scenes, widened for seeds (linearised).

    None where the second mean is, or in a bootstrap sample may be, 0.
    """
    one, two = (np.nanmean(table, axis=0) for table in (first, second))
    if two.mean() == 0:
        return None, None, None
    ratio = float(one.mean() / two.mean())
    draws = generator.integers(len(one), size=(RESAMPLES, len(one)))
    below = two[draws].mean(1)
    if (below == 0).any():
        return ratio, None, None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(one[draws].mean(1) / below, (tail, 1 - tail))
    wider = run_widening((first - ratio * second) / two.mean())
    return ratio, ratio - (ratio - float(low)) * wider, ratio + (float(high) - ratio) * wider
