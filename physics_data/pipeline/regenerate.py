"""A stored clip made again, alone."""

from pathlib import Path
from typing import get_args

from physics_data.core.clip import Clip, Stream
from physics_data.core.config import validate_config
from physics_data.core.dataset import RECORD_NAME, ShardDataset, read_record
from physics_data.core.errors import DataError
from physics_data.core.shards import encode_clip
from physics_data.engines import ENGINES
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.generate import labelled_clip
from physics_data.renderers import RENDERERS


def regenerate(dataset: ShardDataset, key: str) -> Clip:
    """Make a physics clip again: from its own scene alone, or, for one of a pair set, from the dataset's config.

    Raises:
        UnknownNameError: no clip of that key.
        DataError: the clip is footage.
    """
    stored = dataset.load(dataset.find(key))
    if stored.meta.pair is not None:
        return _pair_clip(dataset.folder, stored)
    return from_scene(stored)


def from_scene(stored: Clip) -> Clip:
    """Simulate and draw the scene of a clip again, with the engine and renderer that made it, and label it."""
    spec, rendering, _ = stored.labelled
    meta = stored.meta
    assert meta.engine is not None and meta.renderer is not None
    engine = ENGINES.get(meta.engine)()
    trajectory = engine.simulate(spec)
    asked: list[Stream] = [name for name in get_args(Stream) if getattr(rendering, name) is not None]
    return labelled_clip(
        meta.key,
        meta.split,
        meta.caption,
        spec,
        trajectory,
        RENDERERS.get(meta.renderer)().render(spec, trajectory, asked),
        engine=engine,
        renderer_name=meta.renderer,
        residuals=meta.residuals,
    )


def _pair_clip(folder: Path, stored: Clip) -> Clip:
    from physics_data.pipeline.pairs import make_pairs

    record = read_record(folder)
    plain = record.get("config")
    if isinstance(plain, dict) and record.get("format") == "worldsim.dataset/1":  # knew no other layout
        plain = {**plain, "settings": {"layout": "centred", **plain.get("settings", {})}}
    config = validate_config(BuildConfig, plain, source=str(folder / RECORD_NAME), stored=True)
    assert stored.meta.pair is not None
    for tasks in config.pair_shards().values():
        for task in tasks:
            if task.key == stored.meta.pair.set_id:
                made = make_pairs(task, config.settings, config.seed, config.renderer, config.streams)
                return next(clip for clip in made if clip.meta.pair and clip.meta.pair.role == stored.meta.pair.role)
    raise DataError(
        f"the config in {folder / RECORD_NAME} makes no set '{stored.meta.pair.set_id}'; it is not the one that this "
        "dataset was built from."
    )


def differing_parts(stored: Clip, made: Clip) -> list[str]:
    """Return the stored members that come out differently; none means equal to the byte.

    Depth and flow are compared as they are stored, to a step of their codes.
    """
    before, after = encode_clip(stored), encode_clip(made)
    return [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
