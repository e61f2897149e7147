"""Toy videos that go wrong in a known way and by a known amount."""

import numpy as np
from toy_scenes import NO_CONTACTS, ToyRenderer

from eval.inputs import AlignedVideo
from eval.perception.tracks import Tracks
from eval.reference import Reference
from eval.scoring import track_video
from physics_data.core.clip import Clip
from physics_data.core.scene import Appearance, SceneSpec
from physics_data.core.trajectory import Trajectory

RENDERER = ToyRenderer()


def follow(reference: Reference, rgb: np.ndarray) -> Tracks:
    """Track the reference's objects in a video of its own length and rate."""
    seconds = np.arange(len(rgb)) / reference.clip.meta.frame_rate
    return track_video(reference, AlignedVideo(np.ascontiguousarray(rgb), seconds, np.ones(len(rgb), bool), ""))


def follow_nothing(reference: Reference) -> Tracks:
    """Track a video that covers no frame."""
    rgb = np.zeros_like(reference.clip.rgb)
    covered = np.zeros(len(rgb), bool)
    return track_video(reference, AlignedVideo(rgb, np.arange(len(rgb)) / reference.clip.meta.frame_rate, covered, ""))


def first_object(clip: Clip) -> str:
    """The name of the first moving object."""
    spec, _, _ = clip.labelled
    return next(body.name for body in spec.instances if not body.is_static)


def vanishing(clip: Clip, frames: list[int]) -> np.ndarray:
    """The first object is missing in the given frames."""
    spec, _, trajectory = clip.labelled
    name = first_object(clip)
    rgb = clip.rgb.copy()
    rgb[frames] = _draw(spec.without(name), trajectory.without(spec.body_index(name)).position[frames])
    return rgb


def emptied(clip: Clip, given: int) -> np.ndarray:
    """Everything that moves or can be moved is missing from frame ``given`` on."""
    spec, _, trajectory = clip.labelled
    empty, rest = spec, trajectory
    for body in spec.instances:
        if not body.is_static:
            index = empty.body_index(body.name)
            empty, rest = empty.without(body.name), rest.without(index)
    rgb = clip.rgb.copy()
    rgb[given:] = _draw(empty, rest.position[given:])
    return rgb


def doubled(clip: Clip, frames: list[int]) -> np.ndarray:
    """A second first object stands 1.2 m above the floor, away from the others, in the given frames."""
    spec, _, trajectory = clip.labelled
    body = spec.bodies[spec.body_index(first_object(clip))]
    copy = body.model_copy(update={"name": "copy"})
    beside = np.tile([-1.2 * np.sign(body.position[0] or 1.0), 0.0, 2.4], (trajectory.num_frames, 1, 1))
    crowd = np.concatenate([trajectory.position, beside], axis=1)
    rgb = clip.rgb.copy()
    rgb[frames] = _draw(spec.model_copy(update={"bodies": (*spec.bodies, copy)}), crowd[frames])
    return rgb


def recolored(clip: Clip, frames: list[int]) -> np.ndarray:
    """The first object is magenta in the given frames."""
    spec, _, trajectory = clip.labelled
    name = first_object(clip)
    look = Appearance(color_name="magenta", albedo=(0.7, 0.05, 0.7))
    bodies = tuple(b.model_copy(update={"appearance": look}) if b.name == name else b for b in spec.bodies)
    rgb = clip.rgb.copy()
    rgb[frames] = _draw(spec.model_copy(update={"bodies": bodies}), trajectory.position[frames])
    return rgb


def with_gravity(clip: Clip, factor: float) -> np.ndarray:
    """All objects fly with ``factor`` times the gravity, and with nothing in their way."""
    spec, _, trajectory = clip.labelled
    return _flight(clip, trajectory.position[0], _start(spec), factor)


def with_speed(clip: Clip, factor: float) -> np.ndarray:
    """All objects have ``factor`` times the horizontal displacement of the reference."""
    spec, _, trajectory = clip.labelled
    position = trajectory.position.copy()
    position[:, :, 0] = position[0, :, 0] + factor * (position[:, :, 0] - position[0, :, 0])
    return _draw(spec, position)


def _start(spec: SceneSpec) -> np.ndarray:
    return np.array([body.linear_velocity for body in spec.bodies])


def _flight(clip: Clip, start: np.ndarray, velocity: np.ndarray, factor: float) -> np.ndarray:
    spec, _, _ = clip.labelled
    seconds = np.array(spec.seconds)[:, None, None]
    position = start + seconds * velocity
    moving = np.array([not body.is_static for body in spec.bodies])
    position[:, moving, 2] -= factor * 0.5 * 9.81 * np.array(spec.seconds)[:, None] ** 2
    return _draw(spec, position)


def _draw(spec: SceneSpec, position: np.ndarray) -> np.ndarray:
    upright = np.tile([1.0, 0.0, 0.0, 0.0], (*position.shape[:2], 1))
    still = np.zeros_like(position)
    return RENDERER.render(spec, Trajectory(position, upright, still, still, NO_CONTACTS)).rgb
