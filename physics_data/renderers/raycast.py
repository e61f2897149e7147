"""The project's renderer: analytic ray casting in compiled kernels, on any number of CPU threads."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, UInt8

from physics_data.core.clip import DEFAULT_STREAMS, Rendering, Stream
from physics_data.core.conventions import srgb_decode, srgb_encode
from physics_data.core.errors import ConfigError
from physics_data.core.geometry import PinholeView
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.appearance_arrays import AppearanceArrays, needs_rich, pack_appearance, reaches_far
from physics_data.renderers.arrays import SceneArrays, pack, surfaces_of
from physics_data.renderers.cuda import DeviceDrawing, load_cuda
from physics_data.renderers.kernels.recolor import recolor_frames
from physics_data.renderers.launch import Images, clip_bytes, draw_clips
from physics_data.renderers.renderer import cut_at_far_plane
from physics_data.renderers.sensor import apply_sensor, needs_sensor


def repaint(
    scene: SceneArrays,
    appearance: AppearanceArrays,
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
        recolor_frames(0, 1, empty, appearance, offsets, table, rgb, np.empty_like(images.keys[:1]), raw, *known)
        known = (rgb[0], raw)
    painted = images.rgb.reshape(num_frames, height, width, 3)
    parts = [num_frames * part // num_threads for part in range(num_threads + 1)]

    def paint(part: tuple[int, int]) -> None:
        raw = np.empty((height, width, 3), dtype=np.float32)
        recolor_frames(*part, scene, appearance, offsets, table, painted, images.keys, raw, *known)

    if num_threads == 1:
        paint((0, num_frames))
        return
    with ThreadPoolExecutor(num_threads) as pool:
        # Taking the results raises what went wrong in a thread.
        list(pool.map(paint, itertools.pairwise(parts)))


EDGE_SAMPLES = (np.array([[0, 5], [1, 2], [2, 7], [3, 0], [4, 6], [5, 3], [6, 1], [7, 4]]) + 0.5) / 8
"""Where an edge pixel is sampled: 8 places of which no two share a row or a column."""


_FLOWS = ("optical_flow", "optical_flow_seen", "backward_flow", "backward_flow_seen")
_TABLES = (
    np.round(255 * srgb_encode(np.linspace(0.0, 1.0, 8192))).astype(np.uint8),
    srgb_decode(np.arange(256) / 255.0),
)
"""The sRGB byte of 8192 equally spaced linear values from 0 to 1, and the linear value of every sRGB byte."""


class RaycastRenderer:
    """Analytic ray caster: soft shadows, patterns, fog and anti-aliased edges, with exact labels.

    Labels belong to pixel centres and are never blended; only the colour of edge pixels is averaged. Planes are
    solid from above, see-through from below, and cast no shadow. The bytes do not depend on ``num_threads``.

    Arrays are C-contiguous NumPy arrays, which ``torch.from_numpy`` shares without a copy.

    Args:
        num_threads:    CPU threads, which share the frames of a clip or a batch
        is_antialiased: whether edges are smoothed
        device:         "cuda" draws on the GPU, within one grey level; rich appearance is painted on the CPU
        memory_budget:  bytes that the images of one launch may take: a GPU draws longer clips in pieces, and
                        ``render_batch`` draws as many clips at once as fit

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
        return self._render_together([(spec, trajectory)], streams)[0]

    def render_batch(
        self,
        clips: Iterable[tuple[SceneSpec, Trajectory]],
        streams: Collection[Stream] = DEFAULT_STREAMS,
    ) -> Iterator[Rendering]:
        """Draw clips of any sizes, in their order; the bytes are those of ``render``.

        As many clips as fit into ``memory_budget`` are drawn in one launch, whose frames all threads share, and are in
        memory together; a clip that does not fit is drawn alone.
        """
        group: list[tuple[SceneSpec, Trajectory]] = []
        taken = 0
        for spec, trajectory in clips:
            size = clip_bytes(spec, streams)
            if group and taken + size > self.memory_budget:
                yield from self._render_together(group, streams)
                group, taken = [], 0
            group.append((spec, trajectory))
            taken += size
        if group:
            yield from self._render_together(group, streams)

    def _render_together(
        self, clips: list[tuple[SceneSpec, Trajectory]], streams: Collection[Stream]
    ) -> list[Rendering]:
        scenes = [(spec, pack(spec, trajectory)) for spec, trajectory in clips]
        renderings = []
        for (spec, trajectory), (images, maps) in zip(clips, self._draw_all(scenes, streams), strict=True):
            rgb = images.rgb.reshape(*images.keys.shape, 3)
            if needs_sensor(spec):
                rgb = apply_sensor(spec, trajectory, rgb, self._draw_rgb)
            flows = {name: getattr(images, name) for name in _FLOWS if name.removesuffix("_seen") in streams}
            cut_at_far_plane(images.depth_map, maps)
            labels = (images.instance_ids, images.depth_map, images.amodal_masks)
            renderings.append(Rendering(rgb, *labels, **flows, **maps))
        return renderings

    def draw_on_device(
        self, spec: SceneSpec, trajectory: Trajectory, streams: Collection[Stream] = DEFAULT_STREAMS
    ) -> Iterator[tuple[slice, dict[str, Any]]]:
        """Draw plain appearance on the GPU and leave them there, for training on what was never on disk.

        Yields pieces that fit into the budget: which frames, and arrays by the names of ``Rendering`` with
        ``__cuda_array_interface__``, which ``torch.as_tensor`` shares without a copy. Rows of rgb are flat.

        Raises:
            ConfigError: the renderer draws on the CPU, or the appearance or the sensor need it.
        """
        yield from self.open_on_device(spec, trajectory, streams).pieces()

    def open_on_device(
        self, spec: SceneSpec, trajectory: Trajectory, streams: Collection[Stream] = DEFAULT_STREAMS
    ) -> DeviceDrawing:
        """Copy a scene to the GPU; ``pieces`` of what is returned draws it, as often as it is called.

        Raises:
            ConfigError: see ``draw_on_device``.
        """
        if self.device != "cuda" or needs_rich(spec) or needs_sensor(spec):
            raise ConfigError(
                f"draw_on_device with device='{self.device}': it takes RaycastRenderer(device='cuda') and a scene of "
                "plain, checker or striped bodies without lamps, pictures or sensor effects; use render otherwise."
            )
        return self._device_drawing(spec, pack(spec, trajectory), streams)

    def _device_drawing(self, spec: SceneSpec, scene: SceneArrays, streams: Collection[Stream]) -> DeviceDrawing:
        return DeviceDrawing(scene, len(spec.instances), streams, _TABLES, self._offsets, self.memory_budget)

    def _draw_rgb(
        self, spec: SceneSpec, trajectory: Trajectory, views: Sequence[PinholeView]
    ) -> UInt8[np.ndarray, "t h w 3"]:
        images, _ = self._draw_all([(spec, pack(spec, trajectory, views))], ())[0]
        return images.rgb.reshape(*images.keys.shape, 3)

    def _draw_all(
        self, scenes: Sequence[tuple[SceneSpec, SceneArrays]], streams: Collection[Stream]
    ) -> list[tuple[Images, dict[str, np.ndarray]]]:
        """Draw the images of every scene, and the maps that are asked for."""
        if self.device == "cuda":
            drawn = [self._fetch(spec, scene, streams) for spec, scene in scenes]
        else:
            drawn = draw_clips(scenes, streams, self._offsets, _TABLES, self.num_threads)
        for (spec, scene), (images, _) in zip(scenes, drawn, strict=True):
            if needs_rich(spec):
                appearance, is_local = pack_appearance(spec, surfaces_of(spec)), not reaches_far(spec)
                repaint(scene, appearance, images, self._offsets, _TABLES[0], self.num_threads, is_local)
        return drawn

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
