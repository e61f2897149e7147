"""What happens in a clip, as one list of events."""

from typing import get_args

from physics_data.core.clip import Event, EventKind, Rendering
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.pipeline.motion_events import contained_events, rest_events, topple_events
from physics_data.pipeline.touch_events import touch_events
from physics_data.pipeline.view_events import view_events


def events(spec: SceneSpec, trajectory: Trajectory, rendering: Rendering) -> tuple[Event, ...]:
    """Return all events, by time, then kind, then bodies. ``frame_index`` is the first frame after the event.

    contact:      two bodies start to touch. A pair that keeps touching, or touches from the start of the clip, gives
                  no further event; bounces shorter than a frame interval are one. The impulse is that of this frame's
                  interval and, where the touch goes on, the next: an impact may last across a frame. Time: to an
                  engine step.
    bounce:       bodies that came together faster than 0.05 m/s part again faster than that, within two frame
                  intervals of their contact. Time: that of the contact.
    rest:         a body that has moved is slower than 0.02 m/s from here to the end, for two frames or more, and
                  touches something or hangs on a joint. Time: interpolated between frames.
    topple:       a body that stood still at the start is tilted by more than 45°. Time: interpolated.
    contained:    the centre of a body gets inside a hollow one (``labels.containment``). Time: half a frame interval.
    hidden:       the instance is inside the image and, having been seen, has no visible pixel any more
    revealed:     a hidden instance has visible pixels again
    leaves_view:  the instance, having been seen, covers no pixel of the image any more
    enters_view:  the instance covers pixels of the image, and did not in the frame before

    The times of the last four continue the change of the count of pixels in the two frames beside the event.
    """
    found = [
        *touch_events(spec, trajectory),
        *rest_events(spec, trajectory),
        *topple_events(spec, trajectory),
        *contained_events(spec, trajectory),
        *view_events(spec, rendering),
    ]
    kinds = get_args(EventKind)
    return tuple(sorted(found, key=lambda e: (e.seconds, e.frame_index, kinds.index(e.kind), e.bodies)))
