"""What a worker does: train, continue held-out clips, measure them. It resumes; nothing is done twice."""

import csv
import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.ablation.frechet import clip_features
from benchmarks.ablation.held_out import held_out_positions
from benchmarks.ablation.plan import FEATURES_NAME, RECORD_NAME, ROWS_NAME, Plan, Run
from physics_data.core.atomic import atomic_path, write_text
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.core.provenance import git_commit, hardware
from worldsim.config import TrainConfig

BASE = "(base)"
"""The folder of the base's latents."""

FACTS = ("variant", "seed", "held_out", "key", "scenario")
"""What a row says beside the measured columns."""


@dataclass(frozen=True)
class RunRecord:
    """What a finished run cost: seconds of training, and of everything."""

    label: str
    train_seconds: float
    seconds: float


def is_finished(run: Run) -> bool:
    """Return whether the run's rows are there.

    Raises:
        DataError: the folder holds a run that was made another way.
    """
    path = run.folder / RECORD_NAME
    if not path.is_file():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
    if found != run.fingerprint:
        raise DataError(
            f"{run.folder} holds a run of another config (its fingerprint is {found}, this one's {run.fingerprint}); "
            "give another --out, or delete that folder to make it again."
        )
    return True


def train_stage(config: TrainConfig, log: Path) -> float:
    """Train a stage, or go on with it, with its messages in a file; returns the seconds of training."""
    from rich.console import Console
    from rich.progress import Progress

    from worldsim.training.loop import train

    with _logged(log):
        return train(config, Progress(console=Console(file=io.StringIO()), disable=True)).seconds


def perform(plan: Plan, run: Run) -> RunRecord:
    """Train a run, continue the held-out clips, and write what was measured; its record comes last.

    Raises:
        WorldsimError: whatever training or sampling refuses.
    """
    started = time.monotonic()
    share_latents(plan, run.folder, run.variant)
    trained = train_stage(run.train, run.folder / "log.txt")
    rows: list[dict[str, object]] = []
    features: dict[str, np.ndarray] = {}
    for name, which in plan.config.held_out.items():
        found, seen = _measure_held_out(plan, run, name, which)
        rows += found
        features[name] = seen
    with atomic_path(run.folder / FEATURES_NAME) as partial:
        np.savez(partial, **features)  # pyright: ignore[reportArgumentType]
    write_rows(run.folder / ROWS_NAME, rows, plan.config.columns)
    record = RunRecord(run.label, trained, time.monotonic() - started)
    facts = {"variant": run.variant, "seed": run.seed, "fingerprint": run.fingerprint, "train_seconds": trained}
    facts |= {"seconds": record.seconds, "commit": git_commit(), "hardware": hardware()}
    write_text(run.folder / RECORD_NAME, json.dumps(facts, indent=1) + "\n")
    return record


def share_latents(plan: Plan, folder: Path, variant: str = BASE) -> None:
    """Let the seeds of a variant share a folder of latents and labels, which begins with the latents of the base.

    Labels are stored for the losses that read them, so that variants cannot share theirs.
    """
    shared, own = plan.out / "latents" / variant, folder / "latents"
    shared.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for file in (plan.out / "latents" / BASE).glob("*.safetensors"):
        with suppress(FileExistsError):
            (shared / file.name).hardlink_to(file)
    if not own.is_symlink():
        own.symlink_to(os.path.relpath(shared, folder), target_is_directory=True)


def _measure_held_out(plan: Plan, run: Run, name: str, which: str) -> tuple[list[dict[str, object]], np.ndarray]:
    from benchmarks.ablation.measure import measure_clip
    from eval.reference import Reference
    from eval.scoring import load_for
    from worldsim.videos import SampleConfig, Sampler, continue_dataset

    how, dataset = plan.config.continuation, ShardDataset(plan.data)
    positions, videos = held_out_positions(dataset, which), run.folder / "videos" / name
    sampler = Sampler.load(run.folder, SampleConfig(seed=run.seed, drawing=how.drawing))
    continue_dataset(sampler, dataset, positions, videos, num_given=how.num_given, batch_size=how.batch_size)
    rows, features = [], []
    for position in positions:
        clip = dataset.load(position)
        video = load_for(clip, videos / f"{clip.meta.key}.mp4")
        values = measure_clip(
            Reference(clip, num_conditioning_frames=how.num_given), video, how.num_given, plan.config.columns
        )
        facts = (run.variant, run.seed, name, clip.meta.key, dataset.rows[position].scenario)
        rows.append({**dict(zip(FACTS, facts, strict=True)), **values})
        features.append(clip_features(video.rgb[how.num_given :]))
    return rows, np.stack(features)


def write_rows(path: Path, rows: list[dict[str, object]], columns: tuple[str, ...]) -> None:
    """Write one CSV line per clip; an empty value means that the column does not apply."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*FACTS, *columns])
    for row in rows:
        values = ("" if row[name] is None else repr(row[name]) for name in columns)
        writer.writerow([*(row[fact] for fact in FACTS), *values])
    write_text(path, text.getvalue())


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Send what is printed to the end of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
        yield
