"""Cameras that show what happens: framed on the motion of a simulated scene."""

from typing import Any

import numpy as np
from jaxtyping import Float

from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.scenes.words.description import Story
from physics_data.scenes.words.verification import Film

_FOV = 40.0


def camera_entry(story: Story, spec: SceneSpec, trajectory: Trajectory, actors: list[str]) -> dict[str, Any]:
    """Return the camera of a scene file that keeps the whole motion in view.

    Args:
        story: its camera words are close, wide_shot, above, low, left, right, tracking
        spec: the scene; trajectory: its run, as long as the film
        trajectory: states at all frames
        actors: names of the bodies that the events are about
    """
    film = Film(spec, trajectory)
    words = story.camera
    elevation, azimuth = 14.0, 0.0
    if any(e.kind == "pass_between" for e in story.events):
        elevation = 38.0
    if "above" in words:
        elevation = 72.0
    elif "low" in words:
        elevation = 4.0
    azimuth = -60.0 if "left" in words else 60.0 if "right" in words else 0.0
    points = np.concatenate([_corners(film, body.name) for body in spec.bodies if body.is_instance])
    aspect = spec.width / spec.height
    toward = _direction(elevation, azimuth)
    if "close" in words:
        focus = np.concatenate([_corners(film, name) for name in actors]) if actors else points
        target, distance = _fit(focus, toward, aspect)
        distance *= 0.95
    else:
        target, distance = _fit(points, toward, aspect)
        distance *= 1.7 if "wide_shot" in words else 1.0
    if "tracking" in words and actors:
        path = film.position(actors[0])
        frames = np.unique(np.linspace(0, len(path) - 1, 7).round().astype(int))
        distance = max(0.55 * distance, 1.6)
        keys = []
        for frame in frames:
            here = path[frame]
            keys.append(
                {
                    "time": round(float(frame) / spec.frame_rate, 4),
                    "position": _rounded(here + distance * toward),
                    "target": _rounded(here),
                }
            )
        return {"path": keys, "fov": _FOV}
    position = target + distance * toward
    position[2] = max(position[2], 0.12)
    return {"position": _rounded(position), "target": _rounded(target), "fov": _FOV}


def share_in_view(spec: SceneSpec, points: Float[np.ndarray, "n 3"]) -> float:
    """Return the share of points (m, world) that lie in the first frame's picture."""
    camera = spec.camera
    forward = np.array(camera.target) - np.array(camera.position)
    forward = forward / np.linalg.norm(forward)
    right, up = _axes(-forward)
    offset = points - np.array(camera.position)
    depth = offset @ forward
    half = np.tan(np.radians(camera.fov_y) / 2)
    inside = (depth > 0) & (np.abs(offset @ up) < half * depth)
    inside &= np.abs(offset @ right) < half * depth * spec.width / spec.height
    return float(inside.mean())


def _corners(film: Film, name: str) -> Float[np.ndarray, "n 3"]:
    index = film.index[name]
    path = film.position(name)
    if film.spec.bodies[index].is_dynamic:
        reach = np.full(3, film.half(name).max())
        return np.concatenate([path - reach, path + reach])
    low, high = film.bounds[index]
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    return path[0] + corners


def _fit(points: Float[np.ndarray, "n 3"], toward: Float[np.ndarray, "3"], aspect: float) -> tuple[np.ndarray, float]:
    """Return the target and the distance at which all points fill most of the picture."""
    right, up = _axes(toward)
    across, along, depth = points @ right, points @ up, points @ toward
    middle = (
        right * (across.max() + across.min()) / 2
        + up * (along.max() + along.min()) / 2
        + toward * (depth.max() + depth.min()) / 2
    )
    half = np.tan(np.radians(_FOV) / 2) * 0.86
    offset = points - middle
    needed = np.maximum(np.abs(offset @ right) / (half * aspect), np.abs(offset @ up) / half) + offset @ toward
    return middle, max(float(needed.max()), 0.8)


def _axes(toward: Float[np.ndarray, "3"]) -> tuple[np.ndarray, np.ndarray]:
    right = np.cross([0.0, 0.0, 1.0], toward)
    right = right / np.linalg.norm(right)
    return right, np.cross(toward, right)


def _direction(elevation: float, azimuth: float) -> Float[np.ndarray, "3"]:
    up, around = np.radians(elevation), np.radians(azimuth)
    return np.array([np.cos(up) * np.sin(around), -np.cos(up) * np.cos(around), np.sin(up)])


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in values]
