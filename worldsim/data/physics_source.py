"""``PhysicsSource``: physics clips made on the fly, so that a run can see each scene once and store nothing."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from physics_data import __version__
from physics_data.core.config import fingerprint, load_config
from physics_data.core.errors import DataError
from physics_data.core.workers import worker_pool
from physics_data.pipeline.build import build
from physics_data.pipeline.build_config import BuildConfig
from physics_data.pipeline.generate import ClipTask, generate_clip
from physics_data.scenes.file_scenario import scenario_named
from worldsim.data.labels import require_known
from worldsim.data.sources import DEFAULT_LABELS, ClipShape, PixelClip


def build_once(config: Path, out: Path, workers: int = 1) -> None:
    """Build the dataset of a config, or go on with one that was interrupted; a finished one stays as it is.

    Raises:
        ConfigError: the config is not one of a build.
        DataError: ``out`` holds another dataset.
    """
    build(load_config(BuildConfig, config), out, workers=workers)


class PhysicsSource:
    """The clips of one split of a build config, simulated and drawn when they are loaded.

    Clip by clip they are equal to those that ``python -m physics_data build`` stores from the same config.
    """

    def __init__(
        self, path: Path, split: str, *, name: str, workers: int = 1, labels: Iterable[str] = DEFAULT_LABELS
    ) -> None:
        """Read a build config.

        Args:
            path: YAML file, as for the build command
            split: "train" or "test"
            name: what the source is called in logs and pictures
            workers: processes that simulate and draw; 0 does it in the caller's
            labels: what is kept of a clip beside its pixels; flow needs its stream in the config

        Raises:
            ConfigError: the config is not one of a build.
            DataError: it has no clip in this split.
        """
        self.name = name
        self._labels = tuple(labels)
        require_known(self._labels)
        self.folder = Path(path)
        self._config = load_config(BuildConfig, self.folder)
        shards = self._config.shards()
        self._tasks: list[ClipTask] = [task for tasks in shards.values() for task in tasks if task.split == split]
        if not self._tasks:
            raise DataError(
                f"the build config {path} has no clip in split '{split}'; raise scenes_per_scenario.{split}."
            )
        self._pool = worker_pool(workers) if workers else None

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def shapes(self) -> list[ClipShape]:
        """The size and length of each clip, known before it is made."""
        settings = self._config.settings
        size = (settings.num_frames, settings.height, settings.width, settings.frame_rate)
        return [ClipShape(task.key, *size) for task in self._tasks]

    def identity(self) -> str:
        """Return 16 hex digits that two sources share exactly when config and version are equal."""
        facts = {"config": fingerprint(self._config), "worldsim": __version__, "clips": len(self._tasks)}
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    def load(self, position: int) -> PixelClip:
        """Make one clip.

        Raises:
            ClipRejectedError: every draw of it broke the quality limits.
        """
        if self._pool is None:
            return _make(self._tasks[position], self._config, self._labels)
        return self._pool.submit(_make, self._tasks[position], self._config, self._labels).result()

    def load_into_memory(self, on_clip: Callable[[], None] = lambda: None) -> None:
        """Nothing is kept: each clip is made when it is asked for."""
        for _ in self._tasks:
            on_clip()


def _make(task: ClipTask, config: BuildConfig, labels: tuple[str, ...]) -> PixelClip:
    own = scenario_named(task.scenario, config.scenes)
    made = generate_clip(task, config.settings, config.seed, config.renderer, config.streams, config.combinations, own)
    return PixelClip.of(made.clip, labels)
