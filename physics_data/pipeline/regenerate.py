"""A stored clip made again, alone."""

from typing import get_args

from physics_data.core.clip import Clip, Stream
from physics_data.core.dataset import ShardDataset
from physics_data.core.shards import encode_clip
from physics_data.engines import ENGINES
from physics_data.pipeline.generate import labelled_clip
from physics_data.renderers import RENDERERS


def regenerate(dataset: ShardDataset, key: str) -> Clip:
    """Make a physics clip again, from its own scene alone.

    Raises:
        UnknownNameError: no clip of that key.
        DataError: the clip is footage.
    """
    return from_scene(dataset.load(dataset.find(key)))


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


def differing_parts(stored: Clip, made: Clip) -> list[str]:
    """Return the stored members that come out differently; none means equal to the byte.

    Depth and flow are compared as they are stored, to a step of their codes.
    """
    before, after = encode_clip(stored), encode_clip(made)
    return [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
