"""The arrays that the kernels write."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int32, UInt8

from physics_data.core.clip import Stream
from physics_data.core.scene import SceneSpec
from physics_data.renderers.kernels.layout import EDGES_AT_ONCE, LANE, NUM_LANES, NUM_MOVED_LANES


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
