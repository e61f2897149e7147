"""The stages that can be trained: name → task."""

from physics_data.core.errors import Registry
from worldsim.training.tasks.task import Task

TASKS: Registry[Task] = Registry(
    "task",
    {
        "vae": "worldsim.training.tasks.vae:VAETask",
        "dit": "worldsim.training.tasks.dit_task:DiTTask",
        "upsampler": "worldsim.training.tasks.upsampling:UpsamplerTask",
        "family": "worldsim.training.tasks.family:FamilyTask",
        "policy": "worldsim.rewards.policy:PolicyTask",
    },
)
