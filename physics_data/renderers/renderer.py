"""What every renderer offers."""

from collections.abc import Collection, Mapping
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from physics_data.core.clip import DEFAULT_STREAMS, Rendering, Stream
from physics_data.core.conventions import FAR_PLANE
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory


@runtime_checkable
class Renderer(Protocol):
    """Draws any motion of a scene. It is given poses, never an engine, so one motion can have many appearances.

    ``name`` is the renderer's name in ``RENDERERS``.
    """

    name: ClassVar[str]

    def render(
        self, spec: SceneSpec, trajectory: Trajectory, streams: Collection[Stream] = DEFAULT_STREAMS
    ) -> Rendering:
        """Draw every frame with all labels, and the streams that are asked for; equal arguments give equal bytes.

        Raises:
            DataError: the trajectory is not one of this scene.
        """
        ...


def cut_at_far_plane(depth_map: Float[np.ndarray, "t h w"], maps: Mapping[str, np.ndarray]) -> None:
    """Make what lies beyond ``FAR_PLANE`` sky, in place: depth +inf, normals 0, object coordinates NaN."""
    far = depth_map > FAR_PLANE
    depth_map[far] = np.inf
    for name, nothing in (("normal_map", 0.0), ("object_coordinates", np.nan)):
        if name in maps:
            maps[name][far] = nothing
