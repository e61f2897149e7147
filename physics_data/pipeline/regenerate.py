"""A stored clip made again from its scene, alone."""

from physics_data.core.clip import Clip, Rendering
from physics_data.core.shards import encode_clip
from physics_data.core.trajectory import Trajectory
from physics_data.engines import ENGINES
from physics_data.renderers import RENDERERS


def regenerate(clip: Clip) -> tuple[Trajectory, Rendering]:
    """Simulate and draw the scene of a physics clip again, with the engine and renderer that made it.

    Raises:
        DataError: the clip is footage.
    """
    spec, _, _ = clip.labelled
    assert clip.meta.engine is not None and clip.meta.renderer is not None
    trajectory = ENGINES.get(clip.meta.engine)().simulate(spec)
    return trajectory, RENDERERS.get(clip.meta.renderer)().render(spec, trajectory)


def differing_parts(clip: Clip) -> list[str]:
    """Return the stored members that come out differently; none means equal to the byte."""
    trajectory, rendering = regenerate(clip)
    stored, again = encode_clip(clip), encode_clip(Clip(clip.meta, rendering.rgb, rendering, trajectory))
    # Depth is stored in 16 bits, so it is compared as stored; the record holds the range it was coded with.
    return [name for name in stored if name != "json" and stored[name] != again[name]]
