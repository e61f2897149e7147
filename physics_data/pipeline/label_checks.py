"""Whether the labels of a clip agree with one another, with its scene and with the law of its scenario."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from jaxtyping import Float

from physics_data.core.clip import Clip, Rendering
from physics_data.core.conventions import CLIP_FORMAT, FAR_PLANE
from physics_data.core.errors import ClipRejectedError, DataError, WorldsimError
from physics_data.core.geometry import PinholeView, rotation_matrix, views_of
from physics_data.core.trajectory import Trajectory
from physics_data.labels.boxes import clip_boxes
from physics_data.pipeline.captions import write_captions
from physics_data.pipeline.events import events
from physics_data.pipeline.quality import check_quality
from physics_data.scenarios import SCENARIOS

FLOW_TOLERANCE = 0.05
"""Largest distance between stored flow and that of depth and pose, pixels."""

BOX_TOLERANCE = 1e-3
"""How far a visible surface may lie outside its 3-D box, as a share of its depth."""

RESIDUAL_TOLERANCE = 1e-6
"""Relative difference at which a law residual counts as another one."""

_DEPTH_STEP = 1.5e-4  # relative, stored depth: twice its largest error between 0.1 m and 1 km
_SAMPLES = 4096  # pixels of one frame whose flow is checked, evenly spread


def check_states(clip: Clip) -> Iterator[str]:
    """Yield what is wrong with the stored motion: its size, values that are not finite, quaternions off norm 1."""
    spec, _, trajectory = clip.labelled
    try:
        trajectory.check_fits(spec)
    except DataError as error:
        yield str(error)
        return
    off = float(np.abs(np.linalg.norm(trajectory.orientation, axis=-1) - 1.0).max())
    if off > 1e-6:
        yield f"an orientation has norm 1 ± {off:.2g}"


def check_ids(clip: Clip) -> Iterator[str]:
    """Yield where visible pixels lie outside the amodal mask of their instance, or belong to none."""
    spec, rendering, _ = clip.labelled
    highest = int(rendering.instance_ids.max())
    if highest > len(spec.instances):
        yield f"instance id {highest} occurs, the scene has {len(spec.instances)} instances"
        return
    for number, body in enumerate(spec.instances):
        stray = (rendering.instance_ids == number + 1) & ~rendering.amodal_masks[:, number]
        if stray.any():
            frames = np.flatnonzero(stray.any(axis=(1, 2)))
            count, first = int(stray.sum()), int(frames[0])
            yield f"{count} visible pixels of '{body.name}' lie outside its amodal mask, from frame {first} on"


def check_depth(clip: Clip) -> Iterator[str]:
    """Yield where a visible surface lies outside the 3-D box of its body, or an instance has no depth."""
    spec, rendering, _ = clip.labelled
    views, boxes = views_of(spec), clip_boxes(clip)
    if np.isinf(rendering.depth_map[rendering.instance_ids > 0]).any():
        yield "a pixel of an instance has no depth"
        return
    for number, body in enumerate(spec.instances):
        worst, where = 0.0, -1
        for frame, view in enumerate(views):
            rows, columns = np.nonzero(rendering.instance_ids[frame] == number + 1)
            depth = rendering.depth_map[frame, rows, columns].astype(np.float64)
            pixel = np.stack([columns + 0.5, rows + 0.5], axis=-1)
            points = view.origin + view.ray_directions(pixel) * depth[:, None]
            if len(points):
                outside = float((boxes.overhang(frame, number, points) - BOX_TOLERANCE * depth).max())
                worst, where = max((worst, where), (outside, frame))
        if worst > 0:
            yield f"depth of '{body.name}' lies {worst * 1000:.1f} mm outside of its 3-D box in frame {where}"


def check_flow(clip: Clip) -> Iterator[str]:
    """Yield where the optical flow is not what depth, poses and camera say; passes where there is no flow."""
    worst = flow_error(clip)
    if worst is not None and worst > FLOW_TOLERANCE:
        yield f"optical flow differs from depth and pose by {worst:.3f} px, at most {FLOW_TOLERANCE} are allowed"


def flow_error(clip: Clip) -> float | None:
    """Return the largest distance between stored flow and that of depth and poses where it is seen, pixels.

    What one code of the stored depth can move a point by is taken off. None where the clip has no flow.
    """
    spec, rendering, trajectory = clip.labelled
    if rendering.optical_flow is None or rendering.optical_flow_seen is None:
        return None
    views = views_of(spec)
    turns = rotation_matrix(trajectory.orientation)
    body_of_id = np.array([-1, *(spec.body_index(body.name) for body in spec.instances)])
    step = max(1, math.isqrt(spec.height * spec.width // _SAMPLES))
    worst = 0.0
    for frame, (view, later) in enumerate(itertools.pairwise(views)):
        seen = rendering.optical_flow_seen[frame, ::step, ::step]
        rows, columns = (axis * step for axis in np.nonzero(seen))
        pixel = np.stack([columns + 0.5, rows + 0.5], axis=-1)
        moved = _moved(rendering, trajectory, turns, body_of_id, view, frame, rows, columns, pixel)
        expected = later.project(moved)[:, :2] - pixel
        error = np.linalg.norm(rendering.optical_flow[frame, rows, columns] - expected, axis=-1)
        allowed = _DEPTH_STEP * view.focal * np.minimum(1.0, np.linalg.norm(expected, axis=-1))
        far = np.isinf(rendering.depth_map[frame, rows, columns])  # anywhere from the far plane on
        allowed[far] += view.focal * float(np.linalg.norm(later.origin - view.origin)) / FAR_PLANE
        worst = max(worst, float((error - allowed).max(initial=0.0)))
    return worst


def _moved(
    rendering: Rendering,
    trajectory: Trajectory,
    turns: Float[np.ndarray, "t o 3 3"],
    body_of_id: np.ndarray,
    view: PinholeView,
    frame: int,
    rows: np.ndarray,
    columns: np.ndarray,
    pixel: Float[np.ndarray, "n 2"],
) -> Float[np.ndarray, "n 3"]:
    """Return where the surface at each pixel is one frame later, m; what is beyond the far plane is put far away."""
    depth = rendering.depth_map[frame, rows, columns].astype(np.float64)
    depth = np.where(np.isfinite(depth), depth, 1e9)
    points = view.origin + view.ray_directions(pixel) * depth[:, None]
    body = body_of_id[rendering.instance_ids[frame, rows, columns]]
    carried = body >= 0
    who = body[carried]
    local = np.einsum("nji,nj->ni", turns[frame, who], points[carried] - trajectory.position[frame, who])
    points[carried] = trajectory.position[frame + 1, who] + np.einsum("nij,nj->ni", turns[frame + 1, who], local)
    return points


def check_law(clip: Clip) -> Iterator[str]:
    """Yield where a possible clip breaks its scenario's law, or its stored residuals are not those of its motion."""
    spec, rendering, trajectory = clip.labelled
    if clip.meta.pair is not None or spec.scenario not in SCENARIOS:
        return
    try:
        measured = check_quality(SCENARIOS.get(spec.scenario)(), spec, trajectory, rendering)
    except ClipRejectedError as error:
        yield str(error)
        return
    if clip.meta.format == CLIP_FORMAT:  # an earlier version measured other things
        yield from _differing(clip.meta.residuals, measured)


