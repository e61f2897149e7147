"""Renderers: a scene and a trajectory in, pixels and their labels out."""

from physics_data.core.errors import Registry
from physics_data.renderers.renderer import Renderer

RENDERERS: Registry[Renderer] = Registry(
    "renderer",
    {
        "raycast": "physics_data.renderers.raycast:RaycastRenderer",
        "mujoco_rays": "physics_data.renderers.reference:MujocoRayRenderer",
    },
)
"""Every renderer; a new one is one file and one line here."""
