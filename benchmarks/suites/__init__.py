"""The table of benchmark suites: one file each, one line here."""

from benchmarks.suites.suite import Suite
from physics_data.core.errors import Registry

SUITES: Registry[Suite] = Registry(
    "suite",
    {
        "permanence": "benchmarks.suites.rollouts:Permanence",
        "motion": "benchmarks.suites.rollouts:Motion",
        "pairs": "benchmarks.suites.pair_suite:Pairs",
        "shots": "benchmarks.suites.shots:Shots",
        "folder": "benchmarks.suites.folder:Folder",
    },
    renamed={"twins": "pairs"},
)

__all__ = ["SUITES", "Suite"]
