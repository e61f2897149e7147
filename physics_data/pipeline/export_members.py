"""A clip as plain parts that any program reads: a JSON record and named arrays."""

import io
from dataclasses import fields

import numpy as np
from PIL import Image

from physics_data.core.clip import Clip, Rendering
from physics_data.core.shards import json_record
from physics_data.labels.tables import label_arrays


def record_of(clip: Clip) -> bytes:
    """Return what is known of a clip but its arrays, as in a shard: scene, captions, events, residuals, rates."""
    return json_record(clip.meta, {})


def arrays_of(clip: Clip) -> dict[str, np.ndarray]:
    """Return all arrays of a clip but its pixels: what is stored, and what is derived; none for footage."""
    if clip.rendering is None or clip.trajectory is None:
        return {}
    streams = {field.name: getattr(clip.rendering, field.name) for field in fields(Rendering) if field.name != "rgb"}
    drawn = {name: value for name, value in streams.items() if value is not None}
    return drawn | clip.trajectory.to_arrays() | label_arrays(clip)


def npz_of(clip: Clip) -> bytes:
    """Return the arrays of a clip as a compressed npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays_of(clip))
    return buffer.getvalue()


def png_of(picture: np.ndarray) -> bytes:
    """Return a picture, uint8 [h w] or [h w 3], as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()
