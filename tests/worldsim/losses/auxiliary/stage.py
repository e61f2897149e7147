"""The stage on which the contract of auxiliary losses is played."""

from benchmarks.losses import (
    SPACE,
    built,
    folded,
    labels_of,
    lawful_clips,
    possible_and_impossible,
    predicted,
    trained_probes,
)

__all__ = [
    "SPACE",
    "built",
    "folded",
    "labels_of",
    "lawful_clips",
    "possible_and_impossible",
    "predicted",
    "trained_probes",
]
