"""Labels as pictures, and drawn over a video: outlines, point tracks and contacts."""

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw
from scipy import ndimage

from physics_data.core.clip import Clip
from physics_data.core.geometry import views_of
from physics_data.labels.tables import PointTracks, point_tracks

TRAIL = 6
"""Frames of a point's past that are drawn behind it."""

POINTS = 24
_CONTACT = (255, 255, 255)
_BACKGROUND_POINT = (225, 225, 225)
_CONTACT_FRAMES = 2


def enlarge(video: UInt8[np.ndarray, "t h w 3"], scale: int) -> UInt8[np.ndarray, "t h2 w2 3"]:
    """Return a video with every pixel repeated ``scale`` times each way."""
    return video.repeat(scale, axis=1).repeat(scale, axis=2)


def draw_labels(clip: Clip, scale: int) -> UInt8[np.ndarray, "t h2 w2 3"]:
    """Draw the labels of a physics clip over its pixels, enlarged.

    Full lines are around what is seen, dotted ones around what is hidden. Points have their body's colour, filled while
    they are seen and hollow while not, and trail their last frames. White rings are contacts, drawn for the frame after
    they begin and the next.
    """
    spec, rendering, _ = clip.labelled
    tracks = point_tracks(clip, POINTS)
    drawn = enlarge(clip.rgb, scale).copy()
    numbers = {spec.body_index(body.name): number for number, body in enumerate(spec.instances, start=1)}
    colors = [id_color(numbers[body]) if body >= 0 else _BACKGROUND_POINT for body in tracks.body.tolist()]
    rings = _contact_rings(clip)
    for frame, picture in enumerate(drawn):
        for number in range(1, len(spec.instances) + 1):
            seen = _enlarged(rendering.instance_ids[frame] == number, scale)
            whole = _enlarged(rendering.amodal_masks[frame, number - 1], scale)
            dots = np.indices(whole.shape).sum(axis=0) // max(scale, 2) % 2 == 0
            picture[_outline(whole) & dots] = id_color(number)
            picture[_outline(seen)] = id_color(number)
        image = Image.fromarray(picture)
        draw = ImageDraw.Draw(image)
        _draw_points(draw, tracks, colors, frame, scale)
        for x, y, age in rings.get(frame, []):
            radius = scale * (1.5 + 1.5 * age)
            box = (x * scale - radius, y * scale - radius, x * scale + radius, y * scale + radius)
            draw.ellipse(box, outline=_CONTACT, width=2)
        drawn[frame] = np.asarray(image)
    return drawn


def _enlarged(mask: Bool[np.ndarray, "h w"], scale: int) -> Bool[np.ndarray, "h2 w2"]:
    return mask.repeat(scale, axis=0).repeat(scale, axis=1)


def _outline(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    return mask & ~ndimage.binary_erosion(mask, structure=np.ones((3, 3)), border_value=1)


def _draw_points(
    draw: ImageDraw.ImageDraw, tracks: PointTracks, colors: list[tuple[int, int, int]], frame: int, scale: int
) -> None:
    for point, color in enumerate(colors):
        path = tracks.pixel[max(0, frame - TRAIL) : frame + 1, point] * scale
        if not np.isfinite(path).all():
            continue
        if len(path) > 1:
            draw.line([(float(x), float(y)) for x, y in path], fill=color, width=1)
        x, y = (float(value) for value in path[-1])
        box = (x - 2, y - 2, x + 2, y + 2)
        draw.ellipse(box, fill=color if tracks.visible[frame, point] else None, outline=color)


def _contact_rings(clip: Clip) -> dict[int, list[tuple[float, float, int]]]:
    """Return frame → (x, y, frames since) of the contacts that begin at or just before it."""
    spec, _, trajectory = clip.labelled
    contacts, views = trajectory.contacts, views_of(spec)
    rings: dict[int, list[tuple[float, float, int]]] = {}
    for event in clip.meta.events:
        if event.kind != "contact":
            continue
        a, b = sorted(spec.body_index(name) for name in event.bodies)
        rows = (contacts.frame_index == event.frame_index) & (contacts.body_a == a) & (contacts.body_b == b)
        for age in range(_CONTACT_FRAMES):
            frame = event.frame_index + age
            if frame < spec.num_frames and rows.any():
                x, y, depth = views[frame].project(contacts.point[rows][0])
                if depth > 0:
                    rings.setdefault(frame, []).append((float(x), float(y), age))
    return rings


_ID_COLORS = np.array(
    [(30, 30, 34), (230, 75, 60), (70, 130, 230), (90, 190, 90), (240, 190, 60), (160, 100, 210), (70, 200, 210)],
    dtype=np.uint8,
)


def id_color(number: int) -> tuple[int, int, int]:
    """Return the colour of an instance id; 0 is the dark background."""
    red, green, blue = _ID_COLORS[0 if number == 0 else (number - 1) % (len(_ID_COLORS) - 1) + 1].tolist()
    return (red, green, blue)


def id_picture(instance_ids: UInt8[np.ndarray, "t h w"]) -> UInt8[np.ndarray, "t h w 3"]:
    """Colour instance ids; the background is dark, colours repeat after six instances."""
    ids = instance_ids.astype(int)
    return _ID_COLORS[np.where(ids == 0, 0, (ids - 1) % (len(_ID_COLORS) - 1) + 1)]


def depth_picture(depth_map: Float[np.ndarray, "t h w"]) -> UInt8[np.ndarray, "t h w 3"]:
    """Draw depth as grey, near = light, on one scale of inverse depth for the whole clip; the sky is black.

    Units:
        depth_map:  m, +inf = sky
    """
    inverse = 1 / depth_map
    grey = np.sqrt(inverse / max(float(inverse.max()), 1e-12)) * 255
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)
