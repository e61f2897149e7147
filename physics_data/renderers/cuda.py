"""Drawing on a CUDA device, in pieces that fit into a stated amount of its memory."""

import importlib
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

from physics_data.core.clip import Stream
from physics_data.core.errors import ConfigError
from physics_data.renderers.arrays import SceneArrays

_THREADS = 128


def load_cuda() -> Any:
    """Return ``numba.cuda``.

    Raises:
        ConfigError: there is no CUDA device, or the package that compiles for it is missing.
    """
    try:
        cuda = importlib.import_module("numba.cuda")
        available, reason = cuda.is_available(), "no CUDA device and driver was found"
    except ImportError as error:
        available, reason = False, f"the package numba-cuda cannot be imported ({error})"
    if not available:
        raise ConfigError(
            f"device='cuda' is asked for, but {reason}. On a machine with an NVIDIA GPU and its driver run "
            "`pip install 'numba-cuda[cu12]'`; otherwise leave out device, or give device='cpu'."
        )
    return cuda


class DeviceDrawing:
    """Draws frames of a packed scene into arrays on the device.

    Every array has ``__cuda_array_interface__``, so ``torch.as_tensor(array, device="cuda")`` shares its memory.

    Args:
        tables:         sRGB bytes of equally spaced linear values; linear value of every byte
        offsets:        pixels from the corner, where edge pixels are sampled
        memory_budget:  bytes of device memory that the images of one piece may take
    """

    def __init__(
        self,
        scene: SceneArrays,
        num_instances: int,
        streams: Collection[Stream],
        tables: tuple[np.ndarray, np.ndarray],
        offsets: Float[np.ndarray, "n 2"],
        memory_budget: int,
    ) -> None:
        self._cuda = load_cuda()
        self._streams = frozenset(streams)
        self._num_instances = num_instances
        self._width, self._height = (int(size) for size in scene.image_size)
        self._num_frames = len(scene.camera)
        self._scene = SceneArrays(*(self._cuda.to_device(np.ascontiguousarray(array)) for array in scene))
        self._encoded, self._decoded, self._offsets = (self._cuda.to_device(a) for a in (*tables, offsets))
        self._budget = memory_budget

    @property
    def frame_bytes(self) -> int:
        """Device memory that one frame takes."""
        flows = 9 * sum(name in self._streams for name in ("optical_flow", "backward_flow"))
        maps = 12 * sum(name in self._streams for name in ("normal_map", "object_coordinates"))
        return self._height * self._width * (3 + 3 + 1 + 4 + 4 + self._num_instances + flows + maps)

    def pieces(self) -> Iterator[tuple[slice, dict[str, Any]]]:
        """Draw all frames, as many at once as the budget allows; yield which, and their arrays by name.

        A flow has one frame less in the piece that holds the last frame, or the first one for the backward flow.

        Raises:
            ConfigError: not even one frame fits into the budget.
        """
        at_once = self._budget // self.frame_bytes
        if at_once < 1:
            raise ConfigError(
                f"memory_budget={self._budget} bytes, but one frame takes {self.frame_bytes} bytes on the device; "
                "give at least that many."
            )
        for first in range(0, self._num_frames, at_once):
            last = min(first + at_once, self._num_frames)
            yield slice(first, last), self._draw(first, last)

    def _draw(self, first: int, last: int) -> dict[str, Any]:
        kernels = importlib.import_module("physics_data.renderers.kernels.cuda_kernels")
        count, height, width = last - first, self._height, self._width
        shape = (count, height, width)
        blocks = (count * height * width + _THREADS - 1) // _THREADS
        empty = self._cuda.device_array
        raw = empty((count, height, 3 * width), np.uint8)
        arrays = {
            "rgb": empty((count, height, 3 * width), np.uint8),
            "instance_ids": empty(shape, np.uint8),
            "depth_map": empty(shape, np.float32),
            "amodal_masks": empty((count, max(self._num_instances, 1), height, width), np.bool_),
            "keys": empty(shape, np.int32),
        }
        keys = arrays["keys"]
        labels = (arrays["instance_ids"], arrays["depth_map"], arrays["amodal_masks"], keys)
        kernels.draw_centers[blocks, _THREADS](first, self._scene, self._encoded, raw, *labels)
        kernels.smooth_edges[blocks, _THREADS](
            first, self._scene, self._offsets, self._encoded, self._decoded, keys, raw, arrays["rgb"]
        )
        for name, is_forward in (("optical_flow", True), ("backward_flow", False)):
            if name not in self._streams:
                continue
            # The last frame has no next one, the first none before it.
            begin = first if is_forward else max(first, 1)
            end = min(last, self._num_frames - 1) if is_forward else last
            pairs = max(end - begin, 0)
            if pairs:
                arrays[name] = empty((pairs, height, width, 2), np.float32)
                arrays[f"{name}_seen"] = empty((pairs, height, width), np.bool_)
                kernels.draw_flow[blocks, _THREADS](
                    begin, is_forward, self._scene, keys[begin - first :], arrays[name], arrays[f"{name}_seen"]
                )
        maps = [name for name in ("normal_map", "object_coordinates") if name in self._streams]
        if maps:
            for name in maps:
                arrays[name] = empty((*shape, 3), np.float32)
            nothing = empty((1, height, width, 3), np.float32)[1:]
            both = (arrays.get("normal_map", nothing), arrays.get("object_coordinates", nothing))
            kernels.draw_surfaces[blocks, _THREADS](first, self._scene, keys, arrays["depth_map"], *both)
        return arrays
