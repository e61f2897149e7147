"""A video through the VAE and back, beside the original, with figures."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from physics_data.core.clip import Clip
from physics_data.core.video import iterate_frames, write_frames
from worldsim.codec.fidelity import Fidelity, FidelityMeter
from worldsim.codec.files import Codec, VideoFacts, decode_frames, encode_frames, grid_of

_GAP = 4


def reconstruct_video(
    codec: Codec,
    video: Path,
    out: Path,
    tile: int | None,
    facts: VideoFacts,
    on_frames: Callable[[int], None] = lambda count: None,
) -> Fidelity:
    """Write original and reconstruction side by side, frame by frame; the file is decoded twice at once for that.

    ``facts.num_frames`` of the file's frames are taken.

    Raises:
        VideoError: it is no whole video.
        StorageError: the disk refused.
    """
    meter = FidelityMeter()
    again = _there_and_back(codec, _frames(video, facts), facts, tile)
    originals = _frames(video, facts)

    def pairs() -> Iterator[UInt8[np.ndarray, "h w2 3"]]:
        for original, made in zip(originals, again, strict=True):
            meter.add(original, made)
            on_frames(1)
            yield _side_by_side(original, made)

    write_frames(out, pairs(), facts.frame_rate, "yuv420p")
    return meter.result()


def reconstruct_clip(codec: Codec, clip: Clip, out: Path | None) -> tuple[Fidelity, UInt8[np.ndarray, "t h w 3"]]:
    """Return the figures of a clip of a dataset, objects apart where it has labels, and its reconstruction.

    With ``out`` original and reconstruction are written there, side by side.
    """
    num_frames, height, width = clip.rgb.shape[:3]
    facts = VideoFacts(num_frames, height, width, clip.meta.frame_rate)
    ids = None if clip.rendering is None else clip.rendering.instance_ids
    names = [] if clip.meta.spec is None else [body.name for body in clip.meta.spec.bodies]
    meter = FidelityMeter(names)
    made = np.stack(list(_there_and_back(codec, iter(clip.rgb), facts, None)))
    for number, (original, again) in enumerate(zip(clip.rgb, made, strict=True)):
        meter.add(original, again, None if ids is None else ids[number])
    if out is not None:
        beside = (_side_by_side(a, b) for a, b in zip(clip.rgb, made, strict=True))
        write_frames(out, beside, clip.meta.frame_rate, "yuv420p")
    return meter.result(), made


def _frames(video: Path, facts: VideoFacts) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    return (rgb for _, rgb in islice(iterate_frames(video), facts.num_frames))


def _there_and_back(
    codec: Codec, frames: Iterator[np.ndarray], facts: VideoFacts, tile: int | None
) -> Iterator[np.ndarray]:
    grid = grid_of(codec, facts)
    return decode_frames(codec, encode_frames(codec, frames, grid, tile), grid, tile)


def _side_by_side(original: np.ndarray, again: np.ndarray) -> np.ndarray:
    gap = np.full((original.shape[0], _GAP + original.shape[1] % 2, 3), 255, dtype=np.uint8)
    return np.concatenate([original, gap, again], axis=1)
