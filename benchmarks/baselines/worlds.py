"""Baselines that draw the reference's scene with another course of events."""

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from physics_data.core.clip import Clip
from physics_data.core.errors import DataError
from physics_data.core.scene import SceneSpec
from physics_data.renderers.base import Renderer


class ObjectRemoved:
    """The reference until the middle of the scored frames; then its first moving object is gone, shadow and all."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the clip with the object removed in the second half of the scored frames.

        Raises:
            DataError: nothing in the scene moves.
        """
        spec, _, trajectory = clip.labelled
        name = _moving(spec, clip.meta.key)[0]
        empty = renderer.render(spec.without(name), trajectory.without(spec.body_index(name))).rgb
        half = (num_conditioning_frames + len(clip.rgb) + 1) // 2
        return np.concatenate([clip.rgb[:half], empty[half:]])


class ConstantVelocity:
    """Every object goes on in a straight line with the velocity of the last conditioning frame: no forces."""

    def make(self, clip: Clip, renderer: Renderer, num_conditioning_frames: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the scene drawn with straight motions."""
        spec, _, trajectory = clip.labelled
        last = max(num_conditioning_frames - 1, 0)
        seconds = (np.array(spec.seconds) - spec.seconds[last])[:, None, None]
        straight = trajectory.position[last] + seconds * trajectory.linear_velocity[last]
        return renderer.render(spec, replace(trajectory, position=straight)).rgb


def _moving(spec: SceneSpec, key: str) -> list[str]:
    """Return what can move, objects before others."""
    movable = [body for body in spec.instances if not body.is_static]
    names = [body.name for body in sorted(movable, key=lambda body: body.role != "object")]
    if not names:
        raise DataError(f"clip '{key}' has no moving object that could be removed.")
    return names
