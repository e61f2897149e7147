"""What every renderer offers."""

from collections.abc import Collection
from typing import ClassVar, Protocol, runtime_checkable

from physics_data.core.clip import DEFAULT_STREAMS, Rendering, Stream
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory


@runtime_checkable
class Renderer(Protocol):
    """Draws any motion of a scene. It is given poses, never an engine, so one motion can have many looks.

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
