"""The arrays that the kernels write."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8

from physics_data.renderers.kernels.layout import LANE, NUM_LANES


class Images(NamedTuple):
    """The fields of ``Rendering`` that every frame has, and the key of the surface and face at each pixel centre.

    Rows of rgb are flat, three bytes a pixel.
    """

    rgb: UInt8[np.ndarray, "t h w3"]
    instance_ids: UInt8[np.ndarray, "t h w"]
    depth_map: Float[np.ndarray, "t h w"]
    amodal_masks: Bool[np.ndarray, "t o h w"]
    keys: Int32[np.ndarray, "t h w"]

    @classmethod
    def empty(cls, num_frames: int, num_instances: int, height: int, width: int) -> "Images":
        """Allocate the arrays; every element but those of the masks, which start False, is left to the kernels."""
        shape = (num_frames, height, width)
        return cls(
            rgb=np.empty((num_frames, height, 3 * width), dtype=np.uint8),
            instance_ids=np.empty(shape, dtype=np.uint8),
            depth_map=np.empty(shape, dtype=np.float32),
            amodal_masks=np.zeros((num_frames, num_instances, height, width), dtype=bool),
            keys=np.empty(shape, dtype=np.int32),
        )


class Scratch(NamedTuple):
    """What one thread needs while it draws a frame.

    lanes:            of the row that is being drawn, see ``kernels.layout``
    raw:              the frame's colour before edges are smoothed
    nearest, shares:  depth (m) and share of the second colour of every pixel; empty unless they are to be kept
    depths, samples:  depth (m) and key of the samples of one pixel
    """

    lanes: Float[np.ndarray, "_"]
    raw: UInt8[np.ndarray, "h w3"]
    nearest: Float[np.ndarray, "_ w"]
    shares: Float[np.ndarray, "_ w"]
    depths: Float[np.ndarray, "_"]
    samples: Int32[np.ndarray, "_"]

    @classmethod
    def empty(cls, height: int, width: int, num_samples: int, is_kept: bool = False) -> "Scratch":
        """Allocate the arrays for images of one size."""
        kept = height if is_kept else 0
        return cls(
            lanes=np.empty(NUM_LANES * LANE),
            raw=np.empty((height, 3 * width), dtype=np.uint8),
            nearest=np.empty((kept, width)),
            shares=np.empty((kept, width)),
            depths=np.empty(num_samples),
            samples=np.empty(num_samples, dtype=np.int32),
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
