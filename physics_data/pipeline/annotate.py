"""What happens in a clip, as a list of events."""

import numpy as np

from physics_data.core.clip import Event, Rendering
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.pipeline.clearance import gap

TOUCHING_GAP = 1e-4
"""Bodies closer than this at the first frame touch from the start, m."""


def events(spec: SceneSpec, trajectory: Trajectory, rendering: Rendering) -> tuple[Event, ...]:
    """Return all events, by frame, then kind, then bodies.

    contact:   two bodies start to touch between the frame before and this frame. A pair that keeps touching, or
               touches in the first frame of the clip, gives no further event. The impulse is that of this frame's
               interval and, where the touch goes on, the next: an impact may last across a frame.
    hidden:    the instance is inside the image and none of its pixels is visible any more
    revealed:  it has visible pixels again
    """
    found = [*_contact_events(spec, trajectory), *_visibility_events(spec, rendering)]
    return tuple(sorted(found, key=lambda event: (event.frame_index, event.kind, event.bodies)))


def _contact_events(spec: SceneSpec, trajectory: Trajectory) -> list[Event]:
    contacts = trajectory.contacts
    rows = zip(contacts.frame_index, contacts.body_a, contacts.body_b, contacts.impulse, strict=True)
    impulses = {(int(frame), int(a), int(b)): float(impulse) for frame, a, b, impulse in rows}
    found = []
    for (frame, a, b), impulse in impulses.items():
        if (frame - 1, a, b) in impulses or (frame == 1 and gap(spec, trajectory, a, b)[0] < TOUCHING_GAP):
            continue
        total = impulse + impulses.get((frame + 1, a, b), 0.0)
        names = (spec.bodies[a].name, spec.bodies[b].name)
        found.append(Event(kind="contact", frame_index=frame, bodies=names, impulse=total))
    return found


def _visibility_events(spec: SceneSpec, rendering: Rendering) -> list[Event]:
    visible = np.asarray(rendering.visible_fraction() > 0)
    inside = np.asarray(rendering.amodal_masks.any(axis=(2, 3)))
    found = []
    for instance, body in enumerate(spec.instances):
        is_hidden = False
        for frame in range(1, len(visible)):
            if is_hidden and visible[frame, instance]:
                is_hidden = False
                found.append(Event(kind="revealed", frame_index=frame, bodies=(body.name,)))
            elif not is_hidden and inside[frame, instance] and not visible[frame, instance]:
                is_hidden = bool(np.any(visible[:frame, instance]))
                if is_hidden:
                    found.append(Event(kind="hidden", frame_index=frame, bodies=(body.name,)))
    return found
