"""When bodies are hidden, seen again, leave the image and come back."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from physics_data.core.clip import Event, EventKind, Rendering
from physics_data.core.scene import SceneSpec


def view_events(spec: SceneSpec, rendering: Rendering) -> list[Event]:
    """Return what the image shows of each instance coming and going; see ``annotate.events`` for what counts."""
    ids = np.arange(1, rendering.amodal_masks.shape[1] + 1, dtype=np.uint8)
    visible = (rendering.instance_ids[:, None] == ids[None, :, None, None]).sum(axis=(2, 3))
    inside = rendering.amodal_masks.sum(axis=(2, 3))
    found: list[Event] = []
    for instance, body in enumerate(spec.instances):
        seen, covers = visible[:, instance], inside[:, instance]
        found += _hidings(spec.frame_rate, body.name, seen, covers)
        found += _leavings(spec.frame_rate, body.name, seen, covers)
    return found


def _hidings(rate: float, name: str, seen: Int[np.ndarray, "t"], covers: Int[np.ndarray, "t"]) -> list[Event]:
    found: list[Event] = []
    is_hidden, was_seen = False, bool(seen[0])
    for frame in range(1, len(seen)):
        if is_hidden and seen[frame]:
            is_hidden = False
            found.append(_event("revealed", name, frame, _grows_from_zero(seen, frame) / rate))
        elif not is_hidden and was_seen and covers[frame] and not seen[frame]:
            is_hidden = True
            found.append(_event("hidden", name, frame, _shrinks_to_zero(seen, frame) / rate))
        was_seen |= bool(seen[frame])
    return found


def _leavings(rate: float, name: str, seen: Int[np.ndarray, "t"], covers: Int[np.ndarray, "t"]) -> list[Event]:
    found: list[Event] = []
    was_seen = bool(seen[0])
    for frame in range(1, len(covers)):
        if was_seen and covers[frame - 1] and not covers[frame]:
            found.append(_event("leaves_view", name, frame, _shrinks_to_zero(covers, frame) / rate))
        elif covers[frame] and not covers[frame - 1]:
            found.append(_event("enters_view", name, frame, _grows_from_zero(covers, frame) / rate))
        was_seen |= bool(seen[frame])
    return found


def _event(kind: EventKind, name: str, frame: int, seconds: float) -> Event:
    return Event(kind=kind, frame_index=frame, seconds=seconds, bodies=(name,))


def _shrinks_to_zero(pixels: Sequence[int] | np.ndarray, frame: int) -> float:
    """Return when a count of pixels reaches 0 in the interval before a frame, in frames, from its last two values."""
    left = float(pixels[frame - 1])
    rate = float(pixels[frame - 2]) - left if frame > 1 else 0.0
    return frame - 1 + (min(left / rate, 1.0) if rate > 0 else 0.5)


def _grows_from_zero(pixels: Sequence[int] | np.ndarray, frame: int) -> float:
    """Return when a count of pixels leaves 0 in the interval before a frame, in frames, from its next two values."""
    come = float(pixels[frame])
    rate = float(pixels[frame + 1]) - come if frame + 1 < len(pixels) else 0.0
    return frame - (min(come / rate, 1.0) if rate > 0 else 0.5)
