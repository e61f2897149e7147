"""Scenarios: what happens in a clip. To add one, write a module and add its line here."""

from physics_data.core.registry import Registry
from physics_data.scenarios.base import Scenario

SCENARIOS: Registry[Scenario] = Registry(
    "scenario",
    {
        "free_drop": "physics_data.scenarios.free_drop:FreeDrop",
        "projectile": "physics_data.scenarios.projectile:Projectile",
        "collide": "physics_data.scenarios.collide:Collide",
        "occluder_pass": "physics_data.scenarios.occluder_pass:OccluderPass",
    },
)
