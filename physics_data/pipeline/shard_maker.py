"""One shard of a dataset, from its tasks to its manifest, and one stored clip made again."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from physics_data.core.clip import Clip, Stream
from physics_data.core.config import fingerprint, validate_config
from physics_data.core.dataset import RECORD_NAME, ShardDataset, read_record, shard_path, write_manifest
from physics_data.core.errors import DataError
from physics_data.core.provenance import sha256_of
from physics_data.core.remote import staged
from physics_data.core.shards import encode_clip, write_shard
from physics_data.engines import ENGINES
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.generate import ClipTask, generate_clip, labelled_clip
from physics_data.renderers import RENDERERS
from physics_data.scenes.file_scenario import scenario_named

Manifest = dict[str, Any]


@dataclass(frozen=True)
class ShardMaker:
    """Makes the shards of one dataset by name. It is all that a worker is sent, so it names things instead of holding
    them: the work is the same in any process, on any machine that sees the folder or reaches the URL.
    """

    config: BuildConfig
    out: Path

    def __reduce__(self) -> tuple[type["ShardMaker"], tuple[BuildConfig, Path]]:
        return type(self), (self.config, self.out)  # the plan is made again where it is needed, instead of sent

    @cached_property
    def _plan(self) -> dict[str, Sequence[Any]]:
        return plan(self.config)

    def __call__(self, name: str, on_clip: Callable[[], None] = lambda: None) -> Manifest:
        """Make a shard and its manifest, and return the manifest.

        Raises:
            ClipRejectedError: no draw of a clip kept the quality limits.
            StorageError: the disk or the server refused; no shard is left.
        """
        rejections: Counter[tuple[str, str, str]] = Counter()
        drawn: Counter[tuple[str, str]] = Counter()

        def clips() -> Iterator[Clip]:
            for clip, rejected in self._clips(name):
                assert clip.meta.spec is not None and clip.meta.engine is not None
                source = (clip.meta.spec.scenario, clip.meta.engine)
                drawn[source] += 1 + len(rejected)
                rejections.update((*source, reason) for reason in rejected)
                yield clip
                on_clip()

        with staged(self.out) as folder:
            path = shard_path(folder, name)
            rows = write_shard(path, clips())
            return write_manifest(
                path,
                rows,
                recipe=self.recipe(name),
                sha256=sha256_of(path),
                drawn=[[*source, count] for source, count in sorted(drawn.items())],
                rejections=[[*source, count] for source, count in sorted(rejections.items())],
            )

    def recipe(self, name: str) -> str:
        """Return the address of a shard's content: equal recipes give equal bytes (with equal library versions)."""
        told = [fingerprint(self.config), name, [repr(task) for task in self._plan[name]]]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def _clips(self, name: str) -> Iterator[tuple[Clip, tuple[str, ...]]]:
        config = self.config
        how = (config.settings, config.seed, config.renderer, config.streams)
        for task in self._plan[name]:
            if isinstance(task, ClipTask):
                made = generate_clip(task, *how, config.combinations, scenario_named(task.scenario, config.scenes))
                yield made.clip, made.rejections
            else:
                from physics_data.pipeline.pairs import make_pairs

                for clip in sorted(make_pairs(task, *how), key=lambda clip: clip.meta.key):
                    yield clip, ()


def plan(config: BuildConfig) -> dict[str, Sequence[Any]]:
    """Return shard name → its tasks, of clips and of pairs, in order."""
    return {**config.shards(), **config.pair_shards()}


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
