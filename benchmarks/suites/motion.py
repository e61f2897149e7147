"""Do things move as they must?"""

from typing import ClassVar

from benchmarks.suites.base import SuiteInfo
from benchmarks.suites.rollouts import Rollouts, rollout_info


class Motion(Rollouts):
    """Falls, bounces, throws, collisions, pendulums, slides and rolls."""

    info: ClassVar[SuiteInfo] = rollout_info("motion", "falls, bounces, throws, collisions, pendulums, slides")
    scenarios: ClassVar[tuple[str, ...]] = (
        "free_drop",
        "drop_bounce",
        "projectile",
        "throw_up",
        "collide",
        "collide_mass_ratio",
        "pendulum",
        "slide_floor",
        "roll_incline",
        "uniform_motion",
    )
