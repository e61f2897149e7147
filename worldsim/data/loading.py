"""From the data section of a config to a mixture that is ready to draw from."""

import numpy as np
from rich.progress import Progress

from physics_data.core.dataset import ShardDataset
from physics_data.core.seeding import step_seed
from worldsim.config import DataConfig, SourceConfig
from worldsim.data.collate import Crop, VideoBatch, collate
from worldsim.data.mixture import Mixture
from worldsim.data.physics_source import PhysicsSource
from worldsim.data.sources import ClipSource, PixelClip, ShardSource, require_fit


def open_mixture(config: DataConfig, *, seed: int, batch_size: int) -> Mixture:
    """Open all sources and check from their indexes that every clip fits the config, unless clips are packed.

    ``batch_size`` turns the steps of a source's weights into draws.

    Raises:
        ConfigError: two sources of one name.
        DataError: a dataset is missing, unfinished, empty, or of another size or rate.
    """
    sources = [_open(source, config) for source in config.sources]
    for source in sources if config.packing is None else []:
        require_fit(
            source, num_frames=config.num_frames, height=config.height, width=config.width, frame_rate=config.frame_rate
        )
    return Mixture(sources, [source.weight for source in config.sources], seed=seed, batch_size=batch_size)


def _open(source: SourceConfig, config: DataConfig) -> ClipSource:
    if source.on_the_fly:
        return PhysicsSource(source.path, config.split, name=source.label, workers=source.workers, labels=config.labels)
    return ShardSource(
        source.path, config.split, name=source.label, labels=config.labels, annotations=source.annotations
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


def held_out(config: DataConfig) -> list[ShardSource]:
    """Return the other split of every stored source that has one."""
    other = "test" if config.split == "train" else "train"
    return [
        ShardSource(source.path, other, name=source.label)
        for source in config.sources
        if not source.on_the_fly and ShardDataset(source.path).select(split=other)
    ]


def spread(source: ClipSource, count: int) -> list[PixelClip]:
    """Return at most ``count`` clips, evenly spread over a source."""
    positions = np.unique(np.linspace(0, len(source) - 1, count).astype(int))
    return [source.load(int(position)) for position in positions]


def video_batch(mixture: Mixture, config: DataConfig, step: int, batch_size: int, *, seed: int) -> VideoBatch:
    """Return the batch of a training step; a pure function of (mixture, seed, step)."""
    return collate(
        mixture.load(mixture.batch(step, batch_size)),
        part=crop_of(config),
        rng=np.random.default_rng(step_seed(seed, "crop", step)),
        augment=config.augment,
    )
