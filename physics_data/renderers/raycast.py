"""The project's renderer: analytic ray casting in compiled kernels, on any number of CPU threads."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8

from physics_data.core.clip import Rendering
from physics_data.core.errors import ConfigError
from physics_data.core.scene import SceneSpec
from physics_data.core.trajectory import Trajectory
from physics_data.renderers.arrays import Images, SceneArrays, pack
from physics_data.renderers.kernels.draw import draw_rows

_CENTER = np.array([[0.5, 0.5]])
_EDGE_SAMPLES = (np.array([[0, 5], [1, 2], [2, 7], [3, 0], [4, 6], [5, 3], [6, 1], [7, 4]]) + 0.5) / 8
"""Where an edge pixel is sampled: 8 places of which no two share a row or a column."""


def _srgb_table() -> UInt8[np.ndarray, "n"]:
    """Return the sRGB byte of n equally spaced linear values from 0 to 1.

    Source: IEC 61966-2-1 (1999).
    """
    linear = np.linspace(0.0, 1.0, 8192)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * encoded).astype(np.uint8)


class RaycastRenderer:
    """Analytic ray caster: soft shadows, patterns, fog and anti-aliased edges, with exact labels.

    Labels belong to pixel centres and are never blended; only the colour of edge pixels is averaged. Planes are
    solid from above, see-through from below, and cast no shadow. The bytes do not depend on ``num_threads``.
    """

    name: ClassVar[str] = "raycast"

    def __init__(self, num_threads: int = 1) -> None:
        if num_threads < 1:
            raise ConfigError(f"num_threads={num_threads}; the ray caster needs at least 1 thread.")
        self.num_threads = num_threads

    def render(self, spec: SceneSpec, trajectory: Trajectory) -> Rendering:
        """Draw every frame with all labels.

        Raises:
            DataError: the trajectory is not one of this scene.
            ClipRejectedError: a body swallows the camera in some frame.
            SceneSpecError: the sun has no direction.
        """
        scene = pack(spec, trajectory)
        images = Images.empty(spec.num_frames, len(spec.instances), spec.height, spec.width)
        backdrop = Images.empty(0, 0, spec.height, spec.width)
        empty_scene = scene.backdrop() if spec.num_frames > 1 else None
        if empty_scene is not None:
            nothing, backdrop = backdrop, Images.empty(1, 0, spec.height, spec.width)
            self._draw(empty_scene, backdrop, nothing)
        self._draw(scene, images, backdrop)
        return Rendering(images.rgb, images.instance_ids, images.depth_map, images.amodal_masks)

    def _draw(self, scene: SceneArrays, images: Images, backdrop: Images) -> None:
        num_rows = images.rgb.shape[0] * images.rgb.shape[1]
        num_parts = 1 if self.num_threads == 1 else min(4 * self.num_threads, num_rows)
        parts = list(itertools.pairwise(num_rows * part // num_parts for part in range(num_parts + 1)))
        self._launch(parts, _CENTER, False, scene, _SRGB, images, backdrop)
        self._launch(parts, _EDGE_SAMPLES, True, scene, _SRGB, images, backdrop)

    def _launch(self, parts: list[tuple[int, int]], *arguments: object) -> None:
        if self.num_threads == 1:
            for first, last in parts:
                draw_rows(first, last, *arguments)
            return
        with ThreadPoolExecutor(self.num_threads) as pool:
            # Taking the results raises what went wrong in a thread.
            list(pool.map(lambda rows: draw_rows(*rows, *arguments), parts))


_SRGB = _srgb_table()
