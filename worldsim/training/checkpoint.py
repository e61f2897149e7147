"""Checkpoints: everything a run needs to go on as if it had never stopped.

A checkpoint is a folder ``checkpoints/STEP`` with ``weights.safetensors``, ``average.safetensors``, ``optimizer.pt``
and ``card.json``, which holds the config, the identity of the data and the digest of each file. Processes that share
out the weights write ``shards`` instead of the first three; any number of processes goes on from either. It appears
whole or not at all.
"""

import hashlib
import json
import shutil
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from physics_data.core.atomic import atomic_folder, remove_partials, write_text
from physics_data.core.config import differences
from physics_data.core.errors import CheckpointError
from physics_data.core.provenance import sha256_of
from worldsim.cards import CARD_NAME, check_files, load_tensors, read_card, save_tensors, with_present_names
from worldsim.config import TrainConfig
from worldsim.training.optimizer import NormHistory
from worldsim.training.processes import told_by_first
from worldsim.training.shared_checkpoint import SHARDS, load_whole, load_whole_optimizers, read_shards, write_shards
from worldsim.training.state import TrainingState, WeightAverage

_FORMAT = "worldsim.checkpoint/3"
_WEIGHTS, _AVERAGE, _OPTIMIZER = "weights.safetensors", "average.safetensors", "optimizer.pt"
_COUNTERS = ("step", "seconds", "skipped", "in_a_row")


def identity(config: TrainConfig, data: dict[str, str]) -> dict[str, Any]:
    """Return what must be equal for a run to go on from a checkpoint.

    It is about content: the config without paths and without ``num_steps`` (a run may be extended), the digests of
    what is read, and the precision.
    """
    tracked = _without_paths(config.model_dump(exclude={*config.UNTRACKED, "num_steps"}))
    for source, given in zip(tracked["data"]["sources"], config.data.sources, strict=True):
        source["name"] = given.label
    return {"config": json.loads(json.dumps(tracked)), "data": data, "precision": config.hardware.precision}


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_paths(one) for key, one in value.items() if not isinstance(one, Path)}
    return [_without_paths(one) for one in value] if isinstance(value, list | tuple) else value


def run_fingerprint(config: TrainConfig, data: dict[str, str]) -> str:
    """Return 16 hex digits that two runs share exactly when one may go on from the other's checkpoint."""
    canonical = json.dumps(identity(config, data), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def save_checkpoint(
    run: Path, state: TrainingState, config: TrainConfig, data: dict[str, str], keep: int, accelerator: Accelerator
) -> None:
    """Write ``checkpoints/STEP`` and delete all but the newest ``keep``; all processes call this together.

    Raises:
        StorageError: the disk refused; older checkpoints stay as they were.
    """
    first = accelerator.is_main_process
    path = run / "checkpoints" / f"{state.step:08d}"
    with atomic_folder(path) if first else nullcontext(path) as folder:
        if state.is_sharded:
            write_shards(told_by_first(accelerator, folder), state)
        elif first:
            save_tensors(folder / _WEIGHTS, state.model.state_dict())
            for name, average in _named(state.averages).items():
                save_tensors(folder / name, average.model.state_dict())
            try:
                torch.save([optimizer.state_dict() for optimizer in state.optimizers], folder / _OPTIMIZER)
            except RuntimeError as error:  # torch's word for a full disk
                raise OSError(None, str(error).splitlines()[0]) from error
        if first:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            card = {
                "format": _FORMAT,
                **{name: getattr(state, name) for name in _COUNTERS},
                "norms": asdict(state.norms),
                "lengths": state.lengths,
                "made_on": {"device": accelerator.device.type, "processes": accelerator.num_processes},
                "identity": identity(config, data),
                "files": {file.relative_to(folder).as_posix(): sha256_of(file) for file in files},
            }
            write_text(folder / CARD_NAME, json.dumps(card, indent=1))
    if first:
        for old in list_checkpoints(run)[:-keep]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()


def list_checkpoints(run: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    folder = run / "checkpoints"
    return sorted(p for p in folder.iterdir() if p.name.isdigit()) if folder.is_dir() else []


def seconds_of(run: Path) -> float:
    """Return the training time of a run up to its newest checkpoint, s; 0 without one.

    Raises:
        CheckpointError: its card is damaged.
    """
    found = list_checkpoints(run)
    return float(read_card(found[-1], _FORMAT, needs=("seconds",))["seconds"]) if found else 0.0


def resume(run: Path, state: TrainingState, config: TrainConfig, data: dict[str, str]) -> dict[str, Any] | None:
    """Load the newest checkpoint of a run into ``state`` and return its card; None if there is none.

    Raises:
        CheckpointError: it belongs to another config or other data, or a file of it is missing or damaged.
    """
    remove_partials(run / "checkpoints")
    found = list_checkpoints(run)
    if not found:
        return None
    path = found[-1]
    card = read_card(path, _FORMAT, needs=(*_COUNTERS, "norms", "lengths", "made_on", "identity", "files"))
    differing = differences(with_present_names(card["identity"], source=str(path)), identity(config, data))
    if differing:
        raise CheckpointError(
            f"{path} belongs to another run (there → now):\n"
            + "\n".join(f"  {line}" for line in differing)
            + "\nTrain into another folder with --out, or set the old values back with --set KEY=VALUE."
        )
    check_files(path, card, advice=_how_to_go_on(run, path))
    if (path / SHARDS).is_dir():
        read_shards(path, state)
    else:
        _read_whole(path, state)
    for name in _COUNTERS:
        setattr(state, name, card[name])
    state.norms = NormHistory(**card["norms"])
    state.lengths = [(step, num_steps) for step, num_steps in card["lengths"]]
    return card


def _read_whole(path: Path, state: TrainingState) -> None:
    load_whole(state.model, load_tensors(path / _WEIGHTS))
    for name, average in _named(state.averages).items():
        load_whole(average.model, load_tensors(path / name))
    stored = torch.load(path / _OPTIMIZER, weights_only=True, map_location="cpu")
    if state.is_sharded:
        load_whole_optimizers(state.model, state.optimizers, stored)
        return
    for optimizer, values in zip(state.optimizers, stored, strict=True):
        optimizer.load_state_dict(values)


def _named(averages: tuple[WeightAverage, ...]) -> dict[str, WeightAverage]:
    """Return file name → average; the exported one has a plain name."""
    return {(f"average-{one.decay:g}.safetensors" if i else _AVERAGE): one for i, one in enumerate(averages)}


def _how_to_go_on(run: Path, damaged: Path) -> str:
    others = [path.name for path in list_checkpoints(run) if path != damaged]
    if others:
        return f"Delete {damaged} and run the command again: it goes on from step {int(others[-1])}."
    return f"Delete {damaged} and run the command again: it starts from step 0."
