"""Pinned baselines: videos made from the reference itself, which tell what a score is worth."""

from benchmarks.baselines.base import Baseline
from benchmarks.baselines.write import write_baselines
from physics_data.core.errors import Registry

BASELINES: Registry[Baseline] = Registry(
    "baseline",
    {
        "simulator": "benchmarks.baselines.edits:Simulator",
        "second_take": "benchmarks.baselines.takes:SecondTake",
        "another_seed": "benchmarks.baselines.takes:AnotherSeed",
        "frozen_first_frame": "benchmarks.baselines.edits:FrozenFirstFrame",
        "given_then_frozen": "benchmarks.baselines.edits:GivenThenFrozen",
        "frozen_last_frame": "benchmarks.baselines.pictures:FrozenLastFrame",
        "cross_fade": "benchmarks.baselines.pictures:CrossFade",
        "mean_video": "benchmarks.baselines.pictures:MeanVideo",
        "blurred_truth": "benchmarks.baselines.pictures:BlurredTruth",
        "camera_pan": "benchmarks.baselines.pictures:CameraPan",
        "noise": "benchmarks.baselines.pictures:Noise",
        "reversed": "benchmarks.baselines.edits:Reversed",
        "object_removed": "benchmarks.baselines.worlds:ObjectRemoved",
        "constant_velocity": "benchmarks.baselines.worlds:ConstantVelocity",
    },
)

CEILINGS = ("simulator", "second_take")
"""The baselines that are right; every other one is a dummy, which may not score well."""

DUMMIES = tuple(name for name in BASELINES if name not in CEILINGS)

__all__ = ["BASELINES", "CEILINGS", "DUMMIES", "Baseline", "write_baselines"]
