"""The table of benchmark suites: one file each, one line here."""

from benchmarks.suites.suite import Suite
from physics_data.core.errors import Registry

SUITES: Registry[Suite] = Registry(
    "suite",
    {
        "permanence": "benchmarks.suites.rollouts:Permanence",
        "motion": "benchmarks.suites.rollouts:Motion",
        "twins": "benchmarks.suites.pair_suite:Twins",
        "folder": "benchmarks.suites.folder:Folder",
    },
)

__all__ = ["SUITES", "Suite"]
