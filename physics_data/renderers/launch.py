"""Drawing on CPU cores: the frames of one or of many clips, shared among threads in one launch."""

import contextlib
import itertools
import queue
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from physics_data.core.clip import Stream
from physics_data.core.scene import SceneSpec
from physics_data.renderers.arrays import SceneArrays
from physics_data.renderers.images import Backdrop, Images, Scratch
from physics_data.renderers.kernels.draw import draw_frames
from physics_data.renderers.kernels.flow import draw_still_flow, draw_surfaces

_PARTS_PER_THREAD = 4
"""Into how many parts a thread's share is cut, so that no thread waits long for the slowest."""

Run = Callable[[Callable[[Any], object], Sequence[Any]], object]
"""Calls a function with every one of some arguments, on any threads, and returns when all is done."""


@dataclass
class _Drawing:
    """A clip that is being drawn."""

    scene: SceneArrays
    images: Images
    maps: dict[str, np.ndarray]
    backdrop: Backdrop


def draw_clips(
    scenes: Sequence[tuple[SceneSpec, SceneArrays]],
    streams: Collection[Stream],
    offsets: Float[np.ndarray, "n 2"],
    tables: tuple[np.ndarray, np.ndarray],
    num_threads: int,
) -> list[tuple[Images, dict[str, np.ndarray]]]:
    """Draw the images of every scene and the maps that are asked for; they do not depend on the number of threads.

    Args:
        offsets:  pixels from the corner, where edge pixels are sampled
        tables:   sRGB bytes of equally spaced linear values; linear value of every byte
    """
    drawings = [_start(spec, scene, streams) for spec, scene in scenes]
    height, width = (max(getattr(spec, side) for spec, _ in scenes) for side in ("height", "width"))
    rooms: queue.SimpleQueue[Scratch] = queue.SimpleQueue()
    for _ in range(num_threads):
        rooms.put(Scratch.empty(height, width))

    def draw_backdrop(drawing: _Drawing) -> None:
        empty = drawing.scene.backdrop() if len(drawing.images.keys) > 1 else None
        if empty is not None:
            size = drawing.images.keys.shape[1:]
            drawn, scratch = Images.empty(1, 0, *size), Scratch.empty(*size, is_kept=True)
            draw_frames(0, 1, empty, offsets, tables, drawn, drawing.backdrop, scratch)
            drawing.backdrop = Backdrop.of(drawn, scratch)

    def draw_part(part: tuple[_Drawing, int, int]) -> None:
        drawing, first, last = part
        scratch = rooms.get()
        try:
            draw_frames(first, last, drawing.scene, offsets, tables, drawing.images, drawing.backdrop, scratch)
        finally:
            rooms.put(scratch)

    def finish_part(part: tuple[_Drawing, int, int]) -> None:
        _finish(*part)

    with _threads(num_threads) as run:
        run(draw_backdrop, drawings)
        parts = _parts(drawings, num_threads)
        run(draw_part, parts)
        run(finish_part, parts)
    return [(drawing.images, {name: m for name, m in drawing.maps.items() if name in streams}) for drawing in drawings]


def _start(spec: SceneSpec, scene: SceneArrays, streams: Collection[Stream]) -> _Drawing:
    size = (spec.height, spec.width)
    maps = {
        name: np.empty((spec.num_frames if name in streams else 0, *size, 3), dtype=np.float32)
        for name in ("normal_map", "object_coordinates")
    }
    images = Images.empty(spec.num_frames, len(spec.instances), *size, streams)
    return _Drawing(scene, images, maps, Backdrop.of(Images.empty(0, 0, *size), Scratch.empty(0, 0)))


def _finish(drawing: _Drawing, first: int, last: int) -> None:
    """Draw what needs the keys of all frames, or is drawn from keys alone."""
    scene, images = drawing.scene, drawing.images
    for is_forward, seen in ((True, images.optical_flow_seen), (False, images.backward_flow_seen)):
        if len(seen):
            still = np.empty(len(scene.pattern) + 1, dtype=bool)
            draw_still_flow(first, min(last, len(seen)), is_forward, scene, images.keys, still, seen)
    if any(len(array) for array in drawing.maps.values()):
        draw_surfaces(first, last, scene, images.keys, *drawing.maps.values())


def _parts(drawings: Sequence[_Drawing], num_threads: int) -> list[tuple[_Drawing, int, int]]:
    """Cut clips into stretches of frames that threads can share."""
    total = sum(len(drawing.images.keys) for drawing in drawings)
    most = total if num_threads == 1 else max(1, total // (_PARTS_PER_THREAD * num_threads))
    parts = []
    for drawing in drawings:
        num_frames = len(drawing.images.keys)
        count = -(-num_frames // most)
        cuts = [num_frames * part // count for part in range(count + 1)]
        parts += [(drawing, first, last) for first, last in itertools.pairwise(cuts)]
    return parts


@contextlib.contextmanager
def _threads(num_threads: int) -> Iterator[Run]:
    """Give a way to run things on some threads, or on this one where it is the only one."""
    if num_threads == 1:
        yield lambda function, arguments: [function(argument) for argument in arguments]
        return
    with ThreadPoolExecutor(num_threads) as pool:
        # Taking the results raises what went wrong in a thread.
        yield lambda function, arguments: list(pool.map(function, arguments))
