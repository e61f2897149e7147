"""The mechanics of every body, and all derived labels by name."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from physics_data.core.clip import Clip, Event
from physics_data.core.geometry import camera_matrices
from physics_data.core.mechanics import (
    body_angular_momentum,
    body_kinetic_energy,
    body_momentum,
    body_potential_energy,
    inertia_tensor,
)
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.labels.boxes import amodal_boxes, clip_boxes, visible_boxes
from physics_data.labels.points import point_tracks


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
