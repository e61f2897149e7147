"""Point tracks: surface points followed through the whole clip, with their visibility."""

import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from physics_data.core.clip import Clip, Rendering
from physics_data.core.geometry import PinholeView, rotation_matrix, views_of
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory

DEPTH_TOLERANCE = 1e-3
"""A point counts as the surface at its pixel up to this share of its depth, beside what the slope explains."""

BACKGROUND_SHARE = 0.25
"""Share of the query points that lie on planes, where both planes and instances are in view."""


@dataclass(frozen=True)
class PointTracks:
    """Points of surfaces, in all frames. Axis n: query points.

    A point keeps its place on its body. It is visible where the pixel it falls in shows its body at its depth; that is
    exact except within a pixel of a silhouette, where the sample at the pixel's centre decides.

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
    spec, rendering, trajectory = clip.labelled
    rng = np.random.default_rng([zlib.crc32(clip.meta.key.encode()), zlib.crc32(b"point_tracks")])
    frames, rows, columns = _draw(rng, rendering, count)
    views = views_of(spec)
    body_of_id = np.array([-1, *(spec.body_index(body.name) for body in spec.instances)])
    body = body_of_id[rendering.instance_ids[frames, rows, columns]]
    depth = rendering.depth_map[frames, rows, columns].astype(np.float64)
    pixel = np.stack([columns + 0.5, rows + 0.5], axis=-1)
    world = np.stack(
        [
            views[frame].origin + views[frame].ray_directions(at) * z
            for frame, at, z in zip(frames, pixel, depth, strict=True)
        ]
    )
    return _follow(spec, rendering, trajectory, views, frames, body, world)


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


def _follow(
    spec: SceneSpec,
    rendering: Rendering,
    trajectory: Trajectory,
    views: list[PinholeView],
    query_frame: Int[np.ndarray, "n"],
    body: Int[np.ndarray, "n"],
    world: Float[np.ndarray, "n 3"],
) -> PointTracks:
    turns = rotation_matrix(trajectory.orientation)
    carried = body >= 0
    local = world.copy()
    offset = world[carried] - trajectory.position[query_frame[carried], body[carried]]
    local[carried] = np.einsum("nji,nj->ni", turns[query_frame[carried], body[carried]], offset)
    id_of_body = np.zeros(len(spec.bodies) + 1, dtype=np.int64)  # the last entry is that of body -1
    for number, instance in enumerate(spec.instances, start=1):
        id_of_body[spec.body_index(instance.name)] = number
    shape = (trajectory.num_frames, len(body))
    pixel, depth, visible = np.full((*shape, 2), np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    for frame, view in enumerate(views):
        now = local.copy()
        moved = np.einsum("nij,nj->ni", turns[frame, body[carried]], local[carried])
        now[carried] = trajectory.position[frame, body[carried]] + moved
        there = np.ones(len(body), dtype=bool)
        if trajectory.present is not None:
            there[carried] = trajectory.present[frame, body[carried]]
        projected = view.project(now)
        depth[frame, there] = projected[there, 2]
        ahead = there & (projected[:, 2] > 0)
        pixel[frame, ahead] = projected[ahead, :2]
        visible[frame] = ahead & _shows(rendering, frame, projected, id_of_body[body])
    return PointTracks(query_frame, body, pixel, depth, visible)


def _shows(
    rendering: Rendering, frame: int, projected: Float[np.ndarray, "n 3"], ids: Int[np.ndarray, "n"]
) -> Bool[np.ndarray, "n"]:
    """Return whether the pixel each point falls in shows that instance at that depth."""
    height, width = rendering.depth_map.shape[1:]
    with np.errstate(invalid="ignore"):
        cell = np.floor(np.nan_to_num(projected[:, :2], nan=-1.0, posinf=-1.0, neginf=-1.0))
        inside = (cell >= 0).all(axis=1) & (cell[:, 0] < width) & (cell[:, 1] < height)
    column, row = np.where(inside[:, None], cell, 0).astype(np.int64).T
    depth_map, id_map = rendering.depth_map[frame], rendering.instance_ids[frame]
    here = depth_map[row, column].astype(np.float64)
    slope = np.zeros(len(ids))
    for steps in (((0, 1), (0, -1)), ((1, 0), (-1, 0))):
        steepest = np.zeros(len(ids))
        for down, right in steps:
            near = (np.clip(row + down, 0, height - 1), np.clip(column + right, 0, width - 1))
            same = (id_map[near] == ids) & np.isfinite(depth_map[near]) & np.isfinite(here)
            change = np.zeros(len(ids))
            change[same] = np.abs(depth_map[near][same].astype(np.float64) - here[same])
            steepest = np.maximum(steepest, change)
        slope += 0.5 * steepest  # a point is at most half a pixel from the centre
    with np.errstate(invalid="ignore"):
        close = np.abs(projected[:, 2] - here) <= slope + DEPTH_TOLERANCE * projected[:, 2]
    return inside & (id_map[row, column] == ids) & np.isfinite(here) & close
