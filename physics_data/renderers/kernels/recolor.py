"""The driver that repaints pictures of scenes with rich appearance: every pixel centre, then again where edges are."""

from typing import Any

from physics_data.renderers.kernels.compilation import driver, scalar, source_digest
from physics_data.renderers.kernels.rich import rich_background, rich_color
from physics_data.renderers.kernels.rows import touched_columns
from physics_data.renderers.kernels.scene_struct import SKY, by_address
from physics_data.renderers.kernels.shade import encode
from physics_data.renderers.kernels.trace import eye_of, key_of, look_through, ray_through, surface_of

_NO_KEY = -1000000
_CONTRAST = 0.08
"""Relative difference between neighbours on a mirror or on glass that tells of an edge in what is seen there."""


@scalar
def _is_edge(keys, frame, row, column):
    """Whether a pixel's centre shows another surface or face than one of its four neighbours."""
    here = keys[frame, row, column]
    left, right = max(column - 1, 0), min(column + 1, keys.shape[2] - 1)
    above, below = max(row - 1, 0), min(row + 1, keys.shape[1] - 1)
    beside = keys[frame, row, left] != here or keys[frame, row, right] != here
    return beside or keys[frame, above, column] != here or keys[frame, below, column] != here


@scalar
def _neighbour_color(keys, raw, frame, row, column, key):
    """Return whether the pixel or one of its four neighbours shows a key at its centre, and the colour found there."""
    for way in range(5):
        x = column + (1 if way == 1 else 0) - (1 if way == 2 else 0)
        y = row + (1 if way == 3 else 0) - (1 if way == 4 else 0)
        if 0 <= x < raw.shape[1] and 0 <= y < raw.shape[0] and keys[frame, y, x] == key:
            return True, (raw[y, x, 0] * 1.0, raw[y, x, 1] * 1.0, raw[y, x, 2] * 1.0)
    return False, (0.0, 0.0, 0.0)


@scalar
def _needs_smoothing(appearance, keys, raw, frame, row, column):
    """Whether a pixel lies at an edge, or where one sees the edge of another surface in a mirror or through glass."""
    if _is_edge(keys, frame, row, column):
        return True
    surface = surface_of(keys[frame, row, column])
    if surface < 0 or appearance.needs_samples[surface] == 0:
        return False
    left, right = max(column - 1, 0), min(column + 1, keys.shape[2] - 1)
    above, below = max(row - 1, 0), min(row + 1, keys.shape[1] - 1)
    contrast = 0.0
    for channel in range(3):
        here = raw[row, column, channel]
        across = max(abs(raw[row, left, channel] - here), abs(raw[row, right, channel] - here))
        along = max(abs(raw[above, column, channel] - here), abs(raw[below, column, channel] - here))
        contrast = max(contrast, max(across, along) / (here + 0.05))
    return contrast > _CONTRAST


def _compile_recolor_frames(digest: int) -> Any:
    @driver
    def recolor_frames(first, last, scene, appearance, offsets, table, rgb, keys, raw, known_rgb, known_raw):
        """Repaint the frames ``first`` to ``last``.

        The colour of pixels at edges, also of those seen in mirrors and through glass, is the mean over ``offsets``
        (pixels from the corner).
        A sample that shows what the pixel's centre or a neighbour's shows gets the colour found there. What no solid
        touches is taken from ``known_rgb`` and ``known_raw``, unless those are empty; ``raw`` holds one frame's linear
        colours before edges are smoothed, and ``keys`` gets the keys of what is painted.
        """
        if digest < 0:
            return
        scene, appearance = by_address(scene), by_address(appearance)
        height = keys.shape[1]
        width = keys.shape[2]
        for frame in range(first, last):
            eye = eye_of(scene.camera, frame)
            for is_smoothing in range(2 if offsets.shape[0] > 0 else 1):
                for row in range(height):
                    left, right = 0, width
                    if known_rgb.shape[0] > 0:
                        left, right = touched_columns(scene, frame, row)
                        for column in range(0 if is_smoothing else width):
                            if not left <= column < right:
                                for channel in range(3):
                                    rgb[frame, row, column, channel] = known_rgb[row, column, channel]
                                    raw[row, column, channel] = known_raw[row, column, channel]
                    for column in range(left, right):
                        if is_smoothing and not _needs_smoothing(appearance, keys, raw, frame, row, column):
                            continue
                        count = offsets.shape[0] if is_smoothing else 1
                        red = green = blue = 0.0
                        known_key = _NO_KEY
                        color = (0.0, 0.0, 0.0)
                        for sample in range(count):
                            x, y = column + 0.5, row + 0.5
                            if is_smoothing:
                                x, y = column + offsets[sample, 0], row + offsets[sample, 1]
                            direction = ray_through(scene.camera, frame, x, y)
                            surface, face, distance = look_through(scene, frame, column, row, eye, direction)
                            found = False
                            key = key_of(scene, surface, face) if surface >= 0 else SKY
                            if not is_smoothing:
                                keys[frame, row, column] = key
                            elif surface < 0 or appearance.needs_samples[surface] == 0:
                                # Colours are means over a pixel already: a surface in it needs one, not one a sample.
                                found = key == known_key
                                if not found:
                                    found, color = _neighbour_color(keys, raw, frame, row, column, key)
                                known_key = key
                            else:
                                known_key = _NO_KEY
                            if not found:
                                if surface < 0:
                                    color = rich_background(scene, appearance, frame, column, row, direction)
                                else:
                                    color = rich_color(
                                        scene, appearance, frame, surface, face, column, row, eye, direction, distance
                                    )
                            red += color[0]
                            green += color[1]
                            blue += color[2]
                        share = 1.0 / count
                        if not is_smoothing:
                            raw[row, column, 0] = red
                            raw[row, column, 1] = green
                            raw[row, column, 2] = blue
                        rgb[frame, row, column, 0] = encode(table, red * share)
                        rgb[frame, row, column, 1] = encode(table, green * share)
                        rgb[frame, row, column, 2] = encode(table, blue * share)

    return recolor_frames


recolor_frames = _compile_recolor_frames(source_digest())
