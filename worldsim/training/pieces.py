"""Plans: data and several stages of training, one after the other, in pieces of a few minutes.

One command does all of it and goes on where the last call stopped. A bundle is a folder of a few small files from which
the next piece goes on, on another machine if need be.
"""

import io
import json
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from rich.progress import Progress

from physics_data.core.atomic import write_bytes
from physics_data.core.config import StrictModel, find_config, validate_config
from physics_data.core.errors import ConfigError, DataError
from physics_data.core.program import messages
from physics_data.core.provenance import sha256_of
from worldsim.config import TrainConfig
from worldsim.data.physics_source import build_once
from worldsim.training.checkpoint import list_checkpoints, seconds_of
from worldsim.training.loop import train
from worldsim.training.tasks import TASKS

_PART = 16 * 2**20 - 4096
"""Bytes of a file of a bundle, at most."""

_MANIFEST = "bundle.json"

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class PlanConfig(StrictModel):
    """What is made and trained, in order. ``{out}`` in any text stands for ``out``.

    task:       ``plan``
    out:        folder of all parts
    minutes:    of one call; what is begun is stopped at a checkpoint, and the same command goes on. None = all at once
    max_files:  files of at most 16 MiB that a bundle may have
    workers:    processes that make data
    data:       name → config of ``python -m physics_data build``, made in ``{out}/data/NAME``
    stages:     name → config of a training run, made in ``{out}/NAME``
    """

    task: Literal["plan"]
    out: Path
    minutes: Annotated[float, Field(gt=0)] | None = None
    max_files: Annotated[int, Field(ge=1)] = 8
    workers: Annotated[int, Field(ge=1)] = 1
    data: dict[Name, Path] = {}
    stages: Annotated[dict[Name, dict[str, Any]], Field(min_length=1)]

    def stage(self, name: str) -> TrainConfig:
        """Return the checked config of a stage.

        Raises:
            ConfigError: a key or value does not fit.
            UnknownNameError: no such task.
        """
        raw = _filled(self.stages[name], str(self.out))
        if "task" not in raw:
            raise ConfigError(f"stages.{name} names no task; write task: vae or task: dit.")
        schema = TASKS.get(str(raw["task"])).config_schema
        return validate_config(schema, {"out": str(self.out / name), **raw}, source=f"stages.{name}")


@dataclass(frozen=True)
class PlanSummary:
    """How far a plan is: the stages that are complete, and the metrics of the last one that ran."""

    complete: tuple[str, ...]
    unfinished: tuple[str, ...]
    metrics: dict[str, float]


def run_plan(
    config: PlanConfig,
    progress: Progress,
    bundle: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> PlanSummary:
    """Make the data and train the stages, as far as the minutes of this call reach.

    Args:
        config: the plan
        progress: for bars
        bundle: folder that an earlier call wrote: its runs are put in place first, and it is written again at the end
        clock: seconds, for tests

    Raises:
        ConfigError: a stage does not fit.
        DataError: ``bundle`` is damaged, or would need more files than ``max_files``.
    """
    started = clock()
    stages = {name: config.stage(name) for name in config.stages}
    if bundle is not None and (bundle / _MANIFEST).is_file():
        unpack(bundle, config.out)
    for name, path in config.data.items():
        build_once(find_config(path), config.out / "data" / name, config.workers)
    complete: list[str] = []
    metrics: dict[str, float] = {}
    for name, stage in stages.items():
        left = None if config.minutes is None else config.minutes - (clock() - started) / 60
        if left is not None and left <= 0:
            break
        limit = None if left is None else seconds_of(stage.out) / 60 + left
        report = stage.report.model_copy(update={"max_minutes": limit})
        summary = train(stage.model_copy(update={"report": report}), progress)
        metrics = summary.metrics
        if not summary.complete:
            break
        complete.append(name)
        messages.print(f"{name}: complete after {summary.step} steps", markup=False)
    if bundle is not None:
        runs = {stage.out: name in complete for name, stage in stages.items()}
        pack(config.out, runs, bundle, config.max_files)
    return PlanSummary(tuple(complete), tuple(name for name in stages if name not in complete), metrics)


def pack(out: Path, runs: Mapping[Path, bool], folder: Path, max_files: int) -> list[Path]:
    """Write the models of complete runs (True) and the newest checkpoints of others as files of at most 16 MiB.

    Returns:
        The files.

    Raises:
        DataError: it would be more than ``max_files`` files.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for run, is_complete in runs.items():
            kept = [run / name for name in ("config.yaml", "metrics.jsonl", "provenance.yaml")]
            kept += [run / "model", *run.glob("probes.*")] if is_complete else list_checkpoints(run)[-1:]
            for path in kept:
                if path.exists():
                    tar.add(path, arcname=path.relative_to(out).as_posix())
    data = stream.getvalue()
    parts = [data[start : start + _PART] for start in range(0, len(data), _PART)]
    if len(parts) + 1 > max_files:
        raise DataError(
            f"{folder} would be {len(parts) + 1} files of 16 MiB, max_files is {max_files}; train a smaller model, or "
            "raise max_files."
        )
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"part-{number:02d}.bin" for number in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        write_bytes(file, part)
    for old in set(folder.glob("part-*.bin")) - set(files):
        old.unlink()
    write_bytes(folder / _MANIFEST, json.dumps({file.name: sha256_of(file) for file in files}, indent=1).encode())
    return [*files, folder / _MANIFEST]


def unpack(folder: Path, out: Path) -> None:
    """Put what ``pack`` wrote in place; runs that are there already keep what is newer.

    Raises:
        DataError: a file is missing or damaged.
    """
    try:
        digests = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{folder / _MANIFEST} is damaged ({error}); copy the folder again.") from error
    for name, digest in digests.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != digest:
            raise DataError(f"{folder / name} is missing or damaged; copy the folder again.")
    data = b"".join((folder / name).read_bytes() for name in sorted(digests))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar.getmembers():
            if not (out / member.name).exists():
                tar.extract(member, out, filter="data")


def _filled(value: Any, out: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(one, out) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, out) for one in value]
    return value.replace("{out}", out) if isinstance(value, str) else value
