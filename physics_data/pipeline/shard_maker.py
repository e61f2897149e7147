"""One shard of a dataset, from its tasks to its manifest: what a worker does, wherever it runs."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from physics_data.core.clip import Clip
from physics_data.core.config import fingerprint
from physics_data.core.dataset import shard_path, write_manifest
from physics_data.core.provenance import sha256_of
from physics_data.core.shards import write_shard
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.generate import ClipTask, generate_clip

Manifest = dict[str, Any]


@dataclass(frozen=True)
class ShardMaker:
    """Makes the shards of one dataset by name. It is all that a worker is sent, so it names things instead of holding
    them: the work is the same in any process, on any machine that sees the folder.
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
            StorageError: the disk refused; no shard is left.
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

        path = shard_path(self.out, name)
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
                made = generate_clip(task, *how, config.combinations)
                yield made.clip, made.rejections
            else:
                from physics_data.pipeline.pairs import make_pairs

                for clip in sorted(make_pairs(task, *how), key=lambda clip: clip.meta.key):
                    yield clip, ()


def plan(config: BuildConfig) -> dict[str, Sequence[Any]]:
    """Return shard name → its tasks, of clips and of pairs, in order."""
    return {**config.shards(), **config.pair_shards()}
