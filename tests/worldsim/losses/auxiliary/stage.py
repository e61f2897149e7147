"""The stage on which the contract of auxiliary losses is played."""

from benchmarks.losses import SPACE, built, folded, labels_of, lawful_clips, predicted, trained_probes, twins

__all__ = ["SPACE", "built", "folded", "labels_of", "lawful_clips", "predicted", "trained_probes", "twins"]
