"""Pinned baselines: videos made from the reference itself, which tell what a score is worth."""

from benchmarks.baselines.base import Baseline
from benchmarks.baselines.write import write_baselines
from physics_data.core.registry import Registry

BASELINES: Registry[Baseline] = Registry(
    "baseline",
    {
        "simulator": "benchmarks.baselines.edits:Simulator",
        "frozen_first_frame": "benchmarks.baselines.edits:FrozenFirstFrame",
        "given_then_frozen": "benchmarks.baselines.edits:GivenThenFrozen",
        "reversed": "benchmarks.baselines.edits:Reversed",
        "object_removed": "benchmarks.baselines.worlds:ObjectRemoved",
        "constant_velocity": "benchmarks.baselines.worlds:ConstantVelocity",
    },
)

__all__ = ["BASELINES", "Baseline", "write_baselines"]
