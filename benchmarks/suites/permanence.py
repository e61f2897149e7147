"""Do objects go on existing where they cannot be seen?"""

from typing import ClassVar

from benchmarks.suites.base import SuiteInfo
from benchmarks.suites.rollouts import Rollouts, rollout_info


class Permanence(Rollouts):
    """Objects behind screens, in tunnels, under and in containers, and carried along."""

    info: ClassVar[SuiteInfo] = rollout_info("permanence", "objects that are hidden for a while and come back")
    scenarios: ClassVar[tuple[str, ...]] = (
        "occluder_pass",
        "occluder_multi",
        "tunnel",
        "containment",
        "carry",
    )
