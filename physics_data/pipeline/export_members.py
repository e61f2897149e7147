"""A clip as plain parts that any program reads: a JSON record and named arrays."""

import io
import json
from dataclasses import fields

import numpy as np
from PIL import Image

from physics_data.core.clip import Clip, Rendering
from physics_data.core.shards import json_record
from physics_data.labels.tables import label_arrays


def record_of(clip: Clip) -> bytes:
    """Return what is known of a clip but its arrays, as in a shard: scene, captions, events, residuals, rates."""
    return json_record(clip.meta, {})


def row_of(clip: Clip) -> bytes:
    """Return what a clip is as one flat JSON object with the same fields for every clip; "" where there is no text.

    Readers that make tables, such as Hugging Face's, take the fields of all clips from the first few.
    """
    meta = clip.meta
    captions = meta.captions
    row = {
        "key": meta.key,
        "caption": meta.caption,
        "caption_medium": captions.medium if captions else "",
        "caption_long": captions.long if captions else "",
        "split": meta.split,
        "source": meta.source,
        "scenario": meta.spec.scenario if meta.spec else "",
        "engine": meta.engine or "",
        "twin_id": meta.twin.set_id if meta.twin else "",
        "frame_rate": float(meta.frame_rate),
        "num_frames": meta.num_frames,
        "height": meta.height,
        "width": meta.width,
    }
    return json.dumps(row, ensure_ascii=False).encode()


def arrays_of(clip: Clip) -> dict[str, np.ndarray]:
    """Return all arrays of a clip but its pixels: what is stored, and what is derived; none for footage."""
    if clip.rendering is None or clip.trajectory is None:
        return {}
    streams = {field.name: getattr(clip.rendering, field.name) for field in fields(Rendering) if field.name != "rgb"}
    drawn = {name: value for name, value in streams.items() if value is not None}
    everywhere = {"present": np.ones(clip.trajectory.position.shape[:2], dtype=bool)}
    return drawn | everywhere | clip.trajectory.to_arrays() | label_arrays(clip)


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
