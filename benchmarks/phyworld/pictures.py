"""The published pictures in the sizes and the orientation in which models see them, and back."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from eval.public.phyworld import NATIVE_SIZE
from physics_data.core.errors import ConfigError

Native = UInt8[np.ndarray, "t n n 3"]
Small = UInt8[np.ndarray, "t s s 3"]


def as_seen(frames: Native, size: int) -> Small:
    """Return drawn frames as a model sees them: the ground below, each pixel the mean of the pixels it stands for.

    Raises:
        ConfigError: the size does not divide 256.
    """
    if size < 1 or NATIVE_SIZE % size:
        near = [2**power for power in range(4, 9) if 2**power >= size][:1] or [NATIVE_SIZE]
        raise ConfigError(
            f"size {size} px does not divide the {NATIVE_SIZE} px of the published pictures; write {near[0]}."
        )
    side = NATIVE_SIZE // size
    rows = frames[:, ::-1].reshape(len(frames), size, side, NATIVE_SIZE * 3).sum(2, dtype=np.uint32)
    return (rows.reshape(len(frames), size, size, side, 3).sum(3) / side**2).round().astype(np.uint8)


def as_drawn(frames: Small) -> Native:
    """Return a model's frames as the metric reads them: row 0 is y = 0, enlarged to 256 pixels between pixel centres.

    What was shrunk and enlarged is read where it was drawn, so a model of any size stays comparable with the published
    ones: the floor of uniform motion is 0.010 at 256, 128 and 64 px and 0.009 at 32 px.
    """
    size = (NATIVE_SIZE, NATIVE_SIZE)
    enlarged = [np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)) for frame in frames]
    return np.stack(enlarged)[:, ::-1]
