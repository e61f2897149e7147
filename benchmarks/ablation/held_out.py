"""Which clips a name of held-out ones stands for: a split, or one kind of clips of it."""

from eval.scoring import reference_positions
from physics_data.core.dataset import ShardDataset
from physics_data.core.errors import DataError
from physics_data.pipeline.build_config import BuildConfig


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
