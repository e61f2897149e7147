"""The project's renderer: analytic ray casting in compiled kernels, on any number of CPU threads."""

import queue
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int32, UInt8

from physics_data.core.clip import DEFAULT_STREAMS, Rendering, Stream
from physics_data.core.errors import ConfigError
from physics_data.core.geometry import PinholeView
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.arrays import SceneArrays, pack, surfaces_of
from physics_data.renderers.images import Backdrop, Images, Scratch
from physics_data.renderers.kernels.draw import draw_frames
from physics_data.renderers.kernels.flow import draw_flow, draw_surfaces
from physics_data.renderers.materials import needs_rich, pack_looks, reaches_far
from physics_data.renderers.repaint import repaint
from physics_data.renderers.sensor import apply_sensor, needs_sensor

EDGE_SAMPLES = (np.array([[0, 5], [1, 2], [2, 7], [3, 0], [4, 6], [5, 3], [6, 1], [7, 4]]) + 0.5) / 8
"""Where an edge pixel is sampled: 8 places of which no two share a row or a column."""


def _srgb_encoded() -> UInt8[np.ndarray, "n"]:
    """Return the sRGB byte of n equally spaced linear values from 0 to 1.

    Source: IEC 61966-2-1 (1999).
    """
    linear = np.linspace(0.0, 1.0, 8192)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * encoded).astype(np.uint8)


def _srgb_decoded() -> Float[np.ndarray, "256"]:
    """Return the linear value of every sRGB byte."""
    encoded = np.arange(256) / 255.0
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


_TABLES = (_srgb_encoded(), _srgb_decoded())


class RaycastRenderer:
    """Analytic ray caster: soft shadows, patterns, fog and anti-aliased edges, with exact labels.

    Labels belong to pixel centres and are never blended; only the colour of edge pixels is averaged. Planes are
    solid from above, see-through from below, and cast no shadow. The bytes do not depend on ``num_threads``.
    """

    name: ClassVar[str] = "raycast"

    def __init__(self, num_threads: int = 1, is_antialiased: bool = True) -> None:
        if num_threads < 1:
            raise ConfigError(f"num_threads={num_threads}; the ray caster needs at least 1 thread.")
        self.num_threads = num_threads
        self._offsets = EDGE_SAMPLES if is_antialiased else EDGE_SAMPLES[:0]

    def render(
        self, spec: SceneSpec, trajectory: Trajectory, streams: Collection[Stream] = DEFAULT_STREAMS
    ) -> Rendering:
        """Draw every frame with all labels, and the streams that are asked for.

        Raises:
            DataError: the trajectory is not one of this scene.
            ClipRejectedError: a body swallows the camera in some frame.
            SceneSpecError: the sun has no direction.
        """
        scene = pack(spec, trajectory)
        images = self._draw(spec, scene)
        optional = self._draw_streams(scene, images.keys, frozenset(streams))
        rgb = images.rgb.reshape(*images.keys.shape, 3)
        if needs_sensor(spec):
            rgb = apply_sensor(spec, trajectory, rgb, self._draw_rgb)
        return Rendering(rgb, images.instance_ids, images.depth_map, images.amodal_masks, **optional)

    def _draw_rgb(
        self, spec: SceneSpec, trajectory: Trajectory, views: Sequence[PinholeView]
    ) -> UInt8[np.ndarray, "t h w 3"]:
        images = self._draw(spec, pack(spec, trajectory, views))
        return images.rgb.reshape(*images.keys.shape, 3)

    def _draw(self, spec: SceneSpec, scene: SceneArrays) -> Images:
        size = (spec.height, spec.width)
        images = Images.empty(spec.num_frames, len(spec.instances), *size)
        backdrop = Backdrop.of(Images.empty(0, 0, *size), Scratch.empty(0, 0, 0))
        empty_scene = scene.backdrop() if spec.num_frames > 1 else None
        if empty_scene is not None:
            drawn, scratch = Images.empty(1, 0, *size), Scratch.empty(*size, len(self._offsets), is_kept=True)
            draw_frames(0, 1, empty_scene, self._offsets, _TABLES, drawn, backdrop, scratch)
            backdrop = Backdrop.of(drawn, scratch)
        rooms = self._rooms(lambda: Scratch.empty(*size, len(self._offsets)))
        self._launch(
            spec.num_frames,
            rooms,
            lambda first, last, room: draw_frames(first, last, scene, self._offsets, _TABLES, images, backdrop, room),
        )
        if needs_rich(spec):
            looks = pack_looks(spec, surfaces_of(spec))
            repaint(scene, looks, images, self._offsets, _TABLES[0], self.num_threads, is_local=not reaches_far(spec))
        return images

    def _draw_streams(
        self, scene: SceneArrays, keys: Int32[np.ndarray, "t h w"], streams: frozenset[Stream]
    ) -> dict[str, np.ndarray]:
        num_frames, height, width = keys.shape
        arrays: dict[str, Any] = {}
        num_surfaces = len(scene.pattern)
        for stream, is_forward in (("optical_flow", True), ("backward_flow", False)):
            if stream in streams:
                flow = np.zeros((num_frames - 1, height, width, 2), dtype=np.float32)
                seen = np.empty((num_frames - 1, height, width), dtype=bool)
                rooms = self._rooms(lambda: np.empty(num_surfaces, dtype=bool))
                self._launch(
                    num_frames - 1,
                    rooms,
                    lambda first, last, room, way=is_forward, flow=flow, seen=seen: draw_flow(
                        first, last, way, scene, keys, room, flow, seen
                    ),
                )
                arrays |= {stream: flow, f"{stream}_seen": seen}
        maps = {
            name: np.empty((num_frames if name in streams else 0, height, width, 3), dtype=np.float32)
            for name in ("normal_map", "object_coordinates")
        }
        arrays |= {name: array for name, array in maps.items() if name in streams}
        if any(len(array) for array in maps.values()):
            self._launch(
                num_frames,
                self._rooms(lambda: None),
                lambda first, last, _: draw_surfaces(first, last, scene, keys, *maps.values()),
            )
        return arrays

    def _rooms(self, make: Callable[[], Any]) -> "queue.SimpleQueue[Any]":
        """Make what each thread has for itself while it draws."""
        rooms: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(self.num_threads):
            rooms.put(make())
        return rooms

    def _launch(self, count: int, rooms: "queue.SimpleQueue[Any]", draw: Callable[[int, int, Any], object]) -> None:
        """Share ``count`` frames among the threads."""
        if self.num_threads == 1:
            draw(0, count, rooms.get())
            return

        def draw_one(frame: int) -> None:
            room = rooms.get()
            try:
                draw(frame, frame + 1, room)
            finally:
                rooms.put(room)

        with ThreadPoolExecutor(self.num_threads) as pool:
            # Taking the results raises what went wrong in a thread.
            list(pool.map(draw_one, range(count)))
