"""Counts over a whole dataset, from its index, its records and its manifests."""

from collections import Counter
from dataclasses import dataclass, field
from typing import get_args

from physics_data.core.clip import ClipMeta, Split
from physics_data.core.dataset import ShardDataset, read_manifest
from physics_data.pipeline.build import count_draws


@dataclass
class DatasetStatistics:
    """What a dataset holds.

    clips:        by scenario (or source), engine and split
    events:       clips with at least one such event, by scenario and kind
    outcomes:     clips by scenario and the order of what happens, e.g. "contact, bounce"
    twins:        clips by editor and role
    drawn:        draws by scenario and engine, rejected ones included
    rejections:   rejected draws by scenario, engine and reason
    """

    clips: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    twins: Counter[tuple[str, str]] = field(default_factory=Counter)
    drawn: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejections: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def sources(self) -> list[tuple[str, str]]:
        """The scenarios (or sources) with their engines."""
        return sorted({(name, engine) for name, engine, _ in self.clips})

    @property
    def splits(self) -> list[str]:
        """The splits that have clips."""
        there = {split for *_, split in self.clips}
        return [split for split in get_args(Split) if split in there]

    @property
    def event_kinds(self) -> list[str]:
        """The kinds of events that occur."""
        return sorted({kind for _, kind in self.events})


def dataset_statistics(dataset: ShardDataset) -> DatasetStatistics:
    """Count clips, events, outcomes, twins and rejected draws of a dataset."""
    counted = DatasetStatistics()
    for position, row in enumerate(dataset.rows):
        name = row.scenario or row.source
        counted.clips[name, row.engine or "-", row.split] += 1
        meta = dataset.load_meta(position)
        if meta.twin is not None:
            counted.twins[meta.twin.editor, meta.twin.role] += 1
        if meta.source == "physics":
            counted.events.update((name, kind) for kind in {event.kind for event in meta.events})
            counted.outcomes[name, outcome(meta)] += 1
    for tar in sorted((dataset.folder / "shards").glob("*.tar")):
        record = read_manifest(tar)
        if record is not None and "drawn" in record:
            count_draws(record, counted.drawn, counted.rejections)
    return counted


def outcome(meta: ClipMeta) -> str:
    """Return what happens in a clip in the order in which each kind of event first does; "nothing" without events."""
    return ", ".join(dict.fromkeys(event.kind for event in meta.events)) or "nothing"
