"""The project's renderer: analytic ray casting in compiled kernels, on any number of CPU threads."""

import itertools
import queue
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int32, UInt8

from physics_data.core.clip import DEFAULT_STREAMS, Rendering, Stream
from physics_data.core.errors import ConfigError
from physics_data.core.geometry import PinholeView
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.arrays import SceneArrays, pack, surfaces_of
from physics_data.renderers.cuda import DeviceDrawing, load_cuda
from physics_data.renderers.images import Backdrop, Images, Scratch
from physics_data.renderers.kernels.draw import draw_frames
from physics_data.renderers.kernels.flow import draw_still_flow, draw_surfaces
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


_FLOWS = ("optical_flow", "optical_flow_seen", "backward_flow", "backward_flow_seen")
_TABLES = (_srgb_encoded(), _srgb_decoded())


class RaycastRenderer:
    """Analytic ray caster: soft shadows, patterns, fog and anti-aliased edges, with exact labels.

    Labels belong to pixel centres and are never blended; only the colour of edge pixels is averaged. Planes are
    solid from above, see-through from below, and cast no shadow. The bytes do not depend on ``num_threads``.

    Arrays are C-contiguous NumPy arrays, which ``torch.from_numpy`` shares without a copy.

    Args:
        num_threads:    CPU threads, which share the frames of a clip
        is_antialiased: whether edges are smoothed
        device:         "cuda" draws on the GPU, within one grey level of the CPU; rich looks are painted on the CPU
        memory_budget:  bytes that images may take on the GPU; longer clips are drawn in pieces

    Raises:
        ConfigError: no threads, or a GPU is asked for and there is none.
    """

    name: ClassVar[str] = "raycast"

    def __init__(
        self,
        num_threads: int = 1,
        is_antialiased: bool = True,
        device: Literal["cpu", "cuda"] = "cpu",
        memory_budget: int = 2**30,
    ) -> None:
        if num_threads < 1:
            raise ConfigError(f"num_threads={num_threads}; the ray caster needs at least 1 thread.")
        if device == "cuda":
            load_cuda()
        self.num_threads = num_threads
        self.device = device
        self.memory_budget = memory_budget
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
        images, maps = self._draw_all(spec, scene, streams)
        rgb = images.rgb.reshape(*images.keys.shape, 3)
        if needs_sensor(spec):
            rgb = apply_sensor(spec, trajectory, rgb, self._draw_rgb)
        flows = {name: getattr(images, name) for name in _FLOWS if name.removesuffix("_seen") in streams}
        return Rendering(rgb, images.instance_ids, images.depth_map, images.amodal_masks, **flows, **maps)

    def render_batch(
        self,
        clips: Iterable[tuple[SceneSpec, Trajectory]],
        streams: Collection[Stream] = DEFAULT_STREAMS,
    ) -> Iterator[Rendering]:
        """Draw clip after clip, of any sizes; one clip's arrays are in memory at a time unless they are kept."""
        for spec, trajectory in clips:
            yield self.render(spec, trajectory, streams)

    def draw_on_device(
        self, spec: SceneSpec, trajectory: Trajectory, streams: Collection[Stream] = DEFAULT_STREAMS
    ) -> Iterator[tuple[slice, dict[str, Any]]]:
        """Draw plain looks on the GPU and leave them there, for training on what was never on disk.

        Yields pieces that fit into the budget: which frames, and arrays by the names of ``Rendering`` with
        ``__cuda_array_interface__``, which ``torch.as_tensor`` shares without a copy. Rows of rgb are flat.

        Raises:
            ConfigError: the renderer draws on the CPU, or the looks or the sensor need it.
        """
        if self.device != "cuda" or needs_rich(spec) or needs_sensor(spec):
            raise ConfigError(
                f"draw_on_device with device='{self.device}': it takes RaycastRenderer(device='cuda') and a scene of "
                "plain, checker or striped bodies without lamps, pictures or sensor effects; use render otherwise."
            )
        scene = pack(spec, trajectory)
        yield from self._device_drawing(spec, scene, streams).pieces()

    def _device_drawing(self, spec: SceneSpec, scene: SceneArrays, streams: Collection[Stream]) -> DeviceDrawing:
        return DeviceDrawing(scene, len(spec.instances), streams, _TABLES, self._offsets, self.memory_budget)

    def _draw_rgb(
        self, spec: SceneSpec, trajectory: Trajectory, views: Sequence[PinholeView]
    ) -> UInt8[np.ndarray, "t h w 3"]:
        images, _ = self._draw_all(spec, pack(spec, trajectory, views), ())
        return images.rgb.reshape(*images.keys.shape, 3)

    def _draw_all(
        self, spec: SceneSpec, scene: SceneArrays, streams: Collection[Stream]
    ) -> tuple[Images, dict[str, np.ndarray]]:
        """Draw the images, and the maps that are asked for."""
        if self.device == "cuda":
            images, maps = self._fetch(spec, scene, streams)
        else:
            images = self._draw(spec, scene, streams)
            maps = self._draw_maps(scene, images.keys, streams)
        if needs_rich(spec):
            looks = pack_looks(spec, surfaces_of(spec))
            repaint(scene, looks, images, self._offsets, _TABLES[0], self.num_threads, is_local=not reaches_far(spec))
        return images, maps

    def _fetch(
        self, spec: SceneSpec, scene: SceneArrays, streams: Collection[Stream]
    ) -> tuple[Images, dict[str, np.ndarray]]:
        """Draw on the device, piece by piece, and copy what was drawn."""
        pieces: dict[str, list[np.ndarray]] = {}
        for _, arrays in self._device_drawing(spec, scene, streams).pieces():
            for name, array in arrays.items():
                pieces.setdefault(name, []).append(array.copy_to_host())
        whole = {name: np.concatenate(arrays) for name, arrays in pieces.items()}
        whole["amodal_masks"] = whole["amodal_masks"][:, : len(spec.instances)]
        maps = {name: whole.pop(name) for name in ("normal_map", "object_coordinates") if name in whole}
        nothing = Images.empty(spec.num_frames, 0, spec.height, spec.width, streams)
        return nothing._replace(**whole), maps

    def _draw(self, spec: SceneSpec, scene: SceneArrays, streams: Collection[Stream] = ()) -> Images:
        size = (spec.height, spec.width)
        images = Images.empty(spec.num_frames, len(spec.instances), *size, streams)
        backdrop = Backdrop.of(Images.empty(0, 0, *size), Scratch.empty(0, 0))
        empty_scene = scene.backdrop() if spec.num_frames > 1 else None
        if empty_scene is not None:
            drawn, scratch = Images.empty(1, 0, *size), Scratch.empty(*size, is_kept=True)
            draw_frames(0, 1, empty_scene, self._offsets, _TABLES, drawn, backdrop, scratch)
            backdrop = Backdrop.of(drawn, scratch)

        def draw(first: int, last: int, scratch: Scratch) -> None:
            draw_frames(first, last, scene, self._offsets, _TABLES, images, backdrop, scratch)

        self._launch(spec.num_frames, self._rooms(lambda: Scratch.empty(*size)), draw)
        for is_forward, seen in ((True, images.optical_flow_seen), (False, images.backward_flow_seen)):

            def finish(
                first: int, last: int, still: np.ndarray, way: bool = is_forward, out: np.ndarray = seen
            ) -> None:
                draw_still_flow(first, last, way, scene, images.keys, still, out)

            if len(seen):
                self._launch(len(seen), self._rooms(lambda: np.empty(len(scene.pattern) + 1, dtype=bool)), finish)
        return images

    def _draw_maps(
        self, scene: SceneArrays, keys: Int32[np.ndarray, "t h w"], streams: Collection[Stream]
    ) -> dict[str, Float[np.ndarray, "t h w 3"]]:
        maps = {
            name: np.empty((len(keys) if name in streams else 0, *keys.shape[1:], 3), dtype=np.float32)
            for name in ("normal_map", "object_coordinates")
        }
        if any(len(array) for array in maps.values()):
            self._launch(
                len(keys),
                self._rooms(lambda: None),
                lambda first, last, _: draw_surfaces(first, last, scene, keys, *maps.values()),
            )
        return {name: array for name, array in maps.items() if name in streams}

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

        num_parts = min(4 * self.num_threads, count)
        parts = itertools.pairwise(count * part // num_parts for part in range(num_parts + 1))

        def draw_part(part: tuple[int, int]) -> None:
            room = rooms.get()
            try:
                draw(*part, room)
            finally:
                rooms.put(room)

        with ThreadPoolExecutor(self.num_threads) as pool:
            # Taking the results raises what went wrong in a thread.
            list(pool.map(draw_part, parts))
