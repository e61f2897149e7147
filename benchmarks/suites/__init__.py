"""The table of benchmark suites: one file each, one line here."""

from benchmarks.suites.base import Suite
from physics_data.core.errors import Registry

SUITES: Registry[Suite] = Registry(
    "suite",
    {
        "permanence": "benchmarks.suites.permanence:Permanence",
        "motion": "benchmarks.suites.motion:Motion",
        "twins": "benchmarks.suites.twins:Twins",
        "folder": "benchmarks.suites.folder:Folder",
    },
)

__all__ = ["SUITES", "Suite"]
