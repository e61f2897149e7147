"""Grid of an ablation: datasets, one VAE, bases and runs, each with its checked config and folder."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from benchmarks.ablation.ablation_config import AblationConfig
from eval.scoring import reference_positions
from physics_data.core.config import fingerprint, load_config
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import ConfigError, DataError, suggest
from physics_data.pipeline.build_config import BuildConfig
from worldsim.cards import read_card
from worldsim.config import DiTTrainConfig, VAETrainConfig
from worldsim.training.stages import load_train_config
from worldsim.weights import MODEL_FORMAT, model_folder

SOURCE = "physics"
"""What the runs call their clips."""

ROWS_NAME, FEATURES_NAME, RECORD_NAME = "rows.csv", "features.npz", "run.json"


@dataclass(frozen=True)
class Run:
    """One variant from one seed."""

    variant: str
    seed: int
    folder: Path
    train: DiTTrainConfig
    fingerprint: str

    @property
    def label(self) -> str:
        """Variant and seed in words."""
        return f"{self.variant}, seed {self.seed}"


@dataclass(frozen=True)
class Grid:
    """All parts of an ablation, every config of it checked.

    datasets:  folder → what to build there; the first one holds the clips of training and the held-out ones
    bases:     seed → training that runs of the seed go on from; all seeds may share one; empty without ``base``
    """

    config: AblationConfig
    out: Path
    datasets: dict[Path, BuildConfig]
    vae: VAETrainConfig
    bases: dict[int, DiTTrainConfig]
    runs: tuple[Run, ...]

    @property
    def data(self) -> Path:
        """The dataset of training and held-out clips."""
        return next(iter(self.datasets))

    def of(self, variants: tuple[str, ...]) -> tuple[Run, ...]:
        """Return the runs of some variants, all if none is named, seed by seed.

        Raises:
            ConfigError: no such variant.
        """
        for name in variants:
            if name not in self.config.variants:
                raise ConfigError(f"no variant '{name}': {suggest(name, self.config.variants)}")
        return tuple(run for run in self.runs if not variants or run.variant in variants)


def make_grid(config: AblationConfig, out: Path) -> Grid:
    """Resolve and check every config of an ablation, before anything is computed.

    Raises:
        ConfigError: a config that an override makes, or a file that is named, does not fit.
        CheckpointError: no model in ``base.folder``.
    """
    folders = {"data": out / "data", **{name: out / name for name in config.more_data}}
    files = {"data": config.data, **config.more_data}
    datasets = {folders[name]: load_config(BuildConfig, files[name]) for name in folders}
    missing = [which for which in config.held_out.values() if not planned(datasets[folders["data"]], which)]
    if missing:
        raise ConfigError(f"held_out asks for '{missing[0]}', of which {config.data} makes no clip.")
    source = [f"data.sources=[{{path: {folders['data']}, name: {SOURCE}}}]"]
    vae = load_train_config(config.vae, [f"out={out / 'vae'}", *source])
    if not isinstance(vae, VAETrainConfig):
        raise ConfigError(f"vae: {config.vae} is of task '{vae.task}'; give the config of a VAE.")
    shared = [*source, f"vae={vae.out}", *_filled(config.common, folders)]
    bases = {}
    if config.base is not None and config.base.folder is None:
        for seed in config.seeds:
            chosen = seed if config.base.seed is None else config.base.seed
            own = [f"seed={chosen}", f"out={out / 'bases' / f'seed{chosen}'}"]
            bases[seed] = _dit(config.train, [*shared, *_filled(config.base.overrides, folders), *own], "base")
    shared += _filled(config.run, folders)
    taken = None if config.base is None else config.base.folder
    digest = None if taken is None else read_card(model_folder(taken), MODEL_FORMAT)["files"]
    runs = []
    for seed in config.seeds:
        start = [f"start_from={bases[seed].out if seed in bases else taken}"] if config.base is not None else []
        for variant, overrides in config.variants.items():
            folder = out / "runs" / f"{variant}-seed{seed}"
            own = [*shared, *start, *_filled(overrides, folders), f"seed={seed}", f"out={folder}"]
            train = _dit(config.train, own, f"variant '{variant}'")
            used = train.model_dump_json()
            read = {path: data for path, data in datasets.items() if path == folders["data"] or str(path) in used}
            identity = _identity(config, read, (vae, bases.get(seed), train), digest)
            runs.append(Run(variant, seed, folder, train, identity))
    steps = {run.train.num_steps for run in runs}
    if len(steps) > 1:
        raise ConfigError(
            f"the variants train for {sorted(steps)} steps; they are compared at equal steps, so write one."
        )
    return Grid(config, out, datasets, vae, bases, tuple(runs))


def _dit(path: Path, overrides: list[str], what: str) -> DiTTrainConfig:
    try:
        train = load_train_config(path, overrides)
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from error
    if not isinstance(train, DiTTrainConfig):
        raise ConfigError(f"train: {path} is of task '{train.task}'; give the config of a transformer.")
    return train


def _filled(overrides: tuple[str, ...], folders: dict[str, Path]) -> list[str]:
    try:
        return [
            Template(override).substitute({name: str(path) for name, path in folders.items()}) for override in overrides
        ]
    except KeyError as error:
        name = str(error.args[0])
        raise ConfigError(f"${name} in an override is no dataset: {suggest(name, folders)}") from error
    except ValueError as error:
        raise ConfigError(
            f"an override of {list(overrides)} has a '$' without a name; write $$ for the sign."
        ) from error


def _identity(
    config: AblationConfig,
    datasets: dict[Path, BuildConfig],
    stages: tuple[VAETrainConfig | DiTTrainConfig | None, ...],
    base_digest: dict[str, str] | None,
) -> str:
    """Return 16 hex digits that change with anything that can change a run's numbers, folders and hardware apart."""
    parts: dict[str, Any] = {
        "datasets": [fingerprint(data) for data in datasets.values()],
        "stages": [None if stage is None else _content(stage) for stage in stages],
        "base": base_digest,
        "continuation": config.continuation.model_dump(mode="json"),
        "columns": list(config.columns),
        "held_out": config.held_out,
    }
    text = json.dumps(parts, sort_keys=True)
    for folder in datasets:
        text = text.replace(str(folder), folder.name)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _content(stage: DiTTrainConfig | VAETrainConfig) -> dict[str, Any]:
    content = stage.model_dump(mode="json", exclude={*stage.UNTRACKED, "vae", "start_from"})
    return content | {"data": {name: value for name, value in content["data"].items() if name != "sources"}}


def planned(data: BuildConfig, which: str) -> list[str]:
    """Return the keys of the clips that a build makes of ``which``: "SPLIT" or "SPLIT/KIND"."""
    split, _, kind = which.partition("/")
    keys = [task.key for tasks in data.shards().values() for task in tasks if task.split == split]
    return [key for key in keys if not kind or kind_of(key) == kind]


def held_out_positions(dataset: ShardDataset, which: str) -> list[int]:
    """Return the positions of these clips in a dataset.

    Raises:
        DataError: there is none.
    """
    split, _, kind = which.partition("/")
    positions = reference_positions(dataset, split)
    chosen = [position for position in positions if not kind or kind_of(dataset.rows[position].key) == kind]
    if not chosen:
        kinds = sorted({kind_of(dataset.rows[position].key) for position in positions})
        raise DataError(f"{dataset.folder} has no clip of '{which}'; split '{split}' has {', '.join(kinds)}.")
    return chosen


def kind_of(key: str) -> str:
    """Return the combination that a clip was drawn for, or its scenario: what stands before engine and number."""
    return key.rsplit("-", 2)[0].rpartition("-")[2]
