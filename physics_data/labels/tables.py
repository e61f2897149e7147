"""The mechanics of every body, point tracks with their visibility, and all derived labels by name."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

from physics_data.core.clip import Clip, Event, Rendering
from physics_data.core.geometry import camera_matrices
from physics_data.core.mechanics import (
    body_angular_momentum,
    body_kinetic_energy,
    body_momentum,
    body_potential_energy,
    inertia_tensor,
)
from physics_data.core.scene import Body, SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.labels.boxes import amodal_boxes, clip_boxes, visible_boxes
from physics_data.renderers.arrays import pack, surfaces_of
from physics_data.renderers.kernels.point_kernels import find_points, see_points
from physics_data.renderers.kernels.scene_struct import SKY


@dataclass(frozen=True)
class BodyLabels:
    """Mechanics of the bodies of a clip at every frame, in the order of ``SceneSpec.bodies``.

    In a clip of two worlds they are those of the bodies that the frame shows (``ClipMeta.spec_at``).

    Mass, inertia, energy and momentum are NaN for static and scripted bodies, which have none that matters; energy
    and momentum also in frames in which the body is nowhere (``Trajectory.present``).

    Units:
        mass:                  kg
        inertia:               kg m², about the centre of mass, body frame
        friction:              Coulomb coefficient asked for, 1
        restitution:           asked for, 1
        measured_restitution:  1, mean over the clip's bounces that let one measure it (``Event.restitution``), of
                               every pair that the body is in; NaN without such a bounce
        kinetic_energy:        J, of translation and rotation
        potential_energy:      J, in the uniform field of gravity; zero at the world's origin
        momentum:              kg m/s, world frame
        angular_momentum:      kg m²/s, world frame, about the body's own centre of mass
    """

    mass: Float[np.ndarray, "t o"]
    inertia: Float[np.ndarray, "t o 3 3"]
    friction: Float[np.ndarray, "t o"]
    restitution: Float[np.ndarray, "t o"]
    measured_restitution: Float[np.ndarray, "t o"]
    kinetic_energy: Float[np.ndarray, "t o"]
    potential_energy: Float[np.ndarray, "t o"]
    momentum: Float[np.ndarray, "t o 3"]
    angular_momentum: Float[np.ndarray, "t o 3"]


def body_labels(clip: Clip) -> BodyLabels:
    """Return the mechanics of all bodies of a physics clip at every frame.

    Raises:
        DataError: the clip is footage.
    """
    _, _, trajectory = clip.labelled
    return clip.by_world(lambda spec: _labels(clip.meta.events, spec, trajectory))


def _labels(events: Sequence[Event], spec: SceneSpec, trajectory: Trajectory) -> BodyLabels:
    frames = (trajectory.num_frames, len(spec.bodies))
    measured: dict[str, list[float]] = {}
    for event in events:
        if event.restitution is not None:
            for name in event.bodies:
                measured.setdefault(name, []).append(event.restitution)
    unknown = np.full((3, 3), np.nan)
    inertia = np.array([inertia_tensor(body) if body.is_dynamic else unknown for body in spec.bodies])

    def constant(values: list[float]) -> Float[np.ndarray, "t o"]:
        return np.broadcast_to(np.array(values), frames)

    labels = BodyLabels(
        mass=constant([body.mass if body.is_dynamic else np.nan for body in spec.bodies]),
        inertia=np.broadcast_to(inertia, (*frames, 3, 3)),
        friction=constant([body.surface.friction for body in spec.bodies]),
        restitution=constant([body.surface.restitution for body in spec.bodies]),
        measured_restitution=constant([float(np.mean(measured.get(body.name, [np.nan]))) for body in spec.bodies]),
        kinetic_energy=body_kinetic_energy(spec, trajectory),
        potential_energy=body_potential_energy(spec, trajectory),
        momentum=body_momentum(spec, trajectory),
        angular_momentum=body_angular_momentum(spec, trajectory),
    )
    fixed = [index for index, body in enumerate(spec.bodies) if not body.is_dynamic]
    for per_frame in (labels.kinetic_energy, labels.potential_energy, labels.momentum, labels.angular_momentum):
        per_frame[:, fixed] = np.nan
        if trajectory.present is not None:
            per_frame[~trajectory.present] = np.nan
    return labels


def label_arrays(clip: Clip, num_points: int = 64) -> dict[str, np.ndarray]:
    """Return every derived label of a physics clip by name; ``docs/data_format.md`` says what each is.

    Raises:
        DataError: the clip is footage.
    """
    spec, rendering, _ = clip.labelled
    arrays = {
        "visible_fraction": rendering.visible_fraction(),
        "visible_boxes": visible_boxes(rendering),
        "amodal_boxes": amodal_boxes(rendering),
    }
    groups = {
        "box_3d": clip_boxes(clip),
        "camera": camera_matrices(spec),
        "body": body_labels(clip),
        "point": point_tracks(clip, num_points),
    }
    for name, group in groups.items():
        arrays |= {f"{name}_{field.name}": getattr(group, field.name) for field in fields(group)}
    return arrays


BACKGROUND_SHARE = 0.25
"""Share of the query points that lie on planes, where both planes and instances are in view."""


@dataclass(frozen=True)
class PointTracks:
    """Points of surfaces, in all frames. Axis n: query points.

    A point keeps its place on its body. It is visible where a ray from the camera to the point itself meets nothing
    before it, on a side that faces the camera, as for ``optical_flow_seen``. In a clip of two worlds a body that
    changes its shape is another one: its points are nowhere beyond the switch.

    Units:
        query_frame:  the frame in which the point was chosen, at the centre of a pixel that shows it
        body:         position in ``SceneSpec.bodies``; -1 for a point of a plane, which never moves
        pixel:        (x, y), pixels; also outside the image. NaN behind the camera and where its body is not there
        depth:        m along the optical axis; NaN where its body is not there
        visible:      True = inside the image and nothing in front, its own body included
    """

    query_frame: Int[np.ndarray, "n"]
    body: Int[np.ndarray, "n"]
    pixel: Float[np.ndarray, "t n 2"]
    depth: Float[np.ndarray, "t n"]
    visible: Bool[np.ndarray, "t n"]


def point_tracks(clip: Clip, count: int = 64) -> PointTracks:
    """Draw query points on the visible surfaces of a physics clip, and follow them.

    Frames are drawn evenly, then an instance among those in view, then one of its pixels, so that small things get as
    many points as large ones. The draw depends on the clip's key alone.

    Raises:
        DataError: the clip is footage.
        ValueError: nothing but sky is in view in any frame.
    """
    _, rendering, _ = clip.labelled
    rng = np.random.default_rng([zlib.crc32(clip.meta.key.encode()), zlib.crc32(b"point_tracks")])
    frames, rows, columns = _draw(rng, rendering, count)
    return _follow(clip, frames, rows, columns)


def _draw(
    rng: np.random.Generator, rendering: Rendering, count: int
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """Return frame, row and column of every query point."""
    shown = np.isfinite(rendering.depth_map)
    frames = np.flatnonzero(shown.any(axis=(1, 2)))
    if not len(frames):
        raise ValueError("only sky is in view, and the sky has no points to follow; give a clip that shows something.")
    places = {}
    chosen = []
    for frame in np.sort(rng.choice(frames, size=count)):
        ids = rendering.instance_ids[frame]
        if frame not in places:
            present = np.unique(ids[shown[frame]])
            places[frame] = {int(name): np.argwhere((ids == name) & shown[frame]) for name in present}
        instances = [name for name in places[frame] if name]
        on_plane = 0 in places[frame] and (not instances or rng.random() < BACKGROUND_SHARE)
        pixels = places[frame][0 if on_plane else int(rng.choice(instances))]
        chosen.append((frame, *pixels[rng.integers(len(pixels))]))
    frame, row, column = np.array(chosen, dtype=np.int64).reshape(-1, 3).T
    return frame, row, column


def _follow(clip: Clip, frames: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> PointTracks:
    """Follow the points at the centres of some pixels; in a clip of two worlds, each frame in the world it shows."""
    _, _, trajectory = clip.labelled
    num_frames, count = trajectory.num_frames, len(frames)
    switch = num_frames if clip.meta.pair is None else clip.meta.pair.switch_frame or num_frames
    stretches = [(first, last) for first, last in ((0, switch), (switch, num_frames)) if first < last]
    specs = [clip.meta.spec_at(first) for first, _ in stretches]
    scenes = [pack(spec, trajectory) for spec in specs]
    surfaces, local, normals = np.full(count, SKY), np.zeros((count, 3)), np.zeros((count, 3))
    for (first, last), scene in zip(stretches, scenes, strict=True):
        mine = (frames >= first) & (frames < last)
        found = surfaces[mine], local[mine], normals[mine]
        find_points(scene, frames[mine], rows[mine], columns[mine], *found)
        surfaces[mine], local[mine], normals[mine] = found
    pixel, depth = np.full((num_frames, count, 2), np.nan), np.full((num_frames, count), np.nan)
    visible = np.zeros((num_frames, count), dtype=bool)
    for (first, last), spec, scene in zip(stretches, specs, scenes, strict=True):
        here = (frames >= first) & (frames < last)
        # A point of a body of another shape is no point of this one.
        kept = np.array([False, *(_same_shape(specs, body) for body in surfaces_of(spec))])[surfaces + 1] | here
        see_points(first, last, scene, np.where(kept, surfaces, SKY), local, normals, pixel, depth, visible)
    return PointTracks(frames, _bodies_of(specs[0])[surfaces + 1], pixel, depth, visible)


def _same_shape(specs: list[SceneSpec], body: Body) -> bool:
    return all(spec.bodies[spec.body_index(body.name)].shape == body.shape for spec in specs)


def _bodies_of(spec: SceneSpec) -> Int[np.ndarray, "s"]:
    """Return the body of each of the renderer's surfaces, counted from the sky, -1: -1 for planes, too."""
    surfaces = surfaces_of(spec)
    return np.array([-1, *(spec.body_index(body.name) if body.is_instance else -1 for body in surfaces)])
