"""Control baselines: videos made from the reference itself, which tell what a score is worth."""

from benchmarks.baselines.controls import Baseline, write_baselines
from physics_data.core.errors import Registry

BASELINES: Registry[Baseline] = Registry(
    "baseline",
    {
        "simulator": "benchmarks.baselines.controls:Simulator",
        "resimulation": "benchmarks.baselines.resimulation:Resimulation",
        "another_seed": "benchmarks.baselines.resimulation:AnotherSeed",
        "frozen_first_frame": "benchmarks.baselines.controls:FrozenFirstFrame",
        "given_then_frozen": "benchmarks.baselines.controls:GivenThenFrozen",
        "frozen_last_frame": "benchmarks.baselines.controls:FrozenLastFrame",
        "cross_fade": "benchmarks.baselines.controls:CrossFade",
        "mean_video": "benchmarks.baselines.controls:MeanVideo",
        "blurred_truth": "benchmarks.baselines.controls:BlurredTruth",
        "camera_pan": "benchmarks.baselines.controls:CameraPan",
        "noise": "benchmarks.baselines.controls:Noise",
        "reversed": "benchmarks.baselines.controls:Reversed",
        "object_removed": "benchmarks.baselines.controls:ObjectRemoved",
        "constant_velocity": "benchmarks.baselines.controls:ConstantVelocity",
    },
    renamed={"second_take": "resimulation"},
)

CEILINGS = ("simulator", "resimulation")
"""The baselines that are right; every other one is a control, which may not score well."""

CONTROLS = tuple(name for name in BASELINES if name not in CEILINGS)

__all__ = ["BASELINES", "CEILINGS", "CONTROLS", "Baseline", "write_baselines"]
