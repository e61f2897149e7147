"""Drawing on CPU cores: the arrays that the kernels write, and frames of clips shared among threads in one launch."""

import contextlib
import itertools
import queue
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8

from physics_data.core.clip import Stream
from physics_data.core.scene import SceneSpec
from physics_data.renderers.arrays import SceneArrays
from physics_data.renderers.kernels.draw import draw_frames
from physics_data.renderers.kernels.flow import draw_still_flow, draw_surfaces
from physics_data.renderers.kernels.scene_struct import EDGES_AT_ONCE, LANE, NUM_LANES, NUM_MOVED_LANES


class Images(NamedTuple):
    """The fields of ``Rendering`` that every frame has, and the key of the surface and face at each pixel centre.

    Rows of rgb are flat, three bytes a pixel.
    """

    rgb: UInt8[np.ndarray, "t h w3"]
    instance_ids: UInt8[np.ndarray, "t h w"]
    depth_map: Float[np.ndarray, "t h w"]
    amodal_masks: Bool[np.ndarray, "t o h w"]
    keys: Int32[np.ndarray, "t h w"]
    optical_flow: Float[np.ndarray, "p h w 2"]
    optical_flow_seen: Bool[np.ndarray, "p h w"]
    backward_flow: Float[np.ndarray, "q h w 2"]
    backward_flow_seen: Bool[np.ndarray, "q h w"]

    @classmethod
    def empty(
        cls, num_frames: int, num_instances: int, height: int, width: int, streams: Collection[Stream] = ()
    ) -> "Images":
        """Allocate the arrays; a flow that is not asked for has no frames.

        Masks start False and flows 0; every other element is left to the kernels.
        """
        shape = (num_frames, height, width)
        forward = max(num_frames - 1, 0) if "optical_flow" in streams else 0
        backward = max(num_frames - 1, 0) if "backward_flow" in streams else 0
        return cls(
            rgb=np.empty((num_frames, height, 3 * width), dtype=np.uint8),
            instance_ids=np.empty(shape, dtype=np.uint8),
            depth_map=np.empty(shape, dtype=np.float32),
            amodal_masks=np.zeros((num_frames, num_instances, height, width), dtype=bool),
            keys=np.empty(shape, dtype=np.int32),
            optical_flow=np.zeros((forward, height, width, 2), dtype=np.float32),
            optical_flow_seen=np.empty((forward, height, width), dtype=bool),
            backward_flow=np.zeros((backward, height, width, 2), dtype=np.float32),
            backward_flow_seen=np.empty((backward, height, width), dtype=bool),
        )


def clip_bytes(spec: SceneSpec, streams: Collection[Stream]) -> int:
    """Return the memory that the images and maps of a clip take, bytes."""
    flows = sum(name in streams for name in ("optical_flow", "backward_flow"))
    maps = sum(name in streams for name in ("normal_map", "object_coordinates"))
    per_pixel = 3 + 1 + 4 + 4 + len(spec.instances) + 9 * flows + 12 * maps
    return spec.num_frames * spec.height * spec.width * per_pixel


class Scratch(NamedTuple):
    """What one thread needs while it draws a frame.

    lanes:            of what is being drawn, see ``kernels.layout``
    moved:            the same for where it is in another frame
    raw:              the frame's colour before edges are smoothed
    nearest, shares:  depth (m) and share of the second colour of every pixel; empty unless they are to be kept
    samples, marks:   key, and whether anything is there, of the places of a lane
    edges:            columns of edge pixels
    """

    lanes: Float[np.ndarray, "_"]
    moved: Float[np.ndarray, "_"]
    raw: UInt8[np.ndarray, "h w3"]
    nearest: Float[np.ndarray, "_ w"]
    shares: Float[np.ndarray, "_ w"]
    samples: Int32[np.ndarray, "_"]
    marks: Bool[np.ndarray, "_"]
    edges: Int32[np.ndarray, "_"]

    @classmethod
    def empty(cls, height: int, width: int, is_kept: bool = False) -> "Scratch":
        """Allocate the arrays for images of one size."""
        kept = height if is_kept else 0
        return cls(
            lanes=np.empty(NUM_LANES * LANE),
            moved=np.empty(NUM_MOVED_LANES * LANE),
            raw=np.empty((height, 3 * width), dtype=np.uint8),
            nearest=np.empty((kept, width)),
            shares=np.empty((kept, width)),
            samples=np.empty(LANE, dtype=np.int32),
            marks=np.zeros(LANE, dtype=bool),
            edges=np.zeros(EDGES_AT_ONCE, dtype=np.int32),
        )


class Backdrop(NamedTuple):
    """A frame without solids, drawn once for all frames that see the same; empty where there is none."""

    rgb: UInt8[np.ndarray, "f h w3"]
    depth_map: Float[np.ndarray, "f h w"]
    keys: Int32[np.ndarray, "f h w"]
    raw: UInt8[np.ndarray, "h w3"]
    nearest: Float[np.ndarray, "_ w"]
    shares: Float[np.ndarray, "_ w"]

    @classmethod
    def of(cls, images: Images, scratch: Scratch) -> "Backdrop":
        """Keep what was drawn of one frame, or of none."""
        return cls(images.rgb, images.depth_map, images.keys, scratch.raw, scratch.nearest, scratch.shares)


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
