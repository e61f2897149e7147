"""Data loaders of a run, and batches made ahead of time."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

import numpy as np
from rich.progress import Progress

from physics_data.core.conventions import step_seed
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ConfigError, DataError
from worldsim.config import DataConfig, SourceConfig
from worldsim.data.buckets import Bucket, BucketedMixture
from worldsim.data.collate import Crop, VideoBatch, collate
from worldsim.data.mixture import Mixture
from worldsim.data.physics_source import PhysicsSource
from worldsim.data.sources import ClipSource, PixelClip, ShardSource, divided, require_fit


def open_mixture(config: DataConfig, *, seed: int, batch_size: int) -> Mixture:
    """Open all sources and check from their indexes that every clip fits the config, unless clips are packed.

    ``batch_size`` turns the steps of a source's weights into draws.

    Raises:
        ConfigError: two sources of one name.
        DataError: a dataset is missing, unfinished, empty, or of another size or rate.
    """
    sources = open_sources(config)
    for source in sources if config.packing is None else []:
        require_fit(
            source, num_frames=config.num_frames, height=config.height, width=config.width, frame_rate=config.frame_rate
        )
    return Mixture(sources, [source.weight for source in config.sources], seed=seed, batch_size=batch_size)


def open_sources(config: DataConfig) -> list[ClipSource]:
    """Open all sources.

    Raises:
        DataError: a dataset is missing, unfinished or empty, or trains on what another one holds out.
    """
    sources = [_open(source, config) for source in config.sources]
    require_no_leak(sources)
    return sources


def open_buckets(config: DataConfig, buckets: Sequence[Bucket], *, seed: int) -> BucketedMixture:
    """Open all sources, which are stored, and sort their clips into buckets.

    Raises:
        ConfigError: two sources of one name, or a weight that changes over the run.
        DataError: a dataset is missing, unfinished or empty, or none of its clips is in a bucket.
    """
    stored = [source for source in open_sources(config) if isinstance(source, ShardSource)]
    weights = [source.weight for source in config.sources if isinstance(source.weight, float)]
    if len(stored) != len(config.sources) or len(weights) != len(stored):
        raise ConfigError("buckets need stored datasets with constant weights; write one number as weight of each.")
    return BucketedMixture(stored, weights, buckets, frame_rate=config.frame_rate, seed=seed)


def _open(source: SourceConfig, config: DataConfig) -> ClipSource:
    if source.on_the_fly:
        return PhysicsSource(source.path, config.split, name=source.label, workers=source.workers, labels=config.labels)
    return ShardSource(
        source.path,
        config.split,
        name=source.label,
        labels=config.labels,
        annotations=source.annotations,
        include_impossible=source.include_impossible,
        validation_fraction=config.validation_fraction,
    )


def require_no_leak(sources: Sequence[ClipSource]) -> None:
    """Check that no source is trained on scenarios that another one, or it itself, keeps for split "ood" alone.

    Raises:
        DataError: one is, e.g. through the scenes that editors of pairs draw.
    """
    stored = [source for source in sources if isinstance(source, ShardSource)]
    held_out_by = {scenario: source for source in stored for scenario in source.held_out_scenarios}
    for source in stored:
        leaking = sorted(source.scenarios & held_out_by.keys())
        if leaking:
            raise DataError(
                f"scenario '{leaking[0]}' is held out by {held_out_by[leaking[0]].folder} (it is in split 'ood' alone) "
                f"and would be trained on in {source.folder}; build that without it (pairs.scenarios), or leave it out."
            )


def load_all(mixture: Mixture, progress: Progress) -> None:
    """Decode all clips into memory, with a progress bar."""
    bar = progress.add_task("read clips", total=sum(len(source) for source in mixture.sources), note="")
    for source in mixture.sources:
        source.load_into_memory(lambda: progress.advance(bar))


def crop_of(config: DataConfig) -> Crop:
    """Return the part of a clip that is trained on: the crop, or all of ``data.num_frames`` frames."""
    whole = Crop(config.num_frames, config.height, config.width)
    return whole if config.crop is None else Crop(**config.crop.model_dump())


def validation_sources(config: DataConfig) -> list[ShardSource]:
    """Return the validation clips of every stored source that has some: its split "val", or the fraction of "train".

    Choices are made on these. The split "test" is left for reporting: training never reads it.
    """
    found = []
    for source in config.sources:
        if source.on_the_fly:
            continue
        dataset = ShardDataset(source.path)
        held_back = divided(dataset.rows, config.validation_fraction).get("val")
        if held_back is not None and len(dataset.possible(held_back)):
            found.append(
                ShardSource(source.path, "val", name=source.label, validation_fraction=config.validation_fraction)
            )
    return found


def describe_splits(config: DataConfig) -> list[str]:
    """Return in sentences where validation clips come from, and which clips are left out."""
    there = {source.name: source for source in validation_sources(config)}
    said = []
    for source in config.sources:
        if source.on_the_fly:
            continue
        opened = _open(source, config)
        assert isinstance(opened, ShardSource)
        if opened.num_left_out:
            said.append(
                f"{source.label}: {opened.num_left_out} impossible clips are left out (include_impossible: true keeps "
                "them)"
            )
        if source.label not in there:
            said.append(f"{source.label}: no validation clips; {_HOW_TO_VALIDATE}")
        elif not ShardDataset(source.path).select(split="val"):
            said.append(
                f"{source.label}: {len(there[source.label])} clips of split 'train' are held back for validation "
                f"(data.validation_fraction {config.validation_fraction:g})"
            )
    return said


_HOW_TO_VALIDATE = (
    "build the dataset with scenes in split 'val' (scenes_per_scenario.val), or set data.validation_fraction=0.1, "
    "which holds back a tenth of split 'train'"
)


def require_validation(config: DataConfig) -> None:
    """Check that there are validation clips to measure.

    Raises:
        DataError: no source has any.
    """
    if not validation_sources(config):
        folders = ", ".join(str(source.path) for source in config.sources)
        raise DataError(
            f"report.validate_every is set, but {folders} has no clip in split 'val'; {_HOW_TO_VALIDATE}, or leave "
            "report.validate_every out. Split 'test' is for reporting and is not read."
        )


def spread(source: ClipSource, count: int) -> list[PixelClip]:
    """Return at most ``count`` clips, evenly spread over a source."""
    return [source.load(position) for position in spread_positions(source, count)]


def spread_positions(source: ClipSource, count: int) -> list[int]:
    """Return at most ``count`` positions, evenly spread over a source."""
    return np.unique(np.linspace(0, len(source) - 1, count).astype(int)).tolist()


def video_batch(mixture: Mixture, config: DataConfig, step: int, batch_size: int, *, seed: int) -> VideoBatch:
    """Return the batch of a training step; a pure function of (mixture, seed, step)."""
    return collate(
        mixture.load(mixture.batch(step, batch_size)),
        part=crop_of(config),
        rng=np.random.default_rng(step_seed(seed, "crop", step)),
        augment=config.augment,
    )


Batch = TypeVar("Batch")


class Prefetch(Generic[Batch]):
    """Makes the batches of the next steps in threads while the current one is used.

    A batch is a pure function of its step, so what is made ahead changes nothing; decompression, rendering and most of
    NumPy release the interpreter lock. What goes wrong in a thread is raised by ``take`` at its step.
    """

    def __init__(self, make: Callable[[int], Batch], first: int, last: int, ahead: int) -> None:
        """Begin to make the batches of steps ``first`` to ``last`` - 1, at most ``ahead`` before they are taken.

        Args:
            make: step → batch, a pure function
            first: the step that is taken first
            last: the step after the last one
            ahead: batches kept ready; 0 makes each one when it is taken
        """
        self._make, self._next, self._last = make, first, last
        self._pool = ThreadPoolExecutor(ahead, thread_name_prefix="batch") if ahead else None
        self._waiting: deque[Future[Batch]] = deque()
        for _ in range(ahead):
            self._ask()

    def take(self, step: int) -> Batch:
        """Return the batch of a step; steps are taken in order."""
        if self._pool is None:
            return self._make(step)
        batch = self._waiting.popleft().result()
        self._ask()
        return batch

    def _ask(self) -> None:
        if self._pool is not None and self._next < self._last:
            self._waiting.append(self._pool.submit(self._make, self._next))
            self._next += 1

    def __enter__(self) -> "Prefetch[Batch]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