def _differing(stored: Mapping[str, float], measured: Mapping[str, float]) -> Iterator[str]:
    for name in sorted(stored.keys() | measured.keys()):
        there, now = stored.get(name), measured.get(name)
        if there is None or now is None:
            yield f"residual {name} is {'measured and not stored' if there is None else 'stored and not measured'}"
        elif abs(there - now) > RESIDUAL_TOLERANCE * max(abs(there), abs(now)) + 1e-12:
            yield f"residual {name} is stored as {there:.3g} and measured as {now:.3g}"


def check_events(clip: Clip) -> Iterator[str]:
    """Yield where events or captions are not those of the stored motion and masks."""
    spec, rendering, trajectory = clip.labelled
    if clip.meta.format != CLIP_FORMAT:
        return  # written by an earlier version, whose events and captions were others
    if events(spec, trajectory, rendering) != clip.meta.events:
        yield "the events are not those of the stored contacts, motion and masks"
    elif clip.meta.captions and clip.meta.captions != write_captions(
        clip.meta.caption, spec, trajectory, rendering, clip.meta.events
    ):
        yield "the captions do not follow from the events"


LABEL_CHECKS: Mapping[str, Callable[[Clip], Iterator[str]]] = {
    "states": check_states,
    "ids": check_ids,
    "depth": check_depth,
    "optical flow": check_flow,
    "law": check_law,
    "events": check_events,
}
"""All checks of one physics clip, cheap ones first; each yields a line for everything that is wrong."""


def check_labels(clip: Clip) -> dict[str, list[str]]:
    """Return what is wrong with a physics clip, by check; empty lists where nothing is."""
    found: dict[str, list[str]] = {}
    for name, check in LABEL_CHECKS.items():
        try:
            found[name] = list(check(clip))
        except WorldsimError as error:  # e.g. a scene that this version cannot measure: wrong, and told like the rest
            found[name] = [str(error)]
        if name == "states" and found[name]:
            break  # nothing else can be measured on a motion of another size
    return found
