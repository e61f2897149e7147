"""Physics engines: one scene in, one trajectory out. To add one, write a module and add its line here."""

from physics_data.core.errors import Registry
from physics_data.engines.engine import Engine

ENGINES: Registry[Engine] = Registry(
    "engine",
    {
        "mujoco": "physics_data.engines.mujoco_engine:MujocoEngine",
        "bullet": "physics_data.engines.bullet_engine:BulletEngine",
    },
)
