"""Pictures of the demo page: moving ones as WebP, curves as SVG, all embedded."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import UInt8
from PIL import Image

matplotlib.use("svg")

import matplotlib.pyplot as plt

_SHOWN_HEIGHT = 160


def moving_picture(rgb: UInt8[np.ndarray, "t h w 3"], frame_rate: float) -> str:
    """Return a video as a looping WebP data URI, enlarged without smoothing, with a pause at the end.

    Units:
        rgb:         sRGB
        frame_rate:  Hz
    """
    factor = max(1, _SHOWN_HEIGHT // rgb.shape[1])
    frames = [Image.fromarray(np.kron(frame, np.ones((factor, factor, 1), np.uint8))) for frame in rgb]
    durations = [round(1000 / frame_rate)] * (len(frames) - 1) + [700]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0, lossless=True, method=0
    )
    return _data_uri("webp", buffer.getvalue())


def still_picture(path: Path) -> str:
    """Return a PNG file as a data URI."""
    return _data_uri("png", path.read_bytes())


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()


def curves(lines: Sequence[dict[str, float]], names: Sequence[str], title: str) -> str:
    """Return curves over training steps as an inline SVG; names that no line has are left out."""
    present = [name for name in names if any(name in line for line in lines)]
    figure, axes = plt.subplots(1, max(1, len(present)), figsize=(3.4 * max(1, len(present)), 2.3), squeeze=False)
    for axis, name in zip(axes[0], present, strict=False):
        points = [(line["step"], line[name]) for line in lines if name in line]
        values = np.array([value for _, value in points])
        axis.plot([step for step, _ in points], values, color="#2b6ea3", linewidth=1.3)
        if (values > 0).all() and values.max() > 20 * values.min():
            axis.set_yscale("log")
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("training step", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    plt.close(figure)
    return buffer.getvalue()[buffer.getvalue().index("<svg") :]
