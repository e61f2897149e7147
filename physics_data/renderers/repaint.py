"""Rich looks on a drawn picture: labels stay, rgb is painted again."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float, UInt8

from physics_data.renderers.arrays import SceneArrays
from physics_data.renderers.images import Images
from physics_data.renderers.kernels.recolor import recolor_frames
from physics_data.renderers.materials import Looks


def repaint(
    scene: SceneArrays,
    looks: Looks,
    images: Images,
    offsets: Float[np.ndarray, "n 2"],
    table: UInt8[np.ndarray, "_"],
    num_threads: int,
    is_local: bool,
) -> None:
    """Write the rgb of every frame.

    Units:
        images:    with the keys of every pixel centre
        offsets:   pixels from the corner, where edge pixels are sampled
        table:     sRGB bytes of equally spaced linear values from 0 to 1
        is_local:  whether a solid changes no pixel but those in its bounds; see ``materials.reaches_far``
    """
    num_frames, height, width = images.keys.shape
    nothing = np.zeros((0, width, 3))
    known = (nothing.astype(np.uint8), nothing.astype(np.float32))
    empty = scene.backdrop() if is_local and num_frames > 1 else None
    if empty is not None:
        rgb, raw = np.empty((1, height, width, 3), dtype=np.uint8), np.empty((height, width, 3), dtype=np.float32)
        recolor_frames(0, 1, empty, looks, offsets, table, rgb, np.empty_like(images.keys[:1]), raw, *known)
        known = (rgb[0], raw)
    painted = images.rgb.reshape(num_frames, height, width, 3)
    parts = [num_frames * part // num_threads for part in range(num_threads + 1)]

    def paint(part: tuple[int, int]) -> None:
        raw = np.empty((height, width, 3), dtype=np.float32)
        recolor_frames(*part, scene, looks, offsets, table, painted, images.keys, raw, *known)

    if num_threads == 1:
        paint((0, num_frames))
        return
    with ThreadPoolExecutor(num_threads) as pool:
        # Taking the results raises what went wrong in a thread.
        list(pool.map(paint, itertools.pairwise(parts)))
