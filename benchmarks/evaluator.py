"""``Evaluator``: score videos on a suite or on any physics dataset, from Python."""

import html
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from benchmarks.suites import SUITES
from benchmarks.suites.suite import Edition, Shape, Size, Task
from eval.inputs import System, conditioning_frames, find_systems
from eval.report.table import SeedScore, Summary, summarise
from eval.scoring import SceneScore, reference_positions, score_clip, score_systems, score_videos
from physics_data.core.arguments import checked_arguments
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ConfigError, UnknownNameError, suggest

Videos = Mapping[str, UInt8[np.ndarray, "t h w 3"]]


@dataclass(frozen=True)
class Scores:
    """Scores of one or more systems on the same scenes.

    rows:     one per system and scene: key, scenario, status, reason, and ``values``, metric → number (None = the
              metric does not apply to the scene)
    summary:  means with 95 % intervals over scenes, by system
    """

    rows: tuple[SceneScore, ...]
    summary: Summary

    def table(self) -> list[dict[str, Any]]:
        """Return a record per system and headline metric: system, metric, mean, low, high, scenes.

        ``pandas.DataFrame(scores.table())`` makes a data frame of it.
        """
        return [
            {
                "system": system.name,
                "metric": name,
                "mean": system.metrics[name].mean,
                "low": system.metrics[name].low,
                "high": system.metrics[name].high,
                "scenes": system.metrics[name].scenes,
            }
            for system in self.summary.systems
            for name in self.summary.headline
        ]

    def __repr__(self) -> str:
        return "\n".join(f"{r['system']}: {r['metric']} {_shown(r)}" for r in self.table())

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td>{html.escape(r['system'])}</td><td>{r['metric']}</td><td>{_shown(r)}</td><td>{r['scenes']}</td></tr>"
            for r in self.table()
        )
        return f"<table><tr><th>system</th><th>metric</th><th>mean [95 %]</th><th>scenes</th></tr>{cells}</table>"


class Evaluator:
    """Scores videos against reference scenes: those of a suite ("permanence", "motion") or of a dataset folder.

    Examples:
        >>> import worldsim as ws
        >>> evaluator = ws.Evaluator("permanence")  # doctest: +SKIP
        >>> scores = evaluator.score({task.key: model(task) for task in evaluator.tasks()})  # doctest: +SKIP
    """

    @checked_arguments
    def __init__(
        self,
        reference: str | Path,
        *,
        num_conditioning_frames: int | None = None,
        split: str | None = "test",
        size: Size = "quick",
        shape: Shape = "square",
        cache: str | Path = "runs/suites",
        workers: int = 1,
    ) -> None:
        """Open the reference; a suite's scenes are built into the cache at the first use (minutes).

        Args:
            reference: name of a suite, or a dataset folder
            num_conditioning_frames: first frames that models are given; never scored. A suite says it itself; for a
                dataset None takes it from the records beside the videos
            split: of a dataset; None = all
            size: of a suite, "quick" or "full"
            shape: of a suite's pictures, "square", "wide" (16:9) or "tall" (9:16)
            cache: where scenes of suites are kept
            workers: processes

        Raises:
            UnknownNameError: neither a suite of this kind nor a folder.
            DataError: no dataset there, or without physics clips.
        """
        self.workers = workers
        self._tasks: Callable[[], Iterator[Task]] = lambda: iter(())
        if str(reference) in SUITES:
            suite = SUITES.get(str(reference))()
            if not suite.info.is_paired or suite.info.num_conditioning_frames is None:
                raise UnknownNameError(f"suite '{reference}' compares no videos; use 'python -m benchmarks'.")
            if num_conditioning_frames not in (None, suite.info.num_conditioning_frames):
                raise ConfigError(
                    f"suite '{reference}' gives {suite.info.num_conditioning_frames} frames; leave "
                    f"num_conditioning_frames={num_conditioning_frames} out."
                )
            prepared = suite.prepare(Edition(size, None, shape), Path(cache), workers, lambda what, done, total: None)
            if prepared.folder is None:
                raise UnknownNameError(f"suite '{reference}' has no reference scenes; use 'python -m benchmarks'.")
            folder, split = prepared.folder, None
            num_conditioning_frames = suite.info.num_conditioning_frames
            self._tasks = partial(suite.tasks, prepared)
        elif Path(reference).is_dir():
            folder = Path(reference)
        else:
            raise UnknownNameError(f"no suite and no dataset folder '{reference}': {suggest(str(reference), SUITES)}")
        self.dataset = ShardDataset(folder)
        self.num_conditioning_frames = num_conditioning_frames
        self._positions = reference_positions(self.dataset, split)

    @property
    def keys(self) -> tuple[str, ...]:
        """The scenes, by the key that a video has to have."""
        return tuple(self.dataset.rows[position].key for position in self._positions)

    def tasks(self) -> Iterator[Task]:
        """Return what a model is given in each scene of a suite: key, prompt, given frames, rate, length, size."""
        return self._tasks()

    @checked_arguments
    def score(
        self,
        videos: Videos | str | Path,
        *,
        frame_rate: float | None = None,
        name: str = "videos",
        seed: int = 0,
    ) -> Scores:
        """Score videos; a scene without one counts as the worst.

        Args:
            videos: key → uint8 sRGB frames [t h w 3], or a folder of files KEY.mp4, or of such folders, one per system
            frame_rate: of the frames, Hz; None = the reference's
            name: of the system, where frames are given
            seed: of the bootstrap

        Raises:
            UnknownNameError: a key is no scene.
            DataError: the number of conditioning frames is not known, or a video has another aspect ratio.
        """
        if isinstance(videos, str | Path):
            systems = find_systems(Path(videos), self.keys, None)
            given = conditioning_frames([(one.name, one.folder) for one in systems], self.num_conditioning_frames)
            scored = score_systems(self.dataset, self._positions, systems, given, self.workers)
            rows = [row for several in scored for row in several]
        else:
            if self.num_conditioning_frames is None:
                raise ConfigError("frames in memory have no record; give Evaluator(..., num_conditioning_frames=N).")
            given = self.num_conditioning_frames
            rows = score_videos(self.dataset, videos, given, frame_rate, name)
            nothing = System(name, Path("memory"), {}, ())
            for position in self._positions:
                if self.dataset.rows[position].key not in videos:
                    rows += score_clip(self.dataset.load(position), [nothing], given)
        return Scores(tuple(rows), summarise([SeedScore(**vars(row)) for row in rows], seed))


def _shown(record: Mapping[str, Any]) -> str:
    if record["mean"] is None:
        return "does not apply"
    interval = "" if record["low"] is None else f" [{record['low']:.2f}, {record['high']:.2f}]"
    return f"{record['mean']:.2f}{interval}"
